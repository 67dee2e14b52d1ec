"""What silhouettes do not tell of a solid on a grid: specks outside of it, and bubbles within."""

import numpy as np
from scipy.ndimage import label

SPECK = 30
"""Nodes: smaller parts are taken away."""
TINY = 1e-12


def without_loose_parts(distances):
    """The same distances, negative inside, with the signs of specks and of enclosed hollows turned.

    A speck has fewer than ``SPECK`` nodes and is not the largest part; a hollow does not reach the grid's border.

    >>> distances = np.ones((3, 3, 6))
    >>> distances[1, 1] = [1, -1, 1, -1, -1, 1]
    >>> without_loose_parts(distances)[1, 1].tolist()
    [1.0, 1.0, 1.0, -1.0, -1.0, 1.0]
    """
    inside, count = label(distances < 0)
    if count == 0:
        return distances
    sizes = np.bincount(inside.reshape(-1))
    loose = sizes < SPECK
    loose[1 + np.argmax(sizes[1:])] = False
    loose[0] = False  # what is outside
    cleaned = np.where(loose[inside], -distances, distances)
    outside, count = label(cleaned >= 0)
    border = np.concatenate([np.take(outside, [0, -1], axis=axis).reshape(-1) for axis in range(3)])
    hollow = ~np.isin(np.arange(count + 1), np.append(border, 0))
    return np.where(hollow[outside], -np.maximum(cleaned, TINY), cleaned)
