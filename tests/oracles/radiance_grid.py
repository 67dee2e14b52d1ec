"""A radiance grid in slow NumPy: its rows dense, its rays sample by sample.

``numbers`` (nx, ny, nz, 3 (degree + 1)^2 + 1), the density's last; ``active`` (nx, ny, nz) are cells.
"""

import numpy as np

OPAQUE = 1e-3


def logistic(x):
    return 1 / (1 + np.exp(-x))


def harmonics(d, degree):
    x, y, z = np.moveaxis(d, -1, 0)
    q = np.sqrt(15 / np.pi) / 2
    every = [np.full(x.shape, np.sqrt(1 / np.pi) / 2), *(np.sqrt(3 / (4 * np.pi)) * np.array([-y, z, -x]))]
    every += [q * x * y, -q * y * z, np.sqrt(5 / np.pi) / 4 * (3 * z * z - 1), -q * x * z, q / 2 * (x * x - y * y)]
    return np.stack(every[: (degree + 1) ** 2], axis=-1)


def at(numbers, active, q, d, degree):
    """(softplus of the density's number (P,), colours (P, 3)) at q (P, 3) in cells; zeros where no cell is active."""
    cell = np.floor(q).astype(int)
    inside = ((cell >= 0) & (cell < np.array(active.shape) - 1)).all(axis=1)
    cell = np.where(inside[:, None], cell, 0)
    inside &= active[tuple(cell.T)]
    row = 0.0
    for corner in np.ndindex(2, 2, 2):
        share = np.prod(np.where(corner, q - cell, 1 - (q - cell)), axis=1)
        row = row + share[:, None] * numbers[tuple((cell + corner).T)]
    color = logistic(np.einsum("pb,pbc->pc", harmonics(d, degree), row[:, :-1].reshape(len(q), -1, 3)))
    return inside * np.logaddexp(0, row[:, -1]), inside[:, None] * color


def interval(shape, q, d):
    low, high = (1e-3 - q) / d, (np.array(shape) - 1.001 - q) / d
    return np.maximum(np.minimum(low, high).max(axis=1), 0), np.maximum(low, high).min(axis=1)


def march(numbers, active, q, d, degree, length, shifts):
    """(colours (R, 3), depths, what comes through (R,)) of rays from q (R, 3) along d (R, 3), in cells."""
    entry, leave = interval(active.shape, q, d)
    t = entry[:, None] + length * (shifts[:, None] + np.arange(int(np.max(leave - entry, initial=0) / length) + 1))
    points = (q[:, None] + t[..., None] * d[:, None]).reshape(-1, 3)
    density, color = at(numbers, active, points, np.repeat(d, t.shape[1], axis=0), degree)
    opacity = (1 - np.exp(-length * density)).reshape(t.shape) * (t < leave[:, None])
    before = np.cumprod(np.concatenate([np.ones((len(q), 1)), 1 - opacity], axis=1), axis=1)
    weight = opacity * before[:, :-1] * (before[:, :-1] > OPAQUE)
    color = color.reshape(*t.shape, 3)
    return (weight[..., None] * color).sum(axis=1), (weight * t).sum(axis=1), 1 - weight.sum(axis=1)
