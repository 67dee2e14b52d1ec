"""Samples by a grid of densities: parts that join, as many as there should be where something is."""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.volume.guided import HORIZON
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.kernels.volume.resample import BEYOND
from taichi_dr.render.volume.guided import GuidedSampler
from taichi_dr.render.volume.occupancy import OccupancySampler

SAMPLES, CELLS = 16, 128


def sampled(densities, origins, directions, ends, stratified=False, seed=0):
    """``t`` and ``lengths`` (R, SAMPLES + 1)."""
    cells = OccupancySampler(Buffers(), (-2, 2), 4 / CELLS, cells=CELLS)
    cells.restore(densities, 0)
    sampler = GuidedSampler(Buffers(), cells, SAMPLES, stratified)
    sampler.seed = seed
    rays = len(origins)
    pixel = array_from(range(rays), ti.i32)
    found = sampler.sample(RayBatch(array_from(origins), array_from(directions), array_from(ends), pixel, rays))
    np.testing.assert_array_equal(found.first.to_numpy()[: rays + 1], np.arange(rays + 1) * (SAMPLES + 1))
    return (array.to_numpy()[: found.size].reshape(rays, -1) for array in (found.t, found.lengths))


def rays(count=40):
    random = np.random.default_rng(1)
    origins = random.normal(size=(count, 3)) * 3
    directions = random.normal(size=(count, 3)) - origins
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return origins, directions, np.tile([0.5, HORIZON], (count, 1))


def test_parts_fill_rays_from_end_to_end(any32):
    given = rays()
    even, lengths = sampled(np.zeros((CELLS,) * 3), *given)
    at_random, same = sampled(np.zeros((CELLS,) * 3), *given, stratified=True, seed=3)
    np.testing.assert_array_equal(lengths, same, err_msg="parts do not depend on chance")
    for t in (even, at_random):
        assert (np.diff(t, axis=1) > 0).all()
        assert (t[:, 0] >= 0.5).all()
    assert (even[:, -1] == HORIZON).all()
    assert (lengths[:, -1] == np.float32(BEYOND)).all(), "what is behind"
    for ray in range(len(even)):  # length in the ball, as far as along the way from the centre: by fine steps
        t = np.geomspace(0.5, HORIZON, 200_001)
        middle = 0.5 * (t[1:] + t[:-1])
        away = np.linalg.norm(given[0][ray] + middle[:, None] * given[1][ray], axis=1)
        whole = (np.diff(t) / np.maximum(away, 1) ** 2).sum()
        np.testing.assert_allclose(lengths[ray, :-1].sum(), whole, rtol=0.05)


def test_most_samples_are_where_something_is(any32):
    densities = np.zeros((CELLS,) * 3)
    densities[64:68, 60:68, 60:68] = 60.0  # x from 0 to 0.125: by its half, almost nothing comes through
    ray = np.array([[-4.0, 0.01, 0.02]]), np.array([[1.0, 0.0, 0.0]]), np.array([[0.5, HORIZON]])
    t, _ = sampled(densities, *ray)
    within = (t[0] >= 4) & (t[0] <= 4.125)
    assert within.sum() >= 0.8 * SAMPLES
    assert (np.diff(t[0]) > 0).all()


def test_a_ray_that_ends_before_the_horizon_has_nothing_behind(any32):
    ray = np.array([[-4.0, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0]]), np.array([[3.0, 5.0]])
    t, lengths = sampled(np.zeros((CELLS,) * 3), *ray)
    np.testing.assert_allclose(lengths[0, :-1], 2 / SAMPLES, rtol=1e-3)
    np.testing.assert_allclose(t[0, :-1], 3 + 2 * (np.arange(SAMPLES) + 0.5) / SAMPLES, atol=1e-4)
    assert lengths[0, -1] == 0
