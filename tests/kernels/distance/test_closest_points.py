"""Distances spread over a grid from points that are known."""

import numpy as np

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.distance.closest_points import FAR, FIXED, add_distances, spread

SHAPE = (14, 11, 9)
SPACING = (1.0, 1.3, 0.8)


def spread_from(points):
    """(X, Y, Z): distances from ``points`` (P, 3), each known at the node nearest to it alone; those nodes."""
    closest = np.full((*SHAPE, 4), FAR)
    nodes = np.round(points / SPACING).astype(int)
    closest[tuple(nodes.T)] = np.column_stack([points, np.full(len(points), FIXED)])
    rows, distance = array_from(closest), make_array(SHAPE)
    spread(rows, SPACING)
    add_distances(rows, distance)
    return distance.to_numpy(), nodes


def brute_force(points, nodes):
    """(X, Y, Z): the distance from the nearest of ``points``; 0 at ``nodes``, whose own is left alone."""
    every = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1) * SPACING
    distance = np.linalg.norm(every[..., None, :] - points, axis=-1).min(axis=-1)
    distance[tuple(nodes.T)] = 0
    return distance


def test_distances_equal_brute_force(any32):
    points = np.random.default_rng(3).uniform(0, (np.array(SHAPE) - 1) * SPACING, (12, 3))
    found, nodes = spread_from(points)
    error = found - brute_force(points, nodes)
    assert error.min() > -1e-5
    assert error.max() < 0.3
    assert (error < 1e-5).mean() > 0.98


def test_one_point_is_found_from_everywhere(any32):
    point = np.array([[5.2, 3.9, 5.6]])
    found, nodes = spread_from(point)
    np.testing.assert_allclose(found, brute_force(point, nodes), rtol=1e-5)
