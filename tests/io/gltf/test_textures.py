"""Textures: pictures of every kind, coordinates and their transforms, wrap modes, and what is missing."""

import math

import numpy as np
import pytest
from gltf_files import SQUARE_UV, GltfFile

from taichi_dr.errors import FileError
from taichi_dr.io.gltf.read import read_gltf
from taichi_dr.io.images import srgb_to_linear

PIXELS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
UPRIGHT = [[0, 0], [1, 0], [1, 1], [0, 1]]


def textured(info=None, kind="PNG", pixels=PIXELS, attributes=None, **sampler):
    file = GltfFile()
    number = file.texture(pixels, kind, **sampler)
    material = file.material(texture={"index": number} | (info or {}))
    file.show(file.square(attributes={"TEXCOORD_0": SQUARE_UV} | (attributes or {}), material=material))
    return file


def read(tmp_path, file):
    return read_gltf(file.save(tmp_path / "a.glb"))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_picture(tmp_path, kind):
    surface = read(tmp_path, textured(kind=kind))
    assert surface.uv.tolist() == UPRIGHT
    np.testing.assert_allclose(surface.textures[0].pixels, PIXELS / 255, atol=1e-6)
    assert (surface.corner_colors, surface.face_textures, surface.textures[0].wrap) == (
        None,
        None,
        ("repeat", "repeat"),
    )


def test_pictures_are_srgb_and_grey_ones_are_three_channels(tmp_path):
    surface = read(tmp_path, textured(pixels=[[128]]))
    np.testing.assert_allclose(surface.textures[0].pixels, np.full((1, 1, 3), srgb_to_linear(128 / 255)), atol=1e-6)


@pytest.mark.parametrize(
    ("transform", "corners"),
    [
        ({}, [(0, 1), (1, 1)]),
        ({"offset": [0.25, 0.5]}, [(0.25, 1.5), (1.25, 1.5)]),
        ({"scale": [2, 3]}, [(0, 3), (2, 3)]),
        ({"rotation": math.pi / 2}, [(1, 0), (1, -1)]),
        ({"rotation": math.pi / 2, "scale": [2, 3], "offset": [10, 20]}, [(13, 20), (13, 18)]),
    ],
)
def test_texture_transforms(tmp_path, transform, corners):
    """``u' = c s_x u + s s_y v + o_x``, ``v' = -s s_x u + c s_y v + o_y`` of (0, 1) and (1, 1), v down."""
    surface = read(tmp_path, textured({"extensions": {"KHR_texture_transform": transform}}))
    np.testing.assert_allclose(surface.uv[:2], [(u, 1 - v) for u, v in corners], atol=1e-12)


@pytest.mark.parametrize(
    "info", [{"texCoord": 2}, {"texCoord": 1, "extensions": {"KHR_texture_transform": {"texCoord": 2}}}]
)
def test_other_sets_of_coordinates(tmp_path, info):
    other = np.array([[0.5, 0.25]] * 4, np.float32)
    assert read(tmp_path, textured(info, attributes={"TEXCOORD_2": other})).uv.tolist() == [[0.5, 0.75]] * 4


def test_coordinates_that_are_missing_are_told(tmp_path):
    with pytest.warns(UserWarning, match=r"primitives\[0\] has no TEXCOORD_1, which the texture of material 'mat"):
        surface = read(tmp_path, textured({"texCoord": 1}))
    assert (surface.textures, surface.corner_colors.min()) == ((), 1)


@pytest.mark.parametrize(
    ("sampler", "wrap"),
    [
        ({"wrapS": 33071}, ("clamp", "repeat")),
        ({"wrapT": 33648}, ("repeat", "mirror")),
        ({"wrapS": 10497, "wrapT": 33071}, ("repeat", "clamp")),
    ],
)
def test_wrap_modes(tmp_path, sampler, wrap):
    assert read(tmp_path, textured(**sampler)).textures[0].wrap == wrap


def test_two_materials_with_wraps_and_transforms_of_their_own(tmp_path):
    file = GltfFile()
    clamped = file.texture(PIXELS, wrapS=33071)
    same = file.add("textures", {"source": 0})
    moved = {"index": same, "extensions": {"KHR_texture_transform": {"offset": [0.5, 0]}}}
    materials = [file.material(texture=clamped), file.material(texture=moved), file.material((0, 1, 0, 1))]
    for x, material in enumerate((*materials, materials[0])):
        file.show(file.square(attributes={"TEXCOORD_0": SQUARE_UV}, material=material), translation=[2 * x, 0, 0])
    surface = read(tmp_path, file)
    assert [texture.wrap for texture in surface.textures] == [("clamp", "repeat"), ("repeat", "repeat")]
    assert surface.face_textures.tolist() == [0, 0, 1, 1, -1, -1, 0, 0]
    assert surface.uv[surface.uv_faces[2]].tolist() == [[0.5, 0], [1.5, 0], [1.5, 1]]
    assert surface.corner_colors[:, 0].tolist() == [[1, 1, 1]] * 4 + [[0, 1, 0]] * 2 + [[1, 1, 1]] * 2


def test_faces_without_coordinates_beside_textured_ones(tmp_path):
    file = textured()
    file.show(file.square(material=file.material((1, 0, 0, 1))), translation=[3, 0, 0])
    surface = read(tmp_path, file)
    assert surface.face_textures.tolist() == [0, 0, -1, -1]
    assert surface.uv_faces.tolist() == [[0, 1, 2], [0, 2, 3], [4, 4, 4], [4, 4, 4]]


@pytest.mark.parametrize("name", ["EXT_texture_webp", "EXT_texture_avif"])
def test_extensions_whose_pictures_pillow_has(tmp_path, name):
    file = textured()
    other = file.texture(PIXELS[::-1], "WEBP")
    file.tree["textures"][0] = {"extensions": {name: {"source": file.tree["textures"][other]["source"]}}, "source": 0}
    file.use(name, required=True)
    np.testing.assert_allclose(read(tmp_path, file).textures[0].pixels, PIXELS[::-1] / 255, atol=1e-6)


def test_pictures_of_basis_universal(tmp_path):
    file = textured()
    file.tree["textures"][0]["extensions"] = {"KHR_texture_basisu": {"source": 0}}
    assert len(read(tmp_path, file).textures) == 1
    del file.tree["textures"][0]["source"]
    file.tree["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [0.5, 0, 0, 1]
    with pytest.warns(
        UserWarning, match=r"textures\[0\]: its picture is of KHR_texture_basisu, which is not supported"
    ):
        surface = read(tmp_path, file)
    assert surface.textures == ()
    assert surface.corner_colors[0, 0].tolist() == [0.5, 0, 0]
    file.use("KHR_texture_basisu", required=True)
    with pytest.raises(
        FileError, match=r"needs the extension 'KHR_texture_basisu', .*: export it without \(pictures as"
    ):
        read(tmp_path, file)


def test_pictures_that_are_missing(tmp_path):
    file = textured(attributes={"COLOR_0": np.tile(np.array([[0, 0, 1]], np.float32), (4, 1))})
    file.tree["images"] = [{"uri": "none%20here.png"}]
    with pytest.warns(UserWarning, match=r"its picture .*/none here\.png is missing; the colours without it are shown"):
        surface = read(tmp_path, file)
    assert surface.corner_colors[0, 0].tolist() == [0, 0, 1]
    assert surface.uv.tolist() == UPRIGHT
    del file.tree["textures"][0]["source"]
    with pytest.warns(UserWarning, match=r"textures\[0\]: its picture is missing"):
        assert read(tmp_path, file).textures == ()


def test_pictures_that_are_none(tmp_path):
    file = textured()
    file.tree["images"][0]["bufferView"] = 1
    with pytest.raises(FileError, match=r"a\.glb: images\[0\]: not a PNG or JPEG, or damaged"):
        read(tmp_path, file)
    file.tree["images"] = [{}]
    with pytest.raises(FileError, match=r"images\[0\]: expected a bufferView or a uri"):
        read(tmp_path, file)
    for entry, message in (
        ({"index": 3}, r"baseColorTexture\.index: expected the number of one of 1 textures, got 3"),
        ({}, r"baseColorTexture\.index: is missing"),
        ({"index": 0, "texCoord": -1}, r"baseColorTexture\.texCoord: expected an integer in \[0, 999\], got -1"),
        ({"index": 0, "extensions": 3}, r"baseColorTexture\.extensions: expected an object, got 3"),
    ):
        file = textured()
        file.tree["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = entry
        with pytest.raises(FileError, match=r"materials\[0\]\.pbrMetallicRoughness\." + message):
            read(tmp_path, file)
    with pytest.raises(FileError, match=r"samplers\[0\]\.wrapS: expected one of 10497, 33071, 33648, got 5"):
        read(tmp_path, textured(wrapS=5))
