"""Hierarchical samples against NumPy, written from the paper's formula; invariants; every backend."""

import numpy as np
import pytest
import taichi as ti
from backends import SINGLE
from oracles import volume

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.volume.resample import BEYOND, place_by_weights, place_to_ends

RAYS, SAMPLES, ADDED = 7, 9, 20


def even(ends, samples=SAMPLES, stratified=False, seed=3):
    pixel, first = array_from(np.arange(len(ends)), ti.i32), make_array((len(ends) + 1,), ti.i32)
    t, lengths = make_array((len(ends) * samples,)), make_array((len(ends) * samples,))
    place_to_ends(array_from(ends), pixel, len(ends), samples, stratified, seed, 0.0, first, t, lengths)
    assert first.to_numpy().tolist() == list(range(0, len(ends) * samples + 1, samples))
    return (each.to_numpy().reshape(-1, samples) for each in (t, lengths))


def resampled(t, lengths, density, random=False, seed=3):
    rays, samples = t.shape
    values = array_from(np.concatenate([density.reshape(-1, 1), np.ones((t.size, 3))], axis=1))
    pixel, weights = array_from(np.arange(rays), ti.i32), make_array((t.size,))
    first, found = make_array((rays + 1,), ti.i32), [make_array((rays * (samples + ADDED),)) for _ in range(2)]
    given = array_from(t.ravel()), array_from(lengths.ravel()), values, pixel, rays, samples, ADDED
    place_by_weights(*given, random, seed, weights, first, *found)
    assert first.to_numpy().tolist() == list(range(0, rays * (samples + ADDED) + 1, samples + ADDED))
    return (each.to_numpy().reshape(rays, -1) for each in found)


def scene():
    random = np.random.default_rng(1)
    ends = np.stack([random.uniform(1, 2, RAYS), random.uniform(3, 6, RAYS)], axis=1)
    density = random.uniform(0, 3, (RAYS, SAMPLES)) * (random.uniform(size=(RAYS, SAMPLES)) < 0.5)
    density[0] = 0  # sees nothing
    density[1, 0] = 1e6  # sees nothing but its first sample
    return ends, density


def test_places_by_hand(cpu64):
    t, lengths = even(np.array([[2.0, 6.0]]), 3)
    assert t.tolist() == [[2, 4, 6]]
    assert lengths.tolist() == [[2, 2, BEYOND]]


def test_strata_are_between_the_middles(any32):
    ends = np.tile([2.0, 6.0], (500, 1))
    t = np.stack(list(even(ends, 5, stratified=True)))[0]
    middles = np.array([2, 2.5, 3.5, 4.5, 5.5, 6])
    assert (t >= middles[:-1] - 1e-6).all()
    assert (t <= middles[1:] + 1e-6).all()
    np.testing.assert_allclose(t.mean(axis=0), (middles[1:] + middles[:-1]) / 2, atol=0.05)


@pytest.mark.parametrize("precision", ["cpu64", *SINGLE])
def test_places_equal_the_oracle(request, precision):
    request.getfixturevalue(precision)
    tolerance = 1e-12 if precision == "cpu64" else 1e-4
    ends, density = scene()
    t, lengths = even(ends)
    found, found_lengths = resampled(t, lengths, density)
    for r in range(RAYS):
        added = volume.inverse(t[r], volume.weights(lengths[r], density[r]), np.linspace(0, 1, ADDED))
        np.testing.assert_allclose(found[r], np.sort(np.concatenate([t[r], added])), atol=tolerance)
    np.testing.assert_allclose(found_lengths[:, :-1], np.diff(found), atol=1e-6)
    assert (found_lengths[:, -1] == np.float32(BEYOND)).all() or (found_lengths[:, -1] == BEYOND).all()


def test_random_places_ascend_and_are_where_something_is(any32):
    ends = np.tile([2.0, 6.0], (RAYS, 1))
    t, lengths = even(ends)
    density = np.zeros((RAYS, SAMPLES))
    density[:, 4] = 1e6  # at t = 4, which stands for 3.75 to 4.25
    found, _ = resampled(t, lengths, density, random=True)
    assert (np.diff(found) >= 0).all()
    near = (found > 3.75 - 1e-4) & (found < 4.25 + 1e-4)
    assert (near.sum(axis=1) >= ADDED).all(), "all that were added, for the others have no weight"
    again, _ = resampled(t, lengths, density, random=True)
    np.testing.assert_array_equal(found, again)
    other, _ = resampled(t, lengths, density, random=True, seed=4)
    assert (found != other).any()
