"""Samples spread evenly over pieces that have a length each, one behind the other."""

import numpy as np


def strata(lengths, count, seed):
    """(piece (count,) int32 in ascending order, place in it (count,) in [0, 1), length for each sample).

    The i-th of ``count`` equal parts of all lengths has one sample, at a place at random.  Without a length at all
    there are no samples.

    >>> piece, place, each = strata(np.array([3.0, 0.0, 1.0]), 4, seed=0)
    >>> piece.tolist(), each
    ([0, 0, 0, 2], 1.0)
    """
    ends = np.cumsum(lengths, dtype=np.float64)
    total = ends[-1] if len(ends) else 0.0
    if not total > 0.0:
        return np.zeros(0, np.int32), np.zeros(0), 0.0
    places = (np.arange(count) + np.random.default_rng(seed).random(count)) * (total / count)
    piece = np.minimum(np.searchsorted(ends, places, side="right"), np.flatnonzero(lengths)[-1])
    within = (places - (ends[piece] - lengths[piece])) / lengths[piece]
    return piece.astype(np.int32), np.clip(within, 0.0, 1.0), float(total / count)
