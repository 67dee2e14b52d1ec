"""Normals against NumPy and against central differences."""

import numpy as np
import pytest
import taichi as ti
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.shading import normals
from taichi_dr.scene.topology import build_adjacency

TETRAHEDRON = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.int32)


def scene(seed=0, meshes=2):
    rng = np.random.default_rng(seed)
    corners = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1], [5, 5, 5]], float)
    return (corners + rng.normal(scale=0.3, size=(meshes, 5, 3))).reshape(-1, 3)


def _oracle_face(vertices, faces, meshes):
    p = vertices.reshape(meshes, -1, 3)[:, faces]
    cross = np.cross(p[:, :, 1] - p[:, :, 0], p[:, :, 2] - p[:, :, 0])
    return cross, (cross / np.linalg.norm(cross, axis=-1, keepdims=True)).reshape(-1, 3)


def _oracle_vertex(vertices, faces, meshes):
    cross, _ = _oracle_face(vertices, faces, meshes)
    total = np.zeros((meshes, len(vertices) // meshes, 3))
    for b in range(meshes):
        np.add.at(total[b], faces.ravel(), np.repeat(cross[b], 3, axis=0))
    length = np.linalg.norm(total, axis=-1, keepdims=True)
    return (total / np.where(length > 0, length, 1.0)).reshape(-1, 3)


def _adjacency(faces, rows):
    return [array_from(a, ti.i32) for a in build_adjacency(faces, rows)]


def face(vertices, faces, meshes):
    out = make_array((meshes * len(faces), 3))
    normals.face_normals(array_from(vertices), array_from(faces, ti.i32), out, meshes)
    return out.to_numpy()


def vertex(vertices, faces, meshes):
    out = make_array(vertices.shape)
    adjacency = _adjacency(faces, len(vertices) // meshes)
    normals.vertex_normals(array_from(vertices), array_from(faces, ti.i32), *adjacency, out, meshes)
    return out.to_numpy()


def face_adjoint(vertices, faces, meshes, g):
    out = make_array(vertices.shape)
    lists = _adjacency(faces, len(vertices) // meshes)
    normals.face_normals_adjoint(array_from(vertices), array_from(faces, ti.i32), *lists, array_from(g), out, meshes)
    return out.to_numpy()


def vertex_adjoint(vertices, faces, meshes, g):
    out, scratch = make_array(vertices.shape), make_array(vertices.shape)
    lists = _adjacency(faces, len(vertices) // meshes)
    normals.vertex_normals_adjoint(
        array_from(vertices), array_from(faces, ti.i32), *lists, array_from(g), scratch, out, meshes
    )
    return out.to_numpy()


def test_normals_equal_the_oracle(cpu64):
    vertices = scene()
    np.testing.assert_allclose(face(vertices, TETRAHEDRON, 2), _oracle_face(vertices, TETRAHEDRON, 2)[1], atol=1e-14)
    np.testing.assert_allclose(vertex(vertices, TETRAHEDRON, 2), _oracle_vertex(vertices, TETRAHEDRON, 2), atol=1e-14)


@pytest.mark.parametrize(("forward", "adjoint"), [(face, face_adjoint), (vertex, vertex_adjoint)])
def test_adjoint_equals_central_differences(cpu64, forward, adjoint):
    vertices = scene(1)
    g = np.random.default_rng(2).normal(size=forward(vertices, TETRAHEDRON, 2).shape)
    gradient = adjoint(vertices, TETRAHEDRON, 2, g)
    errors = relative_errors(
        lambda x: np.sum(g * forward(x["vertices"], TETRAHEDRON, 2)),
        {"vertices": vertices},
        {"vertices": gradient},
        ["vertices"],
    )
    assert errors["vertices"] < 1e-7


def test_right_handed_triangle_faces_its_viewer(cpu64):
    triangle = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], float)
    assert face(triangle, np.array([[0, 1, 2]], np.int32), 1).tolist() == [[0, 0, 1]]


def test_larger_faces_weigh_more(cpu64):
    vertices = np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)  # normals +z with twice the area of the other, +x
    np.testing.assert_allclose(vertex(vertices, faces, 1)[0], np.array([1, 0, 2]) / np.sqrt(5), atol=1e-15)


@pytest.mark.parametrize(("forward", "adjoint"), [(face, face_adjoint), (vertex, vertex_adjoint)])
def test_degenerate_faces_and_unused_vertices_give_zeros(cpu64, forward, adjoint):
    vertices = np.array([[0, 0, 0], [1, 1, 1], [2, 2, 2], [3, 0, 0]], float)
    faces = np.array([[0, 1, 2]], np.int32)
    out = forward(vertices, faces, 1)
    assert (out == 0).all()
    assert (adjoint(vertices, faces, 1, np.ones_like(out)) == 0).all()


def test_tiny_faces_have_unit_normals_in_single_precision(cpu32):
    triangle = 1e-12 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], float)
    np.testing.assert_allclose(face(triangle, np.array([[0, 1, 2]], np.int32), 1), [[0, 0, 1]], atol=1e-6)


def test_single_precision_equals_the_oracle(any32):
    vertices = scene(3)
    np.testing.assert_allclose(face(vertices, TETRAHEDRON, 2), _oracle_face(vertices, TETRAHEDRON, 2)[1], atol=1e-6)
    np.testing.assert_allclose(vertex(vertices, TETRAHEDRON, 2), _oracle_vertex(vertices, TETRAHEDRON, 2), atol=1e-6)
    g = np.random.default_rng(4).normal(size=vertices.shape)
    gradient = vertex_adjoint(vertices, TETRAHEDRON, 2, g)
    direction = np.random.default_rng(5).normal(size=vertices.shape)
    plus, minus = (_oracle_vertex(vertices + s * direction, TETRAHEDRON, 2) for s in (1e-6, -1e-6))
    measured = np.sum(g * (plus - minus)) / 2e-6
    assert abs(np.sum(gradient * direction) - measured) < 1e-5 * np.abs(gradient * direction).sum()
