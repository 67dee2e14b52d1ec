"""Charts put into a square without overlap, small ones into the gaps of large ones."""

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.texture.texels import TINY, counted

CELLS = 256  # at most, along a side of the square
MOST_OVERLAP = 4  # times the square's area may be taken by boxes around charts that lie in each other's gaps
HALVINGS = 8  # of the interval of scales that is searched


def pack(low, high, chart, size, margin):
    """``(scale, corners)``: how to put charts into a square of side ``size``, as large as they go.

    ``low``, ``high`` (F, 2) are corners of the boxes around the faces, from the lower left corner of their ``chart``
    (F,), numbers from 0 to C - 1 that all occur.  Scaled, that corner goes to ``corners`` (C, 2), whole numbers;
    ``margin`` is left free around every face, so that charts are twice that apart.

    On a grid of cells each chart, large ones first, goes to the first place where none of the cells of its bounding box
    is taken; only those that its faces are in are taken then.  The scale is found by bisection.

    Raises:
        InputError: there is not enough room for the margins.

    >>> low, high = np.zeros((2, 2)), np.array([[1.0, 1.0], [1.0, 0.5]])
    >>> scale, corners = pack(low, high, np.array([0, 1]), size=16, margin=1)
    >>> round(float(scale), 1), corners.tolist()
    (7.9, [[1, 1], [1, 11]])
    """
    cell = max(1, size // CELLS)
    best, scale, too_large = None, 0.0, size / max(high.max(), TINY)
    for _ in range(HALVINGS):
        middle = (scale + too_large) / 2
        place = _placed(low, high, chart, size // cell, middle / cell, margin / cell)
        if place is None:
            too_large = middle
        else:
            best, scale = place, middle
    if best is None:
        raise InputError(f"{chart.max() + 1} charts have no room in {size} x {size} texels: a larger size is needed")
    return scale, best * cell + margin


def _placed(low, high, chart, side, scale, margin):
    """The lower left cells (C, 2) of charts on a grid of ``side x side``, or None if they do not fit."""
    charts = chart.max() + 1
    whole = np.zeros((charts, 2))
    np.maximum.at(whole, chart, high)
    if whole.prod(axis=1).sum() * scale**2 > MOST_OVERLAP * side**2:
        return None
    first, last = np.floor(low * scale), np.minimum(np.floor(high * scale + 2 * margin), side)
    face, y = counted(first[:, 1], last[:, 1])
    row, x = counted(first[face, 0], last[face, 0])
    cells = (chart[face[row]] * (side + 1) + y[row]) * (side + 1) + x
    owner, y, x = np.unravel_index(np.unique(cells), (charts, side + 1, side + 1))
    starts = np.searchsorted(owner, np.arange(chart.max() + 2))
    extents = np.stack([np.maximum.reduceat(x, starts[:-1]), np.maximum.reduceat(y, starts[:-1])], axis=1) + 1
    if extents.max() > side:
        return None
    taken = np.zeros((side + 1, side + 1), np.int32)  # a first row and column of zeros
    place = np.empty_like(extents)
    for c in np.lexsort((np.arange(len(extents)), -extents.prod(axis=1))):
        width, height = extents[c]
        sums = taken.cumsum(axis=0).cumsum(axis=1)
        free = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width] == 0
        first = int(free.argmax())
        place[c] = first % free.shape[1], first // free.shape[1]
        if not free.flat[first]:
            return None
        own = slice(starts[c], starts[c + 1])
        taken[place[c, 1] + y[own] + 1, place[c, 0] + x[own] + 1] = 1
    return place
