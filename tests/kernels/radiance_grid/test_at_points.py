"""Density and colour of a radiance grid at points: the oracle, and central differences of every kind of number."""

import numpy as np
import pytest
from oracles import radiance_grid as oracle
from oracles.differences import relative_errors

from taichi_dr.implicit.radiance.cells import cells_with
from taichi_dr.implicit.radiance.grid import EMPTY, Grid
from taichi_dr.kernels.base.arrays import array_from, make_array

SHAPE, LOWER, SPACING = (5, 6, 4), np.array([-0.6, -0.5, -0.3]), 0.2
COUNT = 50


def inputs(degree):
    random = np.random.default_rng(2)
    directions = random.normal(size=(COUNT, 3))
    return {
        "numbers": random.normal(size=(24, 3 * (degree + 1) ** 2 + 1)),
        "points": LOWER + SPACING * random.uniform(0.2, np.subtract(SHAPE, 1.2), (COUNT, 3)),
        "directions": directions / np.linalg.norm(directions, axis=1, keepdims=True),
    }


def made(x):
    degree = {4: 0, 13: 1, 28: 2}[x["numbers"].shape[1]]
    grid = Grid.of_shape(SHAPE, LOWER, SPACING, degree, np.ones(SHAPE, bool))
    grid.set(x["numbers"])
    return grid, array_from(x["points"]), array_from(x["directions"])


def values(x):
    grid, points, directions = made(x)
    out = make_array((COUNT, 4))
    grid.forward(points, directions, out, COUNT)
    return out.to_numpy()


def expected(x):
    grid, _, _ = made(x)
    dense = np.zeros((*SHAPE, x["numbers"].shape[1]))
    dense[..., -1] = EMPTY
    dense[tuple(grid.vertices().T)] = x["numbers"]
    inside = np.zeros(SHAPE, bool)
    inside[1:-1, 1:-1, 1:-1] = True
    q = (x["points"] - LOWER) / SPACING
    density, color = oracle.at(dense, cells_with(inside), q, x["directions"], grid.degree)
    return np.column_stack([density / SPACING, color])


def adjoints(x, weights):
    grid, points, directions = made(x)
    to = make_array((COUNT, 3)), make_array((COUNT, 3))
    grid.adjoint(points, directions, array_from(weights), *to, COUNT)
    return {"numbers": grid.gradient(), "points": to[0].to_numpy(), "directions": to[1].to_numpy()}


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_double_precision(cpu64, degree):
    x, weights = inputs(degree), np.random.default_rng(3).normal(size=(COUNT, 4))
    np.testing.assert_allclose(values(x), expected(x), atol=1e-12)
    errors = relative_errors(lambda x: np.sum(weights * expected(x)), x, adjoints(x, weights), x)
    assert max(errors.values()) < 1e-7


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_single_precision(any32, degree):
    x, weights = inputs(degree), np.random.default_rng(3).normal(size=(COUNT, 4))
    np.testing.assert_allclose(values(x), expected(x), atol=2e-5)
    errors = relative_errors(lambda x: np.sum(weights * expected(x)), x, adjoints(x, weights), x)
    assert max(errors.values()) < 1e-4


def test_nothing_outside(any32):
    grid = Grid((-1, 1), 5)
    density, color = grid.at([[3.0, 0, 0], [0, -1.01, 0]], [0.0, 0, 1])
    assert not density.any()
    assert not color.any()


def test_adjoints_that_nobody_asks_for(cpu64):
    x, weights = inputs(1), np.random.default_rng(3).normal(size=(COUNT, 4))
    grid, points, directions = made(x)
    grid.adjoint(points, directions, array_from(weights), None, None, COUNT)
    np.testing.assert_allclose(grid.gradient(), adjoints(x, weights)["numbers"], atol=1e-15)
