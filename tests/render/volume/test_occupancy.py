"""A grid of cells that follows a density: what it finds, forgets and begins again with."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.render.volume.occupancy import OccupancySampler, grid_shape

BOUNDS = (-1, -1, -1), (1, 1, 3)
CELLS = 32


def sampler(**changes):
    return OccupancySampler(Buffers(), BOUNDS, **{"step": 0.05, "cells": CELLS} | changes)


def ball(radius, density=5.0):
    """A density that is high in a ball."""

    def densities(points, values, count):
        inside = np.linalg.norm(points.to_numpy()[:count], axis=1) < radius
        found = np.zeros(values.shape, np.float32)
        found[:count, 0] = density * inside
        values.from_numpy(found)

    return densities


def forget(found):
    """Shows nothing until the grid begins again."""
    while found.updates:
        found.update(ball(0.0))


def distances(found):
    axes = [
        np.linspace(a, b, n, endpoint=False) + (b - a) / n / 2 for a, b, n in zip(*BOUNDS, found.shape, strict=True)
    ]
    return np.linalg.norm(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1), axis=-1)


def test_all_cells_are_occupied_before_anything_is_known(any32):
    found = sampler()
    assert found.shape == grid_shape(BOUNDS, CELLS) == (16, 16, 32)
    assert found.occupied.all()


def test_finds_a_ball_and_follows_it(any32):
    found = sampler()
    found.update(ball(0.6))
    distance, side = distances(found.occupied), 0.125
    assert found.occupied[distance < 0.6 - side].all()
    assert not found.occupied[distance > 0.6 + side].any()
    for _ in range(300):
        found.update(ball(0.9))
    assert found.occupied[distance < 0.9 - side].mean() > 0.95
    for _ in range(300):
        found.update(ball(0.3))
    assert not found.occupied[distance > 0.6 + side].any()


def test_samples_are_in_occupied_cells(any32):
    found = sampler()
    found.update(ball(0.6))
    rays = RayBatch(
        array_from([[-5.0, 0, 0], [-5.0, 0, 2.5]]),
        array_from([[1.0, 0, 0], [1.0, 0, 0]]),
        array_from([[4.0, 6.0], [4.0, 6.0]]),
        array_from([0, 1], ti.i32),
        2,
    )
    samples = found.sample(rays)
    first, t = samples.first.to_numpy()[:3], samples.t.to_numpy()[: samples.size]
    assert first[1] == first[2] == samples.size > 20
    assert np.all(np.abs(t - 5) < 0.6 + 0.125)
    assert samples.lengths.to_numpy()[: samples.size].sum() == pytest.approx(1.25, abs=0.26)


def test_an_empty_grid_begins_again_with_a_warning(any32):
    found = sampler()
    found.update(ball(0.6))
    with pytest.warns(UserWarning, match="occupancy grid is empty"):
        forget(found)
    assert found.occupied.all()
    found.update(ball(0.6))
    assert 0 < found.occupied.mean() < 0.5


def test_cells_that_are_not_allowed_are_never_occupied(any32):
    allowed = np.zeros(grid_shape(BOUNDS, CELLS), bool)
    allowed[:8] = True
    found = sampler(allowed=allowed)
    np.testing.assert_array_equal(found.occupied, allowed)
    found.update(ball(9.0))
    np.testing.assert_array_equal(found.occupied, allowed)


def test_goes_on_where_it_was(any32):
    one, two = sampler(seed=3), sampler(seed=3)
    for _ in range(3):
        one.update(ball(0.6))
    two.restore(one.densities, one.updates)
    for each in (one, two):
        each.update(ball(0.5))
    np.testing.assert_array_equal(one.densities, two.densities)
    np.testing.assert_array_equal(one.occupied, two.occupied)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"step": 0.0}, InputError, "step: expected a length above 0"),
        ({"cells": 0}, InputError, "cells: expected at least 1"),
        ({"allowed": np.ones((2, 2, 2), bool)}, ShapeError, "allowed: expected shape"),
    ],
)
def test_bad_arguments_are_named(cpu32, changes, error, words):
    with pytest.raises(error, match=words):
        sampler(**changes)
