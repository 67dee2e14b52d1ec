"""Alpha modes: faces that are not there are left out, of those that would be seen through there is a warning."""

import warnings

import numpy as np
import pytest
from gltf_files import SQUARE, SQUARE_UV, GltfFile

from taichi_dr.errors import FileError
from taichi_dr.io.gltf.materials import Look
from taichi_dr.io.gltf.read import read_gltf
from taichi_dr.io.gltf.transparency import seen_through
from taichi_dr.scene.texture import Texture

HALVES = np.full((4, 4, 4), 255, np.uint8)  # the left half of the picture is transparent
HALVES[:, :2, 3] = 0


def painted(mode, factor=1.0, picture=None, uv=SQUARE_UV, alpha=None, **more):
    """A square with a material "paint", beside an opaque one."""
    file = GltfFile()
    texture = None if picture is None else file.texture(picture)
    material = file.material((1, 0, 0, factor), texture, alphaMode=mode, name="paint", **more)
    attributes = {"TEXCOORD_0": np.asarray(uv, np.float32)}
    if alpha is not None:
        attributes["COLOR_0"] = np.concatenate([np.ones((4, 3)), np.reshape(alpha, (4, 1))], axis=1).astype(np.float32)
    file.show(file.square(attributes=attributes, material=material))
    file.show(file.square(SQUARE + 2))
    return file


def read(tmp_path, file):
    """(number of faces, warnings)."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return len(read_gltf(file.save(tmp_path / "a.glb")).faces), [str(one.message) for one in told]


@pytest.mark.parametrize(
    "file",
    [
        painted("OPAQUE", 0.0),
        painted("OPAQUE", 1.0, HALVES),
        painted("BLEND"),
        painted("BLEND", 1.0, HALVES[:, 2:]),
        painted("MASK", 0.5),
        painted("MASK", 0.6, HALVES[:, 2:]),
        painted("MASK", 1.0, HALVES, uv=[[0.7, 0.1], [0.8, 0.1], [0.8, 0.2], [0.7, 0.2]]),
        painted("MASK", 0.2, alphaCutoff=0.1),
        painted("BLEND", 1.0, HALVES, uv=[[2.7, 0.1], [2.8, 0.1], [2.8, 0.2], [2.7, 0.2]]),
    ],
)
def test_what_is_opaque_needs_no_warning(tmp_path, file):
    assert read(tmp_path, file) == (4, [])


@pytest.mark.parametrize(
    ("file", "part"),
    [
        (painted("BLEND", 0.5), "2 of 2 faces have an alpha (alphaMode BLEND) that is below 1"),
        (painted("BLEND", 1.0, HALVES), "2 of 2 faces"),
        (painted("MASK", 1.0, HALVES), "2 of 2 faces have an alpha (alphaMode MASK) that is below the cutoff"),
        (painted("BLEND", alpha=[1, 1, 1, 0.5]), "1 of 2 faces"),
        (painted("MASK", alpha=[1, 1, 1, 0]), "1 of 2 faces"),
    ],
)
def test_what_would_be_seen_through_is_told_with_its_material(tmp_path, file, part):
    count, (text,) = read(tmp_path, file)
    assert count == 4
    assert f"a.glb: material 'paint': transparency is not rendered: {part}" in text


@pytest.mark.parametrize(
    ("file", "part"),
    [
        (painted("BLEND", 0.0), "their alpha is 0"),
        (painted("MASK", 0.3), "their alpha is 0 or below the cutoff 0.5"),
        (painted("BLEND", 1.0, HALVES, uv=[[0.2, 0.1], [0.3, 0.1], [0.3, 0.2], [0.2, 0.2]]), "their alpha is 0"),
        (painted("BLEND", alpha=[0, 0, 0, 0]), "their alpha is 0"),
        (painted("MASK", 1.0, HALVES, alphaCutoff=1.5), "their alpha is 0 or below the cutoff 1.5"),
    ],
)
def test_what_is_not_there_is_left_out(tmp_path, file, part):
    count, (text,) = read(tmp_path, file)
    assert count == 2
    assert f"a.glb: material 'paint': 2 of 2 faces are left out: {part}" in text


def test_one_warning_for_all_primitives_of_a_material(tmp_path):
    file = GltfFile()
    material = file.material((1, 1, 1, 0.5), alphaMode="BLEND")
    file.show(*[file.square(material=material) for _ in range(3)])
    assert read(tmp_path, file)[1] == [
        f"{tmp_path / 'a.glb'}: material 'materials[0]': transparency is not rendered: 6 of 6 faces have an alpha "
        "(alphaMode BLEND) that is below 1, and are opaque here"
    ]


def test_a_file_of_nothing_else_is_refused(tmp_path):
    file = painted("BLEND", 0.0)
    file.tree["scenes"][0]["nodes"] = [0]
    with pytest.raises(FileError, match=r"a\.glb: has no triangles; material 'paint': 2 of 2 faces are left out"):
        read_gltf(file.save(tmp_path / "a.glb"))


@pytest.mark.parametrize(
    ("wrap", "u", "expected"),
    [
        ("repeat", (0.3, 0.4), (True, False)),
        ("repeat", (-0.7, -0.6), (True, False)),
        ("repeat", (0.6, 0.9), (False, False)),
        ("repeat", (0.4, 0.6), (False, True)),
        ("repeat", (0.9, 1.1), (False, True)),
        ("clamp", (1.5, 7.0), (False, False)),
        ("clamp", (-3.0, -1.0), (True, False)),
        ("mirror", (0.6, 0.9), (False, False)),
        ("mirror", (1.6, 1.7), (False, True)),
    ],
)
def test_which_part_of_the_picture_a_face_shows(wrap, u, expected):
    """Of a picture 64 wide, the left half of alpha 0: between u = 0 and 0.5; texels that are mixed in count."""
    alpha = np.ones((2, 64))
    alpha[:, :32] = 0
    look = Look("", "", np.ones(4), None, Texture(np.ones((2, 64, 3)), (wrap, "repeat")), alpha, "BLEND", 0.5)
    uv = np.array([[[u[0], 0.2], [u[1], 0.2], [u[1], 0.4]]])
    wholly, partly = seen_through(look, np.ones((1, 3)), uv)
    assert (wholly[0], partly[0]) == expected
