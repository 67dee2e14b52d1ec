"""The distortion of rays against its double sum, its adjoint against central differences, on each backend."""

import itertools

import numpy as np
import pytest
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.volume.distortion import distortion, distortion_adjoint
from tests.oracles.differences import relative_errors

FIRST = [0, 0, 7, 8, 20]  # a ray without samples, one with a single one


def inputs(seed=1):
    random = np.random.default_rng(seed)
    parts = [np.sort(random.uniform(2, 6, b - a)) for a, b in itertools.pairwise(FIRST)]
    return {
        "t": np.concatenate(parts),
        "extents": random.uniform(0.05, 0.3, FIRST[-1]),
        "lengths": random.uniform(0.05, 0.3, FIRST[-1]),
        "densities": random.exponential(2.0, FIRST[-1]),
    }


def oracle(x):
    """(R,) by the double sum over a ray's samples."""
    found = []
    for a, b in itertools.pairwise(FIRST):
        depth = np.concatenate([[0], np.cumsum(x["densities"][a:b] * x["lengths"][a:b])])
        w, t = -np.diff(np.exp(-depth)), x["t"][a:b]
        apart = np.abs(t[:, None] - t)
        found.append(w @ apart @ w + (w**2 * x["extents"][a:b]).sum() / 3)
    return np.array(found)


def arrays(x):
    values = np.zeros((FIRST[-1], 4))
    values[:, 0] = x["densities"]
    samples = *(array_from(x[name]) for name in ("t", "extents", "lengths")), array_from(values)
    return array_from(FIRST, ti.i32), *samples, len(FIRST) - 1


def found(x):
    out = make_array((len(FIRST) - 1,))
    distortion(*arrays(x), out)
    return out.to_numpy()


def adjoint(x, weight):
    out = array_from(np.ones((FIRST[-1], 4)))
    distortion_adjoint(*arrays(x), weight, out)
    assert (out.to_numpy()[:, 1:] == 1).all()
    return {"densities": out.to_numpy()[:, 0] - 1}


def test_equals_the_double_sum(cpu64):
    np.testing.assert_allclose(found(inputs()), oracle(inputs()), atol=1e-14)


def test_by_hand(cpu64):
    half = -np.log(0.5)  # the density by which a length of 1 takes half of the light
    values = array_from([[half, 0, 0, 0], [1e6, 0, 0, 0]])
    out = make_array((1,))
    distortion(array_from([0, 2], ti.i32), array_from([0.0, 1.0]), *[array_from([1.0, 1.0])] * 2, values, 1, out)
    np.testing.assert_allclose(out.to_numpy(), [2 * 0.25 + 2 * 0.25 / 3])


def test_gradient_equals_central_differences(cpu64):
    x = inputs()
    errors = relative_errors(lambda x: 0.7 * found(x).sum(), x, adjoint(x, 0.7), ["densities"])
    assert errors["densities"] < 1e-7


def test_single_precision(any32):
    x = inputs()
    np.testing.assert_allclose(found(x), oracle(x), rtol=1e-4, atol=1e-6)
    errors = relative_errors(lambda x: oracle(x).sum(), x, adjoint(x, 1.0), ["densities"])
    assert errors["densities"] < 1e-4


@pytest.mark.parametrize("density", [0.0, 1e6])
def test_nothing_and_a_wall_have_no_gradient_that_is_not_finite(any32, density):
    x = {**inputs(), "densities": np.full(FIRST[-1], density)}
    assert np.isfinite(adjoint(x, 1.0)["densities"]).all()
