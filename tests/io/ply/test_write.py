"""PLY files that are written: the same to 8 bits when they are loaded."""

import numpy as np
import pytest

from taichi_dr.io.images import linear_to_srgb
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.texture import Texture

CORNERS = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [9, 9, 9]]
FACES = [[0, 1, 2], [0, 2, 3]]
UV = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
RED, GREEN, BLUE = np.eye(3)


def as_loaded(path, mesh):
    """sRGB bytes (F, 3, 3) at the corners, once the mesh is saved and loaded."""
    save_mesh(mesh, path)
    again = load_mesh(path)
    colors = again.numpy("colors")[0][again.color_topology.faces]
    before, after = (one.numpy("vertices")[0][one.topology.faces] for one in (mesh, again))
    np.testing.assert_array_equal(after, before)
    return np.round(linear_to_srgb(colors) * 255)


def test_colors_of_corners_that_differ(cpu32, tmp_path):
    colors = [RED, GREEN, BLUE, RED + GREEN, RED]
    found = as_loaded(tmp_path / "a.ply", Mesh(CORNERS, FACES, colors=colors, color_faces=[[0, 1, 2], [3, 2, 4]]))
    expected = [[RED, GREEN, BLUE], [RED + GREEN, BLUE, RED]]
    assert found.tolist() == (np.array(expected) * 255).tolist()


@pytest.mark.parametrize("tint", [None, [0.0, 1.0, 1.0]])
def test_several_textures_do_not_mix_where_they_meet(cpu32, tmp_path, tint):
    textures = [Texture(np.full((2, 2, 3), color)) for color in (RED + GREEN, BLUE)]
    found = as_loaded(
        tmp_path / "a.ply", Mesh(CORNERS, FACES, uv=UV, texture=textures, face_textures=[0, 1], colors=tint)
    )
    expected = np.repeat([[RED + GREEN], [BLUE]], 3, axis=1) * (1 if tint is None else np.array(tint))
    assert found.tolist() == (expected * 255).tolist()


def test_colors_of_faces_on_a_texture(cpu32, tmp_path):
    mesh = Mesh(CORNERS, FACES, uv=UV, texture=np.ones((2, 2, 3)), face_colors=[RED, BLUE])
    assert as_loaded(tmp_path / "a.ply", mesh).tolist() == (np.repeat([[RED], [BLUE]], 3, axis=1) * 255).tolist()


def test_vertices_stay_as_they_are_where_none_has_two_colors(cpu32, tmp_path):
    mesh = Mesh(CORNERS, FACES, uv=UV, texture=np.ones((2, 2, 3)), colors=[RED, GREEN, BLUE, RED, RED])
    assert as_loaded(tmp_path / "a.ply", mesh)[0].tolist() == (np.eye(3) * 255).tolist()
    assert load_mesh(tmp_path / "a.ply").vertex_count == 5
