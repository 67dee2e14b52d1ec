"""The radiance field of a hash grid against its parts in NumPy, its gradients against central differences."""

import numpy as np
import pytest

from taichi_dr.errors import InputError, RuntimeStateError, ShapeError
from taichi_dr.implicit.networks import MLP
from taichi_dr.implicit.radiance.hash_nerf import HashNeRF
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.networks import hash_levels
from tests.kernels.networks.test_spherical_harmonics import oracle as harmonics
from tests.oracles import hash_grid as grid_oracle
from tests.oracles.differences import relative_errors

BOUNDS = (-1.0, 0.5, -2.0), (1.5, 2.0, -0.5)
SIZES = {"levels": 3, "width": 2, "coarsest": 3, "finest": 12, "most_rows": 256}
CELLS = [3, 6, 12]
COUNT = 1100  # two chunks
NAMES = "table", "density_weights", "color_weights"


def make():
    return HashNeRF(BOUNDS, **SIZES, density_hidden=(8,), color_hidden=(8,), seed=1)


def inputs(field):
    random = np.random.default_rng(2)
    directions = random.normal(size=(COUNT, 3))
    middle, half = np.add(*BOUNDS) / 2, np.subtract(BOUNDS[1], BOUNDS[0]) / 2
    x = {
        "points": middle + 1.1 * half * random.uniform(-1, 1, (COUNT, 3)),
        "directions": directions / np.linalg.norm(directions, axis=1, keepdims=True),
    }
    return x | {name: field.numpy(name) + 0.3 * random.normal(size=field.numpy(name).shape) for name in NAMES}


def chain(mlp, weights, x):
    *hidden, last = mlp.layers(weights)
    for matrix, _, biases in hidden:
        x = np.maximum(x @ matrix + biases, 0)
    return x @ last[0] + last[2]


def oracle(x):
    rows = hash_levels.level_rows(3, 3, 12, 256)[:, 2]
    tables = np.split(x["table"].reshape(-1, 2), np.cumsum(rows)[:-1])
    features = grid_oracle.encode(tables, CELLS, 256, BOUNDS, x["points"])
    h = chain(MLP(6, 16, (8,)), x["density_weights"], features)
    colors = chain(MLP(32, 3, (8,)), x["color_weights"], np.concatenate([harmonics(x["directions"], 3), h], axis=1))
    return np.concatenate([np.exp(h[:, :1]), 1 / (1 + np.exp(-colors))], axis=1)


def load(field, x):
    for name in NAMES:
        field.set(name, x[name])
    field.fields.pull()
    return array_from(x["points"]), array_from(x["directions"])


def values(field, x):
    out = make_array((COUNT + 1, 4))
    field.forward(*load(field, x), out, COUNT)
    assert not out.to_numpy()[COUNT].any()
    return out.to_numpy()[:COUNT]


def adjoints(field, x, g):
    arrays = load(field, x)
    points_adjoint, directions_adjoint = make_array((COUNT, 3)), make_array((COUNT, 3))
    field.fields.zero_adjoints()
    field.adjoint(*arrays, array_from(g), points_adjoint, directions_adjoint, COUNT)
    found = {name: field.fields.adjoints[name].to_numpy().reshape(x[name].shape) for name in NAMES}
    return found | {"points": points_adjoint.to_numpy(), "directions": directions_adjoint.to_numpy()}


def random_weights():
    return np.random.default_rng(3).normal(size=(COUNT, 4))


def test_values_equal_the_oracle(cpu64):
    field = make()
    x = inputs(field)
    np.testing.assert_allclose(values(field, x), oracle(x), rtol=1e-11)


def test_gradients_equal_central_differences(cpu64):
    field, g = make(), random_weights()
    x = inputs(field)
    errors = relative_errors(lambda x: np.sum(g * values(field, x)), x, adjoints(field, x, g), x)
    assert max(errors.values()) < 1e-6, errors  # kinks of ReLU


def test_single_precision(any32):
    field, g = make(), random_weights()
    x = inputs(field)
    np.testing.assert_allclose(values(field, x), oracle(x), rtol=1e-4, atol=1e-5)
    found = adjoints(field, x, g)
    for name in NAMES:  # slopes by points jump between cells, those by directions are along the sphere
        assert max(relative_errors(lambda x: np.sum(g * oracle(x)), x, found, [name]).values()) < 1e-4, name


def test_densities_are_those_of_forward(any32):
    field = make()
    x = inputs(field)
    out = make_array((COUNT, 1))
    points, _ = load(field, x)
    field.densities(points, out, COUNT)
    np.testing.assert_allclose(out.to_numpy()[:, 0], values(field, x)[:, 0], rtol=1e-6)


def test_begins_with_a_density_of_one_in_the_longest_side(cpu32):
    field = make()
    x = {name: field.numpy(name) for name in NAMES} | {k: v for k, v in inputs(field).items() if k not in NAMES}
    np.testing.assert_allclose(values(field, x)[:, 0], 1 / 2.5, rtol=0.02)


def test_arrays_make_the_field_again(any32):
    field = make()
    x = inputs(field)
    load(field, x)
    density, color = field.at(x["points"], x["directions"])
    np.testing.assert_allclose(np.column_stack([density, color]), oracle(x), rtol=1e-4, atol=1e-5)
    again = HashNeRF.from_arrays(field.arrays())
    np.testing.assert_array_equal(again.at(x["points"], x["directions"])[0], density)
    assert again.cells.tolist() == CELLS


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("levels", 500_000, "density_weights"),
        ("width", 7, "density_weights"),
        ("finest", 5, "table"),
        ("most_rows", 16, "table"),
        ("color_hidden", [8, 8], "color_weights"),
    ],
)
def test_arrays_of_other_sizes_are_refused_before_a_field_is_made(cpu32, monkeypatch, name, size, words):
    arrays = make().arrays() | {name: np.array(size)}
    monkeypatch.setattr(HashNeRF, "__init__", lambda *a, **b: pytest.fail("it is made"))
    with pytest.raises(ShapeError, match=rf"{words}: expected shape .* for these sizes, got"):
        HashNeRF.from_arrays(arrays)


def test_same_seed_same_field(cpu32):
    for name in NAMES:
        np.testing.assert_array_equal(make().numpy(name), make().numpy(name))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"bounds": (1, -1)}, "bounds: expected lower < upper"),
        ({"most_rows": 1000}, "most_rows: expected a power of two, got 1000"),
        ({"levels": 0}, "levels: expected a whole number of at least 1, got 0"),
        ({"coarsest": 8, "finest": 4}, "finest: expected at least coarsest = 8, got 4"),
        ({"density_hidden": (0,)}, "hidden"),
    ],
)
def test_bad_arguments_are_named(cpu32, arguments, words):
    with pytest.raises(InputError, match=words):
        HashNeRF(**({"bounds": (-1, 1)} | arguments))


def test_another_runtime_is_noticed(own_runtime, cpu32):
    import taichi_dr as dr

    field = make()
    dr.init("cpu")
    with pytest.raises(RuntimeStateError):
        field.check()
