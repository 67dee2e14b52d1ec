"""Boxes around triangles, and where rays go through them."""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Rows
from taichi_dr.kernels.base.vectors import row3

EMPTY = 3e38  # where the sides of a box of nothing are
PAD = 2.0**-22
"""Of a box's largest coordinate, by which it is larger than what is in it: for rays that run along a side of it."""

BEHIND = 1.0 + 2.0**-20
"""A ray leaves a box that much later, in proportion: more than rounding takes away (Ize 2013)."""

LEAST_STEP = 1e-30
"""Of a direction's components, for their reciprocals to be finite."""


@replayed
@ti.kernel
def face_boxes(vertices: Rows, faces: IntRows, boxes: Rows, order: Ints):
    """Writes ``boxes`` (F, 6), the lower and the upper corner of each face's box, and ``order`` (F,), 0, 1, 2, ..."""
    for f in range(faces.shape[0]):
        order[f] = f
        low, high = ti.Vector([EMPTY] * 3), ti.Vector([-EMPTY] * 3)
        for c in ti.static(range(3)):
            p = row3(vertices, faces[f, c])
            low, high = ti.min(low, p), ti.max(high, p)
        for x in ti.static(range(3)):
            boxes[f, x], boxes[f, 3 + x] = low[x], high[x]


@ti.func
def half_area(low, high):
    """Half the surface of a box, 0 if it is empty."""
    e = ti.max(high - low, 0.0)
    return e[0] * e[1] + e[1] * e[2] + e[2] * e[0]


@ti.func
def pad(low, high):
    """By how much a box is made larger."""
    return PAD * ti.max(ti.abs(low).max(), ti.abs(high).max())


@ti.func
def reciprocal(d):
    """``1 / d`` for ``span``: finite."""
    safe = d
    for k in ti.static(range(3)):
        if ti.abs(d[k]) < LEAST_STEP:
            safe[k] = LEAST_STEP
    return 1.0 / safe


@ti.func
def span(low, high, origin, inverse, first, last):
    """Where a ray enters and leaves a box, between ``first`` and ``last``; it misses the box if it leaves before.

    ``inverse``: ``reciprocal`` of its direction.
    """
    a, b = (low - origin) * inverse, (high - origin) * inverse
    near, far = lower(a, b), higher(a, b)
    enters = higher(higher(near[0], near[1]), higher(near[2], first))
    leaves = lower(lower(lower(far[0], far[1]), far[2]) * BEHIND, last)
    return enters, leaves
