"""Grids against scipy and Keys' kernel, their adjoints against central differences, on each backend."""

import numpy as np
import pytest
from oracles import voxel_grid as oracle
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.networks import voxel_grid
from taichi_dr.kernels.networks.lattice import CUBIC, LINEAR, lattice_rows
from taichi_dr.kernels.networks.voxel_grid import Kind, PrivateSums

BOUNDS = (-1.0, 0.5, -2.0), (1.5, 2.0, -0.5)
METHODS = pytest.mark.parametrize("method", [LINEAR, CUBIC], ids=["linear", "cubic"])
KINDS = pytest.mark.parametrize(
    ("method", "components", "is_distance"),
    [(LINEAR, 2, False), (CUBIC, 2, False), (LINEAR, 1, True), (CUBIC, 1, True)],
)


def inputs(components=1, count=40, shape=(4, 3, 5), seed=1):
    """A third of the points or so is outside, beyond faces, edges and corners, and some are in the cells at the end."""
    random = np.random.default_rng(seed)
    middle, half = np.add(*BOUNDS) / 2, np.subtract(BOUNDS[1], BOUNDS[0]) / 2
    return {
        "numbers": random.normal(size=(*shape, components)),
        "points": middle + 1.3 * half * random.uniform(-1, 1, (count, 3)),
    }


class Case:
    """The arrays of some inputs."""

    def __init__(self, x, method, is_distance):
        shape = x["numbers"].shape
        self.count, self.components = len(x["points"]), shape[3]
        self.kind = Kind(self.components, method, is_distance)
        self.numbers = array_from(x["numbers"].reshape(-1, self.components))
        self.lattice, self.points = array_from(lattice_rows(*BOUNDS, shape[:3])), array_from(x["points"])
        self.sums, self.shape = PrivateSums(), shape

    def values(self):
        out = make_array((self.count, self.components))
        voxel_grid.interpolate(self.numbers, self.lattice, self.points, out, self.count, self.kind)
        return out.to_numpy()

    def with_gradients(self):
        out, gradients = make_array((self.count, 1)), make_array((self.count, 3))
        voxel_grid.value_and_gradient(self.numbers, self.lattice, self.points, out, gradients, self.count, self.kind)
        return out.to_numpy(), gradients.to_numpy()

    def adjoints(self, weights, to_points=True):
        numbers_adjoint, points_adjoint = make_array(self.numbers.shape), make_array(self.points.shape)
        where = points_adjoint if to_points else None, numbers_adjoint, self.sums, self.count, self.kind
        if isinstance(weights, tuple):
            weights = tuple(array_from(w) for w in weights)
            voxel_grid.value_and_gradient_adjoint(self.numbers, self.lattice, self.points, weights, *where)
        else:
            voxel_grid.interpolate_adjoint(self.numbers, self.lattice, self.points, array_from(weights), *where)
        return {"numbers": numbers_adjoint.to_numpy().reshape(self.shape), "points": points_adjoint.to_numpy()}


def expected(x, method, is_distance):
    if is_distance:
        return oracle.distance(x["numbers"][..., 0], BOUNDS, x["points"], method)[:, None]
    return oracle.value(x["numbers"], BOUNDS, x["points"], method)


@KINDS
def test_values_equal_the_oracle(cpu64, method, components, is_distance):
    x = inputs(components)
    got = Case(x, method, is_distance).values()
    np.testing.assert_allclose(got, expected(x, method, is_distance), atol=1e-12)


@KINDS
def test_adjoints_equal_central_differences(cpu64, method, components, is_distance):
    x, weights = inputs(components), np.random.default_rng(2).normal(size=(40, components))
    adjoints = Case(x, method, is_distance).adjoints(weights)
    errors = relative_errors(lambda x: np.sum(weights * Case(x, method, is_distance).values()), x, adjoints, x)
    assert max(errors.values()) < 1e-7, errors


@METHODS
def test_gradients_are_the_grids_own_differences(cpu64, method):
    x = inputs(count=60)
    values, gradients = Case(x, method, True).with_gradients()
    np.testing.assert_allclose(values, expected(x, method, True), atol=1e-12)
    np.testing.assert_allclose(
        gradients, oracle.gradient(x["numbers"][..., 0], BOUNDS, x["points"], method), atol=1e-12
    )


def test_a_linear_gradient_is_the_central_difference_of_values_one_spacing_apart(cpu64):
    x = inputs(shape=(8, 8, 8), count=30)
    spacing = np.subtract(BOUNDS[1], BOUNDS[0]) / 7
    x["points"] = np.add(*BOUNDS) / 2 + np.random.default_rng(3).uniform(-2, 2, (30, 3)) * spacing
    _, gradients = Case(x, LINEAR, True).with_gradients()
    for k, step in enumerate(np.diag(spacing)):
        plus, minus = (Case(x | {"points": x["points"] + s}, LINEAR, True).values()[:, 0] for s in (step, -step))
        np.testing.assert_allclose(gradients[:, k], (plus - minus) / (2 * spacing[k]), atol=1e-12)


@METHODS
def test_adjoints_of_values_with_gradients_equal_central_differences(cpu64, method):
    x, random = inputs(), np.random.default_rng(4)
    weights = random.normal(size=(40, 1)), random.normal(size=(40, 3))

    def total(x):
        values, gradients = Case(x, method, True).with_gradients()
        return np.sum(weights[0] * values) + np.sum(weights[1] * gradients)

    adjoints = Case(x, method, True).adjoints(weights)
    errors = relative_errors(total, x, adjoints, x)
    assert max(errors.values()) < 1e-7, errors


@METHODS
def test_linear_functions_are_exact_up_to_the_bounds(cpu64, method):
    x = inputs(shape=(3, 3, 3))
    slope = np.array([0.3, -0.7, 1.1])
    axes = [np.linspace(BOUNDS[0][k], BOUNDS[1][k], 3) for k in range(3)]
    x["numbers"] = (np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) @ slope)[..., None]
    x["points"] = np.clip(x["points"], *BOUNDS)
    values, gradients = Case(x, method, True).with_gradients()
    np.testing.assert_allclose(values[:, 0], x["points"] @ slope, atol=1e-12)
    np.testing.assert_allclose(gradients, np.broadcast_to(slope, (40, 3)), atol=1e-12)


@METHODS
def test_values_at_the_points_of_the_grid_are_its_numbers(cpu64, method):
    x = inputs(2)
    axes = [np.linspace(BOUNDS[0][k], BOUNDS[1][k], n) for k, n in enumerate((4, 3, 5))]
    x["points"] = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    np.testing.assert_allclose(Case(x, method, False).values(), x["numbers"].reshape(-1, 2), atol=1e-12)


def test_only_the_first_rows_are_looked_at(cpu32):
    x = inputs()
    case = Case(x, LINEAR, True)
    case.count = 7
    whole, part = Case(x, LINEAR, True).values(), case.values()
    np.testing.assert_array_equal(part, whole[:7])
    points = case.adjoints(np.ones((40, 1)))["points"]
    assert np.any(points[:7] != 0)
    assert not np.any(points[7:])


@METHODS
@pytest.mark.parametrize("with_gradients", [False, True])
def test_single_precision(any32, method, with_gradients):
    """Linear: so many points that they are cut into pieces; their sums twice, which must be as the first time."""
    count = 4200 if method == LINEAR else 300
    x, random = inputs(count=count), np.random.default_rng(5)
    case = Case(x, method, True)
    np.testing.assert_allclose(case.values(), expected(x, method, True), atol=2e-5)
    weights = random.normal(size=(count, 4 if with_gradients else 1))
    parts = (weights[:, :1], weights[:, 1:]) if with_gradients else weights
    first, again = case.adjoints(parts), case.adjoints(parts)
    some = [tuple(index) for index in random.integers(0, x["numbers"].shape, (8, 4))]
    numbers, points = oracle_adjoints(x, method, weights, some)
    for got, wanted in (([first["numbers"][index] for index in some], numbers), (first["points"], points)):
        np.testing.assert_allclose(got, wanted, atol=2e-5 * np.abs(first["numbers"]).max())
    for name in x:
        np.testing.assert_allclose(again[name], first[name], atol=1e-6 * np.abs(first[name]).max())


def oracle_adjoints(x, method, weights, some):
    """Of ``some`` numbers and of all points, by central differences of the oracle."""

    def outputs(numbers, points):
        values = oracle.distance(numbers[..., 0], BOUNDS, points, method)[:, None]
        if weights.shape[1] == 1:
            return values
        return np.concatenate([values, oracle.gradient(numbers[..., 0], BOUNDS, points, method)], axis=1)

    step, numbers_adjoint, points_adjoint = 1e-6, [], []
    for index in some:
        change = np.zeros(x["numbers"].shape)
        change[index] = step
        plus, minus = (outputs(x["numbers"] + sign * change, x["points"]) for sign in (1, -1))
        numbers_adjoint.append(np.sum(weights * (plus - minus)) / (2 * step))
    for change in step * np.eye(3):
        plus, minus = (outputs(x["numbers"], x["points"] + sign * change) for sign in (1, -1))
        points_adjoint.append(np.sum(weights * (plus - minus), axis=1) / (2 * step))
    return numbers_adjoint, np.stack(points_adjoint, axis=1)


def test_sums_do_not_depend_on_what_threads_do(cpu32):
    x = inputs(count=20000)
    first = Case(x, LINEAR, True).adjoints(np.ones((20000, 1)))["numbers"]
    for _ in range(3):
        np.testing.assert_array_equal(Case(x, LINEAR, True).adjoints(np.ones((20000, 1)))["numbers"], first)


@pytest.mark.parametrize("with_gradients", [False, True])
def test_nobody_has_to_ask_for_the_adjoints_of_points(cpu32, with_gradients):
    case, ones = Case(inputs(), LINEAR, True), np.ones((40, 3))
    weights = (ones[:, :1], ones) if with_gradients else ones[:, :1]
    alone, both = case.adjoints(weights, to_points=False), case.adjoints(weights)
    np.testing.assert_allclose(alone["numbers"], both["numbers"], atol=1e-5)
    assert not np.any(alone["points"])
    assert np.any(both["points"])
