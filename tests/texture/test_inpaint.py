"""Values spread over a surface: harmonic where none are known, untouched where they are."""

import numpy as np

from taichi_dr import shapes
from taichi_dr.texture.inpaint import inpaint


def test_what_is_not_known_is_the_mean_of_its_neighbours():
    topology = shapes.icosphere(3).topology
    points = shapes.icosphere(3).numpy("vertices")[0]
    known = np.abs(points[:, 1]) < 0.5
    values = np.where(known[:, None], points, 100.0)
    found = inpaint(values, known, topology.edges)
    np.testing.assert_array_equal(found[known], values[known])
    start, neighbors = topology.neighbor_start, topology.neighbors
    for vertex in np.flatnonzero(~known):
        around = neighbors[start[vertex] : start[vertex + 1]]
        np.testing.assert_allclose(found[vertex], found[around].mean(axis=0), atol=1e-3)
    assert (np.ptp(found, axis=0) <= np.ptp(values[known], axis=0) + 1e-3).all()


def test_a_part_without_any_known_value_is_smoothed():
    edges = np.array([[0, 1], [2, 3], [3, 4]])
    values = np.array([[1.0], [5.0], [0.0], [3.0], [6.0]])
    found = inpaint(values, np.array([True, False, False, False, False]), edges)
    np.testing.assert_allclose(found[:2], 1.0, atol=1e-5)
    np.testing.assert_allclose(found[2:], 3.0, atol=1e-5)


def test_nothing_unknown_changes_nothing():
    values = np.arange(6.0).reshape(3, 2)
    assert np.array_equal(inpaint(values, np.ones(3, bool), np.array([[0, 1], [1, 2]])), values)
