"""What the lines of OBJ files say: vertices, texture coordinates, polygons."""

import numpy as np
import pytest

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.obj.contents import parse

CORNERS = "v 0 0 0\nv 2 0 0\nv 2 1 0\nv 0 1 0\n"


def contents(text):
    return parse("a.obj", text.encode())


def test_comments_behind_lines():
    found = contents("v 0 0 0 # first\nv 1 0 0# second\n v 0 1 0 #\nvt 0.5 1 # u v\nf 1/1 2/1 3/1 # face\n#f 1 2 3\n")
    assert found.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert found.uv.tolist() == [[0.5, 1]]
    assert found.corners.tolist() == [0, 1, 2]


def test_old_mac_files_and_continuations():
    found = parse("a.obj", b"# \\\rv 0 0 \\\r 0\rv 1 0 0\rv 0 1 0\rf 1 2 \\\r3\r")
    assert found.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert (found.corners.tolist(), found.lines.tolist()) == ([0, 1, 2], [6])


@pytest.mark.parametrize(
    ("face", "uv"),
    [
        ("1 2 3", [-1, -1, -1]),
        ("1/3 2/2 3/1", [2, 1, 0]),
        ("1/3/1 2/2/1 3/1/1", [2, 1, 0]),
        ("1//1 2//1 3//1", [-1, -1, -1]),
        ("1/ 2/ 3/", [-1, -1, -1]),
        ("1/3/ 2/2/ 3/1/", [2, 1, 0]),
        ("1/3/1 2//1 3", [2, -1, -1]),
        ("1/3 2//1 3/1/1", [2, -1, 0]),
        ("1/0/1 2/0/1 3/0/1", [-1, -1, -1]),
        ("-4/-1 -3/-2 -2/-3", [2, 1, 0]),
        ("1/-1/-1 -3/2/-1 3/-3/1", [2, 1, 0]),
    ],
)
def test_forms_of_corners(face, uv):
    found = contents(CORNERS + "vt 0 0\nvt 1 0\nvt 1 1\nvn 0 0 1\nf " + face + "\n")
    assert found.corners.tolist() == [0, 1, 2]
    assert found.uv_corners.tolist() == uv


def test_negative_indices_count_from_the_lines_above():
    found = contents(CORNERS + "f -1 -2 -3\nv 9 9 9\nf -1 -2 -3\n")
    assert found.corners.tolist() == [3, 2, 1, 4, 3, 2]


def test_faces_of_several_sizes():
    found = contents(CORNERS + "v 9 9 9\nf 1 2 3 4\nf 1 2 5\nf 1 2 3 4 5\n")
    assert found.counts.tolist() == [4, 3, 5]
    assert found.corners.tolist() == [0, 1, 2, 3, 0, 1, 4, 0, 1, 2, 3, 4]


def test_texture_coordinates_of_one_two_and_three_numbers():
    found = contents(CORNERS + "vt 0.5\nvt 0.25 0.75\nvt 1 2 3\nf 1/1 2/2 3/3\n")
    assert found.uv.tolist() == [[0.5, 0], [0.25, 0.75], [1, 2]]
    assert contents(CORNERS + "vt 0.5\nf 1/1 2/1 3/1\n").uv.tolist() == [[0.5, 0]]


def test_numbers_that_are_none_as_windows_writes_them():
    found = contents("v 1.#INF 0 -1.#IND\n" + CORNERS + "vt 1.#QNAN 0 # x\nf 2 3 4\n")
    np.testing.assert_array_equal(found.vertices[0], [np.nan, 0, np.nan])
    np.testing.assert_array_equal(found.uv, [[np.nan, 0]])


def test_indices_of_texture_coordinates_that_the_file_has_none_of():
    assert contents(CORNERS + "f 1/1/1 2/2/1 3/3/1\n").uv_corners.tolist() == [-1, -1, -1]


def test_vertices_of_several_lengths():
    found = contents("v 0 0 0\nv 1 0 0 1\nv 0 1 0 0.5 0.25 0.125 1 9 9\nf 1 2 3\n")
    np.testing.assert_array_equal(
        found.vertices, [[0, 0, 0, *[np.nan] * 4], [1, 0, 0, 1, *[np.nan] * 3], [0, 1, 0, 0.5, 0.25, 0.125, 1]]
    )


def test_faces_of_two_corners_are_left_out():
    found = contents(CORNERS + "f 1 2\nf 1 2 3\nf 4\nl 1 2\np 1\n")
    assert (found.corners.tolist(), found.lines.tolist(), found.short) == ([0, 1, 2], [6], 2)
    with pytest.raises(FileError, match=r"line 5: .*a face needs three corners"):
        contents(CORNERS + "f 1 2\n")


def test_repeated_corners_of_polygons_are_taken_once():
    found = contents(CORNERS + "vt 0 0\nf 1 2 3 3\nf 1/1 1/1 2/1 3/1\nf 4 1 2 4\nf 1 1 2\nf 1 1 2 2\n")
    assert found.counts.tolist() == [3, 3, 3, 3, 4]
    polygons = np.split(found.corners, np.cumsum(found.counts)[:-1])
    assert [one.tolist() for one in polygons] == [[0, 1, 2], [0, 1, 2], [0, 1, 3], [0, 0, 1], [0, 0, 1, 1]]


def test_materials_hold_until_the_next():
    found = contents(CORNERS + "f 1 2 3\nusemtl dark red\nf 1 2 3\nf 1 2 3\nusemtl\nf 1 2 3\nmtllib a b.mtl\n")
    assert found.names == ["dark red", ""]
    assert found.materials.tolist() == [-1, 0, 0, 1]
    assert found.libraries == ["a b.mtl"]


def test_other_lines_are_ignored():
    others = "o thing\ng a b\ns off\nvn 0 0 1\nvp 0.3\nl 1 2\np 1\ncstype bezier\ndeg 3\ncurv 0 1 1 2\nend\nvx 1\n"
    assert contents(others + CORNERS + others + "f 1 2 3\n" + others).corners.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("v 1,5 0 0\n", FileError, "a.obj, line 1: .*'v 1,5 0 0'"),
        ("v 0 0 0\nv 1.0f 0 0\n", FileError, "a.obj, line 2"),
        (CORNERS + "vt\nf 1 2 3\n", FileError, "line 5: .*a texture coordinate needs a number"),
        (CORNERS + "vt -1.x 0\nf 1 2 3\n", FileError, "line 5"),
        (CORNERS + "f 1 2 3\nf 1/x 2/1 3/1\n", FileError, "line 6"),
        (CORNERS + "f 1 2 3\nf / / /\n", FileError, "line 6"),
        (CORNERS + "f 1 2 99999999999999999999999\n", GeometryError, "line 5: face 0 refers to a vertex"),
        (CORNERS + "f 1 2 -99999999999999999999999\n", GeometryError, "line 5: face 0 refers to a vertex"),
        (CORNERS + "vt 0 0\nf 1/1 2/1 3/1\nf 1/-2 2/1 3/1\n", GeometryError, "line 7: face 1 refers to a texture"),
        ("v 0 0 0\nv 1 0 0\nf 1 2 -3\nv 0 1 0\n", GeometryError, "line 3"),
    ],
)
def test_what_is_refused(text, error, message):
    with pytest.raises(error, match=message):
        contents(text)


def test_errors_of_long_lines_are_short():
    with pytest.raises(FileError) as caught:
        contents("v 0 0 " + "9z" * 5000 + "\n")
    assert len(str(caught.value)) < 400
