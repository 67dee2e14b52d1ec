"""What is seen of samples along a ray, sum by sum."""

import numpy as np


def composite(t, lengths, values, tolerance=0.0):
    """(red, green, blue, opacity, distance) of one ray: ``t`` and ``lengths`` (N,), ``values`` (N, 4)."""
    opacities = 1 - np.exp(-values[:, 0] * lengths)
    through = np.concatenate([[1.0], np.cumprod(1 - opacities)])
    weights = through[:-1] * opacities * (through[:-1] > tolerance)
    return np.array([*(weights @ values[:, 1:]), weights.sum(), weights @ t])


def weights(lengths, density):
    """Shares of a ray's samples in what is seen, (N,)."""
    opacities = 1 - np.exp(-density * lengths)
    return opacities * np.concatenate([[1.0], np.cumprod(1 - opacities)[:-1]])


def inverse(t, weights, u):
    """The inverse cumulative distribution at u of a ray's weights, as the authors of NeRF have it."""
    middles = (t[1:] + t[:-1]) / 2
    shares = (weights[1:-1] + 1e-5) / (weights[1:-1] + 1e-5).sum()
    cumulative = np.concatenate([[0.0], np.cumsum(shares)])
    above = np.minimum(np.searchsorted(cumulative, u, side="right"), len(cumulative) - 1)
    below = np.maximum(np.searchsorted(cumulative, u, side="right") - 1, 0)
    step = cumulative[above] - cumulative[below]
    step = np.where(step < 1e-5, 1, step)
    return middles[below] + (u - cumulative[below]) / step * (middles[above] - middles[below])
