"""Adam over touched rows and the gradient of the total variation, against NumPy."""

import numpy as np
import taichi as ti

from taichi_dr.implicit.radiance.grid import Grid
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.radiance_grid.rows import make_rows
from taichi_dr.kernels.radiance_grid.smooth import smooth
from taichi_dr.kernels.radiance_grid.update import BETA1, BETA2, EPSILON, update

PARTS = 3


def rows_of(random, grid, shape=()):
    numbers = np.zeros((*shape, grid.count + 1, grid.layout.lanes))
    numbers[..., : grid.layout.density + 1] = random.normal(size=(*shape, grid.count + 1, grid.layout.density + 1))
    rows = make_rows(grid.layout, *numbers.shape[:-1])
    rows.from_numpy(numbers.astype(rows.to_numpy().dtype))
    return rows


def test_touched_rows_take_a_step_of_adam_and_the_others_none(any32):
    random, grid = np.random.default_rng(0), Grid((0, 1), 5)
    layout = grid.layout
    weights = random.random((PARTS, grid.count + 1)) * (random.random(grid.count + 1) < 0.5)
    rows, first, second, sums = (rows_of(random, grid, shape) for shape in ((), (), (), (PARTS,)))
    second.from_numpy(np.abs(second.to_numpy()))
    given = sums.to_numpy()
    given[:, weights.max(axis=0) == 0] = 0
    given[..., layout.weight] = weights
    sums.from_numpy(given)
    before, m, v = (array.to_numpy().astype(float) for array in (rows, first, second))
    g = given.sum(axis=0, dtype=float)
    g[:, layout.weight] = 0
    m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g * g
    step = np.full(layout.lanes, 0.1)
    step[layout.density] = 0.5
    expected = before - step * 1.3 * m / (np.sqrt(1.7 * v) + EPSILON)
    touched = weights.max(axis=0) > 0
    touched[0] = False  # row 0 is what is empty

    update(rows, sums, first, second, 0.1, 0.5, 1.3, 1.7, layout, layout.lanes)

    found, numbers = rows.to_numpy(), slice(layout.density + 1)
    np.testing.assert_allclose(found[touched, numbers], expected[touched, numbers], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[touched, layout.weight], weights.max(axis=0)[touched], rtol=1e-6)
    np.testing.assert_array_equal(found[~touched], before[~touched].astype(np.float32))
    assert not sums.to_numpy()[:, touched].any()


def test_the_gradient_of_the_total_variation(any32):
    random = np.random.default_rng(1)
    active = random.random((5, 6, 5)) < 0.7
    grid = Grid.of_shape(active.shape, (0, 0, 0), 0.25, 1, active)
    layout, dense, index = grid.layout, np.zeros((*grid.shape, 13)), -np.ones(grid.shape, int)
    numbers, at = random.normal(size=(grid.count, 13)), tuple(grid.vertices().T)
    grid.set(numbers)
    dense[at], index[at] = numbers, np.arange(grid.count)
    factors = np.append(np.full(12, 0.3), 0.7)
    expected = np.zeros_like(numbers)
    for axis in range(3):
        low, high = (tuple(cut if k == axis else slice(None) for k in range(3)) for cut in (slice(-1), slice(1, None)))
        both = (index[low] >= 0) & (index[high] >= 0)
        difference = factors * (dense[low] - dense[high])[both]
        np.add.at(expected, index[low][both], difference)
        np.add.at(expected, index[high][both], -difference)
    sums = make_rows(layout, 1, grid.count + 1)
    touched = np.zeros((1, grid.count + 1, layout.lanes), np.float32)
    touched[0, 1::2, layout.weight] = 1.0
    sums.from_numpy(touched)
    _, ny, nz = grid.shape
    places = array_from(np.append(0, np.ravel_multi_index(at, grid.shape)), ti.i32)
    for start in range(2):
        smooth(grid.rows, sums, grid.where[0], places, ny, nz, start, 2, 0.3, 0.7, layout, layout.lanes)
    found = sums.to_numpy()[0, 1:, :13]
    np.testing.assert_allclose(found[::2], expected[::2], atol=1e-5)
    assert not found[1::2].any()
