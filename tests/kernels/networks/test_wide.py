"""Wide dense layers against NumPy in double precision, whole vectors or not, and the same whatever the threads do."""

import numpy as np
import pytest

from taichi_dr.implicit.networks import MLP
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.networks import wide
from taichi_dr.kernels.networks.dense import Block, Flat

SHAPES = [(128, 128), (63, 130), (131, 3), (3, 129), (6, 128)]
EACH = pytest.mark.parametrize(("inputs", "outputs"), SHAPES)
ROWS, ROW = 401, 2  # no multiple of a tile, a block or a slice


def numbers(inputs, outputs):
    """Halves, so that no product is rounded, and of no sum the sign is in doubt."""
    random = np.random.default_rng(1)
    shapes = {"x": (ROWS, inputs), "weights": (inputs, outputs), "biases": (outputs,), "g": (ROWS, outputs)}
    return {name: random.integers(-4, 5, shape) / 2 for name, shape in shapes.items()}


def block(values, whole):
    """The values among sevens: rows of whole vectors, or of some other width."""
    rows, columns = values.shape
    width, column = (wide.whole_columns(columns), 0) if whole else (columns + 3, 1)
    larger = np.full((rows + ROW + 1, width), 7.0)
    larger[ROW : ROW + rows, column : column + columns] = values
    return Block(array_from(larger), ROW, column)


def inner(block, values):
    """What stands where the values stood, and whether the rows around them are still sevens."""
    array = block.array.to_numpy()
    found = array[ROW : ROW + ROWS, block.column : block.column + values.shape[1]].copy()
    return found, bool((array[:ROW] == 7).all() and (array[ROW + ROWS :] == 7).all())


def run(x, relu, whole, columns):
    """What comes out, the adjoint's g, and the adjoints, of which 1 was there of matrix and biases."""
    inputs, outputs = x["weights"].shape
    given, y, g = (block(values, whole) for values in (x["x"], 0 * x["g"], x["g"]))
    x_adjoint = block(0 * x["x"], whole)
    flat = np.concatenate([[5.0], x["weights"].ravel(), x["biases"]])[:, None]
    weights, adjoints = array_from(flat), array_from(np.ones(flat.shape))
    at, buffers = (1, 1 + inputs * outputs), Buffers()
    matrix, biases, *added = [Flat(array, first) for array in (weights, adjoints) for first in at]
    wide.dense((inputs, outputs), relu, given, matrix, biases, y, ROWS, buffers)
    targets = x_adjoint, *added
    wide.dense_adjoint((inputs, outputs), relu, given, matrix, y, g, *targets, ROWS, buffers, columns)
    (y, y_alone), (g, g_alone), (back, back_alone) = inner(y, x["g"]), inner(g, x["g"]), inner(x_adjoint, x["x"])
    assert y_alone
    assert g_alone
    assert back_alone
    added = adjoints.to_numpy()[:, 0]
    assert added[0] == 1
    return y, g, back, added[1 : at[1]].reshape(inputs, outputs) - 1, added[at[1] :] - 1


def check(x, relu, whole, columns):
    y, g, back, matrix, biases = run(x, relu, whole, columns)
    expected = x["x"] @ x["weights"] + x["biases"]
    np.testing.assert_array_equal(y, np.maximum(expected, 0) if relu else expected)
    expected = x["g"] * (expected > 0) if relu else x["g"]
    np.testing.assert_array_equal(g, expected)
    np.testing.assert_array_equal(back[:, :columns], (expected @ x["weights"].T)[:, :columns])
    np.testing.assert_array_equal(matrix, x["x"].T @ expected)
    np.testing.assert_array_equal(biases, expected.sum(axis=0))


@EACH
@pytest.mark.parametrize("whole", [True, False], ids=["whole vectors", "others"])
@pytest.mark.parametrize("relu", [True, False], ids=["relu", "linear"])
def test_products_equal_the_oracle(cpu32, inputs, outputs, whole, relu):
    check(numbers(inputs, outputs), relu, whole, inputs)


def test_columns_that_nobody_asks_for_are_left_alone(cpu32):
    x = numbers(140, 32)
    check(x, True, True, 128)
    assert not run(x, True, True, 128)[2][:, 128:].any()


def test_adjoints_that_nobody_asks_for_are_left_out(cpu32):
    x = numbers(128, 32)
    given, y, g = (block(values, True) for values in (x["x"], x["g"], x["g"]))
    biases = make_array((32, 1))
    arguments = given, None, y, g, None, None, Flat(biases), ROWS, Buffers(), 128
    wide.dense_adjoint((128, 32), True, *arguments)
    expected = x["g"] * (x["g"] > 0)
    np.testing.assert_array_equal(inner(g, x["g"])[0], expected)
    np.testing.assert_array_equal(biases.to_numpy()[:, 0], expected.sum(axis=0))


def test_a_chain_is_the_same_by_these_kernels_and_by_numpy(cpu32, monkeypatch):
    mlp = MLP(5, 3, (128, 144, 130), skips=(2,))
    random = np.random.default_rng(2)
    x, g, weights = random.normal(size=(1100, 5)), random.normal(size=(1100, 3)), mlp.initial(1)[:, None]

    def found(long_vectors):
        monkeypatch.setattr(wide, "has_long_vectors", lambda: long_vectors)
        y, x_adjoint, added = make_array((1100, 3)), make_array((1100, 5)), make_array((mlp.size, 1))
        held = array_from(weights), array_from(x)
        mlp.forward(*held, y, 1100)
        mlp.adjoint(*held, array_from(g), 1100, x_adjoint=x_adjoint, weights_adjoint=added)
        return [array.to_numpy() for array in (y, x_adjoint, added)]

    again = found(True)
    for ours, same, blas in zip(found(True), again, found(False), strict=True):
        np.testing.assert_array_equal(ours, same)
        np.testing.assert_allclose(ours, blas, atol=2e-5 * np.abs(blas).max())
