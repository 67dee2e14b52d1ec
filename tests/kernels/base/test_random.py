"""Counter-based random numbers: pinned, evenly spread, independent of one another, the same everywhere."""

import numpy as np
import pytest
import taichi as ti
from backends import SINGLE

from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.base.random import uniform
from taichi_dr.kernels.base.types import Rows

DIMENSIONS = 4


@ti.kernel
def _fill(seed: ti.i32, out: Rows):
    for i, dimension in out:
        out[i, dimension] = uniform(seed, i, dimension)


def numbers(count, seed):
    out = make_array((count, DIMENSIONS))
    _fill(seed, out)
    return out.to_numpy().astype(np.float64)


def by_hand(seed, index, dimension):
    """The same in Python's integers."""
    x, y, z = ((value * 1664525 + 1013904223) & 0xFFFFFFFF for value in (seed, index, dimension))
    for _ in range(2):
        x = (x + y * z) & 0xFFFFFFFF
        y = (y + z * x) & 0xFFFFFFFF
        z = (z + x * y) & 0xFFFFFFFF
        x, y, z = x ^ (x >> 16), y ^ (y >> 16), z ^ (z >> 16)
    return ((x ^ y ^ z) >> 8) / 2**24


@pytest.mark.parametrize("precision", [*SINGLE, "cpu64"])
def test_equals_the_formula_on_every_backend(precision, request):
    request.getfixturevalue(precision)
    for seed in (0, 7):
        found = numbers(50, seed)
        assert np.array_equal(found, [[by_hand(seed, i, k) for k in range(DIMENSIONS)] for i in range(50)])


def test_evenly_spread_and_independent(cpu32):
    found = numbers(1 << 16, seed=3)
    assert found.min() >= 0
    assert found.max() < 1
    counts = np.apply_along_axis(lambda column: np.histogram(column, 64, (0, 1))[0], 0, found)
    expected = found.shape[0] / 64
    assert ((counts - expected) ** 2 / expected).sum(axis=0).max() < 110  # chi squared of 63: one in 5,000 is above
    others = np.concatenate([found, numbers(1 << 16, seed=4), np.roll(found, 1, axis=0)], axis=1)
    correlations = np.corrcoef(others.T) - np.eye(others.shape[1])
    assert np.abs(correlations).max() < 5 / np.sqrt(found.shape[0])
