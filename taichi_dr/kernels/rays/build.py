"""A hierarchy of boxes around triangles: which triangles go together.

Triangles that lie together are kept together: an inner node stands for those from a to b of a list, and its two
children for those before and from m on.  No two nodes part at the same m, so that m is a node's number, and no thread
needs to know how many nodes the others make: a row of ``boxes`` for each m, with the boxes of both children.

Nodes part where the surface area heuristic is least: the sum over the children of surface times triangles, among the
borders of ``BINS`` bins for the middles of triangles' boxes on each axis (Wald, On fast construction of SAH-based
bounding volume hierarchies, 2007).  Where all middles are in one place, and below a depth of ``DEEP``, where numbers
have been set up to go on and on, nodes part in the middle of the list.

On CPUs one thread parts the list down to pieces, and then all threads take a piece each; ``halve`` is for GPUs.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import grain
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Rows, Volume
from taichi_dr.kernels.rays.boxes import EMPTY, half_area

LEAF = 4  # triangles at most
BINS = 8
COLUMNS = 8  # of a bin: its box, how many triangles there are, and the cost of all from it on
DEEP = 32
STACK = 64  # nodes; a list of 2^31 is parted down to leaves within it

PIECES = 64
SMALL = 1024  # triangles: no piece is parted further

NOTHING = 1 << 30  # the number of no node


@ti.func
def leaf_of(first, count):
    """The reference to a leaf: negative."""
    return -1 - (first * 8 + count)


@ti.func
def leaf_first(reference):
    """The first triangle of a leaf."""
    return (-1 - reference) // 8


@ti.func
def leaf_count(reference):
    """How many triangles there are in a leaf."""
    return (-1 - reference) % 8


@ti.func
def _extent(triangle_boxes: ti.template(), a, b):
    """The corners of the box around the middles (times two) of triangles from a to b."""
    low, high = ti.Vector([EMPTY] * 3), ti.Vector([-EMPTY] * 3)
    for q in range(a, b):
        for x in ti.static(range(3)):
            middle = triangle_boxes[q, x] + triangle_boxes[q, 3 + x]
            low[x], high[x] = ti.min(low[x], middle), ti.max(high[x], middle)
    return low, high


@ti.func
def _bin(middle, low, scale):
    return ti.min(ti.max(ti.cast((middle - low) * scale, ti.i32), 0), BINS - 1)


@ti.func
def _fill_bins(triangle_boxes: ti.template(), a, b, low, scale, bins: ti.template(), own):
    for row in range(3 * BINS):
        for x in ti.static(range(3)):
            bins[own, row, x], bins[own, row, 3 + x] = EMPTY, -EMPTY
        bins[own, row, 6] = 0.0
    for q in range(a, b):
        for axis in ti.static(range(3)):
            middle = triangle_boxes[q, axis] + triangle_boxes[q, 3 + axis]
            row = axis * BINS + _bin(middle, low[axis], scale[axis])
            for x in ti.static(range(3)):
                bins[own, row, x] = ti.min(bins[own, row, x], triangle_boxes[q, x])
                bins[own, row, 3 + x] = ti.max(bins[own, row, 3 + x], triangle_boxes[q, 3 + x])
            bins[own, row, 6] += 1.0


@ti.func
def _with_bin(bins: ti.template(), own, row, corner, far):
    """The corners of a box that a bin's triangles have been added to."""
    for x in ti.static(range(3)):
        corner[x] = ti.min(corner[x], bins[own, row, x])
        far[x] = ti.max(far[x], bins[own, row, 3 + x])
    return corner, far


@ti.func
def _cheapest(bins: ti.template(), own, low, high):
    """(axis, last bin of the first child) where parting costs least; an axis of -1 if all is in one bin."""
    least, best_axis, best = EMPTY, -1, 0
    for axis in range(3):
        if high[axis] > low[axis]:
            corner, far, count = ti.Vector([EMPTY] * 3), ti.Vector([-EMPTY] * 3), 0.0
            for back in range(BINS - 1):
                row = axis * BINS + BINS - 1 - back
                corner, far = _with_bin(bins, own, row, corner, far)
                count += bins[own, row, 6]
                bins[own, row, 7] = half_area(corner, far) * count if count > 0.0 else EMPTY
            corner, far, count = ti.Vector([EMPTY] * 3), ti.Vector([-EMPTY] * 3), 0.0
            for bin in range(BINS - 1):
                row = axis * BINS + bin
                corner, far = _with_bin(bins, own, row, corner, far)
                count += bins[own, row, 6]
                if count > 0.0 and bins[own, row + 1, 7] < EMPTY:
                    cost = half_area(corner, far) * count + bins[own, row + 1, 7]
                    if cost < least:
                        least, best_axis, best = cost, axis, bin
    return best_axis, best


@ti.func
def _swap(triangle_boxes: ti.template(), order: ti.template(), i, j):
    order[i], order[j] = order[j], order[i]
    for x in ti.static(range(6)):
        triangle_boxes[i, x], triangle_boxes[j, x] = triangle_boxes[j, x], triangle_boxes[i, x]


@ti.func
def _part(triangle_boxes: ti.template(), order: ti.template(), a, b, depth, bins: ti.template(), own):
    """Sorts triangles from a to b into those of a node's two children; where the second one's begin."""
    m = (a + b) // 2
    if depth < DEEP:
        low, high = _extent(triangle_boxes, a, b)
        scale = ti.Vector([0.0, 0.0, 0.0])
        for x in ti.static(range(3)):
            if high[x] > low[x]:
                scale[x] = BINS * (1.0 - 1e-5) / (high[x] - low[x])
        _fill_bins(triangle_boxes, a, b, low, scale, bins, own)
        axis, last = _cheapest(bins, own, low, high)
        if axis >= 0:
            start, factor = low[0], scale[0]
            if axis == 1:
                start, factor = low[1], scale[1]
            elif axis == 2:
                start, factor = low[2], scale[2]
            i, j = a, b - 1
            while i <= j:
                middle = triangle_boxes[i, axis] + triangle_boxes[i, 3 + axis]
                if _bin(middle, start, factor) <= last:
                    i += 1
                else:
                    _swap(triangle_boxes, order, i, j)
                    j -= 1
            if a < i < b:  # rounding may have put a triangle elsewhere than among the bins
                m = i
    return m


@ti.func
def _grow(
    triangle_boxes: ti.template(),
    order: ti.template(),
    children: ti.template(),
    bins: ti.template(),
    stack: ti.template(),
    sequence: ti.template(),
    own,
    start,
):
    """Parts what is alone on a stack of (a, b, whose child, which one) down to leaves; how many nodes that made.

    ``sequence``: their numbers, from ``start`` on, parents first.
    """
    made, top = 0, 1
    while top > 0:
        top -= 1
        a, b, parent, side, deep = (
            stack[own, top, 0],
            stack[own, top, 1],
            stack[own, top, 2],
            stack[own, top, 3],
            stack[own, top, 4],
        )
        if b - a <= LEAF:
            children[parent, side] = leaf_of(a, b - a)
        else:
            m = _part(triangle_boxes, order, a, b, deep, bins, own)
            children[parent, side] = m
            sequence[start + made] = m
            made += 1
            for s in ti.static(range(2)):
                stack[own, top, 0], stack[own, top, 1] = (a, m) if s == 0 else (m, b)
                stack[own, top, 2], stack[own, top, 3], stack[own, top, 4] = m, s, deep + 1
                top += 1
    return made


@replayed
@ti.kernel
def build_top(
    triangle_boxes: Rows,
    order: Ints,
    children: IntRows,
    pieces: IntRows,
    sequence: Ints,
    bins: Volume,
    small: ti.i32,
) -> ti.i32:
    """Parts the list down to pieces of ``small`` triangles, or until there are as many as there is room for.

    ``pieces`` (P, 5): of each piece where it begins and ends, whose child it is, which one, and how deep it is;
    ``sequence`` (P,): the numbers of the nodes above them, one less than there are pieces.  Node 0 is above the root.
    Returns the number of pieces.
    """
    count = 0
    ti.loop_config(serialize=True)
    for _ in range(1):
        room, made, count = pieces.shape[0], 0, 1
        pieces[0, 0], pieces[0, 1], pieces[0, 2], pieces[0, 3], pieces[0, 4] = 0, order.shape[0], 0, 0, 0
        going = 1
        while going == 1 and count < room:
            largest, size = 0, 0
            for p in range(count):
                if pieces[p, 1] - pieces[p, 0] > size:
                    largest, size = p, pieces[p, 1] - pieces[p, 0]
            if size <= small:
                going = 0
            else:
                a, b, deep = pieces[largest, 0], pieces[largest, 1], pieces[largest, 4]
                m = _part(triangle_boxes, order, a, b, deep, bins, 0)
                children[pieces[largest, 2], pieces[largest, 3]] = m
                sequence[made] = m
                made += 1
                for s in ti.static(range(2)):
                    row = largest if s == 0 else count
                    pieces[row, 0], pieces[row, 1] = (a, m) if s == 0 else (m, b)
                    pieces[row, 2], pieces[row, 3], pieces[row, 4] = m, s, deep + 1
                count += 1
    return count


@replayed
@ti.kernel
def build_pieces(
    triangle_boxes: Rows,
    order: Ints,
    children: IntRows,
    pieces: IntRows,
    count: ti.i32,
    sequence: Ints,
    made: Ints,
    bins: Volume,
    stack: ti.types.ndarray(dtype=ti.i32, ndim=3),
):
    """Parts every piece down to leaves: ``made`` (P,) nodes, whose numbers are in ``sequence`` from where it begins."""
    for task in range(count * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            p = task // ti.static(grain())
            for k in ti.static(range(5)):
                stack[p, 0, k] = pieces[p, k]
            made[p] = _grow(triangle_boxes, order, children, bins, stack, sequence, p, pieces[p, 0])
