"""Chains of dense layers against NumPy, and their adjoints against central differences."""

import numpy as np
import pytest
from oracles import networks
from oracles.differences import relative_errors

import taichi_dr as dr
from taichi_dr.implicit.networks import MLP
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.networks.dense import Flat

COUNT, CODE = 1100, 4  # two chunks


def chain(**settings):
    return MLP(3, 2, (5, 6, 4), skips=(2,), code=CODE, **({"activation": "softplus", "beta": 5.0} | settings))


def inputs(mlp):
    random = np.random.default_rng(1)
    weights = mlp.initial(2) + 0.1 * random.normal(size=mlp.size)
    return {"x": random.normal(size=(COUNT, 3)), "weights": weights, "code": random.normal(size=CODE)}


def oracle(mlp, x):
    """Layer by layer: rows, the code once more for each, and what came before."""
    rows = np.concatenate([x["x"], np.broadcast_to(x["code"], (COUNT, CODE))], axis=1)
    h = np.zeros((COUNT, 0))
    for k, (matrix, code, biases) in enumerate(mlp.layers(x["weights"])):
        if k == 0 or k in mlp.skips:
            h, matrix = np.concatenate([h, rows], axis=1), np.concatenate([matrix, code])
        names = [mlp.activation] * len(mlp.hidden) if isinstance(mlp.activation, str) else mlp.activation
        h = networks.activate(h @ matrix + biases, (*names, "linear")[k], mlp.beta)
    return h


def column(values):
    return array_from(values.reshape(-1, 1))


def output(mlp, x):
    y = make_array((COUNT + 1, 2))
    mlp.forward(column(x["weights"]), array_from(x["x"]), y, COUNT, Flat(column(x["code"])))
    assert not y.to_numpy()[COUNT].any()
    return y.to_numpy()[:COUNT]


def adjoints(mlp, x, g):
    found = {"x": make_array((COUNT, 3)), "weights": make_array((mlp.size, 1)), "code": make_array((CODE, 1))}
    g_array = array_from(g)
    mlp.adjoint(
        column(x["weights"]),
        array_from(x["x"]),
        g_array,
        COUNT,
        code=Flat(column(x["code"])),
        x_adjoint=found["x"],
        weights_adjoint=found["weights"],
        code_adjoint=Flat(found["code"]),
    )
    np.testing.assert_array_equal(g_array.to_numpy(), g.astype(g_array.to_numpy().dtype))
    return {name: array.to_numpy().reshape(x[name].shape) for name, array in found.items()}


@pytest.mark.parametrize("activation", ["relu", "softplus", "tanh", ("linear", "relu", "sigmoid")])
def test_rows_equal_the_oracle(cpu64, activation):
    mlp = chain(activation=activation)
    np.testing.assert_allclose(output(mlp, inputs(mlp)), oracle(mlp, inputs(mlp)), atol=1e-12)


def test_adjoints_equal_central_differences(cpu64):
    mlp = chain()
    x, g = inputs(mlp), np.random.default_rng(3).normal(size=(COUNT, 2))
    found = adjoints(mlp, x, g)
    assert max(relative_errors(lambda x: np.sum(g * oracle(mlp, x)), x, found, x).values()) < 1e-7


def test_every_part_of_the_adjoint_can_be_left_out(cpu64):
    mlp = chain()
    x, g = inputs(mlp), np.random.default_rng(3).normal(size=(COUNT, 2))
    arguments = column(x["weights"]), array_from(x["x"]), array_from(g), COUNT
    code_adjoint = make_array((CODE, 1))
    mlp.adjoint(*arguments, code=Flat(column(x["code"])), code_adjoint=Flat(code_adjoint))
    np.testing.assert_allclose(code_adjoint.to_numpy()[:, 0], adjoints(mlp, x, g)["code"], rtol=1e-12)


def test_single_precision(any32):
    mlp = chain()
    x, g = inputs(mlp), np.random.default_rng(3).normal(size=(COUNT, 2))
    np.testing.assert_allclose(output(mlp, x), oracle(mlp, x), atol=1e-5)
    found = adjoints(mlp, x, g)
    errors = relative_errors(lambda x: np.sum(g * oracle(mlp, x)), x, found, x)
    assert max(errors.values()) < 1e-4, errors


def test_a_chain_begins_as_a_ball(cpu32):
    directions = np.random.default_rng(4).normal(size=(COUNT, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for skips in ((), (2,)):
        mlp = MLP(3, 1, (512,) * 4, skips=skips)
        y, weights = make_array((COUNT, 1)), column(mlp.initial_ball(0.5, seed=5))
        for radius in (0.25, 0.5, 0.75, 1.0):
            mlp.forward(weights, array_from(radius * directions), y, COUNT)
            assert abs(y.to_numpy().mean() - (radius - 0.5)) < 0.05, (skips, radius)
            assert y.to_numpy().std() < 0.1


def test_the_sizes_of_nerfs_networks(cpu32):
    trunk = MLP(63, 257, (256,) * 8, skips=(5,))
    head = MLP(256 + 27, 3, (128,))
    weights = 63 * 256 + 6 * 256 * 256 + 319 * 256 + 256 * 257, 283 * 128 + 128 * 3
    assert (trunk.size, head.size) == (weights[0] + 8 * 256 + 257, weights[1] + 128 + 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inputs": 0}, r"inputs: expected a whole number of at least 1, got 0"),
        ({"hidden": (4, 0)}, r"hidden\[1\]: expected a whole number of at least 1, got 0"),
        ({"skips": (0,)}, r"skips: expected hidden layers among 1 ... 3, got 0"),
        ({"activation": "gelu"}, r"activation: expected one of linear, relu, .* got 'gelu'"),
        ({"activation": ("relu",)}, r"activation: expected 4 of them, got 1"),
        ({"beta": 0}, r"beta: expected a number above 0, got 0"),
        ({"code": -1}, r"code: expected at least 0 numbers, got -1"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(dr.InputError, match=message):
        MLP(**({"inputs": 3, "outputs": 1} | settings))
