"""OBJ files as they are written, and read again."""

import warnings

import numpy as np
import pytest

from taichi_dr.io.images import linear_to_srgb, srgb_to_linear
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.io.triangles import corner_colors
from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.texture import Texture

VERTICES = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
FACES = [[0, 1, 2], [0, 2, 3], [0, 1, 3]]
UV = [[0, 0], [1, 0], [1, 1], [0, 1]]


def as_bytes(colors):
    return srgb_to_linear(np.round(linear_to_srgb(np.asarray(colors, float)) * 255) / 255)


def textures(*wraps, seed=0):
    random = np.random.default_rng(seed)
    return [Texture(as_bytes(random.random((3, 4 + i, 3))), wrap) for i, wrap in enumerate(wraps)]


def again(mesh, folder):
    save_mesh(mesh, folder / "a.obj")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_mesh(folder / "a.obj")


def assert_same_look(mesh, other, atol=1e-6):
    np.testing.assert_allclose(corner_colors(other, 0), corner_colors(mesh, 0), atol=atol)
    corners = [one.numpy("vertices")[0][one.numpy("faces")] for one in (mesh, other)]
    np.testing.assert_array_equal(*corners)


def test_several_textures_and_faces_without(cpu32, tmp_path):
    pictures = textures(("repeat", "repeat"), ("clamp", "clamp"))
    colors = {"face_colors": [[1, 1, 1], [1, 1, 1], [0.2, 0.3, 0.4]]}
    mesh = Mesh(VERTICES, FACES, uv=UV, texture=pictures, face_textures=[1, 0, -1], **colors)
    other = again(mesh, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mtl", "a.obj", "a_texture0.png", "a_texture1.png"]
    assert_same_look(mesh, other)
    assert sorted(other.face_textures.tolist()) == [-1, 0, 1]
    for face in (0, 1):
        before, after = (one.textures[one.face_textures[face]] for one in (mesh, other))
        np.testing.assert_allclose(after.pixels, before.pixels, atol=1e-6)
        assert after.wrap == before.wrap
    np.testing.assert_array_equal(other.numpy("uv")[other.uv_faces], mesh.numpy("uv")[mesh.uv_faces])


def test_faces_without_a_texture_are_white_if_no_colour_is_given(cpu32, tmp_path):
    picture = textures(("repeat", "repeat"))
    mesh = Mesh(VERTICES, FACES, uv=UV, texture=picture, face_textures=[0, -1, 0])
    other = again(mesh, tmp_path)
    assert_same_look(mesh, other)
    assert corner_colors(other, 0)[1].tolist() == [[1, 1, 1]] * 3


@pytest.mark.parametrize(
    "tint", [(1, 0.5, 0.25), (0, 0, 0), srgb_to_linear((0.8, 0.8, 0.8)), srgb_to_linear((0.64,) * 3)]
)
def test_a_texture_times_a_colour_of_faces(cpu32, tmp_path, tint):
    mesh = Mesh(VERTICES, FACES, uv=UV, texture=textures(("repeat", "repeat"))[0], face_colors=[tint, (1, 1, 1), tint])
    other = again(mesh, tmp_path)
    assert_same_look(mesh, other, atol=2e-3)
    colors = [linear_to_srgb(np.clip(one.numpy("colors")[0][one.color_topology.faces], 0, 1)) for one in (mesh, other)]
    np.testing.assert_array_equal(*[np.round(one * 255) for one in colors])


def test_a_texture_times_colours_of_vertices(cpu32, tmp_path):
    colors = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.5]]
    mesh = Mesh(VERTICES, FACES, uv=UV, texture=textures(("repeat", "repeat")), colors=colors)
    other = again(mesh, tmp_path)
    assert other.colors_per == "vertex"
    assert_same_look(mesh, other)
    np.testing.assert_allclose(other.numpy("colors")[0], colors, atol=1e-6)


def test_colours_of_corners_repeat_their_vertices(cpu32, tmp_path):
    random = np.random.default_rng(1)
    mesh = Mesh(VERTICES, FACES, colors=random.random((5, 3)), color_faces=[[0, 1, 2], [0, 2, 3], [4, 1, 3]])
    other = again(mesh, tmp_path)
    assert other.vertex_count == 5
    assert_same_look(mesh, other)
    welded = load_mesh(tmp_path / "a.obj", weld=True)
    assert (welded.vertex_count, welded.colors_per) == (4, "corner")
    assert_same_look(mesh, welded)


@pytest.mark.parametrize("wrap", [("mirror", "repeat"), ("repeat", "mirror"), ("mirror", "mirror")])
def test_mirrored_textures_have_their_mirror_image_in_the_picture(cpu32, tmp_path, wrap):
    uv = [[0.1, 0.2], [1.6, 0.3], [2.2, 1.7], [-0.4, -1.3]]
    mesh = Mesh(VERTICES, FACES, uv=uv, texture=textures(wrap))
    assert_same_look(mesh, again(mesh, tmp_path), atol=1e-5)


def test_clamped_textures_stay_clamped(cpu32, tmp_path):
    uv = [[0.1, 0.2], [1.6, 0.3], [2.2, 1.7], [-0.4, -1.3]]
    mesh = Mesh(VERTICES, FACES, uv=uv, texture=textures(("clamp", "clamp")))
    assert "map_Kd -clamp on a_texture.png\n" in (again(mesh, tmp_path), (tmp_path / "a.mtl").read_text())[1]
    assert_same_look(mesh, again(mesh, tmp_path))


def test_clamping_along_one_side_alone_is_said_to_be_lost(cpu32, tmp_path):
    mesh = Mesh(VERTICES, FACES, uv=UV, texture=textures(("clamp", "repeat")))
    with pytest.warns(UserWarning, match=r"a\.obj: MTL cannot clamp a texture along u alone: it repeats"):
        save_mesh(mesh, tmp_path / "a.obj")
