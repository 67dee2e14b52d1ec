"""Which triangle a ray meets first, and whether it meets any."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.rays.boxes import reciprocal, span
from taichi_dr.kernels.rays.build import NOTHING, STACK, leaf_count, leaf_first
from taichi_dr.kernels.rays.triangle import across, meet


@ti.func
def walk(
    triangles: ti.template(),
    boxes: ti.template(),
    children: ti.template(),
    origin,
    direction,
    first,
    last,
    any_one: ti.template(),
):
    """(row, t, u, v) of the triangle that a ray meets first between ``first`` and ``last``; row -1 if there is none.

    ``any_one``: of any that it meets.  Of two at the same t, the one whose row is lower.
    """
    inverse = reciprocal(direction)
    p, q = across(direction)
    row, nearest, u, v = -1, last, 0.0, 0.0
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
                met, t, tu, tv = meet(triangles, k, origin, direction, p, q)
                if met and t >= first and (t < nearest or (t == nearest and k < row)):
                    row, nearest, u, v = k, t, tu, tv
            if ti.static(any_one):
                if row >= 0:
                    top = 0
        while found == NOTHING and top > 0:
            top -= 1
            if waiting_from[top] <= nearest:
                found = waiting[top]
        node = found
    return row, nearest, u, v


@replayed
@ti.kernel
def closest(
    triangles: Rows,
    boxes: Rows,
    children: IntRows,
    order: Ints,
    origins: Rows,
    directions: Rows,
    ends: Rows,
    count: ti.i32,
    face: Ints,
    hits: Rows,
):
    """Writes the face that each ray meets first, -1 if there is none, and ``hits`` (R, 3): t, and barycentrics u and v.

    ``origins``, ``directions`` (R, 3), of unit length; ``ends`` (R, 2): between which t's.  The first ``count`` rays.
    """
    for r in range(count):
        row, t, u, v = walk(
            triangles, boxes, children, row3(origins, r), row3(directions, r), ends[r, 0], ends[r, 1], False
        )
        face[r] = -1
        if row >= 0:
            face[r] = order[row]
        hits[r, 0], hits[r, 1], hits[r, 2] = t, u, v


@replayed
@ti.kernel
def occluded(
    triangles: Rows,
    boxes: Rows,
    children: IntRows,
    origins: Rows,
    directions: Rows,
    ends: Rows,
    count: ti.i32,
    met: Ints,
):
    """Writes whether each ray meets anything; arguments as of ``closest``."""
    for r in range(count):
        row, _, _, _ = walk(
            triangles, boxes, children, row3(origins, r), row3(directions, r), ends[r, 0], ends[r, 1], True
        )
        met[r] = 1 if row >= 0 else 0
