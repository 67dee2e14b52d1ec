"""The hash grid against its formulas, its adjoints against central differences, on each backend."""

import numpy as np
import taichi as ti
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.networks import hash_grid, hash_levels
from tests.oracles import hash_grid as oracle
from tests.oracles.differences import relative_errors

BOUNDS = (-1.0, 0.5, -2.0), (1.5, 2.0, -0.5)
LEVELS, COARSEST, FINEST, MOST_ROWS, WIDTH = 4, 3, 20, 256, 2
CELLS = [3, 5, 10, 20]  # the first two have a row for every point, 64 and 216, the others 256 rows
MANY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def inputs(count=60, seed=1, outside=1.1):
    random = np.random.default_rng(seed)
    middle, half = np.add(*BOUNDS) / 2, np.subtract(BOUNDS[1], BOUNDS[0]) / 2
    rows = hash_levels.level_rows(LEVELS, COARSEST, FINEST, MOST_ROWS)[:, 2].sum()
    return {
        "table": random.normal(size=(rows, WIDTH)),
        "points": middle + outside * half * random.uniform(-1, 1, (count, 3)),
    }


class Case:
    """The arrays of some inputs."""

    def __init__(self, x):
        self.levels = array_from(hash_levels.level_rows(LEVELS, COARSEST, FINEST, MOST_ROWS), ti.i32)
        self.box = array_from(hash_levels.box_rows(*BOUNDS))
        self.table, self.points, self.count = array_from(x["table"]), array_from(x["points"]), len(x["points"])
        self.buffers = Buffers()

    def features(self):
        out = make_array((self.count, LEVELS * WIDTH))
        hash_grid.encode(self.table, self.levels, self.box, self.points, out, self.count, WIDTH)
        return out.to_numpy()

    def adjoints(self, weights):
        table_adjoint, points_adjoint = make_array(self.table.shape), make_array(self.points.shape)
        where = self.table, self.levels, self.box, self.points, array_from(weights)
        to = points_adjoint, table_adjoint, self.count, WIDTH, self.buffers
        hash_grid.encode_adjoint(*where, *to)
        return {"table": table_adjoint.to_numpy(), "points": points_adjoint.to_numpy()}


def expected(x):
    tables = np.split(x["table"], np.cumsum([min((n + 1) ** 3, MOST_ROWS) for n in CELLS])[:-1])
    return oracle.encode(tables, CELLS, MOST_ROWS, BOUNDS, x["points"])


def random_weights(count=60, seed=2):
    return np.random.default_rng(seed).normal(size=(count, LEVELS * WIDTH))


def test_levels_are_those_of_the_paper():
    rows = hash_levels.level_rows(16, 16, 512, 1 << 14)
    assert rows[:, 0].tolist() == oracle.resolutions(16, 16, 512)
    assert rows[0].tolist() == [16, 0, 4913, 0]
    assert rows[-1].tolist() == [512, rows[-2, 1] + (1 << 14), 1 << 14, 1]
    assert hash_levels.level_rows(1, 16, 512, 1 << 14)[:, 0].tolist() == [16]


def test_features_equal_the_oracle(cpu64):
    np.testing.assert_allclose(Case(inputs()).features(), expected(inputs()), atol=1e-12)


def test_adjoints_equal_central_differences(cpu64):
    x, weights = inputs(), random_weights()
    errors = relative_errors(lambda x: np.sum(weights * Case(x).features()), x, Case(x).adjoints(weights), x)
    assert max(errors.values()) < 1e-7, errors


def test_single_precision(any32):
    x, weights = inputs(), random_weights()
    np.testing.assert_allclose(Case(x).features(), expected(x), atol=2e-5)
    errors = relative_errors(lambda x: np.sum(weights * expected(x)), x, Case(x).adjoints(weights), x)
    assert max(errors.values()) < 1e-4, errors


def test_many_samples_give_the_same_adjoint_every_time(any32):
    x, weights = inputs(count=5000, outside=1.0), random_weights(5000)
    case = Case(x)
    first = case.adjoints(weights)["table"]
    assert np.array_equal(case.adjoints(weights)["table"], first)
    sums = np.array([part.sum() for part in np.split(first, np.cumsum(case.levels.to_numpy()[:-1, 2]))])
    np.testing.assert_allclose(sums, weights.reshape(-1, LEVELS, WIDTH).sum((0, 2)), rtol=1e-4)  # weights add up to 1


def test_adjoints_of_all_sizes_keep_their_digits(any32):
    x, weights = inputs(), random_weights() * 10.0 ** np.repeat(np.arange(-3, 1), WIDTH)
    got = Case(x).adjoints(weights)["table"][:64]  # of the first level, a thousandth of the last one's
    want = Case(x).adjoints(random_weights())["table"][:64] * 1e-3
    np.testing.assert_allclose(got, want, atol=1e-3 * np.abs(want).max())


@MANY
@given(point=st.tuples(*[st.integers(0, 3)] * 3))
def test_at_a_point_of_an_unhashed_level_features_are_its_row(cpu64, point):
    x = inputs()
    lower, upper = np.array(BOUNDS)
    x["points"] = lower + (upper - lower) * np.array([point]) / 3
    row = point[0] + 4 * (point[1] + 4 * point[2])
    np.testing.assert_allclose(Case(x).features()[0, :WIDTH], x["table"][row], atol=1e-12)


@MANY
@given(st.tuples(*[st.floats(-2, 3)] * 3), st.tuples(*[st.integers(-1, 1)] * 3), st.integers(0, 2))
def test_features_are_continuous_and_between_the_rows(cpu64, point, way, axis):
    x = inputs()
    lower, upper = np.array(BOUNDS)
    on_cell = np.array(point)
    on_cell[axis] = np.round(on_cell[axis] * 20) / 20  # on a wall between two cells of the finest level
    base = lower + (upper - lower) * on_cell
    x["points"] = np.stack([base, base + 1e-9 * np.array(way)])
    here, there = Case(x).features()
    assert np.abs(here - there).max() < 1e-6
    assert np.abs(here).max() <= np.abs(x["table"]).max()


def test_beyond_the_bounds_features_and_slopes_are_those_at_them(cpu64):
    x = {**inputs(), "points": np.array([[9.0, 1.0, -1.0], [1.5, 1.0, -1.0]])}
    beyond, at = Case(x).features()
    np.testing.assert_array_equal(beyond, at)
    assert Case(x).adjoints(random_weights(2))["points"][0, 0] == 0


def test_rows_beyond_the_count_are_left_alone(cpu32):
    case = Case(inputs(count=3))
    case.count = 2
    out = make_array((3, LEVELS * WIDTH))
    hash_grid.encode(case.table, case.levels, case.box, case.points, out, 2, WIDTH)
    assert not out.to_numpy()[2].any()
    assert out.to_numpy()[:2].all()
