"""Averages of squares of pixels against numpy.mean, with colours made straight."""

import numpy as np

from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.screen.average import average_squares

VIEWS, HEIGHT, WIDTH = 2, 4, 3


def averaged(color, alpha, samples):
    pictures = np.empty((VIEWS, HEIGHT, WIDTH, 4), np.float32)
    rgba = np.concatenate([color, alpha[..., None]], axis=-1)
    average_squares(array_from(rgba.reshape(-1, 4)), samples, pictures)
    return pictures


def oracle(color, alpha, samples):
    shape = (VIEWS, HEIGHT, samples, WIDTH, samples)
    color, alpha = color.reshape(*shape, 3).mean(axis=(2, 4)), alpha.reshape(shape).mean(axis=(2, 4))[..., None]
    straight = np.divide(color, alpha, out=np.zeros_like(color), where=alpha > 0)
    return np.concatenate([straight, alpha], axis=-1)


def test_averages_equal_numpys(any32):
    random = np.random.default_rng(4)
    for samples in (1, 2, 5):
        fine = (VIEWS, HEIGHT * samples, WIDTH * samples)
        alpha = random.uniform(size=fine) * (random.uniform(size=fine) < 0.3)
        color = random.uniform(size=(*fine, 3)) * alpha[..., None]
        np.testing.assert_allclose(averaged(color, alpha, samples), oracle(color, alpha, samples), atol=2e-6)


def test_one_covered_sample_of_four(cpu32):
    color, alpha = np.zeros((VIEWS, 2 * HEIGHT, 2 * WIDTH, 3)), np.zeros((VIEWS, 2 * HEIGHT, 2 * WIDTH))
    color[1, 3, 4, 0] = alpha[1, 3, 4] = 1.0
    pictures = averaged(color, alpha, 2)
    assert pictures[1, 1, 2].tolist() == [1.0, 0.0, 0.0, 0.25]
    assert np.count_nonzero(pictures) == 2
