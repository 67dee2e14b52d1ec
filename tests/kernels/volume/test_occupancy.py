"""Samples in occupied cells, counted by hand and held to their properties."""

import numpy as np
import pytest
import taichi as ti
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.networks.lattice import lattice_rows
from taichi_dr.kernels.volume import occupancy

CELLS = (4, 2, 2)
LOWER, UPPER = (0.0, -1.0, -1.0), (4.0, 1.0, 1.0)  # cells of side 1
MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sampled(occupied, origins, directions, ends, step, seed=None):
    """(first, t, lengths) of rays."""
    rays = len(origins)
    arrays = array_from(origins), array_from(directions), array_from(ends), array_from(range(rays), ti.i32), rays
    lattice = array_from(lattice_rows(LOWER, UPPER, np.array(CELLS) + 1))
    grid = lattice, free_of(occupied), step, seed is not None, seed or 0
    counts = make_array((rays,), ti.i32)
    occupancy.count_samples(*arrays, *grid, counts)
    first = np.concatenate([[0], np.cumsum(counts.to_numpy())])
    t, lengths = make_array((max(1, first[-1]),)), make_array((max(1, first[-1]),))
    occupancy.place_samples(*arrays, *grid, array_from(first, ti.i32), t, lengths)
    return first, t.to_numpy()[: first[-1]], lengths.to_numpy()[: first[-1]]


def free_of(occupied):
    """How many cells away the nearest occupied one is, as an array of cells."""
    lattice = array_from(lattice_rows(LOWER, UPPER, np.array(occupied.shape) + 1))
    free, scratch = make_array((occupied.size,), ti.i32), make_array((occupied.size,), ti.i32)
    occupancy.mark(lattice, array_from(occupied.reshape(-1)), 0.5, free, scratch)
    return free


def along_x(occupied, step, seed=None):
    ray = np.array([[-1.0, 0.5, 0.5]]), np.array([[1.0, 0.0, 0.0]]), np.array([[1.0, 5.0]])
    return sampled(occupied, *ray, step, seed)


def test_pieces_join_from_end_to_end(any32):
    first, t, lengths = along_x(np.ones(CELLS), 0.75)
    assert first.tolist() == [0, 6]
    np.testing.assert_allclose(lengths, [0.375, 0.75, 0.75, 0.75, 0.75, 0.625], atol=1e-6)
    np.testing.assert_allclose(t, [1.1875, 1.75, 2.5, 3.25, 4.0, 4.6875], atol=1e-6)


def test_empty_cells_have_no_samples(any32):
    occupied = np.zeros(CELLS)
    occupied[2, 1, 1] = 1  # the third on the ray, from t = 3 to t = 4
    _, t, lengths = along_x(occupied, 0.25)
    np.testing.assert_allclose(t, [3.0, 3.25, 3.5, 3.75], atol=1e-6)
    np.testing.assert_allclose(lengths, 0.25, atol=1e-6)
    assert along_x(np.zeros(CELLS), 0.25)[0].tolist() == [0, 0]


def test_rays_that_miss_have_no_samples(any32):
    ray = np.zeros((1, 3)), np.array([[0.0, 1.0, 0.0]]), np.array([[2.0, 1.0]])
    assert sampled(np.ones(CELLS), *ray, 0.1)[0].tolist() == [0, 0]


def random_rays(seed, count=30):
    """From outside through the box, (origins, directions, ends)."""
    random = np.random.default_rng(seed)
    lower, upper = np.array(LOWER), np.array(UPPER)
    targets = random.uniform(lower, upper, (count, 3))
    directions = random.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    origins = targets - 6 * directions
    low, high = (lower - origins) / directions, (upper - origins) / directions
    ends = np.stack([np.minimum(low, high).max(1), np.maximum(low, high).min(1)], axis=1)
    return origins, directions, ends


@MANY
@given(st.integers(0, 1000), st.sampled_from([0.05, 0.3, 1.7]))
def test_samples_are_those_of_all_pieces_whose_middle_is_occupied(cpu64, seed, step):
    occupied = np.random.default_rng(seed).uniform(size=CELLS) < 0.4
    rays = random_rays(seed)
    first, t, _ = sampled(occupied, *rays, step, seed)
    all_first, all_t, all_lengths = sampled(np.ones(CELLS), *rays, step, seed)
    ray = np.repeat(np.arange(30), np.diff(all_first))
    np.testing.assert_allclose(np.bincount(ray, all_lengths, 30), rays[2][:, 1] - rays[2][:, 0], atol=1e-12)
    points = rays[0][ray] + all_t[:, None] * rays[1][ray]
    cells = np.clip(np.floor(points - LOWER).astype(int), 0, np.array(CELLS) - 1)
    kept = occupied[tuple(cells.T)]
    near_side = np.abs(points - np.round(points)).min(1) < 2e-3 * step
    assert np.all(np.isin(all_t[kept & ~near_side], t))
    assert np.all(np.isin(t, all_t[kept | near_side]))
    np.testing.assert_array_equal(np.diff(first) <= np.diff(all_first), True)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_shift_is_the_same_every_time(any32, seed):
    rays = random_rays(seed)
    one, two = sampled(np.ones(CELLS), *rays, 0.1, seed), sampled(np.ones(CELLS), *rays, 0.1, seed)
    other = sampled(np.ones(CELLS), *rays, 0.1, seed + 1)
    np.testing.assert_array_equal(one[1], two[1])
    assert one[1][0] != other[1][0]


def test_probes_are_in_their_cells(any32):
    lattice = array_from(lattice_rows(LOWER, UPPER, np.array(CELLS) + 1))
    points = make_array((16, 3))
    occupancy.place_probes(lattice, array_from(range(16), ti.i32), 16, 3, points)
    cells = np.floor(points.to_numpy() - LOWER).astype(int)
    np.testing.assert_array_equal(np.ravel_multi_index(cells.T, CELLS), np.arange(16))
    assert len(np.unique(points.to_numpy() % 1)) == 48


def test_densities_fade_and_are_found_again(any32):
    densities = array_from([1.0, 4.0, 2.0])
    occupancy.remember(array_from([2, 0], ti.i32), 2, array_from([[0.5], [3.0]]), 0.5, densities)
    assert densities.to_numpy().tolist() == [3.0, 4.0, 1.0]


@pytest.mark.parametrize("share", [0.0, 0.002, 0.1, 1.0])
def test_free_is_the_distance_to_the_nearest_occupied_cell(any32, share):
    occupied = np.random.default_rng(1).uniform(size=(24, 11, 7)) < share
    expected = distance_transform_cdt(~occupied, "chessboard") if occupied.any() else np.full(occupied.shape, 99)
    found = free_of(occupied).to_numpy().reshape(occupied.shape)
    np.testing.assert_array_equal(found, np.minimum(expected, occupancy.FARTHEST))


def test_ends_are_where_rays_cross_the_box(any32):
    origins = np.array([[-1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [-1.0, 5.0, 0.0], [9.0, 0.0, 0.0]])
    directions, ends = np.tile([1.0, 0.0, 0.0], (4, 1)), make_array((4, 2))
    occupancy.find_ends(array_from(origins), array_from(directions), 4, array_from([*LOWER, *UPPER]), ends)
    entry, leave = ends.to_numpy().T
    np.testing.assert_allclose([entry[:2], leave[:2]], [[1, 0], [5, 2]], atol=1e-6)
    np.testing.assert_array_equal(entry[2:], leave[2:])
