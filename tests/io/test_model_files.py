"""Real mesh files of many programs: rendered right or refused by name; a page of them all, with pictures, to look at.

``build/model_files/index.html``, and ``index.png``, are written by ``test_every_file``.
"""

import html
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.io.meshes import SUFFIXES

ROOT = Path(__file__).parents[2]
MODELS = ROOT.parent / "shared" / "data" / "models"
OUTPUT = ROOT / "build" / "model_files"
SIZE = 128

pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason="the real models are not on this machine")

FILES = {  # faces, textures and what is warned of; or what it is refused for
    "assimp/OBJ/concave_polygon.obj": (64, 0, ""),
    "assimp/OBJ/cube_usemtl.obj": (12, 0, "have no material 'mtl3'"),
    "assimp/OBJ/cube_with_vertexcolors.obj": (12, 0, ""),
    "assimp/OBJ/spider.obj": (1368, 4, ""),
    "assimp/OFF/Cube.off": (12, 0, ""),
    "assimp/PLY/cube_binary.ply": (12, 0, ""),
    "assimp/PLY/cube_uv.ply": (12, 0, ""),
    "assimp/PLY/float-color.ply": (1, 0, ""),
    "assimp/STL/Spider_ascii.stl": (1368, 0, ""),
    "assimp/STL/Spider_binary.stl": (1368, 0, ""),
    "assimp/STL/sphereWithHole.stl": (285, 0, ""),
    "assimp/glTF2/IndexOutOfRange/AllIndicesOutOfRange.gltf": "indices: a face refers to vertex 65535, there are 24",
    "assimp/glTF2/IndexOutOfRange/IndexOutOfRange.gltf": "indices: a face refers to vertex 255, there are 24",
    "assimp/glTF2/MissingBin/BoxTextured.gltf": r"buffers\[0\].uri: there is no such file: .*BoxTextured0.bin",
    "assimp/glTF2/SimpleMorph/glTF/SimpleMorph.gltf": (1, 0, ""),
    "assimp/glTF2/cameras/Cameras.gltf": (2, 0, ""),
    "assimp/glTF2/simple_skin/simple_skin.gltf": (8, 0, ""),
    "assimp/glTF2/textureTransform/TextureTransformTest.gltf": (24, 5, ""),
    "draco/sedan/model.gltf": (1932, 0, "its own light (emissiveFactor) is not rendered"),
    "gltf-transform/BoxDraco.gltf": (12, 0, ""),
    "gltf-transform/BoxVertexColors.glb": (12, 0, ""),
    "kenney/vehicle-truck-red.glb": (946, 0, "colormap.png is missing"),
    "libigl/elephant.obj": (12064, 0, ""),
    "libigl/fertility.off": (9000, 0, ""),
    "odedstein/boot/boot.obj": (39906, 0, ""),
    "odedstein/mountain/mountain.obj": (50562, 0, ""),
    "trimesh/BoxInterleaved.glb": (12, 0, ""),
    "trimesh/BoxTextured.glb": (12, 1, ""),
    "trimesh/CesiumMilkTruck.glb": (3624, 1, ""),
    "trimesh/cubevc.glb": (48, 0, ""),
    "trimesh/featuretype.STL": (3476, 0, ""),
    "trimesh/fuze.obj": (1000, 1, "invisible"),
    "trimesh/fuze.ply": (1000, 1, ""),
    "trimesh/fuze_ascii.ply": (1000, 1, ""),
    "trimesh/nested.glb": (36, 0, ""),
    "trimesh/pins.glb": (3408, 0, ""),
}


def load(name):
    """The mesh and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        mesh = dr.load_mesh(MODELS / name, normalize=True)
    return mesh, "; ".join(str(one.message) for one in caught if one.category is UserWarning)


def rendered(mesh, lights=None, size=SIZE, azimuth_deg=35.0):
    renderer = dr.Rasterizer(size, antialias=True, background=(1, 1, 1))
    return renderer.render(mesh, dr.Camera.orbit(azimuth_deg, 20, 2.6, 45.0), lights).numpy("color")[0]


def test_the_table_has_every_file():
    found = {str(path.relative_to(MODELS)) for path in MODELS.rglob("*") if path.suffix.lower() in SUFFIXES}
    assert found == set(FILES)


def test_every_file(cpu32):
    rows, pictures = [], []
    for name, expected in FILES.items():
        picture = np.ones((SIZE, SIZE, 3))
        if isinstance(expected, str):
            with pytest.raises(dr.Error, match=expected) as refused:
                load(name)
            assert str(MODELS / name) in str(refused.value)
            text = f"refused: {refused.value}"
        else:
            mesh, warned = load(name)
            faces, textures, warning = expected
            assert (mesh.face_count, len(mesh.textures)) == (faces, textures), name
            assert (warning in warned) if warning else not warned, (name, warned)
            picture = rendered(mesh, dr.Lights.default())
            assert (picture.min(axis=2) < 0.99).mean() > 0.01, name
            text = f"{mesh.vertex_count} vertices, {faces} faces, {textures} textures{'; ' * bool(warned)}{warned}"
        pictures.append(picture)
        rows.append((name, text.replace(f"{MODELS}/", "")))
    write_page(rows, pictures)


def write_page(rows, pictures):
    lines = ["<!doctype html><meta charset=utf-8><title>Model files</title>", "<table>"]
    for i, ((name, text), picture) in enumerate(zip(rows, pictures, strict=True)):
        dr.save_image(OUTPUT / f"{i:02d}.png", picture)
        cells = f"<td><img src={i:02d}.png><td>{html.escape(name)}<td>{html.escape(text)}"
        lines.append(f"<tr>{cells}")
    (OUTPUT / "index.html").write_text("\n".join([*lines, "</table>"]), encoding="utf-8")
    blank = [np.ones((SIZE, SIZE, 3))] * (-len(pictures) % 8)
    sheet = np.array([*pictures, *blank]).reshape(-1, 8, SIZE, SIZE, 3)
    dr.save_image(OUTPUT / "index.png", sheet.transpose(0, 2, 1, 3, 4).reshape(-1, 8 * SIZE, 3))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("trimesh/fuze.ply", "trimesh/fuze_ascii.ply"),
        ("trimesh/fuze.ply", "trimesh/fuze.obj"),
        ("assimp/STL/Spider_ascii.stl", "assimp/STL/Spider_binary.stl"),
        ("gltf-transform/BoxDraco.gltf", "trimesh/BoxInterleaved.glb"),
    ],
)
def test_files_of_one_thing_look_the_same(cpu32, one, other):
    difference = np.abs(rendered(load(one)[0]) - rendered(load(other)[0])).max(axis=2)
    assert (difference > 0.02).mean() < 1e-3  # but for edges


def test_texture_transforms_as_the_file_itself_says(cpu32):
    """Where the transforms of the upper three squares are right, their pictures are ticks on green, blue and cyan."""
    mesh, _ = load("assimp/glTF2/textureTransform/TextureTransformTest.gltf")
    renderer = dr.Rasterizer(256, background=(1, 1, 1))
    image = dr.linear_to_srgb(renderer.render(mesh, dr.Camera.orbit(0, 0, 2.4, 45.0)).numpy("color")[0])
    for column, color in ((35, (0, 0.75, 0)), (107, (0, 0, 0.75)), (181, (0, 0.75, 0.75))):
        assert np.allclose(image[70, column], color, atol=0.03), image[70, column]


def test_a_truck_of_four_materials(cpu32):
    """Its glass has no texture, its sides have one."""
    mesh, _ = load("trimesh/CesiumMilkTruck.glb")
    assert set(np.unique(mesh.face_textures).tolist()) == {-1, 0}
    assert re.fullmatch("face|corner", mesh.colors_per)
