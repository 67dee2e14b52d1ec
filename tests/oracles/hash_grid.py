"""The multi-resolution hash grid in NumPy float64, from the paper's formulas."""

import itertools
import math

import numpy as np


def resolutions(levels, coarsest, finest):
    """``N_l = floor(N_min b^l)``, equations 2 and 3."""
    growth = math.exp((math.log(finest) - math.log(coarsest)) / max(1, levels - 1))
    return [math.floor(coarsest * growth**level + 1e-9) for level in range(levels)]


def row(corner, cells, rows):
    """Of a level's table with at most ``rows`` rows: equation 4 where there are more points."""
    x, y, z = (int(index) for index in corner)
    if (cells + 1) ** 3 <= rows:
        return x + (cells + 1) * (y + (cells + 1) * z)
    return (x ^ (y * 2654435761 % 2**32) ^ (z * 805459861 % 2**32)) % rows


def encode(tables, cells, most_rows, bounds, points):
    """(P, L*F) features at ``points`` (P, 3) of ``tables``, one (rows, F) per level."""
    lower, upper = (np.asarray(corner, float) for corner in bounds)
    features = []
    for p in points:
        u = np.clip((p - lower) / (upper - lower), 0, 1)
        for table, n in zip(tables, cells, strict=True):
            cell = np.minimum(np.floor(u * n), n - 1)
            t = u * n - cell
            features.append(
                sum(
                    np.prod(np.where(corner, t, 1 - t)) * table[row(cell + corner, n, most_rows)]
                    for corner in itertools.product((0, 1), repeat=3)
                )
            )
    return np.reshape(features, (len(points), -1))
