"""Products of matrices by tiles in shared memory against NumPy, exactly: of halves, no product or sum is rounded."""

import numpy as np
import pytest

from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.networks import dense
from taichi_dr.kernels.networks.activations import LINEAR, RELU
from taichi_dr.kernels.networks.dense import Block, Flat, Layer

SHAPES = [(1, 1, 1), (63, 16, 65), (64, 64, 64), (131, 17, 3), (700, 66, 129)]
"""Rows, inputs and outputs: less than a tile, a whole one, more; the last in two slices."""

EACH = pytest.mark.parametrize("shape", SHAPES, ids=str)
ROW, COLUMN = 2, 1


def numbers(rows, inputs, outputs):
    random = np.random.default_rng(1)
    shapes = {"x": (rows, inputs), "weights": (inputs, outputs), "biases": (outputs,), "g": (rows, outputs)}
    return {name: random.integers(-4, 5, shape) / 2 for name, shape in shapes.items()}


def block(values):
    """The values among sevens."""
    larger = np.full((len(values) + ROW + 1, values.shape[1] + COLUMN + 2), 7.0)
    larger[ROW : ROW + len(values), COLUMN : COLUMN + values.shape[1]] = values
    return Block(array_from(larger), ROW, COLUMN)


def inner(block, shape):
    """The numbers among the sevens, which are still there."""
    array = block.array.to_numpy()
    where = slice(ROW, ROW + shape[0]), slice(COLUMN, COLUMN + shape[1])
    found = array[where].copy()
    array[where] = 7
    assert (array == 7).all()
    return found


def layer_and_weights(x, activation):
    inputs, outputs = x["weights"].shape
    array = array_from(np.concatenate([[9.0], x["weights"].ravel(), x["biases"]])[:, None])
    return Layer(inputs, outputs, activation), Flat(array, 1), Flat(array, 1 + inputs * outputs)


@EACH
@pytest.mark.parametrize("activation", [LINEAR, RELU], ids=["linear", "relu"])
def test_products_equal_the_oracle(gpu, shape, activation):
    x, rows, buffers = numbers(*shape), shape[0], Buffers()
    layer, weights, biases = layer_and_weights(x, activation)
    given, y, g, x_adjoint = block(x["x"]), block(0 * x["g"]), block(x["g"]), block(0 * x["x"])
    dense.dense(layer, given, weights, biases, y, rows, buffers)
    expected = x["x"] @ x["weights"] + x["biases"]
    np.testing.assert_array_equal(inner(y, expected.shape), np.maximum(expected, 0) if activation else expected)
    added = array_from(np.ones(weights.array.shape))
    targets = x_adjoint, Flat(added, weights.first), Flat(added, biases.first)
    dense.dense_adjoint(layer, given, weights, y, g, *targets, rows, buffers)
    g = x["g"] * (expected > 0) if activation else x["g"]
    np.testing.assert_array_equal(inner(x_adjoint, x["x"].shape), g @ x["weights"].T)
    sums = np.concatenate([[0], (x["x"].T @ g).ravel(), g.sum(axis=0)])
    np.testing.assert_array_equal(added.to_numpy()[:, 0] - 1, sums)


def test_the_first_columns_alone_can_be_asked_for(gpu):
    x = numbers(70, 9, 5)
    layer, weights, _ = layer_and_weights(x, LINEAR)
    x_adjoint = block(0 * x["x"])
    arguments = None, weights, None, block(x["g"]), x_adjoint, None, None, 70, Buffers()
    dense.dense_adjoint(layer, *arguments, columns=4)
    expected = (x["g"] @ x["weights"].T) * (np.arange(9) < 4)
    np.testing.assert_array_equal(inner(x_adjoint, (70, 9)), expected)
