"""Encodings by waves against their formulas: NumPy's sines on CPUs, and the kernels of GPUs, which run on both."""

import numpy as np
import pytest
from oracles import networks
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.networks import frequency
from taichi_dr.kernels.networks.dense import Block

ROWS, COLUMNS, FREQUENCIES, WAVES = 37, 3, 4, 5
MATRIX = np.random.default_rng(1).normal(size=(COLUMNS, WAVES))
NUMBERS = np.random.default_rng(2).normal(size=(ROWS, COLUMNS))
WIDTHS = {"positional": COLUMNS * (1 + 2 * FREQUENCIES), "fourier": 2 * WAVES}


@pytest.fixture(params=["numpy", "kernels"])
def way(request, monkeypatch):
    """NumPy's sines, or the kernels, whatever the backend."""
    if request.param == "kernels":
        monkeypatch.setattr(frequency, "on_cpu", lambda: False)


def within(values, row, column):
    """The values somewhere within a larger array of sevens."""
    larger = np.full((values.shape[0] + row + 1, values.shape[1] + column + 1), 7.0)
    larger[row : row + values.shape[0], column : column + values.shape[1]] = values
    return Block(array_from(larger), row, column)


def of(block, shape):
    values = block.array.to_numpy()
    found = values[block.row : block.row + shape[0], block.column : block.column + shape[1]].copy()
    values[block.row : block.row + shape[0], block.column : block.column + shape[1]] = 7.0
    assert (values == 7.0).all(), "numbers around the block were written"
    return found


def oracle(kind, x):
    return networks.positional(x, FREQUENCIES) if kind == "positional" else networks.fourier(x, MATRIX)


def encoded(kind, x):
    y = within(np.zeros((ROWS, WIDTHS[kind])), 1, 2)
    if kind == "positional":
        frequency.positional_encoding(within(x, 2, 1), y, ROWS, COLUMNS, FREQUENCIES)
    else:
        frequency.fourier_features(within(x, 2, 1), array_from(MATRIX), y, ROWS, COLUMNS, WAVES)
    return y


def adjoint(kind, x, g):
    ones = within(np.ones((ROWS, COLUMNS)), 1, 1)
    given = encoded(kind, x), within(g, 0, 3), ones, ROWS, COLUMNS
    if kind == "positional":
        frequency.positional_encoding_adjoint(*given, FREQUENCIES)
    else:
        frequency.fourier_features_adjoint(array_from(MATRIX), *given, WAVES)
    return of(ones, (ROWS, COLUMNS)) - 1


@pytest.mark.parametrize("kind", WIDTHS)
def test_numbers_equal_the_oracle(cpu64, way, kind):
    found = of(encoded(kind, NUMBERS), (ROWS, WIDTHS[kind]))
    np.testing.assert_allclose(found, oracle(kind, NUMBERS), atol=1e-13)


@pytest.mark.parametrize("kind", WIDTHS)
def test_adjoints_equal_central_differences(cpu64, way, kind):
    g = np.random.default_rng(3).normal(size=(ROWS, WIDTHS[kind]))
    found = {"x": adjoint(kind, NUMBERS, g)}
    errors = relative_errors(lambda x: np.sum(g * oracle(kind, x["x"])), {"x": NUMBERS}, found, ["x"])
    assert errors["x"] < 1e-7


@pytest.mark.parametrize("kind", WIDTHS)
def test_single_precision(any32, kind):
    found = of(encoded(kind, NUMBERS), (ROWS, WIDTHS[kind]))
    np.testing.assert_allclose(found, oracle(kind, NUMBERS), atol=1e-4)
    g = np.random.default_rng(3).normal(size=(ROWS, WIDTHS[kind]))
    found = {"x": adjoint(kind, NUMBERS, g)}
    errors = relative_errors(lambda x: np.sum(g * oracle(kind, x["x"])), {"x": NUMBERS}, found, ["x"])
    assert errors["x"] < 1e-4


def test_no_frequencies_keep_the_numbers(cpu64, way):
    y = within(np.zeros((ROWS, COLUMNS)), 0, 0)
    frequency.positional_encoding(within(NUMBERS, 0, 0), y, ROWS, COLUMNS, 0)
    np.testing.assert_array_equal(of(y, (ROWS, COLUMNS)), NUMBERS)


def test_by_hand(cpu64, way):
    y = within(np.zeros((1, 6)), 0, 0)
    frequency.positional_encoding(within(np.array([[np.pi / 2, 0]]), 0, 0), y, 1, 2, 1)
    np.testing.assert_allclose(of(y, (1, 6)), [[np.pi / 2, 0, 1, 0, 0, 1]], atol=1e-15)
    y = within(np.zeros((1, 4)), 0, 0)
    frequency.fourier_features(within(np.array([[0.25]]), 0, 0), array_from([[1.0, 2.0]]), y, 1, 1, 2)
    np.testing.assert_allclose(of(y, (1, 4)), [[0, -1, 1, 0]], atol=1e-15)
