"""Gradients by differences: exact for linear functions, and their adjoints."""

import numpy as np
import pytest
from oracles.differences import relative_errors

from taichi_dr.implicit.function import axes, tetrahedron
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.march.stencil import combine, combine_adjoint, spread, spread_adjoint


def around(points, stencil):
    out = make_array((len(stencil.offsets) * len(points), 3))
    spread(array_from(points), array_from(stencil.offsets), len(points), out)
    return out


def gradients(values, stencil):
    count = len(values) // len(stencil.offsets)
    out = make_array((count, 3))
    combine(array_from(values), array_from(stencil.offsets), stencil.scale, count, out)
    return out.to_numpy()


@pytest.mark.parametrize("make", [tetrahedron, axes])
def test_the_gradient_of_a_linear_function_is_exact(cpu64, make):
    stencil, points = make(0.1), np.random.default_rng(1).normal(size=(4, 3))
    values = around(points, stencil).to_numpy() @ [[2.0], [-3.0], [0.5]] + 7
    np.testing.assert_allclose(gradients(values, stencil), [[2.0, -3.0, 0.5]] * 4, atol=1e-12)


def test_central_differences_are_exact_for_squares(cpu64):
    points, stencil = np.array([[1.0, 2.0, -3.0]]), axes(0.25)
    values = (around(points, stencil).to_numpy() ** 2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(gradients(values, stencil), 2 * points, atol=1e-12)


@pytest.mark.parametrize("make", [tetrahedron, axes])
def test_adjoints_equal_central_differences(cpu64, make):
    random, stencil = np.random.default_rng(2), make(0.1)
    rows = len(stencil.offsets) * 4
    x = {"points": random.normal(size=(4, 3)), "values": random.normal(size=(rows, 1))}
    weights = {"points": random.normal(size=(rows, 3)), "values": random.normal(size=(4, 3))}

    def value(x):
        total = np.sum(weights["points"] * around(x["points"], stencil).to_numpy())
        return total + np.sum(weights["values"] * gradients(x["values"], stencil))

    points_adjoint, values_adjoint = make_array((4, 3)), make_array((rows, 1))
    offsets = array_from(stencil.offsets)
    spread_adjoint(array_from(weights["points"]), offsets, 4, points_adjoint)
    combine_adjoint(array_from(weights["values"]), offsets, stencil.scale, 4, values_adjoint)
    adjoints = {"points": points_adjoint.to_numpy(), "values": values_adjoint.to_numpy()}
    assert max(relative_errors(value, x, adjoints, x).values()) < 1e-8
