"""From where light comes that outlines cast shadows of: one place or direction, or places on a solid that shines."""

import taichi as ti

from taichi_dr.kernels.base.types import IntRows, Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit
from taichi_dr.kernels.rays.light_samples import point_on_light, point_on_light_adjoint
from taichi_dr.kernels.rays.outlines import Outlines, ends_of, is_arc, outline_at, sphere_of, towards
from taichi_dr.kernels.rays.solids import SPHERE


@ti.kernel
def measure(edges: IntRows, points: Rows, solids: Rows, kinds: Ints, light: ti.i32, middle: Rows, lengths: Numbers):
    """Writes how long outlines may look from a light: ``lengths`` (E,), angles, or lengths for light from a direction.

    ``light``: the row of ``solids`` that shines, of ``kinds``; -1 for light from one place.  ``middle`` (1, 4): that
    place, with a 1, or the direction towards the light, with a 0; of a solid its centre.
    """
    outlines = ti.static(Outlines(edges, points, solids))
    for k in range(lengths.shape[0]):
        place = ti.Vector([middle[0, 0], middle[0, 1], middle[0, 2], middle[0, 3]])
        lengths[k] = 0.0
        is_own = is_arc(outlines, k) and sphere_of(outlines, k) == light
        if not is_own and (is_arc(outlines, k) or may_be_silhouette(outlines, kinds, k, light, place)):
            point, tangent, _ = outline_at(outlines, k, 0.5, place)
            toward = towards(place, point)
            lengths[k] = tangent.cross(unit(toward)).norm()
            if middle[0, 3] > 0.0:
                lengths[k] /= ti.max(toward.norm(), 0.1 * tangent.norm(), 1e-30)


@ti.func
def may_be_silhouette(outlines: ti.template(), kinds: ti.template(), k, light, place):
    """Whether an edge is a silhouette from any place of a light."""
    a, b = ends_of(outlines, k)
    possible = True
    if outlines.edges[k, 3] >= 0:
        toward = towards(place, a)
        low, high = ti.Vector([0.0, 0.0]), ti.Vector([0.0, 0.0])
        for face in ti.static(range(2)):
            normal = (row3(outlines.points, outlines.edges[k, 2 + face]) - a).cross(b - a)
            volume, spread = normal.dot(toward), 0.0
            if light >= 0:
                spread = half_width(outlines.solids, kinds[light], light, normal)
            low[face], high[face] = volume - spread, volume + spread
        possible = not ((low[0] > 0.0 and high[1] < 0.0) or (low[1] > 0.0 and high[0] < 0.0))
    return possible


@ti.func
def half_width(solids: ti.template(), kind, row, direction):
    """How far a sphere or a rectangle reaches from its centre in a direction, times the direction's length."""
    reach = ti.abs(direction.dot(get3(solids, row, 3))) + ti.abs(direction.dot(get3(solids, row, 6)))
    if kind == SPHERE:
        reach = solids[row, 3] * direction.norm()
    return reach


@ti.kernel
def place(solids: Rows, kinds: Ints, light: ti.i32, middle: Rows, chances: Rows, places: Rows, areas: Numbers):
    """Writes where light comes from for each sample, ``places`` (M, 4), evenly spread over a light's area.

    ``chances`` (M, 2): numbers in [0, 1).  ``areas`` (M,): the light's, 1 without one.
    """
    for i in range(places.shape[0]):
        point, area = get3(middle, 0, 0), 1.0
        if light >= 0:
            point, _, area = point_on_light(kinds[light], light, solids, chances[i, 0], chances[i, 1])
        for c in ti.static(range(3)):
            places[i, c] = point[c]
        places[i, 3], areas[i] = middle[0, 3], area


@ti.func
def place_adjoint(solids: ti.template(), kinds: ti.template(), light, chances: ti.template(), i, g):
    """The adjoint of the solid's 9 numbers, or first of a single place, of the adjoint g of sample i's."""
    numbers = ti.Vector([g[0], g[1], g[2], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    if light >= 0:
        r1, r2 = chances[i, 0], chances[i, 1]
        numbers = point_on_light_adjoint(kinds[light], light, solids, r1, r2, g, 0.0 * g, 0.0)
    return numbers
