"""Directions in which an environment is bright, chosen by two random numbers.

A texel is chosen with the probability P that is its share of the light,

    P proportional to (luminance + FLOOR mean luminance) solid angle

the luminance being the mean over the texel of what is interpolated between texels, and then a direction evenly in its
solid angle.  The direction stands for the solid angle ``W = solid angle of the texel / P``: the mean of f W is the
integral of f over all directions, whatever f is.  What is black still is looked at now and then (FLOOR), so that its
texels have gradients; an environment of one colour is looked at evenly.

Probabilities are multiples of 2^-24, as ``base.random.uniform`` is, so that they are what they say to the last bit.

Source: Pharr, Jakob and Humphreys, Physically Based Rendering, 4th edition, 12.5.
"""

import numpy as np
import taichi as ti

LUMINANCE = (0.2126, 0.7152, 0.0722)  # of linear sRGB (IEC 61966-2-1)
FLOOR = 0.1
STEPS = 1 << 24


def sampling_tables(texels):
    """Of texels (H, W, 3): the running sums (1, H) of the rows' probabilities, and (H, W) of those within each row."""
    height, width, _ = texels.shape
    luminance = np.maximum(texels.astype(np.float64) @ LUMINANCE, 0)
    luminance = _mean_over_texels(luminance, "wrap", axis=1)
    luminance = _mean_over_texels(luminance, "edge", axis=0)
    bands = -np.diff(np.cos(np.linspace(0, np.pi, height + 1)))[:, None]
    mean = (luminance * bands).sum() / (2 * width)
    weights = (luminance + FLOOR * mean if mean > 0 else np.ones_like(luminance)) * bands
    return _running_sums(weights.sum(axis=1)[None]), _running_sums(weights)


def _mean_over_texels(values, ends, axis):
    """The mean over each texel of a linear interpolation between the middles of texels."""
    around = [(0, 0), (0, 0)]
    around[axis] = (1, 1)
    padded = np.moveaxis(np.pad(values, around, mode=ends), axis, 0)
    return np.moveaxis((padded[:-2] + 6 * padded[1:-1] + padded[2:]) / 8, 0, axis)


def _running_sums(weights):
    sums = np.cumsum(weights, axis=1)
    return np.round(sums / sums[:, -1:] * STEPS) / STEPS


@ti.func
def sample_environment(rows: ti.template(), columns: ti.template(), r1, r2):
    """(unit direction, W) of two random numbers in [0, 1); ``rows``, ``columns``: ``sampling_tables``.

    An environment of one colour: W = 4 pi.
    """
    height, width = columns.shape[0], columns.shape[1]
    row, down, likely_row = _choose(rows, 0, r1)
    column, along, likely_column = _choose(columns, row, r2)
    top, middle = float(row) * ti.math.pi / height, (float(row) + 0.5) * ti.math.pi / height
    span = ti.sin(middle) * ti.sin(0.5 * ti.math.pi / height)  # of sin^2(theta / 2), which grows evenly with area
    lifted = ti.sin(0.5 * top) ** 2 + down * span
    across = 2.0 * ti.sqrt(ti.max(lifted * (1.0 - lifted), 0.0))
    longitude = 2.0 * ti.math.pi * ((float(column) + along) / width - 0.5)
    direction = ti.Vector([across * ti.sin(longitude), 1.0 - 2.0 * lifted, -across * ti.cos(longitude)])
    solid_angle = 4.0 * ti.math.pi * span / width
    return direction, solid_angle / (likely_row * likely_column)


@ti.func
def _choose(sums: ti.template(), row, r):
    """(which, how far into it in [0, 1), its probability): the first whose running sum is above r."""
    first, last = 0, sums.shape[1] - 1
    while first < last:
        middle = (first + last) // 2
        if sums[row, middle] > r:
            last = middle
        else:
            first = middle + 1
    before = 0.0
    if first > 0:
        before = sums[row, first - 1]
    likely = sums[row, first] - before
    return first, (r - before) / likely, likely


@ti.func
def density_at(rows: ti.template(), columns: ti.template(), direction):
    """``1 / W`` of a unit direction: how densely ``sample_environment`` chooses around it, per steradian."""
    height, width = columns.shape[0], columns.shape[1]
    sine = ti.sqrt(direction.x * direction.x + direction.z * direction.z)
    row = _within(ti.atan2(sine, direction.y) / ti.math.pi, height)
    longitude = 0.0
    if sine > 0.0:
        longitude = ti.atan2(direction.x, -direction.z) / (2.0 * ti.math.pi)
    column = _within(longitude + 0.5, width)
    span = ti.sin((float(row) + 0.5) * ti.math.pi / height) * ti.sin(0.5 * ti.math.pi / height)
    likely = _probability(rows, 0, row) * _probability(columns, row, column)
    return likely * width / (4.0 * ti.math.pi * span)


@ti.func
def _within(share, count):
    """Which of ``count`` equal parts a number in [0, 1] is in."""
    return ti.min(ti.max(ti.cast(share * count, ti.i32), 0), count - 1)


@ti.func
def _probability(sums: ti.template(), row, which):
    before = 0.0
    if which > 0:
        before = sums[row, which - 1]
    return sums[row, which] - before
