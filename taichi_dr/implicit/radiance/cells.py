"""Which vertices of a grid have rows, in which order, and which cells rays need not look into."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_cdt

BLOCK = 4
MOST_GAP = 255
CORNERS = tuple(np.ndindex(2, 2, 2))


class Vertices(NamedTuple):
    """``places`` (M, 3): the vertex (i, j, k) of each row, (0, 0, 0) of row 0, which belongs to none.

    ``rows`` (nx, ny, nz): that of each vertex, 0 of those that have none.
    """

    places: np.ndarray
    rows: np.ndarray


def number_vertices(active):
    """The Vertices where ``active`` (nx, ny, nz) is true: in blocks of 4 x 4 x 4, so that neighbours have near rows.

    >>> number_vertices(np.ones((1, 1, 6), bool)).rows.ravel().tolist()
    [1, 2, 3, 4, 5, 6]
    """
    places = np.argwhere(active)
    keys = np.concatenate([places // BLOCK, places % BLOCK], axis=1)
    places = places[np.lexsort(keys.T[::-1])]
    index = np.zeros(active.shape, np.int32)
    index[tuple(places.T)] = np.arange(1, len(places) + 1)
    return Vertices(np.concatenate([np.zeros((1, 3), places.dtype), places]), index)


def cells_with(vertices, least=1):
    """(nx, ny, nz): whether at least so many of the eight vertices of a cell are among ``vertices`` (nx, ny, nz).

    >>> cells_with(np.array([[[1, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]], bool))[0, 0].tolist()
    [True, False, False]
    """
    shape = np.array(vertices.shape) - 1
    count = np.zeros(shape, np.uint8)
    for corner in CORNERS:
        count += vertices[tuple(slice(a, a + n) for a, n in zip(corner, shape, strict=True))]
    result = np.zeros(vertices.shape, bool)
    result[tuple(map(slice, shape))] = count >= least
    return result


def gaps_between(cells):
    """(nx, ny, nz) bytes: how many cells away the nearest of ``cells`` is, along the axis where it is farthest.

    >>> gaps_between(np.array([[[0, 0, 0, 1, 0]]], bool)).ravel().tolist()
    [3, 2, 1, 0, 1]
    """
    if not cells.any():
        return np.full(cells.shape, MOST_GAP, np.uint8)
    return np.minimum(distance_transform_cdt(~cells, metric="chessboard"), MOST_GAP).astype(np.uint8)
