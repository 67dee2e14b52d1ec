"""A hierarchy of boxes around triangles, for GPUs: its upper nodes, without a thread that goes through them all.

Triangles are put in order along a curve that fills space (Morton 1966), and the list is halved, again and again, down
to pieces small enough for a thread each.  The curve is for the top alone: within pieces ``build`` parts where it is
cheapest.
"""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints

SMALL = 256  # triangles of a piece, at most
BITS = 10  # of a place along each axis


def levels_of(count):
    """How many times a list of so many triangles is halved."""
    return max(0, int(np.ceil(np.log2(count / SMALL))))


def curve_order(boxes):
    """The triangles of NumPy ``boxes`` (F, 6), in the order of the curve through the middles of their boxes.

    >>> curve_order(np.array([[9, 9, 9, 9, 9, 9], [0, 0, 0, 0, 0, 0], [9, 0, 0, 9, 0, 0]])).tolist()
    [1, 2, 0]
    """
    middles = boxes[:, :3] + boxes[:, 3:]
    low = middles.min(axis=0)
    size = np.maximum(middles.max(axis=0) - low, np.finfo(np.float32).tiny)
    places = np.minimum((middles - low) / size * (1 << BITS), (1 << BITS) - 1).astype(np.int64)
    codes = np.zeros(len(boxes), np.int64)
    for bit in range(BITS):
        for axis in range(3):
            codes |= ((places[:, axis] >> bit) & 1) << (3 * bit + axis)
    return np.argsort(codes, kind="stable")


@replayed
@ti.kernel
def halve(triangles: ti.i32, levels: ti.i32, children: IntRows, pieces: IntRows, top: Ints):
    """``build.build_top``: nodes h = 1, 2, ... level by level; those below node h are 2 h and 2 h + 1."""
    for h in range(1, 1 << (levels + 1)):
        level, size = 0, 2
        while size <= h:
            level, size = level + 1, 2 * size
        i = h - size // 2
        a, b = _share(triangles, i, level), _share(triangles, i + 1, level)
        above = 0 if h == 1 else _share(triangles, i | 1, level)
        which = 0 if h == 1 else h & 1
        if level < levels:
            m = _share(triangles, 2 * i + 1, level + 1)
            children[above, which] = m
            top[h - 1] = m
        else:
            pieces[i, 0], pieces[i, 1], pieces[i, 2], pieces[i, 3], pieces[i, 4] = a, b, above, which, level


@ti.func
def _share(count, i, level):
    """``count i / 2^level``, of numbers whose product may be too large."""
    return (count >> level) * i + (((count & ((1 << level) - 1)) * i) >> level)
