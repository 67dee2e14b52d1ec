"""Encodings by waves: few numbers become many, so that a network can tell what is close together apart.

``positional_encoding``, of NeRF, with ``frequencies`` = L of them; the numbers themselves are kept, and there is no pi:

    y = [x, sin(x), cos(x), sin(2 x), cos(2 x), ..., sin(2^(L-1) x), cos(2^(L-1) x)]

``fourier_features``, of a matrix of M directions:

    y = [cos(2 pi x B), sin(2 pi x B)]

Of Tancik et al.: entries of B from a normal distribution of spread sigma (Gaussian), the unit matrix (basic).

The slopes of both follow from what came out: a sine's is its cosine.  On CPUs the sines are NumPy's, which takes 1 ns
for one, where Taichi's takes 10.

Sources: Mildenhall et al., NeRF, 2020, eq. 4, whose code has no pi; Tancik et al., Fourier Features Let Networks Learn
High Frequency Functions in Low Dimensional Domains, 2020, eq. 5.
"""

import math

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows


def encoding_width(columns, frequencies):
    """Numbers that ``positional_encoding`` makes of ``columns``: 3 with 10 frequencies give 63."""
    return columns * (1 + 2 * frequencies)


def positional_encoding(x, y, rows, columns, frequencies):
    """Writes Block ``y`` (rows, columns (1 + 2 L)) of Block ``x`` (rows, columns).

    x = (pi / 2, 0) and L = 1 give (pi / 2, 0, 1, 0, 0, 1).
    """
    if on_cpu():
        numbers, out = x.view(rows, columns), y.view(rows, encoding_width(columns, frequencies))
        out[:, :columns] = numbers
        waves = out[:, columns:].reshape(rows, frequencies, 2, columns)
        phases = numbers[:, None] * _octaves(frequencies, out.dtype)
        np.sin(phases, out=waves[:, :, 0])
        np.cos(phases, out=waves[:, :, 1])
    else:
        write_positional(*x, *y, rows, columns, frequencies)


def positional_encoding_adjoint(y, y_adjoint, x_adjoint, rows, columns, frequencies):
    """Adds to Block ``x_adjoint`` what Block ``y_adjoint`` implies; ``y`` is what ``positional_encoding`` wrote."""
    if on_cpu():
        width = encoding_width(columns, frequencies)
        waves = y.view(rows, width)[:, columns:].reshape(rows, frequencies, 2, columns)
        g = y_adjoint.view(rows, width)
        slopes = g[:, columns:].reshape(rows, frequencies, 2, columns)
        turned = slopes[:, :, 0] * waves[:, :, 1] - slopes[:, :, 1] * waves[:, :, 0]
        turned *= _octaves(frequencies, g.dtype)
        x_adjoint.view(rows, columns)[...] += g[:, :columns] + turned.sum(axis=1)
    else:
        add_positional(*y, *y_adjoint, *x_adjoint, rows, columns, frequencies)


def fourier_features(x, matrix, y, rows, columns, waves):
    """Writes Block ``y`` (rows, 2 waves) of Block ``x`` (rows, columns) and the array ``matrix`` (columns, waves).

    x = (0.25), B = ((1, 2),) give (0, -1, 1, 0).
    """
    if on_cpu():
        out = y.view(rows, 2 * waves)
        phases = x.view(rows, columns) @ (math.tau * matrix.memory())
        np.cos(phases, out=out[:, :waves])
        np.sin(phases, out=out[:, waves:])
    else:
        write_fourier(*x, matrix, *y, rows, columns, waves)


def fourier_features_adjoint(matrix, y, y_adjoint, x_adjoint, rows, columns, waves):
    """Adds to Block ``x_adjoint`` what Block ``y_adjoint`` implies; ``y`` is what ``fourier_features`` wrote."""
    if on_cpu():
        out, g = y.view(rows, 2 * waves), y_adjoint.view(rows, 2 * waves)
        turned = g[:, waves:] * out[:, :waves] - g[:, :waves] * out[:, waves:]
        x_adjoint.view(rows, columns)[...] += turned @ (math.tau * matrix.memory().T)
    else:
        add_fourier(matrix, *y, *y_adjoint, *x_adjoint, rows, columns, waves)


def _octaves(frequencies, dtype):
    return 2 ** np.arange(frequencies, dtype=dtype)[:, None]


@replayed
@ti.kernel
def write_positional(
    x: Rows,
    x_row: ti.i32,
    x_column: ti.i32,
    y: Rows,
    y_row: ti.i32,
    y_column: ti.i32,
    rows: ti.i32,
    columns: ti.i32,
    frequencies: ti.i32,
):
    """``positional_encoding`` on a GPU."""
    for i, j in ti.ndrange(rows, columns):
        phase, column = x[x_row + i, x_column + j], y_column + j
        y[y_row + i, column] = phase
        for _ in range(frequencies):
            y[y_row + i, column + columns] = ti.sin(phase)
            y[y_row + i, column + 2 * columns] = ti.cos(phase)
            phase, column = 2.0 * phase, column + 2 * columns


@replayed
@ti.kernel
def add_positional(
    y: Rows,
    y_row: ti.i32,
    y_column: ti.i32,
    g: Rows,
    g_row: ti.i32,
    g_column: ti.i32,
    x_adjoint: Rows,
    x_row: ti.i32,
    x_column: ti.i32,
    rows: ti.i32,
    columns: ti.i32,
    frequencies: ti.i32,
):
    """``positional_encoding_adjoint`` on a GPU."""
    for i, j in ti.ndrange(rows, columns):
        total, octave = g[g_row + i, g_column + j], 1.0
        for k in range(frequencies):
            sine = j + (2 * k + 1) * columns
            cosine = sine + columns
            turned = g[g_row + i, g_column + sine] * y[y_row + i, y_column + cosine]
            turned -= g[g_row + i, g_column + cosine] * y[y_row + i, y_column + sine]
            total += octave * turned
            octave *= 2.0
        x_adjoint[x_row + i, x_column + j] = x_adjoint[x_row + i, x_column + j] + total


@replayed
@ti.kernel
def write_fourier(
    x: Rows,
    x_row: ti.i32,
    x_column: ti.i32,
    matrix: Rows,
    y: Rows,
    y_row: ti.i32,
    y_column: ti.i32,
    rows: ti.i32,
    columns: ti.i32,
    waves: ti.i32,
):
    """``fourier_features`` on a GPU."""
    for i, k in ti.ndrange(rows, waves):
        turns = 0.0
        for j in range(columns):
            turns += x[x_row + i, x_column + j] * matrix[j, k]
        y[y_row + i, y_column + k] = ti.cos(math.tau * turns)
        y[y_row + i, y_column + waves + k] = ti.sin(math.tau * turns)


@replayed
@ti.kernel
def add_fourier(
    matrix: Rows,
    y: Rows,
    y_row: ti.i32,
    y_column: ti.i32,
    g: Rows,
    g_row: ti.i32,
    g_column: ti.i32,
    x_adjoint: Rows,
    x_row: ti.i32,
    x_column: ti.i32,
    rows: ti.i32,
    columns: ti.i32,
    waves: ti.i32,
):
    """``fourier_features_adjoint`` on a GPU."""
    for i, j in ti.ndrange(rows, columns):
        total = 0.0
        for k in range(waves):
            turned = g[g_row + i, g_column + waves + k] * y[y_row + i, y_column + k]
            turned -= g[g_row + i, g_column + k] * y[y_row + i, y_column + waves + k]
            total += math.tau * matrix[j, k] * turned
        x_adjoint[x_row + i, x_column + j] = x_adjoint[x_row + i, x_column + j] + total
