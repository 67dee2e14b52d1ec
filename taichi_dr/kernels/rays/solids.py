"""Surfaces that are known by their formula: where rays meet them, and how that place and its normal move.

A solid is a row of nine numbers and a kind:

    SPHERE      center (3), radius        |p - center| = radius; its normal points outwards
    PLANE       point (3), normal (3)     normal.(p - point) = 0; the normal has any length
    RECTANGLE   center (3), u (3), v (3)  center + a u + b v of a, b in [-1, 1]; its normal is u x v

Where a ray meets them is found in double precision of the numbers that are given: a sphere of radius 1000 that the
ray begins on, or one of radius 1 a million away, is met where it is to the last bit of t.  Of a sphere with the centre
c seen from the ray's origin,

    middle = c.d / d.d,    off = c - middle d,    t = middle -+ sqrt((radius^2 - off.off) / d.d)

d.d, which is 1 up to the rounding of d, counts: of the sphere of radius 1000 it would move what is met by 1e-4.

Sources: Haines et al., Precision improvements for ray/sphere intersection, 2019 (``off``, which does not cancel);
Whitted, An improved illumination model for shaded display, 1980.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit, unit_adjoint
from taichi_dr.kernels.rays.meeting import meeting_adjoint

SPHERE, PLANE, RECTANGLE, IMPLICIT = range(4)

COLUMNS = 9


@replayed
@ti.kernel
def closest_solids(
    solids: Rows,
    kinds: Ints,
    first_code: ti.i32,
    origins: Rows,
    directions: Rows,
    ends: Rows,
    count: ti.i32,
    what: Ints,
    hits: Rows,
):
    """Keeps in ``what`` and ``hits`` the nearer of what is there and of the solids that each ray meets.

    ``what`` (R,): -1 for nothing; solid s is ``first_code + s``.  ``hits`` (R, 3): t, then of a rectangle a and b, of
    others 0.  ``origins``, ``directions`` (R, 3), of unit length; ``ends`` (R, 2): between which t's.  At one t what is
    there stays, then the solid that comes first.
    """
    for r in range(count):
        nearest = ends[r, 1]
        if what[r] >= 0:
            nearest = hits[r, 0]
        code, u, v = -1, 0.0, 0.0
        for s in range(kinds.shape[0]):
            met, t, a, b = meet_solid(kinds[s], s, solids, row3(origins, r), row3(directions, r), ends[r, 0])
            if met and t < nearest:
                code, nearest, u, v = first_code + s, t, a, b
        if code >= 0:
            what[r] = code
            hits[r, 0], hits[r, 1], hits[r, 2] = nearest, u, v


@replayed
@ti.kernel
def occluded_solids(solids: Rows, kinds: Ints, origins: Rows, directions: Rows, ends: Rows, count: ti.i32, met: Ints):
    """Sets ``met`` (R,) to 1 where a ray meets a solid; arguments as of ``closest_solids``."""
    for r in range(count):
        s = 0
        while met[r] == 0 and s < kinds.shape[0]:
            found, t, _, _ = meet_solid(kinds[s], s, solids, row3(origins, r), row3(directions, r), ends[r, 0])
            if found and t < ends[r, 1]:
                met[r] = 1
            s += 1


@ti.func
def meet_solid(kind, row, solids: ti.template(), origin, direction, first):
    """(whether, t, a, b): where a ray first meets a solid from ``first`` on; a and b of a rectangle, else 0."""
    o, d = ti.cast(origin, ti.f64), ti.cast(direction, ti.f64)
    to = ti.cast(get3(solids, row, 0), ti.f64) - o
    met, t, a, b = False, 0.0, 0.0, 0.0
    if kind == SPHERE:
        radius = ti.cast(solids[row, 3], ti.f64)
        inverse = 1.0 / d.dot(d)
        middle = to.dot(d) * inverse
        off = to - middle * d
        squared = radius * radius - off.dot(off)
        if squared >= 0.0:
            half = ti.sqrt(squared * inverse)
            t = ti.cast(middle - half, float)
            if t < first:
                t = ti.cast(middle + half, float)
            met = t >= first
    elif kind == PLANE or kind == RECTANGLE:
        u, v = ti.cast(get3(solids, row, 3), ti.f64), ti.cast(get3(solids, row, 6), ti.f64)
        normal = u
        if kind == RECTANGLE:
            normal = u.cross(v)
        along = normal.dot(d)
        if along != 0.0:
            distance = normal.dot(to) / along
            t = ti.cast(distance, float)
            met = t >= first
            if kind == RECTANGLE:
                p = distance * d - to
                scale = 1.0 / normal.dot(normal)
                a, b = ti.cast(p.cross(v).dot(normal) * scale, float), ti.cast(u.cross(p).dot(normal) * scale, float)
                met = met and ti.abs(a) <= 1.0 and ti.abs(b) <= 1.0
    return met, t, a, b


@ti.func
def solid_at(kind, row, solids: ti.template(), point):
    """The unit normal of a solid at a point of it: outwards of a sphere, else the plane's."""
    normal = _steep(kind, row, solids)
    if kind == SPHERE:
        normal = point - get3(solids, row, 0)
    return unit(normal)


@ti.func
def solid_adjoint(kind, row, solids: ti.template(), origin, direction, t, position_adjoint, normal_adjoint):
    """Of the adjoints of the place p = origin + t direction and of its unit normal: (origin's, direction's, solid's 9).

    A sphere's normal is (p - center) / radius; the plane's moves p by ``n.dp = n.dpoint - dn.(p - point)``.
    """
    point = origin + t * direction
    place, steep = get3(solids, row, 0), _steep(kind, row, solids)
    solid = ti.Vector([0.0] * COLUMNS)
    origin_adjoint = ti.Vector([0.0, 0.0, 0.0])
    if kind == SPHERE:
        by_normal = unit_adjoint(point - place, normal_adjoint)
        normal = unit(point - place)
        origin_adjoint, along = meeting_adjoint(normal, direction, position_adjoint + by_normal)
        put3(solid, 0, along - by_normal)
        solid[3] = normal.dot(along)
    else:
        normal = unit(steep)
        origin_adjoint, along = meeting_adjoint(normal, direction, position_adjoint)
        put3(solid, 0, along)
        g = unit_adjoint(steep, normal_adjoint - normal.dot(along) * (point - place))
        if kind == PLANE:
            put3(solid, 3, g)
        else:
            put3(solid, 3, get3(solids, row, 6).cross(g))
            put3(solid, 6, g.cross(get3(solids, row, 3)))
    return origin_adjoint, t * origin_adjoint, solid


@ti.func
def _steep(kind, row, solids: ti.template()):
    """The normal of a plane or a rectangle, of any length."""
    normal = get3(solids, row, 3)
    if kind == RECTANGLE:
        normal = normal.cross(get3(solids, row, 6))
    return normal


@ti.func
def put3(numbers: ti.template(), first: ti.template(), value):
    for c in ti.static(range(3)):
        numbers[first + c] = value[c]
