"""Colours behind the coordinates of OBJ's vertices."""

import numpy as np

from taichi_dr.io.triangles import are_bytes, linear_colors

ROUNDING = 0.01  # how far beyond [0, 1] a component may be without a word


def vertex_colors(numbers, notes):
    """Linear colours (N, 3) of ``v`` lines (N, 3 to 7), NaN where a line has none; None without any.

    What is behind x y z is red green blue, or red green blue alpha, in sRGB: numbers in [0, 1], and clipped to that, or
    bytes, if most cannot be that (``are_bytes``).

    >>> vertex_colors(np.array([[0, 0, 0, 255, 0, 0], [1, 0, 0, 0, 0, 0], [0, 1, 0, np.nan, np.nan, np.nan]]), [])
    array([[ 1.,  0.,  0.],
           [ 0.,  0.,  0.],
           [nan, nan, nan]])
    """
    if numbers.shape[1] < 6:
        return None
    given = np.isfinite(numbers[:, 3:6]).all(axis=1)
    values = numbers[given, 3:6]
    whole = 255 if are_bytes(values) else 1
    if (np.abs(values / whole - 0.5) > 0.5 + ROUNDING).any():
        notes.append(f"its vertex colours from {values.min():.6g} to {values.max():.6g} are clipped to [0, {whole}]")
    if (numbers[given, 6:] < whole).any():
        notes.append("transparency (alpha) of its vertices is not rendered: they are opaque instead")
    colors = np.full((len(numbers), 3), np.nan)
    colors[given] = linear_colors(values, "f8")
    return colors
