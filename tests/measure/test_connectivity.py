"""Parts and genus of surfaces whose numbers are known."""

from pathlib import Path

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.measure.connectivity import connectivity

MODELS = Path(__file__).parents[3] / "shared" / "data" / "models"
TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)


def joined(*meshes):
    """One mesh of several (vertices, faces)."""
    offsets = np.cumsum([0] + [len(vertices) for vertices, _ in meshes])
    vertices = np.concatenate([vertices for vertices, _ in meshes])
    return dr.Mesh(vertices, np.concatenate([faces + at for (_, faces), at in zip(meshes, offsets, strict=False)]))


def arrays(mesh):
    return mesh.numpy("vertices")[0], mesh.numpy("faces")


@pytest.mark.parametrize(("name", "genus"), [("icosphere", 0), ("sphere", 0), ("box", 0), ("cone", 0), ("torus", 1)])
def test_shapes(name, genus):
    found = connectivity(getattr(dr.shapes, name)())
    assert (found.parts, found.genus, found.is_watertight) == (1, genus, True)


def test_two_boxes_are_two_parts_and_handles_add_up():
    vertices, faces = arrays(dr.shapes.box())
    found = connectivity(joined((vertices, faces), (vertices + 3, faces)))
    assert (found.parts, found.genus, found.is_watertight) == (2, 0, True)
    ring = arrays(dr.shapes.torus())
    assert connectivity(joined((vertices, faces), ring, (ring[0] + 5, ring[1])))[:2] == (3, 2)


def test_a_box_whose_faces_have_vertices_of_their_own_is_one_part():
    vertices, faces = arrays(dr.shapes.box())
    found = connectivity(dr.Mesh(vertices[faces.reshape(-1)], np.arange(36).reshape(-1, 3)))
    assert (found.parts, found.genus, found.is_watertight) == (1, 0, True)


def test_holes_in_the_surface_are_open_edges_and_no_handles():
    vertices, faces = arrays(dr.shapes.torus())
    for kept, edges in ((faces[1:], 3), (faces[2:], 4)):  # the first two faces share an edge
        found = connectivity(dr.Mesh(vertices, kept))
        assert (found.parts, found.genus, found.open_edges, found.is_watertight) == (1, 1, edges, False)
    assert connectivity(dr.Mesh(vertices, np.delete(faces, [0, 100], axis=0)))[:3] == (1, 1, 6)


def test_tips_that_touch_join_nothing():
    found = connectivity(joined((CORNERS, TETRAHEDRON), (-CORNERS, TETRAHEDRON[:, ::-1])))
    assert found == (2, 0, 0, 0, True)


def test_an_edge_of_four_faces_has_no_genus():
    below = CORNERS * (1, -1, -1)  # shares the edge from (0, 0, 0) to (1, 0, 0)
    found = connectivity(joined((CORNERS, TETRAHEDRON), (below, TETRAHEDRON)))
    assert found == (1, None, 0, 1, True)


def test_a_face_turned_over_encloses_nothing_and_keeps_the_genus():
    faces = TETRAHEDRON.copy()
    faces[2] = faces[2, ::-1]
    found = connectivity(dr.Mesh(CORNERS, faces))
    assert (found.genus, found.is_oriented, found.is_watertight) == (0, False, False)


def test_a_moebius_strip_has_one_side():
    vertices = np.random.default_rng(1).normal(size=(5, 3))
    found = connectivity(dr.Mesh(vertices, [[i, (i + 1) % 5, (i + 2) % 5] for i in range(5)]))
    assert (found.parts, found.genus, found.open_edges, found.is_oriented) == (1, None, 5, False)


def test_a_klein_bottle_has_one_side():
    rows, columns = np.divmod(np.arange(36), 6)
    index = np.arange(36).reshape(6, 6)
    right = np.roll(index, -1, axis=1)
    up = np.roll(index, -1, axis=0)
    up[-1] = index[0, ::-1]  # the tube is closed upside down
    up_right = np.roll(up, -1, axis=1)
    faces = np.concatenate(
        [np.stack(corners, -1).reshape(-1, 3) for corners in ((index, right, up), (right, up_right, up))]
    )
    found = connectivity(dr.Mesh(np.stack([rows, columns, rows * columns], -1), faces))
    assert found == (1, None, 0, 0, False)


def test_faces_of_a_repeated_vertex_do_not_count():
    found = connectivity(dr.Mesh(CORNERS, [*TETRAHEDRON, [0, 0, 1], [2, 2, 2]]))
    assert found == (1, 0, 0, 0, True)
    assert connectivity(dr.Mesh(CORNERS, [[0, 0, 1]])) == (0, 0, 0, 0, True)


@pytest.mark.parametrize(
    ("name", "genus"), [("libigl/fertility.off", 4), ("trimesh/featuretype.STL", 9), ("odedstein/boot/boot.obj", 12)]
)
def test_models_of_known_genus(name, genus):
    if not (MODELS / name).exists():
        pytest.skip(f"no {MODELS / name}")
    found = connectivity(dr.load_mesh(MODELS / name))
    assert (found.parts, found.genus, found.is_watertight) == (1, genus, True)
