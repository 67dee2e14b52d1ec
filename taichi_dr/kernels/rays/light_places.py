"""From where light comes that outlines cast shadows of: one place or direction, or places on a solid that shines."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit
from taichi_dr.kernels.camera.rays import Eye
from taichi_dr.kernels.rays.outlines import (
    Outlines,
    ends_of,
    is_arc,
    outline_at,
    side_of_surface,
    sphere_of,
    towards,
)
from taichi_dr.kernels.rays.solids import COLUMNS, RECTANGLE, put3
from taichi_dr.kernels.rays.spans import chord, half_screen, half_width, shadow_span
from taichi_dr.kernels.rays.triangle import across


@replayed
@ti.kernel
def measure(
    edges: IntRows,
    points: Rows,
    solids: Rows,
    kinds: Ints,
    light: ti.i32,
    middle: Rows,
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    view: ti.i32,
    spans: Rows,
    lengths: Numbers,
):
    """Writes between which places, ``spans`` (E, 2), an outline may throw its shadow into the image of a view, and how
    long that part may look from a light: ``lengths`` (E,), angles, or lengths for light from a direction.

    ``light``: the row of ``solids`` that shines, of ``kinds``; -1 for light from one place.  ``middle`` (1, 4): that
    place, with a 1, or the direction towards the light, with a 0; of a solid its centre.
    """
    outlines, eye = ti.static(Outlines(edges, points, solids), Eye(camera, orthographic))
    for k in range(lengths.shape[0]):
        place = ti.Vector([middle[0, 0], middle[0, 1], middle[0, 2], middle[0, 3]])
        lengths[k], spans[k, 0], spans[k, 1] = 0.0, 0.0, 0.0
        may_be = is_arc(outlines, k) and sphere_of(outlines, k) != light
        if not is_arc(outlines, k):
            may_be = may_be_silhouette(outlines, kinds, k, light, place)
        if may_be:
            a, b, bulge = chord(outlines, k, place)
            if is_arc(outlines, k) and light >= 0:  # each place of the light has arcs of its own
                a, bulge = get3(solids, sphere_of(outlines, k), 0), ti.abs(solids[sphere_of(outlines, k), 3])
                b = a
            half = half_screen(width, height)
            first, last = shadow_span(a, b, bulge, eye, view, half, near, place, light, solids, kinds)
            point, tangent, _ = outline_at(outlines, k, 0.5 * (first + last), place)
            toward = towards(place, point)
            lengths[k] = tangent.cross(unit(toward)).norm() * (last - first)
            if middle[0, 3] > 0.0:
                lengths[k] /= ti.max(toward.norm(), 0.1 * tangent.norm() * (last - first), 1e-30)
            spans[k, 0], spans[k, 1] = first, last


@ti.func
def may_be_silhouette(outlines: ti.template(), kinds: ti.template(), k, light, place):
    """Whether an edge is a silhouette from any place of a light."""
    possible, _ = side_of_surface(outlines, k, place)
    if not possible and light >= 0:
        a, b = ends_of(outlines, k)
        toward = towards(place, a)
        low, high = ti.Vector([0.0, 0.0]), ti.Vector([0.0, 0.0])
        for face in ti.static(range(2)):
            normal = (row3(outlines.points, outlines.edges[k, 2 + face]) - a).cross(b - a)
            volume, spread = normal.dot(toward), half_width(outlines.solids, kinds[light], light, normal)
            low[face], high[face] = volume - spread, volume + spread
        possible = not ((low[0] > 0.0 and high[1] < 0.0) or (low[1] > 0.0 and high[0] < 0.0))
    return possible


@replayed
@ti.kernel
def place(
    edges: IntRows,
    points: Rows,
    solids: Rows,
    kinds: Ints,
    light: ti.i32,
    middle: Rows,
    piece: Ints,
    within: Numbers,
    chances: Rows,
    places: Rows,
    sides: Rows,
    areas: Numbers,
):
    """Writes where light comes from for each sample, ``places`` (M, 4), by two numbers in [0, 1), ``chances`` (M, 2).

    Places are evenly spread over a rectangle.  On a sphere most are where an outline sees them: with the cosine mu of
    the angle to the direction there, their density is ``(1 + mu)^3 / (8 pi radius^2)``, and nowhere 0.  ``sides``
    (M, 3): what stays of a place when the light moves: of a rectangle (a, b, 0), ``center + a u + b v``, of a sphere
    the normal.  ``areas`` (M,): one over the density, 1 for single places.
    """
    outlines = ti.static(Outlines(edges, points, solids))
    for i in range(places.shape[0]):
        point, side, area = get3(middle, 0, 0), ti.Vector([0.0, 0.0, 0.0]), 1.0
        r1, r2 = chances[i, 0], chances[i, 1]
        if light >= 0:
            if kinds[light] == RECTANGLE:
                u, v = get3(solids, light, 3), get3(solids, light, 6)
                side = ti.Vector([2.0 * r1 - 1.0, 2.0 * r2 - 1.0, 0.0])
                point, area = point + side[0] * u + side[1] * v, 4.0 * u.cross(v).norm()
            else:
                axis, radius = unit(near_outline(outlines, piece[i], within[i]) - point), solids[light, 3]
                p, q = across(axis)
                nearness = ti.sqrt(ti.sqrt(1.0 - r1))  # (1 + mu) / 2
                mu, angle = 2.0 * nearness - 1.0, 2.0 * ti.math.pi * r2
                side = mu * axis + ti.sqrt(ti.max(1.0 - mu * mu, 0.0)) * (ti.cos(angle) * p + ti.sin(angle) * q)
                point, area = point + radius * side, ti.math.pi * radius * radius / nearness**3
        for c in ti.static(range(3)):
            places[i, c], sides[i, c] = point[c], side[c]
        places[i, 3], areas[i] = middle[0, 3], area


@ti.func
def near_outline(outlines: ti.template(), k, s):
    """A point on an edge, or the centre of a sphere."""
    point = ti.Vector([0.0, 0.0, 0.0])
    if is_arc(outlines, k):
        point = get3(outlines.solids, sphere_of(outlines, k), 0)
    else:
        a, b = ends_of(outlines, k)
        point = a + s * (b - a)
    return point


@ti.func
def place_adjoint(kinds: ti.template(), light, sides: ti.template(), i, g):
    """The adjoint of the solid's 9 numbers, or first of a single place, of the adjoint g of sample i's."""
    numbers = ti.Vector([0.0] * COLUMNS)
    side = row3(sides, i)
    put3(numbers, 0, g)
    if light >= 0:
        if kinds[light] == RECTANGLE:
            put3(numbers, 3, side[0] * g)
            put3(numbers, 6, side[1] * g)
        else:
            numbers[3] = side.dot(g)
    return numbers
