"""What is seen of samples along a ray, sum by sum."""

import numpy as np


def composite(t, lengths, values, tolerance=0.0):
    """(red, green, blue, opacity, distance) of one ray: ``t`` and ``lengths`` (N,), ``values`` (N, 4)."""
    opacities = 1 - np.exp(-values[:, 0] * lengths)
    through = np.concatenate([[1.0], np.cumprod(1 - opacities)])
    weights = through[:-1] * opacities * (through[:-1] > tolerance)
    return np.array([*(weights @ values[:, 1:]), weights.sum(), weights @ t])
