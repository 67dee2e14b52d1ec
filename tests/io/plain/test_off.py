"""OFF files as programs write them, each with the values that it must give."""

import numpy as np
import pytest

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.plain.off import read_off

SQUARE = ("0 0 0", "2 0 0", "2 1 0", "0 1 0")
GREEN_HALF = [0.0, 1.0, 0.2158605]  # linear light of the bytes 0, 255, 128


def off(kind="OFF", rows=SQUARE, faces=("4 0 1 2 3",), counts=None):
    return "\n".join([kind, counts or f"{len(rows)} {len(faces)} 0", *rows, *faces]) + "\n"


def read(tmp_path, text):
    (tmp_path / "a.off").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_off(tmp_path / "a.off")


def with_more(*more):
    """Rows of the square with something behind each."""
    return [f"{row} {more[i % len(more)]}" for i, row in enumerate(SQUARE)]


@pytest.mark.parametrize(
    "text",
    [
        off(),
        off("off"),
        off("OFF 4 1 6", SQUARE, counts=" "),
        off(counts="4 1"),
        off(counts="# how many\n4\n1 5"),
        off().partition("\n")[2],
        off().replace("\n", " # a comment\n\n"),
        off().replace("\n", "\r\n"),
        "\ufeff" + off(),
        ("# Müller\n" + off()).encode("latin-1"),
        off() + "# the end\n17 18\nwhatever",
        off("NOFF", with_more("0 0 1")),
        off("STOFF", with_more("0.5 0.25")),
        off(faces=("4 0 1 2 3", "2 0 1", "1 3")),
        off(faces=("4 0 1 2 3 7",)),  # an index into a table of colors
        off(rows=with_more("0 0 1")),
    ],
)
def test_the_square(tmp_path, text):
    surface = read(tmp_path, text)
    assert surface.vertices.tolist() == [[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]]
    assert surface.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert surface.corner_colors is None


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("COFF", "0 255 128 255"),
        ("COFF", "0 255 128"),
        ("COFF", "0.0 1.0 0.501961 1.0"),
        ("COFF", "0 1.0000001 0.501961"),
        ("CNOFF", "0 0 1 0 255 128 255"),
        ("NCOFF", "0 255 128 255 0 0 1"),  # MeshLab's order
        ("STCNOFF", "0 -1 0 0 255 128 0.5 0.25"),
    ],
)
def test_colors_of_vertices(tmp_path, kind, more):
    surface = read(tmp_path, off(kind, with_more(more)))
    np.testing.assert_allclose(surface.corner_colors, np.tile(GREEN_HALF, (2, 3, 1)), atol=2e-6)
    assert (surface.uv is not None) == ("ST" in kind)
    assert surface.uv is None or surface.uv.tolist() == [[0.5, 0.25]] * 4


def test_colors_of_zeros_and_ones_are_no_bytes(tmp_path):
    surface = read(tmp_path, off("COFF", with_more("1 0 0 1", "0 1 0 1")))
    assert surface.corner_colors[0].tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    "colors", [("255 0 0", "0 0 255"), ("255 0 0 255", "0 0 255 255"), ("1.0 0. 0.", "0.0 0.0 1.0")]
)
def test_colors_of_faces(tmp_path, colors):
    faces = [f"3 0 1 2  {colors[0]}", f"3 0 2 3 {colors[1]}", "3 0 1 3"]
    surface = read(tmp_path, off(faces=faces))
    assert surface.corner_colors[:, 0].tolist() == [[1, 0, 0], [0, 0, 1], [0.7, 0.7, 0.7]]
    assert (surface.corner_colors == surface.corner_colors[:, :1]).all()


def test_concave_polygons_are_cut_inside(tmp_path):
    surface = read(tmp_path, off(rows=("0 0 0", "2 -1 0", "0.5 0 0", "2 1 0")))
    a, b, c = (surface.vertices[surface.faces[:, k]] for k in range(3))
    assert np.cross(b - a, c - a)[:, 2].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("Dear reader", FileError, "it is corrupt"),
        ("OFF\nfour faces\n", FileError, "expected numbers of vertices and faces"),
        (f"OFF\n{5000 * '9'} 1 0\n", FileError, "expected numbers of vertices and faces"),
        ("OFF\n\u00b2 1 0\n", FileError, "expected numbers of vertices and faces"),
        ("OFF BINARY\n\0\0", FileError, "is binary: expected OFF as text"),
        (off("4OFF"), FileError, "4OFF .*three dimensions"),
        (off("nOFF"), FileError, "three dimensions"),
        (off(counts="4 2 0"), FileError, "4 vertices and 2 faces, which is 6 rows, and has 5"),
        (off(counts="999999999999 1 0"), FileError, "is cut off"),
        (off(rows=("0 0 0", "1 0")), FileError, "vertex 1: expected three coordinates"),
        (off(rows=("0 0 0", "1 0 x", "0 1 0")), FileError, "vertex 1: expected numbers, got '1 0 x'"),
        (off(faces=("3 0 1 2", "4 0 1 2")), FileError, "face 1: expected its number of corners"),
        (off(faces=("3 0 1 2", "3 0 1 4")), GeometryError, "face 1 refers to vertex 4, the file has 4 vertices"),
        (off(faces=("3 0 -1 2",)), GeometryError, "face 0 refers to vertex -1"),
        (off(faces=("2 0 1",)), FileError, "has no triangles"),
        (off(faces=()), FileError, "has no triangles: it is a cloud of 4 points"),
        (off("COFF"), FileError, "COFF: expected 6 or 7 numbers a vertex, got 3"),
    ],
)
def test_what_is_refused(tmp_path, text, error, message):
    with pytest.raises(error, match=rf"a\.off: .*{message}"):
        read(tmp_path, text)
