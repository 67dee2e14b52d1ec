"""OBJ files with their materials as ``Surface``: what each face shows."""

import warnings

import numpy as np
import pytest
from PIL import Image

from taichi_dr.errors import FileError
from taichi_dr.io.obj import read_obj
from taichi_dr.scene.mesh import GREY

CORNERS = "v 0 0 0\nv 2 0 0\nv 2 1 0\nv 0 1 0\n"
UV = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
LEFT, RIGHT = "f 1/1 2/2 3/3\n", "f 1/1 3/3 4/4\n"
HALF = 0.21404114  # linear of sRGB 0.5
RED, BLUE = (1, 0, 0), (0, 0, 1)


@pytest.fixture
def folder(tmp_path):
    for name, color in (("r.png", (255, 0, 0)), ("b.png", (0, 0, 255)), ("w.png", (255, 255, 255))):
        Image.new("RGB", (2, 2), color).save(tmp_path / name)
    Image.new("RGBA", (2, 2), (255, 0, 0, 128)).save(tmp_path / "clear.png")
    Image.new("RGBA", (2, 2), (255, 0, 0, 255)).save(tmp_path / "opaque.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


def read(folder, text, materials=None):
    """The Surface, and the warnings without the name of the file in front."""
    if materials is not None:
        (folder / "m.mtl").write_text(materials)
        text = "mtllib m.mtl\n" + text
    (folder / "a.obj").write_text(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        surface = read_obj(folder / "a.obj")
    return surface, [str(one.message).removeprefix(f"{folder / 'a.obj'}: ") for one in caught]


def shown_colors(surface):
    """(F, 3, 3): the colours at the corners, of textures that are of one colour each."""
    colors = surface.corner_colors
    textures = surface.face_textures
    if textures is None:
        textures = np.full(len(surface.faces), 0 if surface.textures else -1)
    if colors is None:
        colors = np.where((textures < 0)[:, None, None], GREY, np.ones((len(textures), 3, 3)))
    pictures = np.array([texture.pixels[0, 0] for texture in surface.textures] + [(1, 1, 1)])
    return colors * pictures[textures][:, None]


def face_colors(*arguments):
    surface, notes = read(*arguments)
    colors = shown_colors(surface)
    np.testing.assert_array_equal(colors, np.repeat(colors[:, :1], 3, axis=1))
    return np.round(colors[:, 0], 5).tolist(), notes


def test_one_texture_is_on_all_faces(folder):
    surface, notes = read(folder, CORNERS + UV + "usemtl r\n" + LEFT + RIGHT, "newmtl r\nmap_Kd r.png\n")
    assert (surface.corner_colors, surface.face_textures, len(surface.textures), notes) == (None, None, 1, [])
    assert surface.uv.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert surface.uv_faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_two_textures(folder):
    text = CORNERS + UV + "usemtl r\n" + LEFT + "usemtl b\n" + RIGHT
    surface, notes = read(folder, text, "newmtl r\nmap_Kd r.png\nnewmtl b\nmap_Kd b.png\n")
    assert (surface.corner_colors, surface.face_textures.tolist(), notes) == (None, [0, 1], [])
    assert shown_colors(surface)[:, 0].tolist() == [[1, 0, 0], [0, 0, 1]]


def test_materials_with_one_picture_share_its_texture_unless_they_wrap_it_otherwise(folder):
    text = CORNERS + UV + "usemtl a\n" + LEFT + "usemtl b\n" + RIGHT + "usemtl c\n" + LEFT
    materials = "newmtl a\nmap_Kd r.png\nnewmtl b\nmap_Kd .\\R.png\nnewmtl c\nmap_Kd -clamp on r.png\n"
    surface, _ = read(folder, text, materials)
    assert surface.face_textures.tolist() == [0, 0, 1]
    assert [texture.wrap for texture in surface.textures] == [("repeat", "repeat"), ("clamp", "clamp")]
    assert surface.textures[0].pixels.base is surface.textures[1].pixels.base


def test_colours_beside_textures_and_no_material(folder):
    text = CORNERS + UV + LEFT + "usemtl r\n" + LEFT + "usemtl half\n" + RIGHT + "usemtl\n" + RIGHT
    colors, notes = face_colors(folder, text, "newmtl r\nmap_Kd r.png\nnewmtl half\nKd 0.5 0.5 0.5\n")
    assert colors == [list(GREY), [1, 0, 0], [round(HALF, 5)] * 3, list(GREY)]
    assert not notes


def test_a_face_without_texture_coordinates_has_its_colour_and_the_others_their_texture(folder):
    text = CORNERS + UV + "usemtl r\n" + LEFT + "f 1 3 4\nf 1/1 2 3\n" + RIGHT
    surface, notes = read(folder, text, "newmtl r\nKd 0 1 0\nmap_Kd w.png\n")
    assert surface.face_textures.tolist() == [0, -1, -1, 0]
    assert surface.corner_colors[:, 0].tolist() == [[0, 1, 0]] * 4
    assert surface.uv_faces[[0, 3]].tolist() == [[0, 1, 2], [0, 2, 3]]
    assert (surface.uv_faces < len(surface.uv)).all()
    assert (surface.uv_faces >= 0).all()
    assert not notes


def test_texture_coordinates_of_some_faces_are_kept_without_pictures_too(folder):
    surface, notes = read(folder, CORNERS + UV + LEFT + "f 1 3 4\n")
    assert surface.uv.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert (surface.uv_faces[0].tolist(), surface.textures, surface.face_textures.tolist()) == ([0, 1, 2], (), [0, -1])
    assert set(surface.uv_faces[1].tolist()) <= {0, 1, 2, 3}
    assert not notes


@pytest.mark.parametrize(
    ("kd", "tint"),
    [
        ("", [1, 1, 1]),
        ("Kd 1 1 1", [1, 1, 1]),
        ("Kd 1 0.5 0", [1, HALF, 0]),
        ("Kd 0.5", [HALF] * 3),
        ("Kd 0 0 0", [1, 1, 1]),
        ("Kd 0.8 0.8 0.8", [1, 1, 1]),
        ("Kd 0.800000 0.800000 0.800000", [1, 1, 1]),
        ("Kd 0.5880 0.5880 0.5880", [1, 1, 1]),
        ("Kd 0.64 0.64 0.64", [1, 1, 1]),
        ("Kd 0.8 0.8 0.5", [0.60383, 0.60383, HALF]),
    ],
)
def test_kd_multiplies_its_picture_unless_it_is_what_programs_write_beside_one(folder, kd, tint):
    colors, notes = face_colors(folder, CORNERS + UV + "usemtl a\n" + LEFT, f"newmtl a\n{kd}\nmap_Kd w.png\n")
    np.testing.assert_allclose(colors, [tint], atol=2e-5)
    assert not notes


def test_vertex_colours_multiply_a_texture_and_stand_before_kd(folder):
    corners = "v 0 0 0 1 0.5 0\nv 2 0 0 1 0.5 0\nv 2 1 0 1 0.5 0\nv 0 1 0\n"
    text = corners + UV + "usemtl w\n" + LEFT + "usemtl k\nf 1 2 3\nf 1 2 4\nusemtl\nf 1 2 4\nusemtl w\nf 1/1 2/2 4/4\n"
    surface, _ = read(folder, text, "newmtl w\nKd 0 0 1\nmap_Kd w.png\nnewmtl k\nKd 0 0 1\n")
    own = [1, HALF, 0]
    expected = [[[0, 0, 0]] * 3, [own] * 3, [own, own, [0, 0, 1]], [own, own, GREY], [[0, 0, 0], [0, 0, 0], [0, 0, 1]]]
    np.testing.assert_allclose(shown_colors(surface), expected, atol=1e-6)


def test_scale_and_offset_move_the_picture_of_their_material_alone(folder):
    text = CORNERS + UV + "usemtl a\n" + LEFT + "usemtl b\n" + RIGHT
    materials = "newmtl a\nmap_Kd -s 2 4 1 -o 0.5 0.25 0 r.png\nnewmtl b\nmap_Kd r.png\n"
    surface, _ = read(folder, text, materials)
    assert surface.uv[surface.uv_faces[0]].tolist() == [[0.5, 0.25], [2.5, 0.25], [2.5, 4.25]]
    assert surface.uv[surface.uv_faces[1]].tolist() == [[0, 0], [1, 1], [0, 1]]
    assert len(surface.textures) == 1


def test_texture_coordinates_that_are_not_finite_are_none(folder):
    text = CORNERS + UV + "vt nan 0\nvt 1.#QNAN 1.#QNAN\nusemtl r\n"
    surface, notes = read(folder, text + LEFT, "newmtl r\nmap_Kd r.png\n")
    assert (len(surface.textures), surface.face_textures, notes) == (1, None, [])
    assert np.isfinite(surface.uv).all()
    surface, notes = read(folder, text + LEFT + "f 1/5 3/6 4/4\n", "newmtl r\nKd 0 1 0\nmap_Kd w.png\n")
    assert surface.face_textures.tolist() == [0, -1]
    assert surface.corner_colors[1].tolist() == [[0, 1, 0]] * 3
    assert notes == ["2 corners have texture coordinates that are not finite: their faces show none"]


def test_a_picture_that_is_missing_or_broken_leaves_the_colour(folder):
    text = CORNERS + UV + "usemtl a\n" + LEFT + "usemtl b\n" + RIGHT
    materials = "newmtl a\nKd 1 0 0\nmap_Kd broken.png\nnewmtl b\nKd 0 0 0\nmap_Kd none.png\n"
    colors, notes = face_colors(folder, text, materials)
    assert colors == [[1, 0, 0], list(GREY)]
    assert notes[0].startswith("m.mtl: its texture none.png is missing: not ")
    assert "broken.png: not a PNG or JPEG, or damaged" in notes[1]


def test_pictures_of_materials_that_no_face_has_are_not_missed(folder):
    _, notes = read(folder, CORNERS + UV + "usemtl a\n" + LEFT, "newmtl a\nKd 1\nnewmtl b\nmap_Kd none.png\n")
    assert notes == []


def test_materials_that_are_not_there(folder):
    text = CORNERS + "usemtl a\nf 1 2 3\nusemtl gone\nf 1 2 3\nusemtl None\nf 1 2 3\nusemtl gone\nf 1 2 3\n"
    colors, notes = face_colors(folder, text, "newmtl A\nKd 1 0 0\n")
    assert colors == [[1, 0, 0]] + [list(GREY)] * 3
    assert notes == ["its material files have no material 'gone': those faces have none"]


@pytest.mark.parametrize("line", ["mtllib none.mtl", "mtllib none.mtl none2.mtl", "mtllib C:\\x\\none.mtl"])
def test_missing_material_files(folder, line):
    colors, notes = face_colors(folder, line + "\n" + CORNERS + "usemtl a\nf 1 2 3\n")
    assert colors == [list(GREY)]
    assert len(notes) == len(line.split()) - 1
    assert all(note.startswith("its material file ") and note.endswith("is missing") for note in notes)


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("mtllib m.mtl", "m.mtl"),
        ("mtllib ./M.MTL", "m.mtl"),
        ("mtllib C:\\work\\m.mtl", "m.mtl"),
        ("mtllib /home/me/m.mtl # mine", "m.mtl"),
        ("mtllib my mats.mtl", "my mats.mtl"),
        ('mtllib "my mats.mtl"', "my mats.mtl"),
        ("mtllib other.mtl my mats.mtl", "my mats.mtl"),
        ("mtllib other.mtl m.mtl", "m.mtl"),
        ("mtllib other.mtl\nmtllib m.mtl", "m.mtl"),
        ("mtllib a.obj.mtl", "a.obj.mtl"),
        ("mtllib mats\\m.mtl", "mats/m.mtl"),
    ],
)
def test_names_of_material_files(folder, line, file):
    (folder / "mats").mkdir()
    (folder / "other.mtl").write_text("newmtl other\nKd 0 0 1\n")
    (folder / file).write_text("newmtl red\nKd 1 0 0\n")
    assert face_colors(folder, line + "\n" + CORNERS + "usemtl red\nf 1 2 3\n") == ([[1, 0, 0]], [])


def test_a_material_file_of_the_files_own_name_is_taken_for_one_that_is_missing(folder):
    (folder / "a.mtl").write_text("newmtl red\nKd 1 0 0\n")
    colors, notes = face_colors(folder, "mtllib before.mtl\n" + CORNERS + "usemtl red\nf 1 2 3\n")
    assert (colors, notes) == ([[1, 0, 0]], ["its material file before.mtl is missing: a.mtl is read"])


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("other", ["latin-1", "utf-8-sig"])
def test_names_with_umlauts(tmp_path, encoding, other):
    (tmp_path / "M\u00f6bel.mtl").write_bytes("newmtl gr\u00fcn\nKd 0 1 0\n".encode(other))
    text = "mtllib M\u00f6bel.mtl\n# f\u00fcr\n" + CORNERS + "usemtl gr\u00fcn\nf 1 2 3\n"
    (tmp_path / "a.obj").write_bytes(text.encode(encoding))
    assert read_obj(tmp_path / "a.obj").corner_colors[0, 0].tolist() == [0, 1, 0]


def test_invisible_materials_are_left_out(folder):
    text = CORNERS + UV + "usemtl a\n" + LEFT + "usemtl b\n" + RIGHT + "usemtl c\n" + LEFT
    materials = "newmtl a\nd 0\nnewmtl b\nKd 1 0 0\nnewmtl c\nTr 1\n"
    surface, notes = read(folder, text, materials)
    assert surface.faces.tolist() == [[0, 2, 3]]
    assert notes == ["2 faces are invisible, and left out: those of material 'a' (d 0), 'c' (Tr 1)"]


@pytest.mark.parametrize("line", ["d 0", "Tr 1.0"])
def test_a_file_in_which_all_is_invisible_is_shown(folder, line):
    text = CORNERS + UV + "usemtl a\n" + LEFT + RIGHT
    colors, notes = face_colors(folder, text, f"newmtl a\nKd 1 0 0\n{line}\n")
    assert colors == [[1, 0, 0]] * 2
    assert notes == [f"all of its faces are invisible ({line.removesuffix('.0')}): they are shown opaque"]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("d 0.5", "d 0.5"),
        ("Tr 0.25", "Tr 0.25"),
        ("map_d w.png", "map_d w.png"),
        ("map_Kd clear.png", "alpha in clear.png"),
        ("d 0.5\nmap_Kd clear.png", "d 0.5, alpha in clear.png"),
    ],
)
def test_transparency_that_is_not_rendered_is_said(folder, lines, reason):
    _, notes = read(folder, CORNERS + UV + "usemtl a\n" + LEFT + RIGHT, f"newmtl a\n{lines}\nnewmtl b\nd 0.5\n")
    assert notes == [f"transparency (alpha) is not rendered: opaque instead is material 'a' ({reason}; 2 faces)"]


@pytest.mark.parametrize("lines", ["d 1", "Tr 0", "d 1.0\nTr 1.0", "map_Kd opaque.png", "map_Kd r.png\nTf 0 0 0"])
def test_what_is_opaque_is_not_warned_of(folder, lines):
    assert read(folder, CORNERS + UV + "usemtl a\n" + LEFT, f"newmtl a\n{lines}\n")[1] == []


@pytest.mark.parametrize(
    ("lines", "color", "note"),
    [
        ("Kd 0 0 0\nKe 1 0 0", RED, "is shown as a colour"),
        ("Ke 1 0.5 0", (1, HALF, 0), "is shown as a colour"),
        ("Kd 0 0 0\nKe 1 1 1\nmap_Ke r.png", RED, "is shown as a colour"),
        ("Kd 0 0 0\nmap_Ke r.png", RED, "is shown as a colour"),
        ("Kd 0 0 1\nKe 1 0 0", BLUE, "is not rendered"),
        ("Kd 0 0 0\nmap_Kd b.png\nKe 1 0 0", BLUE, "is not rendered"),
        ("Kd 0 0 1\nKe 0 0 0", BLUE, None),
        ("Kd 0 0 0\nKe 0 0 0", (0, 0, 0), None),
    ],
)
def test_light_of_its_own(folder, lines, color, note):
    colors, notes = face_colors(folder, CORNERS + UV + "usemtl a\n" + LEFT, f"newmtl a\n{lines}\n")
    np.testing.assert_allclose(colors, [color], atol=1e-5)
    assert [note in one for one in notes] == ([True] if note else [])


def test_faces_of_two_corners_are_said(folder):
    assert read(folder, CORNERS + "f 1 2\nf 1 2 3\n")[1] == ["1 faces have fewer than three corners, and are left out"]


def test_notes_come_once_and_not_in_floods(folder):
    names = [f"m{i}" for i in range(30)]
    text = CORNERS + UV + "".join(f"usemtl {name}\n{LEFT}" for name in names)
    _, notes = read(folder, text, "".join(f"newmtl {name}\nmap_Kd {name}.png\n" for name in names))
    assert len(notes) == 11
    assert notes[-1] == "20 more warnings are left out"


def test_a_material_file_that_is_wrong_names_itself(folder):
    with pytest.raises(FileError, match=r"m\.mtl, line 2: cannot be read as MTL"):
        read(folder, CORNERS + "usemtl a\nf 1 2 3\n", "newmtl a\nKd red\n")
