"""A hash grid of whole vectors on the CPU: the oracle's features, and the adjoints of the other kernels."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.networks import hash_grid, hash_levels, hash_vectors
from tests.oracles import hash_grid as oracle

BOUNDS = (-1.0, 0.5, -2.0), (1.5, 2.0, -0.5)
CELLS = [3, 7, 20]  # the first one alone has a row for every point
MOST_ROWS, COUNT = 256, 700
WIDTHS = pytest.mark.parametrize("width", [4, 8])


def inputs(width):
    random = np.random.default_rng(1)
    rows = hash_levels.level_rows(3, 3, 20, MOST_ROWS)
    middle, half = np.add(*BOUNDS) / 2, np.subtract(BOUNDS[1], BOUNDS[0]) / 2
    points = middle + 1.1 * half * random.uniform(-1, 1, (COUNT, 3))
    return rows, random.normal(size=(rows[:, 2].sum(), width)), points, random.normal(size=(COUNT, 3 * width))


def arrays(rows, points):
    return array_from(rows, ti.i32), array_from(hash_levels.box_rows(*BOUNDS)), array_from(points)


@WIDTHS
def test_features_equal_the_oracle(cpu32, width):
    rows, table, points, _ = inputs(width)
    out = array_from(np.full((COUNT + 1, 3 * width + 4), 7.0))  # there is more than what is written
    hash_vectors.encode(array_from(table), *arrays(rows, points), out, COUNT, width)
    tables = np.split(table, np.cumsum(rows[:-1, 2]))
    expected = oracle.encode(tables, CELLS, MOST_ROWS, BOUNDS, points)
    found = out.to_numpy()
    np.testing.assert_allclose(found[:COUNT, : 3 * width], expected, atol=2e-5)
    assert (found[COUNT] == 7).all()
    assert (found[:, 3 * width :] == 7).all()


@WIDTHS
def test_adjoints_are_those_of_number_by_number(cpu32, width, monkeypatch):
    rows, table, points, g = inputs(width)

    def added():
        to = make_array(table.shape)
        where = *arrays(rows, points), array_from(g), None, to
        hash_grid.encode_adjoint(array_from(table), *where, COUNT, width, Buffers())
        return to.to_numpy()

    found = added()
    monkeypatch.setattr(hash_vectors, "fits", lambda *_: False)
    expected = added()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(expected).max() > 1


def test_what_is_not_whole_vectors_goes_number_by_number(cpu64):
    assert not hash_vectors.fits(4, make_array((2, 8)))


def test_widths_that_fit(cpu32):
    fit = [
        (width, columns)
        for width in (2, 4, 6, 8)
        for columns in (24, 26)
        if hash_vectors.fits(width, make_array((1, columns)))
    ]
    assert fit == [(4, 24), (8, 24)]
