"""Chains of narrow layers in one kernel against NumPy in double precision."""

import numpy as np
import pytest

from taichi_dr.implicit.networks import MLP
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.networks import narrow
from taichi_dr.kernels.networks.activations import LINEAR, SIGMOID
from taichi_dr.kernels.networks.dense import Block

CHAINS = [narrow.Chain((32, 64, 16)), narrow.Chain((5, 20, 33, 3), SIGMOID), narrow.Chain((7, 2))]
EACH = pytest.mark.parametrize("chain", CHAINS, ids=["whole vectors", "odd widths", "one layer"])
COUNT, ROW, COLUMN = 333, 2, 1  # blocks that are not full, rows and columns beside


def inputs(chain):
    random = np.random.default_rng(1)
    mlp = MLP(chain.widths[0], chain.widths[-1], chain.widths[1:-1])
    weights = mlp.initial(2) + 0.1 * random.normal(size=mlp.size)
    return mlp, weights.astype(np.float32), random.normal(size=(COUNT, chain.widths[0]))


def oracle(chain, mlp, weights, x, g):
    """(y, adjoint of x, adjoint of the weights), layer by layer."""
    layers, given = mlp.layers(weights.astype(float)), [x]
    for k, (matrix, _, biases) in enumerate(layers):
        y = given[-1] @ matrix + biases
        given.append(np.maximum(y, 0) if k + 1 < len(layers) else y)
    if chain.last == SIGMOID:
        given[-1] = 1 / (1 + np.exp(-given[-1]))
        g = g * given[-1] * (1 - given[-1])
    parts = []
    for k, (matrix, _, _) in reversed(list(enumerate(layers))):
        parts[:0] = [(given[k].T @ g).reshape(-1), g.sum(axis=0)]
        g = (g @ matrix.T) * (given[k] > 0 if k else 1)
    return given[-1], g, np.concatenate(parts)


def padded(values):
    """Rows and columns of ones around an array."""
    array = np.ones((ROW + len(values) + 1, COLUMN + values.shape[1] + 1))
    array[ROW : ROW + len(values), COLUMN : COLUMN + values.shape[1]] = values
    return array_from(array)


def inner(array, width):
    return array.to_numpy()[ROW : ROW + COUNT, COLUMN : COLUMN + width]


@EACH
def test_values_equal_the_oracle(cpu32, chain):
    mlp, weights, x = inputs(chain)
    y = padded(np.zeros((COUNT, chain.widths[-1])))
    narrow.forward(chain, weights, Block(padded(x), ROW, COLUMN), Block(y, ROW, COLUMN), COUNT, Buffers())
    expected, _, _ = oracle(chain, mlp, weights, x, np.zeros((COUNT, chain.widths[-1])))
    np.testing.assert_allclose(inner(y, chain.widths[-1]), expected, atol=2e-5)
    assert y.to_numpy()[ROW + COUNT].min() == 1  # nothing beside it is touched
    assert y.to_numpy()[:, 0].min() == y.to_numpy()[:, -1].min() == 1


@EACH
def test_adjoints_equal_the_oracle(cpu32, chain):
    mlp, weights, x = inputs(chain)
    g = np.random.default_rng(3).normal(size=(COUNT, chain.widths[-1]))
    _, x_expected, weights_expected = oracle(chain, mlp, weights, x, g)
    buffers = Buffers()
    for times in (1, 2):  # it is added to, and scratch is clean again
        x_adjoint, weights_adjoint = padded(np.zeros(x.shape)), np.zeros(mlp.size, np.float32)
        for _ in range(times):
            blocks = (Block(padded(values), ROW, COLUMN) for values in (x, g))
            to = Block(x_adjoint, ROW, COLUMN), weights_adjoint
            narrow.adjoint(chain, weights, *blocks, *to, COUNT, buffers)
        near_kink = np.abs(inner(x_adjoint, x.shape[1]) - times * x_expected).max(1) > 1e-4
        assert near_kink.sum() <= 1
        np.testing.assert_allclose(
            weights_adjoint, times * weights_expected, atol=3e-4 * np.abs(weights_expected).max()
        )


def test_the_same_every_time(cpu32):
    chain = CHAINS[0]
    mlp, weights, x = inputs(chain)
    g = np.random.default_rng(3).normal(size=(COUNT, chain.widths[-1]))

    def found():
        out = np.zeros(mlp.size, np.float32)
        to = Block(make_array(x.shape)), out
        narrow.adjoint(chain, weights, Block(array_from(x)), Block(array_from(g)), *to, COUNT, Buffers())
        return out

    np.testing.assert_array_equal(found(), found())


def test_no_rows(cpu32):
    chain = narrow.Chain((4, 3), LINEAR)
    mlp, weights, x = inputs(chain)
    y, out = make_array((1, 3)), np.zeros(mlp.size, np.float32)
    narrow.forward(chain, weights, Block(array_from(x)), Block(y), 0, Buffers())
    narrow.adjoint(chain, weights, Block(array_from(x)), Block(y), Block(make_array(x.shape)), out, 0, Buffers())
    assert not y.to_numpy().any()
    assert not out.any()
