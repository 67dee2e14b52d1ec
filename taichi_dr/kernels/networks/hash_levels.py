"""The grids of a hash grid: how many cells they have, and where their rows stand in the table of all of them."""

import math
from typing import Any, NamedTuple

import numpy as np
import taichi as ti

PRIMES = 2654435761, 805459861
"""Of the second and the third axis."""

POINTS_PER_TASK = 256  # on a CPU: they go through one level after the other, so that a table stays in the cache


class Level(NamedTuple):
    """A grid: cells along each axis, its rows in the table of all levels, and whether points share them."""

    cells: Any
    first: Any
    rows: Any
    is_hashed: Any


def level_rows(levels, coarsest, finest, most_rows):
    """(L, 4) i32: a ``Level`` per row, of ``coarsest`` to ``finest`` cells, with at most ``most_rows`` (2^k) rows each.

    >>> level_rows(3, 2, 8, 128).tolist()
    [[2, 0, 27, 0], [4, 27, 125, 0], [8, 152, 128, 1]]
    """
    rows, first = [], 0
    for level in range(levels):
        share = level / max(1, levels - 1)
        cells = math.floor(coarsest ** (1 - share) * finest**share + 1e-9)
        points = (cells + 1) ** 3
        rows.append(Level(cells, first, min(points, most_rows), int(points > most_rows)))
        first += rows[-1].rows
    return np.array(rows, np.int32)


def box_rows(lower, upper):
    """(2, 3): the bounds as the kernels take them, the lowest corner and one over the lengths of the sides."""
    return np.stack([np.asarray(lower, float), 1 / np.subtract(upper, lower)])


@ti.func
def read_level(levels: ti.template(), index):
    """The ``Level`` in row index."""
    return ti.static(Level(levels[index, 0], levels[index, 1], levels[index, 2], levels[index, 3]))


@ti.func
def mixed(task, levels):
    """0, L - 1, 1, L - 2, ...: neighbours are a coarse level, which is fast, and a fine one."""
    return ti.select(task % 2 == 0, task // 2, levels - 1 - task // 2)
