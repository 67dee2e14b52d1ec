"""Points of lights that have an extent, chosen by two random numbers, and how they move with the light.

Of a light seen from x, a point l stands for the share W of the directions around x (a solid angle); with D = l - x and
the light's unit normal n at l

    E = integral of radiance max(n_x.w, 0) dw,  estimated by  radiance max(n_x.D, 0) / |D| W
    RECTANGLE   l = center + a u + b v, evenly over its area:  W = 4 max(-N.D, 0) / |D|^3,  N = u x v
    SPHERE      evenly over the cone in which it is seen:      W = 2 pi (1 - cos_max),  sin_max = radius / |center - x|

so that a small sphere in full sight has no noise, and one close by what the surface's own cosine makes; from within
there is no light (W = 0).

What is differentiated is the estimate with l held on the light: l is a point of the material, ``a`` and ``b`` or its
normal m = (l - center) / radius stay, and so does how likely it is to be chosen.  Then W of a sphere moves as
``radius^2 max(-m.D, 0) / |D|^3`` does.  Shadows' outlines are for those who sample outlines, whose points on the light
are held alike (``point_on_light``).

Source: Shirley, Wang and Zimmerman, Monte Carlo techniques for direct lighting calculations, 1996; of the cone's point
Pharr, Jakob and Humphreys, Physically Based Rendering, 4th edition, 6.2.4.
"""

import taichi as ti

from taichi_dr.kernels.base.vectors import get3, unit, unit_adjoint
from taichi_dr.kernels.rays.solids import COLUMNS, RECTANGLE, put3
from taichi_dr.kernels.rays.triangle import across

GRAZING = 1e-4  # cosine at a sphere's outline below which its derivative counts as that steep


@ti.func
def sample_light(kind, row, solids: ti.template(), r1, r2, x):
    """(l, W): a point of a RECTANGLE or SPHERE and its solid angle as seen from x; r1 and r2 in [0, 1).

    A rectangle of area 4 at a distance of 10, face to face: about 0.04 each.
    """
    point = get3(solids, row, 0)
    solid_angle = 0.0
    if kind == RECTANGLE:
        point, normal = _on_rectangle(row, solids, r1, r2)
        solid_angle = 4.0 * _seen(normal, point - x)
    else:
        m, solid_angle = _in_cone(row, solids, r1, r2, x)
        point += solids[row, 3] * m
    return point, solid_angle


@ti.func
def sample_light_adjoint(kind, row, solids: ti.template(), r1, r2, x, point_adjoint, solid_angle_adjoint):
    """Of the adjoints of l and W: (that of x, the solid's 9)."""
    solid = ti.Vector([0.0] * COLUMNS)
    to_adjoint = ti.Vector([0.0, 0.0, 0.0])
    if kind == RECTANGLE:
        point, normal = _on_rectangle(row, solids, r1, r2)
        normal_adjoint, to_adjoint = _seen_adjoint(normal, point - x, 4.0 * solid_angle_adjoint)
        put3(solid, 0, point_adjoint + to_adjoint)
        put3(solid, 3, (2.0 * r1 - 1.0) * (point_adjoint + to_adjoint) + get3(solids, row, 6).cross(normal_adjoint))
        put3(solid, 6, (2.0 * r2 - 1.0) * (point_adjoint + to_adjoint) + normal_adjoint.cross(get3(solids, row, 3)))
    else:
        m, solid_angle = _in_cone(row, solids, r1, r2, x)
        radius = solids[row, 3]
        to = get3(solids, row, 0) + radius * m - x
        squared = to.dot(to)
        if solid_angle > 0.0:
            cosine = ti.min(m.dot(to), -GRAZING * ti.sqrt(squared))
            to_adjoint = solid_angle_adjoint * solid_angle * (m / cosine - 3.0 / squared * to)
            solid[3] = 2.0 * solid_angle_adjoint * solid_angle / radius
        put3(solid, 0, point_adjoint + to_adjoint)
        solid[3] += m.dot(point_adjoint + to_adjoint)
    return -to_adjoint, solid


@ti.func
def point_on_light(kind, row, solids: ti.template(), r1, r2):
    """(l, unit normal there, the light's area): evenly over all of a RECTANGLE or SPHERE."""
    point = get3(solids, row, 0)
    normal, area = ti.Vector([0.0, 0.0, 0.0]), 0.0
    if kind == RECTANGLE:
        point, steep = _on_rectangle(row, solids, r1, r2)
        normal, area = unit(steep), 4.0 * ti.sqrt(steep.dot(steep))
    else:
        normal = _on_unit_sphere(r1, r2)
        point += solids[row, 3] * normal
        area = 4.0 * ti.math.pi * solids[row, 3] ** 2
    return point, normal, area


@ti.func
def point_on_light_adjoint(kind, row, solids: ti.template(), r1, r2, point_adjoint, normal_adjoint, area_adjoint):
    """The adjoint of the solid's 9 numbers."""
    solid = ti.Vector([0.0] * COLUMNS)
    put3(solid, 0, point_adjoint)
    if kind == RECTANGLE:
        u, v = get3(solids, row, 3), get3(solids, row, 6)
        steep = u.cross(v)
        g = unit_adjoint(steep, normal_adjoint) + 4.0 * area_adjoint * unit(steep)
        put3(solid, 3, (2.0 * r1 - 1.0) * point_adjoint + v.cross(g))
        put3(solid, 6, (2.0 * r2 - 1.0) * point_adjoint + g.cross(u))
    else:
        solid[3] = _on_unit_sphere(r1, r2).dot(point_adjoint) + 8.0 * ti.math.pi * solids[row, 3] * area_adjoint
    return solid


@ti.func
def _on_rectangle(row, solids: ti.template(), r1, r2):
    """(l, u x v)."""
    u, v = get3(solids, row, 3), get3(solids, row, 6)
    return get3(solids, row, 0) + (2.0 * r1 - 1.0) * u + (2.0 * r2 - 1.0) * v, u.cross(v)


@ti.func
def _seen(normal, to):
    """``max(-N.D, 0) / |D|^3``: the solid angle of a small area N seen from -D."""
    squared = to.dot(to)
    result = 0.0
    if squared > 0.0:
        result = ti.max(-normal.dot(to), 0.0) / (squared * ti.sqrt(squared))
    return result


@ti.func
def _seen_adjoint(normal, to, g):
    """Adjoints of N and D in ``_seen``."""
    squared, cosine = to.dot(to), normal.dot(to)
    normal_adjoint, to_adjoint = 0.0 * to, 0.0 * to
    if cosine < 0.0 and squared > 0.0:
        scale = g / (squared * ti.sqrt(squared))
        normal_adjoint = -scale * to
        to_adjoint = scale * (3.0 * cosine / squared * to - normal)
    return normal_adjoint, to_adjoint


@ti.func
def _in_cone(row, solids: ti.template(), r1, r2, x):
    """(m, W): the unit normal of the point where a direction in the cone around a sphere first meets it.

    With theta between the direction and the axis, ``1 - cos theta = r1 (1 - cos_max)``, k = (sin theta / sin_max)^2.
    """
    to, radius = get3(solids, row, 0) - x, solids[row, 3]
    squared = to.dot(to)
    m, solid_angle = ti.Vector([0.0, 0.0, 1.0]), 0.0
    if squared >= radius * radius:
        axis = unit(to)
        sine = ti.min(radius / ti.sqrt(squared), 1.0)
        cosine_max = ti.sqrt((1.0 - sine) * (1.0 + sine))
        height = sine * sine / (1.0 + cosine_max)  # 1 - cos_max, of small spheres too
        cosine = 1.0 - r1 * height
        k = r1 * (1.0 + cosine) / (1.0 + cosine_max)
        rest = ti.sqrt(ti.max(1.0 - k, 0.0))
        p, q = across(axis)
        angle = 2.0 * ti.math.pi * r2
        around = p * ti.cos(angle) + q * ti.sin(angle)
        m = unit(ti.sqrt(k) * (cosine - sine * rest) * around - (k * sine + cosine * rest) * axis)
        solid_angle = 2.0 * ti.math.pi * height
    return m, solid_angle


@ti.func
def _on_unit_sphere(r1, r2):
    z = 1.0 - 2.0 * r1
    across_z = ti.sqrt(ti.max(1.0 - z * z, 0.0))
    angle = 2.0 * ti.math.pi * r2
    return ti.Vector([across_z * ti.cos(angle), across_z * ti.sin(angle), z])
