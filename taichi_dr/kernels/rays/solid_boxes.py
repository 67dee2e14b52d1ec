"""Many solids in a hierarchy of boxes, so that a ray looks at few of them.

The hierarchy is that of triangles, of faces as large as the solids' boxes; planes, which have no box, are looked at one
by one.
"""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.rays.boxes import reciprocal, span
from taichi_dr.kernels.rays.build import NOTHING, STACK, leaf_count, leaf_first
from taichi_dr.kernels.rays.bvh import BVH
from taichi_dr.kernels.rays.solids import PLANE, RECTANGLE, SPHERE, closest_solids, meet_solid, occluded_solids

FEW = 24
"""Solids with boxes, up to which looking at each is as fast."""


class SolidBoxes:
    """What rays meet of solids of the given ``kinds``; arguments as of ``solids.closest_solids``.

    Few of them are looked at one by one.
    """

    def __init__(self, kinds):
        kinds = np.asarray(kinds)
        bounded, planes = np.flatnonzero((kinds == SPHERE) | (kinds == RECTANGLE)), np.flatnonzero(kinds == PLANE)
        self._few = len(bounded) <= FEW
        if not self._few:
            self._bvh = BVH()
            self._bounded, self._corners = array_from(bounded, ti.i32), make_array((2 * len(bounded), 3))
            first = 2 * np.arange(len(bounded))
            self._faces = array_from(np.stack([first, first + 1, first + 1], axis=1), ti.i32)
            self._planes = array_from(planes if len(planes) else [0], ti.i32), len(planes)

    def build(self, solids, kinds):
        """Makes the hierarchy anew, of the solids' numbers (S, 9) as they are now."""
        if not self._few:
            place_corners(solids, kinds, self._bounded, self._corners)
            self._bvh.build(self._corners, self._faces)

    def closest(self, solids, kinds, first_code, origins, directions, ends, count, what, hits):
        """Keeps in ``what`` and ``hits`` the nearer of what is there and of the solids."""
        rays = origins, directions, ends, count
        if self._few:
            closest_solids(solids, kinds, first_code, *rays, what, hits)
        else:
            closest_in_boxes(*self._asked(solids, kinds), first_code, *rays, what, hits)

    def occluded(self, solids, kinds, origins, directions, ends, count, met):
        """Sets ``met`` to 1 where a ray meets a solid."""
        rays = origins, directions, ends, count
        if self._few:
            occluded_solids(solids, kinds, *rays, met)
        else:
            occluded_in_boxes(*self._asked(solids, kinds), *rays, met)

    def _asked(self, solids, kinds):
        _, boxes, children = self._bvh.arrays
        return solids, kinds, *self._planes, self._bounded, self._bvh.order, boxes, children


@replayed
@ti.kernel
def place_corners(solids: Rows, kinds: Ints, bounded: Ints, corners: Rows):
    """Writes ``corners`` (2 B, 3): the lower and the upper corner of the box around each solid of ``bounded`` (B,)."""
    for i in range(bounded.shape[0]):
        s = bounded[i]
        reach = ti.Vector([0.0, 0.0, 0.0])
        if kinds[s] == SPHERE:
            reach += ti.abs(solids[s, 3])
        else:
            reach = ti.abs(get3(solids, s, 3)) + ti.abs(get3(solids, s, 6))
        for x in ti.static(range(3)):
            corners[2 * i, x], corners[2 * i + 1, x] = solids[s, x] - reach[x], solids[s, x] + reach[x]


@replayed
@ti.kernel
def closest_in_boxes(
    solids: Rows,
    kinds: Ints,
    planes: Ints,
    plane_count: ti.i32,
    bounded: Ints,
    order: Ints,
    boxes: Rows,
    children: IntRows,
    first_code: ti.i32,
    origins: Rows,
    directions: Rows,
    ends: Rows,
    count: ti.i32,
    what: Ints,
    hits: Rows,
):
    """``solids.closest_solids`` by the hierarchy of the solids ``bounded`` and one by one of ``planes``."""
    for r in range(count):
        origin, direction = row3(origins, r), row3(directions, r)
        nearest = ends[r, 1]
        if what[r] >= 0:
            nearest = hits[r, 0]
        solid, t, u, v = -1, nearest, 0.0, 0.0
        for i in range(plane_count):
            met, at, _, _ = meet_solid(kinds[planes[i]], planes[i], solids, origin, direction, ends[r, 0])
            if met and at < t:
                solid, t = planes[i], at
        inside, at, a, b = walk_solids(
            solids, kinds, bounded, order, boxes, children, origin, direction, ends[r, 0], t, False
        )
        if inside >= 0:
            solid, t, u, v = inside, at, a, b
        if solid >= 0:
            what[r] = first_code + solid
            hits[r, 0], hits[r, 1], hits[r, 2] = t, u, v


@replayed
@ti.kernel
def occluded_in_boxes(
    solids: Rows,
    kinds: Ints,
    planes: Ints,
    plane_count: ti.i32,
    bounded: Ints,
    order: Ints,
    boxes: Rows,
    children: IntRows,
    origins: Rows,
    directions: Rows,
    ends: Rows,
    count: ti.i32,
    met: Ints,
):
    """``solids.occluded_solids`` by the hierarchy; arguments as of ``closest_in_boxes``."""
    for r in range(count):
        if met[r] == 0:
            origin, direction = row3(origins, r), row3(directions, r)
            for i in range(plane_count):
                found, t, _, _ = meet_solid(kinds[planes[i]], planes[i], solids, origin, direction, ends[r, 0])
                if found and t < ends[r, 1]:
                    met[r] = 1
            if met[r] == 0:
                inside, _, _, _ = walk_solids(
                    solids, kinds, bounded, order, boxes, children, origin, direction, ends[r, 0], ends[r, 1], True
                )
                met[r] = 1 if inside >= 0 else 0


@ti.func
def walk_solids(
    solids: ti.template(),
    kinds: ti.template(),
    bounded: ti.template(),
    order: ti.template(),
    boxes: ti.template(),
    children: ti.template(),
    origin,
    direction,
    first,
    last,
    any_one: ti.template(),
):
    """(solid, t, a, b): what a ray meets first at ``first <= t < last``, solid -1 for nothing; as ``closest.walk``."""
    inverse = reciprocal(direction)
    solid, nearest, u, v = -1, last, 0.0, 0.0
    waiting, waiting_from = ti.Vector.zero(ti.i32, STACK), ti.Vector.zero(float, STACK)
    top, node = 0, children[0, 0]
    while node != NOTHING:
        found = NOTHING
        if node >= 0:
            a, a_end = span(get3(boxes, node, 0), get3(boxes, node, 3), origin, inverse, first, nearest)
            b, b_end = span(get3(boxes, node, 6), get3(boxes, node, 9), origin, inverse, first, nearest)
            left, right = children[node, 0], children[node, 1]
            if a <= a_end and b <= b_end:
                if b < a:
                    a, b, left, right = b, a, right, left
                waiting[top], waiting_from[top] = right, b
                top += 1
                found = left
            elif a <= a_end:
                found = left
            elif b <= b_end:
                found = right
        else:
            for k in range(leaf_first(node), leaf_first(node) + leaf_count(node)):
                s = bounded[order[k]]
                met, t, tu, tv = meet_solid(kinds[s], s, solids, origin, direction, first)
                if met and (t < nearest or (t == nearest and s < solid)):
                    solid, nearest, u, v = s, t, tu, tv
            if ti.static(any_one):
                if solid >= 0:
                    top = 0
        while found == NOTHING and top > 0:
            top -= 1
            if waiting_from[top] <= nearest:
                found = waiting[top]
        node = found
    return solid, nearest, u, v
