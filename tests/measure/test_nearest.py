"""Nearest points against every triangle looked at, and against closed forms."""

import numpy as np

import taichi_dr as dr
from taichi_dr.measure.nearest import NearestPoints, nearest_on_triangles


def brute_force(triangles, points):
    """Distances (P, F) of points to triangles, by dense sampling of barycentrics' optimum: edges and interior apart."""
    distances = np.full((len(points), len(triangles)), np.inf)
    for k in range(3):
        a, b = triangles[:, k], triangles[:, (k + 1) % 3]
        t = ((points[:, None] - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1)
        feet = a + np.clip(t, 0, 1)[..., None] * (b - a)
        distances = np.minimum(distances, np.linalg.norm(points[:, None] - feet, axis=-1))
    for f, (a, b, c) in enumerate(triangles):
        plane = np.stack([b - a, c - a], axis=1)
        weights = np.linalg.lstsq(plane, (points - a).T, rcond=None)[0]
        within = (weights >= 0).all(axis=0) & (weights.sum(axis=0) <= 1)
        gap = np.linalg.norm(points - a - (plane @ weights).T, axis=1)
        distances[within, f] = np.minimum(distances[within, f], gap[within])
    return distances


def test_any_triangles_and_points():
    random = np.random.default_rng(1)
    sizes = 10.0 ** random.uniform(-3, 0.5, (150, 1, 1))
    triangles = random.normal(size=(150, 3, 3)) * sizes + random.normal(size=(150, 1, 3))
    points = random.normal(scale=2, size=(400, 3))
    expected = brute_force(triangles, points)
    distances, faces, nearest = NearestPoints(triangles).query(points)
    np.testing.assert_allclose(distances, expected.min(axis=1), rtol=1e-9)
    np.testing.assert_array_equal(faces, expected.argmin(axis=1))
    np.testing.assert_allclose(np.linalg.norm(points - nearest, axis=1), distances, atol=1e-14)


def test_points_of_a_box_outside_inside_and_on_it():
    box = dr.shapes.box((2, 2, 2))
    search = NearestPoints(box.numpy("vertices")[0].astype(float)[box.topology.faces])
    points = [[3, 0.2, 0.1], [2, 2, 0], [2, 2, 2], [0.5, 0.25, 0.1], [1, 0.3, -0.2]]
    np.testing.assert_allclose(search.query(points)[0], [2, 2**0.5, 3**0.5, 0.5, 0], atol=1e-7)


def test_small_triangles_are_as_exact_as_large_ones():
    """Libraries with absolute tolerances take a point of a triangle 1e-3 wide for one of its edges."""
    random = np.random.default_rng(2)
    triangles = random.normal(size=(200, 3, 3)) * 1e-6
    weights = random.dirichlet([1, 1, 1], 200)
    points = np.einsum("pk,pkc->pc", weights, triangles)
    np.testing.assert_allclose(nearest_on_triangles(triangles, points), points, atol=1e-20)


def test_triangles_without_area_are_their_edges():
    line = np.array([[[0, 0, 0], [2, 0, 0], [1, 0, 0.0]], [[1, 1, 1], [1, 1, 1], [1, 1, 1.0]]])
    found = nearest_on_triangles(line, np.array([[1.5, 1, 0], [1, 1, 3.0]]))
    np.testing.assert_allclose(found, [[1.5, 0, 0], [1, 1, 1]])


def test_a_point_that_is_as_far_from_all_faces():
    sphere = dr.shapes.icosphere(4)
    triangles = sphere.numpy("vertices")[0].astype(float)[sphere.topology.faces]
    distances, _, _ = NearestPoints(triangles).query(np.zeros((3, 3)))
    planes = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    planes /= np.linalg.norm(planes, axis=1, keepdims=True)
    np.testing.assert_allclose(distances, (planes * triangles[:, 0]).sum(axis=1).min())
