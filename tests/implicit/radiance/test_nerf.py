"""The network of NeRF against NumPy and central differences, and networks that others have trained."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from oracles import nerf as oracle
from oracles.differences import relative_errors

import taichi_dr as dr
from taichi_dr.implicit.radiance.foreign import read_networks
from taichi_dr.implicit.radiance.nerf import NeRF, Noise
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.networks.dense import Block

TRAINED = Path(__file__).parents[4] / "shared" / "data" / "networks" / "nerf_pytorch_hotdog_lowres.npz"
COUNT = 4700  # two chunks
SHAPES = {
    "paper": {"skips": (2,)},
    "deviating": {"skips": (), "activations": ("linear", "relu", "relu"), "feature_activation": "relu"},
    "without directions": {"skips": (1,), "direction_frequencies": None},
}


def small(shape, **settings):
    return NeRF(
        2,
        **(
            {"direction_frequencies": 1, "hidden": (9, 8, 7), "features": 6, "color_hidden": (5,)}
            | SHAPES[shape]
            | settings
        ),
    )


def inputs(nerf):
    random = np.random.default_rng(1)
    directions = random.normal(size=(COUNT, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    numbers = {name: nerf.numpy(name) + 0.1 * random.normal(size=nerf.numpy(name).shape) for name in nerf.fields.arrays}
    return {"points": random.uniform(-1, 1, (COUNT, 3)), "directions": directions} | numbers


def expected(nerf, x):
    activations = nerf._trunk.activation
    settings = {
        "position_frequencies": nerf.position_frequencies,
        "direction_frequencies": nerf.direction_frequencies,
        "skips": nerf._trunk.skips,
        "activations": [activations] * 3 if isinstance(activations, str) else activations,
        "feature_activation": nerf.feature_activation,
    }
    layers = [nerf.layers(name, x[name]) if name in x else [] for name in ("trunk", "color")]
    return oracle.values(settings, *layers, x["points"], x["directions"])


def found(nerf, x):
    for name in nerf.fields.arrays:
        nerf.set(name, x[name])
    density, color = nerf.at(x["points"], x["directions"])
    return np.concatenate([density[:, None], color], axis=1)


def adjoints(nerf, x, g):
    found(nerf, x)
    nerf.fields.zero_adjoints()
    of = {name: make_array((COUNT, 3)) for name in ("points", "directions")}
    g_array = array_from(g)
    nerf.adjoint(*(array_from(x[name]) for name in of), g_array, *of.values(), COUNT)
    np.testing.assert_array_equal(g_array.to_numpy(), g.astype(g_array.to_numpy().dtype))
    return {name: array.to_numpy().reshape(x[name].shape) for name, array in (of | nerf.fields.adjoints).items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_values_equal_the_oracle(cpu64, shape):
    nerf = small(shape)
    x = inputs(nerf)
    np.testing.assert_allclose(found(nerf, x), expected(nerf, x), atol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_adjoints_equal_central_differences(cpu64, shape):
    nerf = small(shape)
    x, g = inputs(nerf), np.random.default_rng(3).normal(size=(COUNT, 4))
    of = adjoints(nerf, x, g)
    errors = relative_errors(lambda x: np.sum(g * expected(nerf, x)), x, of, x, step=1e-7)
    assert max(errors.values()) < 1e-6, errors


def test_single_precision(any32):
    nerf = small("paper")
    x, g = inputs(nerf), np.random.default_rng(3).normal(size=(COUNT, 4))
    np.testing.assert_allclose(found(nerf, x), expected(nerf, x), atol=1e-5)
    errors = relative_errors(lambda x: np.sum(g * expected(nerf, x)), x, adjoints(nerf, x, g), x, step=1e-7)
    assert max(errors.values()) < 1e-4, errors


def test_nobody_has_to_ask_for_adjoints_of_points(cpu64):
    nerf = small("paper")
    x, g = inputs(nerf), np.random.default_rng(3).normal(size=(COUNT, 4))
    of = adjoints(nerf, x, g)
    nerf.fields.zero_adjoints()
    nerf.adjoint(array_from(x["points"]), array_from(x["directions"]), array_from(g), None, None, COUNT)
    for name, adjoint in nerf.fields.adjoints.items():
        np.testing.assert_allclose(adjoint.to_numpy()[:, 0], of[name], atol=1e-12)


def test_the_papers_network(cpu32):
    """Figure 7, with a bias for every layer."""
    nerf = NeRF()
    layers = [(63, 256), *[(256, 256)] * 4, (319, 256), *[(256, 256)] * 2, (256, 257)]
    assert [matrix.shape for matrix, _ in nerf.layers("trunk", nerf.numpy("trunk"))] == layers
    assert [matrix.shape for matrix, _ in nerf.layers("color", nerf.numpy("color"))] == [(283, 128), (128, 3)]
    assert len(nerf.numpy("trunk")) + len(nerf.numpy("color")) == 595844
    assert nerf.coarse.numpy("trunk").shape == nerf.numpy("trunk").shape
    assert (nerf.coarse.numpy("trunk") != nerf.numpy("trunk")).any()


def test_noise_is_normal_and_the_same_on_every_backend(any32):
    nerf = small("paper", coarse=False)
    nerf.set("trunk", np.zeros_like(nerf.numpy("trunk")))
    nerf.layers("trunk", numbers := nerf.numpy("trunk"))[-1][1][0] = 100  # a density that noise leaves positive
    nerf.set("trunk", numbers)
    nerf.fields.pull()
    points, values = make_array((1000, 3)), make_array((1000, 4))
    nerf.forward_chunk(Block(points), Block(points), Block(values), 1000, Noise(2.0, 5, 7))
    noise = (values.to_numpy()[:, 0] - 100) / 2
    assert abs(noise.mean()) < 0.1
    assert abs(noise.std() - 1) < 0.05
    np.testing.assert_allclose(noise[:3], [1.306492, -0.582397, -0.797470], atol=1e-4)


def state(rng, widths, encoded, prefix, names, point_first=True):
    """Random layers by name: hidden ones of those widths with the point again for the third, and the heads."""
    hidden, density, features, color, rgb = names
    arrays, before = {}, encoded
    for k, width in enumerate(widths):
        inputs = before + (encoded if k == 2 else 0)
        arrays |= layer(rng, prefix + hidden(k), inputs, width)
        before = width
    arrays |= layer(rng, prefix + density, before, 1) | layer(rng, prefix + features, before, 6)
    return arrays | layer(rng, prefix + color, 6 + 9, 5) | layer(rng, prefix + rgb, 5, 3)


def layer(rng, name, inputs, outputs):
    return {f"{name}.weight": rng.normal(size=(outputs, inputs)), f"{name}.bias": rng.normal(size=outputs)}


NAMES = {
    "nerf-pytorch": (lambda k: f"pts_linears.{k}", "alpha_linear", "feature_linear", "views_linears.0", "rgb_linear"),
    "nerf_pl": (lambda k: f"xyz_encoding_{k + 1}.0", "sigma", "xyz_encoding_final", "dir_encoding.0", "rgb.0"),
}


@pytest.mark.parametrize("program", NAMES)
def test_layers_of_other_programs(cpu64, program):
    """Both have the point before what joins it: weights of the third layer are in another order than ours."""
    rng = np.random.default_rng(4)
    arrays = state(rng, (8, 7, 6), 15, "fine.", NAMES[program]) | state(rng, (8, 7, 6), 15, "coarse.", NAMES[program])
    nerf = NeRF.from_layers(arrays)
    points, directions = rng.normal(size=(2, 5, 3))
    for which, network in (("fine", nerf), ("coarse", nerf.coarse)):
        hidden, density, features, color, rgb = NAMES[program]

        def apply(x, name, which=which):
            return x @ arrays[f"{which}.{name}.weight"].T + arrays[f"{which}.{name}.bias"]

        encoded = oracle.positional(points, 2)
        h = np.maximum(apply(encoded, hidden(0)), 0)
        h = np.maximum(apply(h, hidden(1)), 0)
        h = np.maximum(apply(np.concatenate([encoded, h], axis=1), hidden(2)), 0)
        c = np.concatenate([apply(h, features), oracle.positional(directions, 1)], axis=1)
        c = oracle.activate(apply(np.maximum(apply(c, color), 0), rgb), "sigmoid")
        found_density, found_color = network.at(points, directions)
        np.testing.assert_allclose(found_density, np.maximum(apply(h, density)[:, 0], 0), atol=1e-12)
        np.testing.assert_allclose(found_color, c, atol=1e-12)


def test_the_papers_model_of_krrish94(cpu64):
    """Its density is a layer behind the features, and of four colour layers its program uses three."""
    rng = np.random.default_rng(7)
    shapes = {"layers_xyz.0": (15, 8), "layers_xyz.1": (8, 8), "layers_xyz.2": (23, 8), "fc_feat": (8, 8)}
    shapes |= {"fc_alpha": (8, 1), "layers_dir.0": (17, 4), "layers_dir.1": (4, 4), "layers_dir.2": (4, 4)}
    shapes |= {"layers_dir.3": (4, 4), "fc_rgb": (4, 3)}
    arrays = {}
    for name, shape in shapes.items():
        arrays |= layer(rng, name, *shape)

    def apply(x, name):
        return x @ arrays[f"{name}.weight"].T + arrays[f"{name}.bias"]

    points, directions = rng.normal(size=(2, 5, 3))
    encoded = oracle.positional(points, 2)
    h = np.maximum(apply(np.maximum(apply(encoded, "layers_xyz.0"), 0), "layers_xyz.1"), 0)
    h = np.maximum(apply(np.concatenate([encoded, h], axis=1), "layers_xyz.2"), 0)
    features = apply(h, "fc_feat")
    c = np.concatenate([features, oracle.positional(directions, 1)], axis=1)
    for k in range(3):
        c = np.maximum(apply(c, f"layers_dir.{k}"), 0)
    density, color = NeRF.from_layers(arrays).at(points, directions)
    np.testing.assert_allclose(density, np.maximum(apply(features, "fc_alpha")[:, 0], 0), atol=1e-12)
    np.testing.assert_allclose(color, oracle.activate(apply(c, "fc_rgb"), "sigmoid"), atol=1e-12)


def test_encodings_without_the_numbers_themselves(cpu64):
    """Such networks have 6 L inputs; their numbers for the point itself are zero here."""
    rng = np.random.default_rng(8)
    arrays = layer(rng, "pts_linears.0", 12, 4) | layer(rng, "output_linear", 4, 4)
    points = rng.normal(size=(5, 3))
    density, _ = NeRF.from_layers(arrays).at(points, points)
    waves = oracle.positional(points, 2)[:, 3:]
    h = np.maximum(waves @ arrays["pts_linears.0.weight"].T + arrays["pts_linears.0.bias"], 0)
    out = h @ arrays["output_linear.weight"].T + arrays["output_linear.bias"]
    np.testing.assert_allclose(density, np.maximum(out[:, 3], 0), atol=1e-13)


def test_a_network_without_directions_of_another_program(cpu64):
    rng = np.random.default_rng(5)
    arrays = layer(rng, "pts_linears.0", 9, 4) | layer(rng, "output_linear", 4, 4)
    points = rng.normal(size=(5, 3))
    density, color = NeRF.from_layers(arrays).at(points, points)
    h = np.maximum(oracle.positional(points, 1) @ arrays["pts_linears.0.weight"].T + arrays["pts_linears.0.bias"], 0)
    out = h @ arrays["output_linear.weight"].T + arrays["output_linear.bias"]
    np.testing.assert_allclose(density, np.maximum(out[:, 3], 0), atol=1e-13)
    np.testing.assert_allclose(color, oracle.activate(out[:, :3], "sigmoid"), atol=1e-13)


@pytest.mark.skipif(not TRAINED.exists(), reason="no trained network at hand")
def test_a_trained_network(any32):
    """Its first layer has no ReLU and its features have one; densities reach thousands."""
    nerf, arrays = NeRF.load(TRAINED), dict(np.load(TRAINED))
    rng = np.random.default_rng(6)
    points, directions = rng.uniform(-1.5, 1.5, (2000, 3)), rng.normal(size=(2000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for which, network in (("fine", nerf), ("coarse", nerf.coarse)):
        layers = {name.removeprefix(f"{which}."): array for name, array in arrays.items() if name.startswith(which)}
        density, color = network.at(points, directions)
        expected = oracle.flexible_values(layers, points, directions)
        np.testing.assert_allclose(density, expected[:, 0], rtol=1e-4, atol=1e-5 * expected[:, 0].max())
        np.testing.assert_allclose(color, expected[:, 1:], atol=2e-4)


def test_networks_come_back_from_files(cpu32, tmp_path):
    nerf = small("deviating")
    nerf.save(tmp_path / "nerf.npz")
    again = NeRF.load(tmp_path / "nerf.npz")
    for one, other in ((nerf, again), (nerf.coarse, again.coarse)):
        for name in ("trunk", "color"):
            np.testing.assert_array_equal(one.numpy(name), other.numpy(name))
    point = (0.1, 0.2, 0.3), (0, 0, 1)
    np.testing.assert_array_equal(nerf.at(*point)[1], again.at(*point)[1])


def test_bad_files_are_named(cpu32, tmp_path):
    path = tmp_path / "nerf.npz"
    with pytest.raises(dr.FileError, match=r"nerf\.npz"):
        NeRF.load(path)
    small("paper").save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(dr.FileError, match=r"nerf\.npz: is no NeRF"):
        NeRF.load(path)
    np.savez(path, weights=np.ones(3))
    with pytest.raises(dr.FileError, match=r"expected layers as nerf-pytorch, .* got weights"):
        NeRF.load(path)
    small("paper").save(path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["fine/trunk"] = arrays["fine/trunk"][:-1]
    np.savez(path, **arrays)
    with pytest.raises(dr.FileError, match=r"fine/trunk: expected \d+ finite numbers"):
        NeRF.load(path)
    assert zipfile.is_zipfile(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"fine.pts_linears.1.weight": np.ones((7, 9))},
            r"fine\.pts_linears\.1: expected 8 inputs, or 23 with the point",
        ),
        ({"fine.views_linears.0.weight": np.ones((5, 16))}, r"expected 3 \+ 6 L or 6 L numbers of a direction, got 10"),
        (
            {"fine.rgb_linear.weight": np.ones((4, 5)), "fine.rgb_linear.bias": np.ones(4)},
            r"rgb_linear.*expected shape",
        ),
        ({"fine.alpha_linear.weight": None}, r"fine\.: expected a layer alpha_linear"),
        ({"fine.rgb_linear.bias": np.full(3, np.nan)}, r"fine\.rgb_linear: expected finite numbers"),
        ({"fine.rgb_linear.bias": None}, r"fine\.rgb_linear: expected a weight .* and none"),
        ({"other.rgb_linear.weight": np.ones((3, 5)), "other.pts_linears.0.weight": 1}, r"other"),
    ],
)
def test_layers_that_do_not_fit_are_named(change, message):
    rng = np.random.default_rng(4)
    arrays = state(rng, (8, 7, 6), 15, "fine.", NAMES["nerf-pytorch"])
    arrays = {name: array for name, array in (arrays | change).items() if array is not None}
    with pytest.raises((dr.InputError, dr.ShapeError), match=message):
        read_networks(arrays)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"position_frequencies": -1}, r"position_frequencies: expected a whole number of at least 0, got -1"),
        ({"direction_frequencies": 0.5}, r"direction_frequencies: expected a whole number"),
        ({"feature_activation": "gelu"}, r"feature_activation: expected one of linear"),
        ({"hidden": (4, 0), "skips": ()}, r"hidden\[1\]: expected a whole number"),
    ],
)
def test_bad_settings_are_named(cpu32, settings, message):
    with pytest.raises(dr.InputError, match=message):
        NeRF(**settings)


def test_points_of_other_shapes_are_refused(cpu32):
    nerf = small("paper", coarse=False)
    with pytest.raises(dr.ShapeError, match=r"expected points and directions"):
        nerf.at(np.ones((4, 2)), (0, 0, 1))
    with pytest.raises(dr.ShapeError, match=r"do not fit"):
        nerf.at(np.ones((4, 3)), np.ones((5, 3)))
