"""Whole files: those of exporters, beside trimesh where trimesh is right, and damaged ones."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from gltf_files import SQUARE_UV, GltfFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taichi_dr.errors import Error, FileError, GeometryError
from taichi_dr.io.gltf.read import read_gltf
from taichi_dr.io.meshes import load_mesh, load_parts

MODELS = Path(__file__).parents[4] / "shared" / "data" / "models"
real = pytest.mark.skipif(not MODELS.is_dir(), reason="the real models are not on this machine")

BY_TRIMESH = [
    "assimp/glTF2/cameras/Cameras.gltf",
    "assimp/glTF2/simple_skin/simple_skin.gltf",
    "assimp/glTF2/textureTransform/TextureTransformTest.gltf",
    "gltf-transform/BoxVertexColors.glb",
    "trimesh/BoxInterleaved.glb",
    "trimesh/BoxTextured.glb",
    "trimesh/CesiumMilkTruck.glb",
    "trimesh/cubevc.glb",
    "trimesh/nested.glb",
    "trimesh/pins.glb",
]


def area(vertices, faces):
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


@real
@pytest.mark.parametrize("name", BY_TRIMESH)
def test_shapes_are_those_that_trimesh_sees(name):
    surface = read_gltf(MODELS / name)
    expected = trimesh.load_scene(MODELS / name, process=False).to_geometry()
    assert (len(surface.vertices), len(surface.faces)) == (len(expected.vertices), len(expected.faces))
    assert area(surface.vertices, surface.faces) == pytest.approx(expected.area, rel=1e-6)
    np.testing.assert_allclose(np.ptp(surface.vertices, axis=0), np.ptp(expected.vertices, axis=0), atol=1e-6)


@real
def test_draco_of_exporters():
    """A box of side 1, and a car of 1932 faces (Blender's exporter) whose size its accessors announce."""
    pytest.importorskip("DracoPy", reason="DracoPy: not installed")
    box = read_gltf(MODELS / "gltf-transform/BoxDraco.gltf")
    assert area(box.vertices, box.faces) == pytest.approx(6, rel=1e-3)
    np.testing.assert_allclose(box.corner_colors, np.tile([0.8, 0, 0], (12, 3, 1)), atol=1e-7)
    car = read_gltf(MODELS / "draco/sedan/model.gltf")
    assert (len(car.vertices), len(car.faces)) == (4704, 1932)
    np.testing.assert_allclose(np.ptp(car.vertices, axis=0), [1.5, 1.3, 2.5], atol=2e-3)
    assert len(np.unique(car.corner_colors.reshape(-1, 3), axis=0)) == 8


@real
def test_colors_and_textures_of_exporters():
    truck = read_gltf(MODELS / "trimesh/CesiumMilkTruck.glb")
    assert np.bincount(truck.face_textures + 1).tolist() == [344, 3280]
    colors = np.unique(truck.corner_colors.reshape(-1, 3).round(4), axis=0)
    assert colors.tolist() == [[0, 0.0405, 0.0212], [0.064, 0.064, 0.064], [1, 1, 1]]
    cube = read_gltf(MODELS / "trimesh/cubevc.glb")
    assert np.unique(cube.corner_colors.reshape(-1, 3), axis=0).tolist() == [[1, 0, 1]]
    box = read_gltf(MODELS / "gltf-transform/BoxVertexColors.glb")
    assert box.corner_colors.max() == pytest.approx(0.8)


@real
def test_texture_transforms_of_the_khronos_sample():
    """Its README: quads that show (0, 0) to (0.5, 0.5), v down, of a picture, moved by (0.5, 0), (0, 0.5), both."""
    surface = read_gltf(MODELS / "assimp/glTF2/textureTransform/TextureTransformTest.gltf")
    first = surface.uv[surface.uv_faces[::2]].reshape(-1, 3, 2)
    assert [texture.wrap[0] for texture in surface.textures] == ["clamp", "clamp", "repeat", "repeat", "repeat"]
    np.testing.assert_allclose(first[:3].min(axis=1), [[0.5, 0.5], [0, 0], [0.5, 0]], atol=1e-6)


@real
def test_what_cannot_be_read_says_why():
    for name, error, message in (
        ("IndexOutOfRange/IndexOutOfRange.gltf", GeometryError, r"refers to vertex 255, there are 24"),
        ("IndexOutOfRange/AllIndicesOutOfRange.gltf", GeometryError, r"refers to vertex 65535, there are 24"),
        ("MissingBin/BoxTextured.gltf", FileError, r"there is no such file: .*BoxTextured0\.bin"),
    ):
        with pytest.raises(error, match=message):
            read_gltf(MODELS / "assimp/glTF2" / name)
    with pytest.warns(UserWarning, match=r"its picture .*colormap\.png is missing"):
        assert len(read_gltf(MODELS / "kenney/vehicle-truck-red.glb").faces) == 946


@real
def test_morph_weights_of_the_file():
    """Its README: a triangle whose tip (0.5, 0.5) is moved by half of (0.5, 1) and half of (-0.5, 1)."""
    surface = read_gltf(MODELS / "assimp/glTF2/SimpleMorph/glTF/SimpleMorph.gltf")
    assert surface.vertices[:, 1].max() == 1.5


def test_gltf_loads_as_a_mesh_and_as_parts(cpu32, tmp_path):
    file = GltfFile()
    file.show(file.square(attributes={"TEXCOORD_0": SQUARE_UV}, material=file.material((1, 0, 0, 1))))
    file.show(file.square(material=file.material((0, 0, 1, 1))), translation=[5, 0, 0])
    mesh = load_mesh(file.save(tmp_path / "a.gltf"))
    assert mesh.numpy("colors")[0][mesh.color_topology.faces][:, 0].tolist() == [[1, 0, 0]] * 2 + [[0, 0, 1]] * 2
    assert [part.name for part in load_parts(tmp_path / "a.gltf")] == ["a.gltf[0]", "a.gltf[1]"]


def test_warnings_are_given_where_the_file_is_loaded(cpu32, tmp_path):
    file = GltfFile()
    file.show(file.square(material=file.material((1, 0, 0, 0.5), alphaMode="BLEND")))
    with pytest.warns(UserWarning, match="alpha") as told:
        load_mesh(file.save(tmp_path / "a.glb"))
    assert told[0].filename == __file__


def everything(path):
    """A file with a bit of everything."""
    file = GltfFile()
    texture = file.texture(np.full((2, 2, 4), 200), wrapS=33071)
    info = {"index": texture, "extensions": {"KHR_texture_transform": {"offset": [0.5, 0], "rotation": 1}}}
    material = file.material((1, 0.5, 0, 0.5), info, alphaMode="BLEND")
    attributes = {"TEXCOORD_0": SQUARE_UV, "COLOR_0": np.full((4, 4), 100, np.uint8)}
    primitive = file.square(attributes=attributes, material=material, targets=[{"POSITION": 0}])
    child = file.node(False, mesh=file.mesh(primitive, weights=[0.5]), rotation=[0, 0, 0, 1])
    file.node(children=[child], matrix=np.eye(4).reshape(-1).tolist())
    return file.save(path)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), suffix=st.sampled_from([".glb", ".gltf"]))
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_raise_the_packages_errors_only(tmp_path, data, suffix):
    path = tmp_path / f"a{suffix}"
    good = everything(path).read_bytes()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(good) - 1))
        put = data.draw(st.one_of(st.binary(max_size=3), st.sampled_from([b"-", b"9", b"null", b"{}", b"[]", b"1e99"])))
        good = good[:at] + put + good[at + data.draw(st.integers(0, 4)) :]
    path.write_bytes(good)
    error = failure(path)
    assert error is None or path.name in str(error)


def failure(path):
    try:
        read_gltf(path)
    except Error as error:
        return error
    return None
