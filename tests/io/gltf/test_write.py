"""Writing: what is saved is the same mesh when it is loaded, and what other readers see of it."""

import json
import struct

import numpy as np
import pytest
import trimesh

from taichi_dr.io.images import linear_to_srgb, srgb_to_linear
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.scene import shapes
from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.texture import Texture

SUFFIXES = (".glb", ".gltf")
CORNERS = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]


def tree(path):
    """The JSON of a file."""
    data = path.read_bytes()
    return json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]] if data[:4] == b"glTF" else data)


def as_bytes(colors):
    """What 8 bits of sRGB leave of linear colours."""
    return srgb_to_linear(np.round(linear_to_srgb(np.asarray(colors, np.float64)) * 255) / 255)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_vertices_and_faces_are_the_same_with_those_that_no_face_uses(cpu32, tmp_path, suffix):
    vertices = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    mesh = Mesh(vertices, [[7, 3, 1], [3, 7, 5]], colors=np.arange(27).reshape(9, 3) / 255)
    save_mesh(mesh, tmp_path / f"a{suffix}")
    again = load_mesh(tmp_path / f"a{suffix}", weld=False)
    assert again.numpy("vertices")[0].tolist() == vertices.tolist()
    assert again.numpy("faces").tolist() == [[7, 3, 1], [3, 7, 5]]
    used = [1, 3, 5, 7]
    np.testing.assert_allclose(again.numpy("colors")[0][used], mesh.numpy("colors")[0][used], atol=1e-6)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_seams_split_vertices_and_loading_joins_them(cpu32, tmp_path, suffix):
    texture = np.random.default_rng(1).uniform(size=(4, 6, 3))
    mesh = shapes.sphere(60, texture=texture)
    save_mesh(mesh, tmp_path / f"a{suffix}")
    again = load_mesh(tmp_path / f"a{suffix}")
    assert (again.vertex_count, again.face_count) == (mesh.vertex_count, mesh.face_count)
    assert again.topology.is_closed
    np.testing.assert_allclose(again.numpy("texture"), as_bytes(texture), atol=1e-6)
    np.testing.assert_allclose(again.numpy("uv")[again.uv_faces], mesh.numpy("uv")[mesh.uv_faces], atol=1e-6)


def test_face_colors_and_coordinates_without_a_texture(cpu32, tmp_path):
    uv = [[0, 0], [1, 0], [1, 1], [0, 1]]
    mesh = Mesh(CORNERS, [[0, 1, 2], [0, 2, 3]], face_colors=[[1, 0, 0], [0, 0, 1]], uv=uv)
    save_mesh(mesh, tmp_path / "a.glb")
    again = load_mesh(tmp_path / "a.glb")
    assert again.colors_per == "face"
    assert again.numpy("colors")[0].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert again.numpy("uv")[again.uv_faces].tolist() == [[uv[0], uv[1], uv[2]], [uv[0], uv[2], uv[3]]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_dark_colors_are_the_same(cpu32, tmp_path, suffix):
    stored = np.arange(12).reshape(4, 3)  # in linear light, 255 times that is less than 1
    mesh = Mesh(CORNERS, [[0, 1, 2], [0, 2, 3]], colors=srgb_to_linear(stored / 255))
    save_mesh(mesh, tmp_path / f"a{suffix}")
    again = linear_to_srgb(load_mesh(tmp_path / f"a{suffix}").numpy("colors")[0].astype(np.float64))
    np.testing.assert_allclose(again * 255, stored, atol=1e-3)


def test_many_vertices_have_long_indices(cpu32, tmp_path):
    count = 70_000
    vertices = np.random.default_rng(2).normal(size=(count, 3))
    mesh = Mesh(vertices, np.array([[0, 1, count - 1]]))
    save_mesh(mesh, tmp_path / "a.glb")
    assert load_mesh(tmp_path / "a.glb", weld=False).numpy("faces").tolist() == [[0, 1, count - 1]]
    accessor = tree(tmp_path / "a.glb")["meshes"][0]["primitives"][0]["indices"]
    assert tree(tmp_path / "a.glb")["accessors"][accessor]["componentType"] == 5125


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_another_reader_sees_the_same(cpu32, tmp_path, suffix):
    mesh = shapes.icosphere(1, colors=np.random.default_rng(3).uniform(size=(42, 3)))
    save_mesh(mesh, tmp_path / f"a{suffix}")
    other = trimesh.load_scene(tmp_path / f"a{suffix}", process=False).to_geometry()
    np.testing.assert_array_equal(other.vertices, mesh.numpy("vertices")[0])
    np.testing.assert_array_equal(other.faces, mesh.numpy("faces"))
    np.testing.assert_array_equal(other.visual.vertex_colors[:, :3], np.round(mesh.numpy("colors")[0] * 255))


def test_what_the_specification_asks_for(cpu32, tmp_path):
    save_mesh(shapes.sphere(60, texture=np.ones((2, 2, 3))), tmp_path / "a.glb", unlit=True)
    found = tree(tmp_path / "a.glb")
    (data,) = [(tmp_path / "a.glb").read_bytes()]
    assert struct.unpack_from("<4sII", data) == (b"glTF", 2, len(data))
    assert found["asset"]["version"] == "2.0"
    position = found["accessors"][found["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    np.testing.assert_allclose(position["min"], [-1, -1, -1], atol=0.05)
    assert all(view["byteOffset"] % 4 == 0 for view in found["bufferViews"])
    (material,) = found["materials"]
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0
    assert material["extensions"] == {"KHR_materials_unlit": {}}
    assert found["extensionsUsed"] == ["KHR_materials_unlit"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_offset_is_where_the_node_is(cpu32, tmp_path, suffix):
    """Coordinates of UTM, half a million and five million metres, keep a tenth of a millimetre."""
    local, offset = np.random.default_rng(7).normal(size=(9, 3)), np.array([500_000.25, 5_400_000.125, 300])
    mesh = Mesh(local, [[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    mesh.offset = offset
    save_mesh(mesh, tmp_path / f"a{suffix}")
    assert tree(tmp_path / f"a{suffix}")["nodes"] == [{"mesh": 0, "translation": offset.tolist()}]
    with pytest.warns(UserWarning, match="is far from the origin"):
        again = load_mesh(tmp_path / f"a{suffix}", weld=False)
    np.testing.assert_allclose(again.numpy("vertices")[0] + again.offset, local + offset, rtol=0, atol=1e-4)
    mesh.offset = np.zeros(3)
    save_mesh(mesh, tmp_path / f"a{suffix}")
    assert tree(tmp_path / f"a{suffix}")["nodes"] == [{"mesh": 0}]


def by_face(mesh, index=0):
    """Corner positions -> (texture's pixels or None, its wrap, uv, colours that multiply it) of each face."""
    corners = mesh.numpy("vertices")[index][mesh.numpy("faces")]
    colors = mesh.numpy("colors")[index][mesh.color_topology.faces] if mesh.has_colors else np.ones(corners.shape)
    uv = mesh.numpy("uv")[mesh.uv_faces]
    shown = np.zeros(len(corners), int) if mesh.face_textures is None else mesh.face_textures
    return {
        corners[i].round(5).tobytes(): (mesh.textures[shown[i]] if shown[i] >= 0 else None, uv[i], colors[i])
        for i in range(len(corners))
    }


TINTS = {
    "none": {},
    "one": {"colors": (0.25, 0.5, 1)},
    "by texture": {"face_colors": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9], [0.1, 0.2, 0.3]]},
    "by vertex": {"colors": np.arange(18).reshape(6, 3) / 17},
    "by corner": {"colors": np.arange(36).reshape(12, 3) / 35, "color_faces": np.arange(12).reshape(4, 3)},
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("tint", TINTS)
def test_several_textures_with_wraps_times_colors(cpu32, tmp_path, tint, suffix):
    random = np.random.default_rng(5)
    textures = [
        Texture(random.uniform(size=(2, 3, 3)), ("clamp", "mirror")),
        Texture(random.uniform(size=(4, 2, 3)), ("repeat", "clamp")),
    ]
    vertices, uv = random.normal(size=(6, 3)), random.uniform(-1, 2, size=(7, 2))
    faces, uv_faces = [[0, 1, 2], [0, 2, 3], [3, 4, 5], [0, 3, 5]], [[0, 1, 2], [3, 2, 4], [4, 5, 6], [0, 3, 6]]
    mesh = Mesh(vertices, faces, uv=uv, uv_faces=uv_faces, texture=textures, face_textures=[1, 0, -1, 1], **TINTS[tint])
    save_mesh(mesh, tmp_path / f"a{suffix}")
    again = load_mesh(tmp_path / f"a{suffix}")
    assert (again.vertex_count, len(again.textures)) == (6, 2)
    before, after = by_face(mesh), by_face(again)
    assert before.keys() == after.keys()
    for key, (texture, uv, colors) in before.items():
        again_texture, again_uv, again_colors = after[key]
        np.testing.assert_allclose(again_uv, uv, atol=1e-6)
        np.testing.assert_allclose(again_colors, colors, atol=0.5 / 255 + 1e-6)
        assert (texture is None) == (again_texture is None)
        if texture is not None:
            assert again_texture.wrap == texture.wrap
            np.testing.assert_allclose(again_texture.pixels, as_bytes(texture.pixels), atol=1e-6)
    if tint in ("one", "by texture"):  # factors, to the last digit
        found = {tuple(colors[0].round(6).tolist()) for _, _, colors in after.values()}
        assert found == {tuple(colors[0].round(6).tolist()) for _, _, colors in before.values()}
