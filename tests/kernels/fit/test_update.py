"""A step of Adam over some nodes of a grid, against its formula."""

import numpy as np
import pytest
import taichi as ti
from scipy.ndimage import convolve1d

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.fit.update import add_moments, move

SHAPE = (6, 5, 7, 2)
BETA1, BETA2, RATE, PART, SMOOTHING = 0.8, 0.95, 0.01, 0.05, 0.2


def expected(numbers, gradient, first, second, blurs):
    blurred = gradient
    for axis in range(3) if blurs else ():
        blurred = convolve1d(blurred, [0.25, 0.5, 0.25], axis=axis, mode="nearest")
    first, second = BETA1 * first + (1 - BETA1) * blurred, BETA2 * second + (1 - BETA2) * blurred**2
    mean = sum(convolve1d(numbers, [1, 0, 1], axis=axis, mode="nearest") for axis in range(3)) / 6
    root = np.sqrt(second / (1 - BETA2)) + PART * np.sqrt(second.max() / (1 - BETA2))
    return numbers + SMOOTHING * (mean - numbers) - RATE * first / (1 - BETA1) / root


@pytest.mark.parametrize("blurs", [True, False])
def test_a_step_equals_its_formula(any32, blurs):
    random = np.random.default_rng(7)
    numbers, gradient, first = (random.normal(size=SHAPE) for _ in range(3))
    second = random.uniform(size=SHAPE)
    every = np.argwhere(np.ones(SHAPE[:3]))
    found = array_from(numbers)
    moments = array_from(first), array_from(second), make_array((1,))
    add_moments(array_from(gradient), array_from(every, ti.i32), *moments, BETA1, BETA2, blurs)
    scales = RATE, 1 - BETA1, 1 - BETA2, PART, SMOOTHING
    move(found, array_from(every, ti.i32), *moments, make_array(SHAPE), *scales)
    np.testing.assert_allclose(found.to_numpy(), expected(numbers, gradient, first, second, blurs), atol=1e-5)


def test_other_nodes_stay(cpu32):
    numbers, some = array_from(np.ones(SHAPE)), array_from(np.array([[1, 2, 3]]), ti.i32)
    moments = make_array(SHAPE), make_array(SHAPE), make_array((1,))
    add_moments(array_from(np.ones(SHAPE)), some, *moments, BETA1, BETA2, True)
    move(numbers, some, *moments, make_array(SHAPE), RATE, 1 - BETA1, 1 - BETA2, PART, SMOOTHING)
    moved = np.argwhere(numbers.to_numpy()[..., 0] != 1)
    assert moved.tolist() == [[1, 2, 3]]
    np.testing.assert_allclose(numbers.to_numpy()[1, 2, 3], 1 - RATE / (1 + PART), rtol=1e-5)
