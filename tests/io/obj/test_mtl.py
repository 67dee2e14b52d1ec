"""Materials of MTL files, and the pictures that they name."""

import numpy as np
import pytest

from taichi_dr.errors import FileError
from taichi_dr.io.obj.mtl import find_materials, read_materials

HALF = 0.21404114  # linear of sRGB 0.5
PLAIN = {"scale": (1, 1), "offset": (0, 0), "wrap": ("repeat", "repeat")}


def read(tmp_path, text):
    file = tmp_path / "a.mtl"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_materials(file)


def only(tmp_path, lines):
    (material,) = read(tmp_path, f"newmtl a\n{lines}\n").values()
    return material


@pytest.mark.parametrize(
    ("line", "color"),
    [
        ("Kd 1 0.5 0", [1, HALF, 0]),
        ("kd 1 0.5 0 # orange", [1, HALF, 0]),
        ("\tKD\t1  0.5 0 ", [1, HALF, 0]),
        ("Kd 0.5", [HALF] * 3),
        ("Kd 0.5 1", [HALF, 1, HALF]),
        ("Kd xyz 0.3 0.3 0.3", [0.36144, 0.28449, 0.27265]),
        ("Kd xyz 0.3", [0.36144, 0.28449, 0.27265]),
        ("Kd xyz 0 1 0", [0, 1, 0]),
        ("Kd 1.0000001 -1e-9 0", [1, 0, 0]),
    ],
)
def test_forms_of_a_colour(tmp_path, line, color):
    material = only(tmp_path, line)
    np.testing.assert_allclose(material.diffuse, color, atol=2e-5)
    assert not material.notes


def test_a_colour_beyond_one_is_clipped_with_a_note(tmp_path):
    material = only(tmp_path, "Kd 2 0 0")
    assert material.diffuse.tolist() == [1, 0, 0]
    assert material.notes == ["a.mtl: 'Kd 2 0 0' of 'a' is clipped to [0, 1]"]


def test_a_spectrum_is_not_read(tmp_path):
    material = only(tmp_path, "Kd spectral ident.rfl 1")
    assert material.diffuse is None
    assert "'Kd spectral ident.rfl 1' is not read" in material.notes[0]


@pytest.mark.parametrize("line", ["Kd", "Kd red", "Kd 0,5 0 0", "Kd nan 0 0", "Kd xyz", "Kd 1 0 x"])
def test_a_kd_that_is_no_colour_is_refused_with_its_line(tmp_path, line):
    with pytest.raises(FileError, match=r"a\.mtl, line 2: cannot be read as MTL"):
        only(tmp_path, line)


def test_other_lines_that_make_no_sense_are_noted(tmp_path):
    material = only(tmp_path, "d\nTr x\nKe y\nKd 1 0 0\nKs\nNs x\nillum\nmap_Kd\nmap_d\n")
    assert material.diffuse.tolist() == [1, 0, 0]
    assert (material.opacity, material.picture) == (1, None)
    assert [note[:13] for note in material.notes] == ["a.mtl, line 2", "a.mtl, line 3", "a.mtl, line 4"]


@pytest.mark.parametrize(
    ("lines", "opacity"),
    [
        ("d 0.25", 0.25),
        ("D 0.25", 0.25),
        ("d -halo 0.25", 0.25),
        ("Tr 0.25", 0.75),
        ("d 1\nTr 1", 1),
        ("Tr 1\nd 1", 1),
        ("Tf 0 0 0\nNi 1.5", 1),
    ],
)
def test_opacity(tmp_path, lines, opacity):
    assert only(tmp_path, lines).opacity == opacity


@pytest.mark.parametrize(
    ("line", "name", "changes"),
    [
        ("map_Kd t.png", "t.png", {}),
        ("map_kd t.png", "t.png", {}),
        ("MAP_KD\tt.png \t", "t.png", {}),
        ('map_Kd "my tex.png"', "my tex.png", {}),
        ("map_Kd my tex.png", "my tex.png", {}),
        ("map_Kd my tex.png # wood", "my tex.png", {}),
        ("map_Kd C# 1.png", "C# 1.png", {}),
        ("map_Kd a #1.png", "a #1.png", {}),
        ("map_Kd .\\T.PNG", "t.png", {}),
        ("map_Kd C:\\old folder\\t.png", "t.png", {}),
        ("map_Kd sub\\deep.png", "sub/deep.png", {}),
        ("map_Kd -s 2 3 1 t.png", "t.png", {"scale": (2, 3)}),
        ("map_Kd -s 2 t.png", "t.png", {"scale": (2, 1)}),
        ("map_Kd -o 0.25 -0.5 0 t.png", "t.png", {"offset": (0.25, -0.5)}),
        ("map_Kd -o .5 my tex.png", "my tex.png", {"offset": (0.5, 0)}),
        ("map_Kd -S 2 2 2 -O 1e-1 .2 -t 0 0 0 my tex.png", "my tex.png", {"scale": (2, 2), "offset": (0.1, 0.2)}),
        ("map_Kd -clamp on t.png", "t.png", {"wrap": ("clamp", "clamp")}),
        ("map_Kd -clamp off t.png", "t.png", {}),
        ("map_Kd t.png -clamp on", "t.png", {"wrap": ("clamp", "clamp")}),
        ("map_Kd my tex.png -s 2 2 2 -clamp on", "my tex.png", {"scale": (2, 2), "wrap": ("clamp", "clamp")}),
        ("map_Kd -s 2 2 1 sub/deep.png -o 1 1 # x", "sub/deep.png", {"scale": (2, 2), "offset": (1, 1)}),
        ("map_Kd -blendu on -blendv off -cc off -mm 0 1 -texres 512 -imfchan r -bm 1 -boost 2 t.png", "t.png", {}),
        ("map_Kd -type sphere t.png", "t.png", {}),
        ("map_Kd -colorspace sRGB t.png", "t.png", {}),
        ("map_Kd 3.png", "3.png", {}),
        ("map_Kd -s 1 1 1 3.png", "3.png", {}),
        ("map_Kd -strange.png", "-strange.png", {}),
        ("map_Kd -s 2 x - y.png", "-s 2 x - y.png", {}),
    ],
)  # fmt: skip
def test_names_and_options_of_pictures(tmp_path, line, name, changes):
    (tmp_path / "sub").mkdir()
    names = ("t.png", "my tex.png", "C# 1.png", "a #1.png", "sub/deep.png", "3.png", "-strange.png", "-s 2 x - y.png")
    for one in names:
        (tmp_path / one).touch()
    material = only(tmp_path, line)
    assert material.picture.file == tmp_path / name
    expected = PLAIN | changes
    assert {key: getattr(material.picture, key) for key in expected} == expected
    assert not material.notes


def test_options_that_are_not_applied_are_noted(tmp_path):
    (tmp_path / "t.png").touch()
    material = only(tmp_path, "map_Kd -mm 0.2 1.5 -cc on -t 1 1 1 t.png")
    assert material.picture.file == tmp_path / "t.png"
    assert [note.split()[1] for note in material.notes] == ["-cc", "-mm", "-t"]


def test_missing_pictures_are_noted(tmp_path):
    assert (
        only(tmp_path, "map_Kd -s 2 2 2 D:\\x\\none.png # here")
        .notes[0]
        .startswith("a.mtl: its texture D:\\x\\none.png is missing")
    )
    (tmp_path / "t.png").touch()
    material = only(tmp_path, "map_Kd t.tga")
    assert material.picture.file == tmp_path / "t.png"
    assert material.notes == ["a.mtl: its texture t.tga is missing: t.png is taken"]


def test_other_pictures_do_not_take_the_place_of_map_kd(tmp_path):
    for name in ("t.png", "other.png"):
        (tmp_path / name).touch()
    others = ("map_Ka", "map_Ks", "map_Ns", "map_bump", "bump", "norm", "disp", "decal", "refl", "map_Pr", "map_Pm")
    lines = "\n".join(f"{key} other.png" for key in others)
    assert only(tmp_path, f"{lines}\nmap_Kd t.png\n{lines}").picture.file == tmp_path / "t.png"
    assert only(tmp_path, lines).picture is None


def test_light_and_alpha(tmp_path):
    (tmp_path / "t.png").touch()
    material = only(tmp_path, "Ke 0.5 0 1\nmap_Ke t.png\nmap_d t.png")
    np.testing.assert_allclose(material.emission, [HALF, 0, 1], atol=1e-7)
    assert material.glow.file == tmp_path / "t.png"
    assert material.alpha == "map_d t.png"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings_of_files_and_names(tmp_path, encoding):
    (tmp_path / "K\u00f6rper.png").touch()
    materials = read(tmp_path, "newmtl gr\u00fcn\r\nKd 0 1 0\r\nmap_Kd K\u00f6rper.png\r\n".encode(encoding))
    assert list(materials) == ["gr\u00fcn"]
    assert materials["gr\u00fcn"].picture.file == tmp_path / "K\u00f6rper.png"


def test_the_last_definition_of_a_name_counts(tmp_path):
    materials = read(tmp_path, "Kd 1 1 1\nnewmtl a\nKd 1 0 0\nd 0.5\nnewmtl b\nnewmtl a\nKd 0 0 1\n")
    assert materials["a"].diffuse.tolist() == [0, 0, 1]
    assert materials["a"].opacity == 1


def test_an_empty_file_has_no_materials(tmp_path):
    assert read(tmp_path, "") == {}


def test_names_are_found_with_comments_and_in_other_letters(tmp_path):
    materials = read(tmp_path, "newmtl red # of roofs\nnewmtl C# 1\nnewmtl Sky Blue\nnewmtl sky blue\n")
    names = ["red", "red # of walls", "C# 1", "RED", "Sky Blue", "sky blue", "c# 1", "none", "C"]
    found = [material and material.name for material in find_materials(materials, names)]
    assert found == ["red # of roofs"] * 2 + ["C# 1", "red # of roofs", "Sky Blue", "sky blue", "C# 1", None, None]
