"""Spherical harmonics against Legendre functions, their adjoint against central differences, on each backend."""

from math import factorial, pi, sqrt

import numpy as np
import pytest
from scipy.special import lpmv

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.networks import spherical_harmonics
from tests.oracles.differences import relative_errors

DEGREES = pytest.mark.parametrize("degree", [0, 1, 2, 3])
COLUMN = 2


def inputs(count=20):
    directions = np.random.default_rng(1).normal(size=(count, 3))
    return {"directions": directions / np.linalg.norm(directions, axis=1, keepdims=True)}


def oracle(directions, degree):
    """Normalised associated Legendre functions of the height, times cosines or sines of the angle around the axis."""
    x, y, z = directions.T
    around, columns = np.arctan2(y, x), []
    for l in range(degree + 1):  # noqa: E741
        for m in range(-l, l + 1):
            k = abs(m)
            norm = sqrt((2 * l + 1) / (4 * pi) * factorial(l - k) / factorial(l + k))
            turn = sqrt(2) * np.sin(k * around) if m < 0 else sqrt(2) * np.cos(k * around) if m > 0 else 1.0
            columns.append(norm * lpmv(k, l, z) * turn)
    return np.stack(columns, axis=1)


def encoded(x, degree):
    rows = len(x["directions"])
    out = make_array((rows, COLUMN + spherical_harmonics.size(degree)))
    spherical_harmonics.encode(array_from(x["directions"]), out, COLUMN, rows, degree)
    return out.to_numpy()[:, COLUMN:]


def adjoints(x, weights, degree):
    padded = np.concatenate([np.ones((len(weights), COLUMN)), weights], axis=1)
    out = make_array(x["directions"].shape)
    arrays = array_from(x["directions"]), array_from(padded), COLUMN, out
    spherical_harmonics.encode_adjoint(*arrays, len(weights), degree)
    return {"directions": out.to_numpy()}


@DEGREES
def test_equal_legendre_functions(cpu64, degree):
    np.testing.assert_allclose(encoded(inputs(), degree), oracle(inputs()["directions"], degree), atol=1e-14)


def test_are_orthonormal(cpu64):
    heights, weights = np.polynomial.legendre.leggauss(4)  # exact for products of two cubics, as 8 equal angles are
    around = 2 * pi * np.arange(8) / 8
    radius = np.sqrt(1 - heights**2)[:, None]
    directions = np.stack(
        [radius * np.cos(around), radius * np.sin(around), np.repeat(heights[:, None], 8, axis=1)], -1
    ).reshape(-1, 3)
    values = encoded({"directions": directions}, 3)
    areas = np.repeat(weights * 2 * pi / 8, 8)
    np.testing.assert_allclose(values.T @ (areas[:, None] * values), np.eye(16), atol=1e-14)


@DEGREES
def test_adjoints_equal_central_differences(cpu64, degree):
    x, weights = inputs(), np.random.default_rng(2).normal(size=(20, spherical_harmonics.size(degree)))
    errors = relative_errors(lambda x: np.sum(weights * encoded(x, degree)), x, adjoints(x, weights, degree), x)
    assert max(errors.values()) < 1e-7


def test_single_precision(any32):
    x, weights = inputs(), np.random.default_rng(3).normal(size=(20, 16))
    np.testing.assert_allclose(encoded(x, 3), oracle(x["directions"], 3), atol=1e-6)
    found = adjoints(x, weights, 3)["directions"]
    along = np.sum(found * x["directions"], axis=1, keepdims=True) * x["directions"]
    tangents = {"directions": found - along}  # the oracle is of unit vectors

    def on_sphere(x):
        d = x["directions"] / np.linalg.norm(x["directions"], axis=1, keepdims=True)
        return np.sum(weights * oracle(d, 3))

    assert max(relative_errors(on_sphere, x, tangents, x).values()) < 1e-5
