"""Texels and the faces they show, against tests of every texel with every face."""

import numpy as np
import pytest
from scipy.optimize import minimize

from taichi_dr.texture.texels import claims, counted, nearest_points, texels_of

SIZE = 16


def triangles(seed, count=30):
    return np.random.default_rng(seed).uniform(-3, SIZE + 3, (count, 3, 2))


def inside(triangle, point):
    """Whether a point is within a triangle: on one side of all edges."""
    a, b, c = (np.append(corner - point, 0) for corner in triangle)
    signs = [np.cross(a, b)[2], np.cross(b, c)[2], np.cross(c, a)[2]]
    return min(signs) > 0 or max(signs) < 0


@pytest.mark.parametrize("seed", range(3))
def test_claims_are_the_texels_whose_centres_are_inside(seed):
    corners = triangles(seed)
    face, texel = claims(corners, SIZE)
    expected = [
        (f, y * SIZE + x)
        for f, triangle in enumerate(corners)
        for y in range(SIZE)
        for x in range(SIZE)
        if inside(triangle, np.array([x + 0.5, y + 0.5]))
    ]
    assert list(zip(face.tolist(), texel.tolist(), strict=True)) == expected
    assert len(expected) > 100


def test_an_inset_leaves_out_centres_near_edges():
    square = np.array([[[0, 0], [4, 0], [4, 4]], [[0, 0], [4, 4], [0, 4]]], float)  # the diagonal runs through centres
    assert len(claims(square, 4)[1]) == 16 + 4
    assert len(claims(square, 4, 1e-6)[1]) == 16 - 4
    assert len(claims(square[:1], 4, 0.6)[1]) == 1  # (2.5, 1.5), 1.5 and 0.71 from the edges


def test_faces_without_area_and_out_of_the_square_claim_nothing():
    flat = np.array([[[1, 1], [5, 5], [3, 3]], [[2, 2], [2, 2], [2, 2]], [[20, 1], [30, 1], [20, 9]]], float)
    assert len(claims(flat, SIZE)[0]) == 0


def test_counting_intervals():
    interval, number = counted(np.array([0.0, 5.0]), np.array([-1.0, 6.0]))
    assert (interval.tolist(), number.tolist()) == ([1, 1], [5, 6])


@pytest.mark.parametrize("seed", range(3))
def test_nearest_points_are_nearest(seed):
    random = np.random.default_rng(seed)
    corners, points = random.normal(size=(20, 3, 2)), random.normal(size=(20, 2)) * 2
    barycentric, distance = nearest_points(corners, points)
    assert barycentric.min() >= 0
    np.testing.assert_allclose(barycentric.sum(axis=1), 1, atol=1e-12)
    reached = np.einsum("pk,pkc->pc", barycentric, corners)
    np.testing.assert_allclose(np.linalg.norm(reached - points, axis=1), distance, atol=1e-12)
    for triangle, point, found in zip(corners, points, distance, strict=True):
        assert found == pytest.approx(least_distance(triangle, point), abs=1e-5)


def least_distance(triangle, point):
    """From a point to a triangle, minimised over two of its barycentric coordinates."""

    def squared(b):
        return np.sum(((1 - b.sum()) * triangle[0] + b @ triangle[1:] - point) ** 2)

    within = {"type": "ineq", "fun": lambda b: np.append(b, 1 - b.sum())}
    best = minimize(squared, [0.3, 0.3], constraints=[within], method="SLSQP", options={"ftol": 1e-14})
    return np.sqrt(max(best.fun, 0))


def test_texels_know_their_place_on_the_faces():
    uv = np.array([[0.1, 0.1], [0.9, 0.2], [0.8, 0.9], [0.2, 0.7]])
    uv_faces = np.array([[0, 1, 2], [0, 2, 3]])
    texels = texels_of(uv, uv_faces, SIZE, reach=2.0)
    row, col = np.divmod(np.arange(SIZE**2), SIZE)
    centre = np.stack([(col + 0.5) / SIZE, 1 - (row + 0.5) / SIZE], axis=1)
    found = np.einsum("pk,pkc->pc", texels.barycentric, uv[uv_faces[texels.face]])
    within = texels.distance == 0
    np.testing.assert_allclose(found[within], centre[within], atol=1e-12)
    gutter = (texels.face >= 0) & ~within
    gap = np.linalg.norm(found - centre, axis=1) * SIZE
    np.testing.assert_allclose(gap[gutter], texels.distance[gutter], atol=1e-12)
    assert gutter.sum() > 40
    assert texels.distance[gutter].max() <= 2.0
    # A texel that a bilinear lookup somewhere on the faces reads is less than one away in x and in y.
    outside = texels.face < 0
    samples = np.random.default_rng(1).dirichlet((1, 1, 1), 20000)
    at = np.concatenate([samples @ uv[face] for face in uv_faces]) * (1, -1) * SIZE + (0, SIZE) - 0.5
    for shift in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = (np.floor(at) + shift).astype(int).T
        assert not outside[y * SIZE + x].any()


def test_a_face_smaller_than_a_texel_has_one_all_the_same():
    uv = np.array([[0, 0], [1, 0], [0, 1.0], [0.70, 0.70], [0.72, 0.70], [0.70, 0.72]])
    texels = texels_of(uv, np.array([[0, 1, 2], [3, 4, 5]]), size=8, reach=1.0)
    assert (texels.face == 1).sum() >= 1
    assert texels.face.reshape(8, 8)[2, 5] == 1
