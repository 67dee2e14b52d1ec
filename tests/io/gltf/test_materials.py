"""Colours: COLOR_0 times the factor times the texture, whatever they are stored as, and where some are missing."""

import numpy as np
import pytest
from gltf_files import SQUARE_UV, GltfFile

from taichi_dr.errors import FileError
from taichi_dr.io.gltf.read import read_gltf, read_parts
from taichi_dr.io.images import srgb_to_linear
from taichi_dr.io.meshes import load_mesh, load_parts
from taichi_dr.scene.material import Material

CORNERS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.4, 0.6]])


def colored(dtype, columns):
    """COLOR_0 as it is stored: floats, or normalised integers, with alpha or without."""
    colors = np.concatenate([CORNERS, np.ones((4, 1))], axis=1)[:, :columns]
    return colors.astype(dtype) if dtype == "f4" else (colors * np.iinfo(dtype).max).round().astype(dtype)


def read(tmp_path, file):
    return read_gltf(file.save(tmp_path / "a.glb"))


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("columns", [3, 4])
@pytest.mark.parametrize("dtype", ["f4", "u1", "u2"])
def test_vertex_colors_of_every_type_times_the_factor(tmp_path, dtype, columns, flag):
    file = GltfFile()
    stored = colored(dtype, columns)
    rows = np.pad(stored, ((0, 0), (0, 4 - columns)))  # of a multiple of 4 bytes
    view = file.view(rows.tobytes(), byteStride=rows.strides[0])
    kind = {"componentType": {"f4": 5126, "u1": 5121, "u2": 5123}[dtype], "count": 4, "type": f"VEC{columns}"}
    number = file.add("accessors", {"bufferView": view, "normalized": flag and dtype != "f4"} | kind)
    material = file.material((0.5, 0.25, 1, 1))
    file.show(file.square(attributes={"COLOR_0": number}, material=material))
    file.show(file.square(attributes={"COLOR_0": number}))
    expected = CORNERS[[[0, 1, 2], [0, 2, 3]]]
    found = read(tmp_path, file).corner_colors
    np.testing.assert_allclose(found[:2], expected * (0.5, 0.25, 1), atol=1e-6)
    np.testing.assert_allclose(found[2:], expected, atol=1e-6)


def test_color_factor_and_texture_multiply(tmp_path):
    file = GltfFile()
    material = file.material((0.5, 0.5, 0.5, 1), file.texture([[[128, 255, 0]]]))
    attributes = {"TEXCOORD_0": SQUARE_UV, "COLOR_0": np.tile(np.array([[0.5, 1, 0.25]], np.float32), (4, 1))}
    file.show(file.square(attributes=attributes, material=material))
    surface = read(tmp_path, file)
    assert surface.corner_colors[1, 2].tolist() == [0.25, 0.5, 0.125]
    np.testing.assert_allclose(surface.textures[0].pixels[0, 0], [srgb_to_linear(128 / 255), 1, 0], atol=1e-6)


def test_factors_are_clipped_as_vertex_colors_are(tmp_path):
    file = GltfFile()
    file.show(file.square(material=file.material((1e308, 2, -1, 1))))
    assert read(tmp_path, file).corner_colors[0, 0].tolist() == [1, 1, 0]


def test_no_colors_at_all_and_none_of_some(tmp_path):
    file = GltfFile()
    file.show(file.square())
    assert read(tmp_path, file).corner_colors is None
    file.show(file.square(material=file.material((1, 0, 0, 1))))
    assert read(tmp_path, file).corner_colors[:, 0].tolist() == [[1, 1, 1]] * 2 + [[1, 0, 0]] * 2
    file = GltfFile()
    file.show(file.square(material=file.material()))
    assert read(tmp_path, file).corner_colors.min() == 1


def test_colors_out_of_range_are_clipped(tmp_path):
    file = GltfFile()
    file.show(file.square(attributes={"COLOR_0": np.array([[2, -1, 0.5]] * 4, np.float32)}))
    assert read(tmp_path, file).corner_colors[0, 0].tolist() == [1, 0, 0.5]


def test_unlit_and_specular_glossiness(tmp_path):
    file = GltfFile()
    glossy = {"diffuseFactor": [0.25, 0.5, 0.75, 1], "diffuseTexture": {"index": file.texture([[[255, 255, 255]]])}}
    glossy["glossinessFactor"] = 0.25
    extensions = {"KHR_materials_pbrSpecularGlossiness": glossy}
    file.show(
        file.square(attributes={"TEXCOORD_0": SQUARE_UV}, material=file.material((1, 0, 0, 1), extensions=extensions))
    )
    file.show(file.square(material=file.material((0, 1, 0, 1), extensions={"KHR_materials_unlit": {}})))
    file.use("KHR_materials_pbrSpecularGlossiness", "KHR_materials_unlit", required=True)
    surface = read(tmp_path, file)
    assert surface.corner_colors[::2, 0].tolist() == [[0.25, 0.5, 0.75], [0, 1, 0]]
    assert surface.face_textures.tolist() == [0, 0, -1, -1]
    material = read_parts(tmp_path / "a.glb")[0][1]
    expected = Material.from_metallic_roughness((0.25, 0.5, 0.75), metallic=0.0, roughness=0.75)
    np.testing.assert_allclose(material.shininess, expected.shininess)


def test_parts_without_a_material_are_matt(tmp_path):
    file = GltfFile()
    file.show(file.square())
    ((surface, material),) = read_parts(file.save(tmp_path / "a.glb"))
    assert material == Material()
    assert surface.corner_colors is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseColorFactor": [1, 1, 1]}, r"baseColorFactor: expected a list of 4 numbers, got \[1, 1, 1\]"),
        ({"baseColorFactor": "red"}, r"baseColorFactor: expected a list of 4 numbers, got 'red'"),
        ({"baseColorFactor": [1, 1, "1", 1]}, r"baseColorFactor\[2\]: expected a number, got '1'"),
        ({"baseColorTexture": 1}, r"baseColorTexture: expected an object, got 1"),
    ],
)
def test_materials_that_are_wrong(tmp_path, change, message):
    file = GltfFile()
    file.show(file.square(material=file.material()))
    file.tree["materials"][0]["pbrMetallicRoughness"] |= change
    with pytest.raises(FileError, match=r"a\.glb: materials\[0\]\.pbrMetallicRoughness\." + message):
        read(tmp_path, file)
    file = GltfFile()
    file.show(file.square(material=file.material(metallicFactor=0, alphaMode="FADE")))
    with pytest.raises(FileError, match=r"materials\[0\]\.alphaMode: expected one of OPAQUE, MASK, BLEND, got 'FADE'"):
        read(tmp_path, file)


def test_what_is_unlit_is_shown_without_light(tmp_path):
    file = GltfFile()
    unlit = file.material((0, 1, 0, 1), extensions={"KHR_materials_unlit": {}})
    file.use("KHR_materials_unlit", required=True)
    file.show(file.square(material=unlit))
    mesh = load_mesh(file.save(tmp_path / "a.glb"))
    assert mesh.material == Material("none")
    assert load_mesh(tmp_path / "a.glb", material=Material("phong")).material == Material("phong")
    assert [part.material for part in load_parts(tmp_path / "a.glb")] == [Material("none")]
    file.show(file.square(material=file.material((1, 0, 0, 1))))
    with pytest.warns(UserWarning, match=r"2 of 4 faces are of unlit materials \(KHR_materials_unlit\)"):
        assert load_mesh(file.save(tmp_path / "b.glb")).material == Material()
    assert [part.material.shading for part in load_parts(tmp_path / "b.glb")] == ["none", "gouraud"]


def test_light_of_its_own_is_shown_where_there_is_no_other_color(tmp_path):
    file = GltfFile()
    glow = {"emissiveFactor": [0.5, 0.25, 3.0], "emissiveTexture": {"index": file.texture([[[255, 0, 255]]])}}
    dark = file.material((0, 0, 0, 1))
    file.tree["materials"][dark] |= glow | {"name": "lamp"}
    file.show(file.square(attributes={"TEXCOORD_0": SQUARE_UV}, material=dark))
    with pytest.warns(UserWarning, match=r"material 'lamp': its own light \(emissiveFactor\) is shown as a colour"):
        surface = read(tmp_path, file)
    np.testing.assert_allclose(surface.corner_colors[0, 0], [0.5, 0.25, 1])
    np.testing.assert_allclose(surface.textures[0].pixels[0, 0], [1, 0, 1])
    ((part, material),) = read_parts(tmp_path / "a.glb")
    assert (part.corner_colors == 0).all()
    assert material.emission == (0.5, 0, 3)
    file.tree["materials"][dark]["pbrMetallicRoughness"]["baseColorFactor"] = [0, 1, 0, 1]
    with pytest.warns(UserWarning, match=r"material 'lamp': its own light \(emissiveFactor\) is not rendered"):
        assert read(tmp_path, file).corner_colors[0, 0].tolist() == [0, 1, 0]
