"""Contraction of space: literal values, continuity; parts of rays that go far add up to them."""

import numpy as np
import pytest
import taichi as ti
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.volume.contract import contract_points, contract_points_adjoint
from taichi_dr.kernels.volume.sample import place_far


def contracted(points, center=(0, 0, 0), radius=1.0):
    out = make_array(np.shape(points))
    contract_points(array_from(points), array_from([center]), radius, out, len(points))
    return out.to_numpy()


def test_literal(any32):
    """Twice the radius away is at 2 - 1/2, infinity at 2; within the radius nothing moves."""
    points = [(0.3, -0.4, 0.5), (2, 0, 0), (0, -4, 0), (0, 0, 1e6), (0, 0, 0)]
    expected = [(0.3, -0.4, 0.5), (1.5, 0, 0), (0, -1.75, 0), (0, 0, 2), (0, 0, 0)]
    assert np.allclose(contracted(points), expected, atol=1e-5)
    moved = [np.add((1, 2, 3), 0.5 * np.array(p)) for p in points[:3]]
    assert np.allclose(contracted(moved, (1, 2, 3), 0.5), expected[:3], atol=1e-5)


def test_gradient_equals_central_differences(cpu64):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((30, 3)) * rng.uniform(0.2, 4, (30, 1))
    weights, center = rng.standard_normal((30, 3)), (0.1, -0.2, 0.3)
    found = make_array((30, 3))
    contract_points_adjoint(array_from(points), array_from([center]), 0.7, array_from(weights), found, 30)

    def value(given):
        return (contracted(given["points"], center, 0.7) * weights).sum()

    errors = relative_errors(value, {"points": points}, {"points": found.to_numpy()}, ["points"], components=5)
    assert max(errors.values()) < 1e-7, errors


@pytest.mark.parametrize("stratified", [False, True])
def test_parts_are_even_near_by_and_in_disparity_far_away(cpu64, stratified):
    ends, samples = np.array([[0.0, 100.0], [0.5, 0.75], [2.0, 3.0]]), 16
    first, t, lengths = make_array((4,), ti.i32), make_array((48,)), make_array((48,))
    pixel = array_from([0, 1, 2], ti.i32)
    place_far(array_from(ends), pixel, 3, samples, stratified, 1, 1.0, first, t, lengths)
    t, lengths = t.to_numpy().reshape(3, samples), lengths.to_numpy().reshape(3, samples)
    assert first.to_numpy().tolist() == [0, 16, 32, 48]
    assert np.allclose(lengths.sum(axis=1), ends[:, 1] - ends[:, 0])
    borders = ends[:, :1] + np.cumsum(lengths, axis=1)
    assert (t < borders).all()
    assert (t > borders - lengths).all()
    assert np.allclose(lengths[1], 0.25 / samples)
    assert np.allclose(np.diff(1 / borders[2]), -(1 / 2 - 1 / 3) / samples)
    assert np.allclose(lengths[0, :7], 2 * (1 - 0.005) / samples)  # s of 100 is 0.995
