"""What the light's fit makes small: the difference from the images, and how many colours the surface has.

Both are operations on the tape, over NumPy: there are few of them in a step that traces many rays.
"""

import numpy as np

from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.tape import tape_operation

WIDTH = 0.1  # of the colours' logarithms: what counts as one colour
DARKEST = 0.01


def difference(color, target, mask, loss):
    """Adds the mean absolute difference of ``color`` (Variable of P 3-vectors) and ``target`` (P, 3) to ``loss``.

    Of the pixels in ``mask`` (P,) alone.

    ``color = [(1, 1, 1), (0, 0, 0)], target = 0, mask = [True, False]`` give 1.
    """
    _difference(color, target, mask, loss)


def few_colors(albedo, pairs, loss, weight):
    """Adds ``weight`` times the mean over ``pairs`` (M, 2) of rows i, j of ``albedo`` (Variable) to ``loss`` of

        log(1 + |log rho_i - log rho_j|^2 / WIDTH^2)

    which is 0 where both have one colour, and grows ever less where they do not (``light`` has the source).
    """
    _few_colors(albedo, pairs, loss, weight)


def _difference_forward(color, target, mask, loss):
    apart = color.read().to_numpy()[mask] - target[mask]
    loss[None] += float(np.abs(apart).mean()) if apart.size else 0.0


def _difference_adjoint(color, target, mask, loss):
    gradient = np.sign(color.read().to_numpy() - target) * mask[:, None]
    gradient *= loss.grad[None] / max(1, 3 * int(mask.sum()))
    color.add_gradient(array_from(gradient))


def _few_colors_forward(albedo, pairs, loss, weight):
    loss[None] += weight * float(np.log1p(_apart(albedo, pairs)[1]).mean())


def _few_colors_adjoint(albedo, pairs, loss, weight):
    apart, square = _apart(albedo, pairs)
    slope = 2 * apart / WIDTH**2 / (1 + square) / len(pairs)
    rows = albedo.array.shape[0]
    gradient = np.stack(
        [np.bincount(pairs.T.reshape(-1), np.concatenate([slope[:, c], -slope[:, c]]), rows) for c in range(3)], axis=1
    )
    gradient /= np.maximum(albedo.read().to_numpy(), DARKEST)
    albedo.add_gradient(array_from(weight * loss.grad[None] * gradient))


def _apart(albedo, pairs):
    """Differences (M, 3) of the logarithms of pairs, and their squares (M, 1) in units of ``WIDTH``."""
    values = albedo.read().to_numpy().astype(np.float64)
    logs = np.log(np.maximum(values, DARKEST))
    apart = (logs[pairs[:, 0]] - logs[pairs[:, 1]]) * (values > DARKEST)[pairs].all(axis=1)
    return apart, (apart**2).sum(axis=1, keepdims=True) / WIDTH**2


_difference = tape_operation(_difference_forward, _difference_adjoint)
_few_colors = tape_operation(_few_colors_forward, _few_colors_adjoint)
