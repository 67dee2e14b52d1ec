"""Connectivity against values counted by hand and against definitions written out as loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taichi_dr.errors import RuntimeStateError, ShapeError
from taichi_dr.scene.topology import Topology, build_adjacency, build_twins, group_by_owner

TETRAHEDRON = [[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]
BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 7, 5], [4, 6, 7], [0, 5, 1], [0, 4, 5], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
    + [[1, 5, 7], [1, 7, 3]]
)
PAIR = [[0, 1, 2], [2, 1, 3]]  # two triangles that share the edge 1-2


def random_faces(seed, rows=9, count=14):
    return np.random.default_rng(seed).integers(0, rows, (count, 3))


def test_edges_of_two_triangles():
    topology = Topology(PAIR, 5)
    assert topology.edges.tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    assert topology.edge_faces.tolist() == [[0, -1], [0, -1], [0, 1], [1, -1], [1, -1]]
    assert topology.edge_opposites.tolist() == [[2, -1], [1, -1], [0, 3], [2, -1], [1, -1]]
    assert topology.edge_face_counts.tolist() == [1, 1, 2, 1, 1]
    assert topology.face_edges.tolist() == [[0, 2, 1], [2, 3, 4]]
    assert not topology.is_closed


def test_neighbors_of_two_triangles():
    topology = Topology(PAIR, 5)
    assert topology.neighbor_start.tolist() == [0, 2, 5, 8, 10, 10]
    assert topology.neighbors.tolist() == [1, 2, 0, 2, 3, 0, 1, 3, 1, 2]


def test_corners_of_two_triangles():
    topology = Topology(PAIR, 5)
    assert topology.corner_start.tolist() == [0, 1, 3, 5, 6, 6]
    assert topology.corner_list.tolist() == [0, 1, 4, 2, 3, 5]


def test_a_tetrahedron_is_closed_and_has_eulers_number_of_edges():
    topology = Topology(TETRAHEDRON, 4)
    assert topology.is_closed
    assert len(topology.edges) == 6
    assert (topology.edge_faces >= 0).all()


def test_a_third_face_on_an_edge_is_counted():
    topology = Topology([*PAIR, [1, 2, 4]], 5)
    shared = topology.edges.tolist().index([1, 2])
    assert topology.edge_face_counts[shared] == 3
    assert topology.edge_faces[shared].tolist() == [0, 1]
    assert not topology.is_closed


def test_faces_with_a_repeated_vertex_have_no_edges():
    topology = Topology([[0, 1, 2], [1, 1, 2]], 3)
    assert topology.edges.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert topology.edge_faces[:, 1].tolist() == [-1, -1, -1]
    assert topology.face_edges[1].tolist() == [-1, -1, -1]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_tables_agree_with_their_definitions(seed):
    faces = random_faces(seed)
    topology = Topology(faces, 9)
    corners = {row: [] for row in range(9)}
    beside = {}
    for f, face in enumerate(faces.tolist()):
        for k in range(3):
            corners[face[k]].append(3 * f + k)
            if len(set(face)) == 3:
                edge = tuple(sorted((face[k], face[(k + 1) % 3])))
                beside.setdefault(edge, []).append((f, face[(k + 2) % 3]))
    for row in range(9):
        start, stop = topology.corner_start[row : row + 2]
        assert topology.corner_list[start:stop].tolist() == corners[row]
        around = sorted({a + b - row for a, b in beside if row in (a, b)})
        start, stop = topology.neighbor_start[row : row + 2]
        assert topology.neighbors[start:stop].tolist() == around
    assert [tuple(edge) for edge in topology.edges.tolist()] == sorted(beside)
    for e, edge in enumerate(sorted(beside)):
        known = (beside[edge] + [(-1, -1)])[:2]
        assert list(zip(topology.edge_faces[e], topology.edge_opposites[e], strict=True)) == known
        assert topology.edge_face_counts[e] == len(beside[edge])


def test_subdivision_of_a_triangle():
    step = Topology([[0, 1, 2]], 3).subdivision()
    assert step.parents.tolist() == [[0, 0], [1, 1], [2, 2], [0, 1], [0, 2], [1, 2]]
    assert step.faces.tolist() == [[0, 3, 4], [1, 5, 3], [2, 4, 5], [3, 5, 4]]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_subdivision_keeps_area_vectors(seed):
    faces = random_faces(seed)
    vertices = np.random.default_rng(seed + 1).normal(size=(9, 3))
    step = Topology(faces, 9).subdivision()
    finer = vertices[step.parents].mean(axis=1)

    def area_vectors(points, triangles):
        a, b, c = (points[triangles[:, k]] for k in range(3))
        return np.cross(b - a, c - a) / 2

    quarters = area_vectors(finer, step.faces).reshape(-1, 4, 3)
    np.testing.assert_allclose(quarters, np.repeat(area_vectors(vertices, faces)[:, None] / 4, 4, axis=1), atol=1e-12)


def test_arrays_hold_the_tables(any32):
    topology = Topology(PAIR, 5)
    for name in ("faces", "corner_start", "corner_list", "edges", "edge_faces", "neighbors"):
        assert (topology.array(name).to_numpy() == getattr(topology, name)).all()
        assert topology.array(name) is topology.array(name)


def test_arrays_without_edges_have_one_row(cpu32):
    assert Topology([[0, 0, 1]], 2).array("edges").to_numpy().tolist() == [[-1, -1]]


def test_arrays_follow_a_new_runtime(own_runtime):
    import taichi_dr as dr

    topology = Topology(PAIR, 5)
    dr.init("cpu")
    first = topology.array("faces")
    dr.init("cpu")
    second = topology.array("faces")
    assert second is not first
    assert second.to_numpy().tolist() == PAIR


def test_arrays_need_a_runtime(own_runtime):
    import taichi as ti

    ti.reset()
    with pytest.raises(RuntimeStateError, match=r"init"):
        Topology(PAIR, 5).array("faces")


def test_adjacency_lists_every_corner_of_a_row_in_ascending_order():
    rng = np.random.default_rng(0)
    faces = np.stack([rng.permutation(17)[:3] for _ in range(40)])
    start, corners = build_adjacency(faces, 20)
    assert start.dtype == np.int32
    assert corners.dtype == np.int32
    assert start[0] == 0
    assert start[-1] == faces.size
    for row in range(20):
        assert corners[start[row] : start[row + 1]].tolist() == np.flatnonzero(faces.ravel() == row).tolist()


def test_adjacency_of_no_faces_is_empty():
    start, corners = build_adjacency(np.zeros((0, 3), np.int32), 4)
    assert start.tolist() == [0] * 5
    assert corners.shape == (0,)


def test_twins_of_boundaries_and_of_edges_with_three_faces():
    assert build_twins([[0, 1, 2], [2, 1, 3]]).tolist() == [[-1, 3, -1], [1, -1, -1]]
    assert (build_twins([[0, 1, 2], [0, 1, 3], [1, 0, 4]]) == -1).all()
    closed = build_twins(BOX_FACES)
    assert (closed >= 0).all()
    assert (closed.ravel()[closed.ravel()] == np.arange(closed.size)).all()
    with pytest.raises(ShapeError, match="expected shape"):
        build_twins([0, 1, 2])


def test_group_by_owner_lists_every_entry_once():
    start, views = group_by_owner([2, 0, 2, 0], 4)
    assert [views[start[b] : start[b + 1]].tolist() for b in range(4)] == [[1, 3], [], [0, 2], []]
    assert start.dtype == views.dtype == np.int32
