"""Dense layers against their formula: NumPy's products on CPUs, ``tiled`` on GPUs, and kernels that run on both."""

import numpy as np
import pytest
from oracles import networks
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.networks import activations, dense
from taichi_dr.kernels.networks.dense import Block, Flat, Layer

NAMES = {name: getattr(activations, name.upper()) for name in ("linear", "relu", "softplus", "tanh", "sigmoid", "exp")}
BETA = 7.0
ROWS, INPUTS, OUTPUTS = 523, 6, 5  # no multiples of a tile, and two slices
CODE = 3


@pytest.fixture(params=["blas", "kernels"])
def way(request, monkeypatch):
    """By NumPy, or by kernels, whatever the backend: all but products, for which CPUs have no shared memory."""
    if request.param == "kernels":
        monkeypatch.setattr(dense, "on_cpu", lambda: False)


def inputs():
    random = np.random.default_rng(1)
    shapes = {"x": (ROWS, INPUTS), "weights": (INPUTS, OUTPUTS), "biases": (OUTPUTS,)}
    return {name: random.normal(size=shape) for name, shape in shapes.items()}


def layer(name):
    return Layer(INPUTS, OUTPUTS, NAMES[name], BETA)


def inside(values, row=2, column=1):
    """The values somewhere within a larger array of sevens."""
    larger = np.full((values.shape[0] + row + 1, values.shape[1] + column + 2), 7.0)
    larger[row : row + values.shape[0], column : column + values.shape[1]] = values
    return Block(array_from(larger), row, column)


def outside(block, shape):
    """The numbers of a Block of that shape, and whether those around it are still sevens."""
    values = block.array.to_numpy()
    where = slice(block.row, block.row + shape[0]), slice(block.column, block.column + shape[1])
    found = values[where].copy()
    values[where] = 7.0
    return found, bool((values == 7.0).all())


def flat(*arrays, first=4):
    """The numbers of some arrays one after the other, behind four others."""
    return Flat(array_from(np.concatenate([np.zeros(first), *map(np.ravel, arrays)])[:, None]), first)


def output(x, name):
    y = inside(np.zeros((ROWS, OUTPUTS)))
    dense.dense(layer(name), inside(x["x"]), flat(x["weights"]), flat(x["biases"], first=1), y, ROWS, Buffers())
    return y


def adjoints(x, name, g):
    """Of all inputs, what g is after it, and whether nothing else was written."""
    y, g, x_adjoint = output(x, name), inside(g), inside(np.zeros((ROWS, INPUTS)))
    weights = flat(x["weights"])
    ones = flat(np.ones((INPUTS, OUTPUTS))), flat(np.ones(OUTPUTS), first=1)
    dense.dense_adjoint(layer(name), inside(x["x"]), weights, y, g, x_adjoint, *ones, ROWS, Buffers())
    found, untouched = outside(x_adjoint, (ROWS, INPUTS))
    assert untouched
    assert not ones[0].array.to_numpy()[:4].any()
    added = [each.array.to_numpy()[each.first :, 0] - 1 for each in ones]
    return {"x": found, "weights": added[0].reshape(INPUTS, OUTPUTS), "biases": added[1]}


@pytest.mark.parametrize("name", NAMES)
def test_rows_equal_the_oracle(cpu64, name):
    found, untouched = outside(output(inputs(), name), (ROWS, OUTPUTS))
    np.testing.assert_allclose(found, networks.dense(*inputs().values(), name, BETA), rtol=1e-13, atol=1e-13)
    assert untouched


@pytest.mark.parametrize("name", NAMES)
def test_adjoints_equal_central_differences(cpu64, name):
    g = np.random.default_rng(2).normal(size=(ROWS, OUTPUTS))

    def weighted(x):
        return np.sum(g * networks.activate(x["x"] @ x["weights"] + x["biases"], name, BETA))

    errors = relative_errors(weighted, inputs(), adjoints(inputs(), name, g), inputs())
    assert max(errors.values()) < 1e-7, errors


def test_exp_is_truncated(any32):
    """exp(100) is infinite in single precision, exp(-30) would pass nothing back."""
    one, y = Layer(1, 1, activations.EXP), Block(make_array((2, 1)))
    x, unit, zero = Block(array_from([[100], [-30]])), Flat(array_from([[1]])), Flat(array_from([[0]]))
    dense.dense(one, x, unit, zero, y, 2, Buffers())
    np.testing.assert_allclose(y.array.to_numpy()[:, 0], [np.exp(80), np.exp(-30)], rtol=1e-5)
    g = Block(array_from([[1], [1]]))
    dense.dense_adjoint(one, x, unit, y, g, None, None, None, 2, Buffers())
    np.testing.assert_allclose(g.array.to_numpy()[:, 0], [np.exp(15), np.exp(-15)], rtol=1e-5)


def test_what_is_not_asked_for_is_left_out(cpu64):
    x, g = inputs(), np.random.default_rng(3).normal(size=(ROWS, OUTPUTS))
    biases = flat(np.zeros(OUTPUTS))
    y, weights = output(x, "tanh"), flat(x["weights"])
    dense.dense_adjoint(layer("tanh"), inside(x["x"]), weights, y, inside(g), None, None, biases, ROWS, Buffers())
    np.testing.assert_allclose(biases.array.to_numpy()[4:, 0], adjoints(x, "tanh", g)["biases"], atol=1e-12)


def code_inputs():
    random = np.random.default_rng(4)
    return {"code": random.normal(size=CODE), "weights": random.normal(size=(CODE + 1, OUTPUTS))}


def test_a_code_makes_biases(cpu64, way):
    x, biases = code_inputs(), flat(np.zeros(OUTPUTS))
    dense.condition(Layer(CODE, OUTPUTS), flat(x["code"], first=2), flat(x["weights"]), biases)
    expected = x["code"] @ x["weights"][:-1] + x["weights"][-1]
    np.testing.assert_allclose(biases.array.to_numpy()[4:, 0], expected, atol=1e-14)


def test_adjoints_of_a_code_equal_central_differences(cpu64, way):
    x, g = code_inputs(), np.random.default_rng(5).normal(size=OUTPUTS)
    ones = flat(np.ones(CODE), first=2), flat(np.ones((CODE + 1, OUTPUTS)))
    dense.condition_adjoint(Layer(CODE, OUTPUTS), flat(x["code"]), flat(x["weights"]), flat(g), *ones)
    added = {name: each.array.to_numpy()[each.first :, 0] - 1 for name, each in zip(x, ones, strict=True)}
    added["weights"] = added["weights"].reshape(CODE + 1, OUTPUTS)
    errors = relative_errors(lambda x: g @ (x["code"] @ x["weights"][:-1] + x["weights"][-1]), x, added, x)
    assert max(errors.values()) < 1e-7, errors


def test_columns_are_copied_and_added(cpu64, way):
    values = np.random.default_rng(6).normal(size=(9, 2))
    target = inside(np.zeros((9, 2)), row=1, column=3)
    dense.copy_columns(inside(values), target, 9, 2)
    dense.add_columns(inside(values), target, 9, 2)
    found, untouched = outside(target, (9, 2))
    np.testing.assert_array_equal(found, 2 * values)
    assert untouched


@pytest.mark.parametrize("name", NAMES)
def test_single_precision(any32, name):
    g = np.random.default_rng(2).normal(size=(ROWS, OUTPUTS))
    found = outside(output(inputs(), name), (ROWS, OUTPUTS))[0]
    expected = networks.dense(*inputs().values(), name, BETA)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    x = inputs()
    slope = {"linear": 1, "relu": expected > 0, "softplus": 1 - np.exp(-BETA * expected), "tanh": 1 - expected**2}
    slope |= {"sigmoid": expected * (1 - expected), "exp": expected}
    g_before = g * slope[name]
    added = adjoints(x, name, g)
    for key, value in (("x", g_before @ x["weights"].T), ("weights", x["x"].T @ g_before), ("biases", g_before.sum(0))):
        np.testing.assert_allclose(added[key], value, rtol=1e-4, atol=1e-4 * np.abs(value).max())


def test_rows_of_one_layer_by_hand(any32):
    y = Block(make_array((1, 1)))
    numbers = Flat(array_from([[1], [3]])), Flat(array_from([[-2]]))
    dense.dense(Layer(2, 1), Block(array_from([[1, 2]])), *numbers, y, 1, Buffers())
    assert y.array.to_numpy().tolist() == [[5.0]]
