"""A hierarchy of boxes around triangles: how large the boxes are."""

import taichi as ti

from taichi_dr.kernels.base.launch import grain
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.rays.boxes import EMPTY, pad
from taichi_dr.kernels.rays.build import leaf_count, leaf_first
from taichi_dr.kernels.rays.triangle import REACH, reach


@replayed
@ti.kernel
def gather(vertices: Rows, faces: IntRows, order: Ints, triangles: Rows):
    """Writes ``triangles`` (F, 10): of each face the three corners and ``reach``, in the order of the list."""
    for q in range(order.shape[0]):
        for c in ti.static(range(3)):
            p = row3(vertices, faces[order[q], c])
            for x in ti.static(range(3)):
                triangles[q, 3 * c + x] = p[x]
        triangles[q, REACH] = reach(get3(triangles, q, 0), get3(triangles, q, 3), get3(triangles, q, 6))


@replayed
@ti.kernel
def refit_pieces(
    triangles: Rows, children: IntRows, pieces: IntRows, count: ti.i32, sequence: Ints, made: Ints, boxes: Rows
):
    """Writes ``boxes`` (F, 12) of each piece's nodes: the lower and upper corners of the first and second child."""
    for task in range(count * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            p = task // ti.static(grain())
            for back in range(made[p]):
                _fit(sequence[pieces[p, 0] + made[p] - 1 - back], triangles, children, boxes)


@replayed
@ti.kernel
def refit_nodes(
    triangles: Rows, children: IntRows, sequence: Ints, first: ti.i32, end: ti.i32, boxes: Rows, serial: ti.template()
):
    """The same of nodes ``sequence[first : end]``, one after the other from the last on, or all at once."""
    ti.loop_config(serialize=serial)
    for back in range(end - first):
        _fit(sequence[end - 1 - back], triangles, children, boxes)


@replayed
@ti.kernel
def refit_root(triangles: Rows, children: IntRows, boxes: Rows):
    """The same of the node above the root, which has one child."""
    for _ in range(1):
        _fit_child(0, 0, triangles, children, boxes)


@ti.func
def _fit(node, triangles: ti.template(), children: ti.template(), boxes: ti.template()):
    for s in ti.static(range(2)):
        _fit_child(node, s, triangles, children, boxes)


@ti.func
def _fit_child(node, s: ti.template(), triangles: ti.template(), children: ti.template(), boxes: ti.template()):
    low, high = ti.Vector([EMPTY] * 3), ti.Vector([-EMPTY] * 3)
    child = children[node, s]
    if child < 0:
        for q in range(leaf_first(child), leaf_first(child) + leaf_count(child)):
            for c in ti.static(range(3)):
                p = get3(triangles, q, 3 * c)
                low, high = ti.min(low, p), ti.max(high, p)
        room = pad(low, high)
        low, high = low - room, high + room
    else:
        low = ti.min(get3(boxes, child, 0), get3(boxes, child, 6))
        high = ti.max(get3(boxes, child, 3), get3(boxes, child, 9))
    for x in ti.static(range(3)):
        boxes[node, 6 * s + x], boxes[node, 6 * s + 3 + x] = low[x], high[x]
