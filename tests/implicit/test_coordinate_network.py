"""Networks of coordinates against NumPy and central differences, and what they learn with and without waves."""

import numpy as np
import pytest
from oracles import networks
from oracles.differences import relative_errors

import taichi_dr as dr
from taichi_dr.kernels.base.arrays import array_from, make_array

COUNT = 1030  # two chunks
ENCODINGS = {
    "plain": (lambda: None, lambda x: x),
    "positional": (lambda: dr.encodings.Positional(2), lambda x: networks.positional(x, 2)),
    "fourier": (lambda: dr.encodings.Fourier([[0.3, 1, 2], [1, -0.5, 0]]), lambda x: networks.fourier(x, MATRIX)),
}
MATRIX = np.array([[0.3, 1, 2], [1, -0.5, 0]])


def network(encoding):
    return dr.CoordinateNetwork(2, 3, encoding=ENCODINGS[encoding][0](), hidden=(7, 6), activation="tanh")


def inputs(net):
    random = np.random.default_rng(1)
    return {"x": random.uniform(-1, 1, (COUNT, 2)), "weights": random.normal(size=net.variable("weights").shape)}


def expected(net, encoding, x):
    h = ENCODINGS[encoding][1](x["x"])
    for k, (matrix, _, biases) in enumerate(net._mlp.layers(x["weights"])):
        h = networks.activate(h @ matrix + biases, ("tanh", "tanh", "sigmoid")[k])
    return h


def found(net, x):
    net.fields.set("weights", x["weights"])
    return net.at(x["x"])


def adjoints(net, x, g):
    found(net, x)
    net.fields.zero_adjoints()
    x_adjoint = make_array((COUNT, 2))
    net.adjoint(array_from(x["x"]), array_from(g), x_adjoint, COUNT)
    return {"x": x_adjoint.to_numpy(), "weights": net.fields.adjoints["weights"].to_numpy()[:, 0]}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_values_and_adjoints(cpu64, encoding):
    net = network(encoding)
    x, g = inputs(net), np.random.default_rng(2).normal(size=(COUNT, 3))
    np.testing.assert_allclose(found(net, x), expected(net, encoding, x), atol=1e-13)
    errors = relative_errors(lambda x: np.sum(g * expected(net, encoding, x)), x, adjoints(net, x, g), x)
    assert max(errors.values()) < 1e-7, errors


def test_single_precision(any32):
    net = network("positional")
    x, g = inputs(net), np.random.default_rng(2).normal(size=(COUNT, 3))
    np.testing.assert_allclose(found(net, x), expected(net, "positional", x), atol=1e-5)
    errors = relative_errors(lambda x: np.sum(g * expected(net, "positional", x)), x, adjoints(net, x, g), x)
    assert max(errors.values()) < 1e-4, errors


def test_waves_learn_detail(cpu32):
    """Stripes, 8 of them: a network of plain coordinates learns their mean; the loss is of the rows it looked at."""
    x = np.linspace(0, 1, 256, endpoint=False)[:, None]
    y = 0.5 + 0.4 * np.sin(16 * np.pi * x)
    losses = {}
    for name, encoding in (("plain", None), ("waves", dr.encodings.Fourier.gaussian(1, 32, 6.0))):
        net = dr.CoordinateNetwork(1, 1, encoding=encoding, hidden=(32, 32))
        losses[name] = net.fit(x, y, steps=150, lr=1e-2, batch=128)[-1]
        assert losses[name] == pytest.approx(np.mean((net.at(x) - y) ** 2), rel=0.5)
    assert losses["plain"] > 0.05
    assert losses["waves"] < 0.01


def test_the_first_loss_is_the_mean_square_of_the_differences(cpu64):
    net = dr.CoordinateNetwork(1, 2, hidden=(4,))
    x, y = np.random.default_rng(3).uniform(size=(9, 1)), np.random.default_rng(4).uniform(size=(9, 2))
    before = np.mean((net.at(x) - y) ** 2)
    seen = []
    assert net.fit(x, y, steps=2, on_step=lambda *at: seen.append(at))[0] == pytest.approx(before, rel=1e-12)
    assert seen == [(1, 2), (2, 2)]


def test_what_is_refused(cpu32):
    with pytest.raises(dr.InputError, match=r"output: expected one of linear"):
        dr.CoordinateNetwork(output="gelu")
    with pytest.raises(dr.InputError, match=r"matrix: expected a row for each of 2 coordinates, got 3"):
        dr.CoordinateNetwork(2, encoding=dr.encodings.Fourier(np.eye(3)))
    with pytest.raises(dr.InputError, match=r"frequencies: expected a whole number"):
        dr.encodings.Positional(1.5)
    with pytest.raises(dr.InputError, match=r"matrix: expected finite numbers"):
        dr.encodings.Fourier([[np.nan]])
    net = dr.CoordinateNetwork(2, 3, hidden=(4,))
    with pytest.raises(dr.ShapeError, match=r"x: expected shape \(rows, 2\), got \(4, 3\)"):
        net.fit(np.ones((4, 3)), np.ones((4, 3)))
    with pytest.raises(dr.ShapeError, match=r"as many rows, got 4 and 5"):
        net.fit(np.ones((4, 2)), np.ones((5, 3)))
    with pytest.raises(dr.InputError, match=r"y: expected finite numbers, got 1 others"):
        net.fit(np.ones((1, 2)), [[1, 2, np.nan]])
    with pytest.raises(dr.InputError, match=r"steps: expected a whole number"):
        net.fit(np.ones((1, 2)), np.ones((1, 3)), steps=0)
    with pytest.raises(dr.ShapeError, match=r"x: expected shape \(\.\.\., 2\)"):
        net.at(np.ones(3))
