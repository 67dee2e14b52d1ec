"""STL files, binary and text, as programs write them."""

import struct
from pathlib import Path

import numpy as np
import pytest

from taichi_dr.errors import FileError
from taichi_dr.io.meshes import load_mesh
from taichi_dr.io.plain.stl import read_stl

MODELS = Path(__file__).parents[4] / "shared" / "data" / "models"
TRIANGLES = (((0, 0, 0), (1, 0, 0), (0, 1, 0)), ((0, 0, 0), (0, 1, 0), (0, 0, 1)))
BIT = 1 << 15
HALF = 0.2292748  # linear light of 16 / 31


def binary(attributes=(0, 0), head=b"made by hand", count=2, more=b""):
    data = head.ljust(80, b"\0") + struct.pack("<I", count)
    for corners, attribute in zip(TRIANGLES, attributes, strict=True):
        data += struct.pack("<12fH", 0, 0, 1, *np.ravel(corners), attribute)
    return data + more


def text(normal="0 0 1", name="", loop="outer loop", end="endloop"):
    lines = []
    for corners in TRIANGLES:
        lines += [f"  facet normal {normal}", f"    {loop}"]
        lines += ["      vertex {} {:.1e}  {}".format(*corner) for corner in corners]
        lines += [f"    {end}", "  endfacet"]
    return "\n".join([f"solid {name}", *lines, f"endsolid {name}"]) + "\n"


def read(tmp_path, content):
    path = tmp_path / "a.stl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_stl(path)


@pytest.mark.parametrize(
    "content",
    [
        binary(),
        binary(more=b"\0\1\2\3"),
        binary(more=b"x" * 1000),
        binary(head=b"solid but binary"),
        binary(head=b"solid facet normal vertex"),
        binary(attributes=(5, 77)),
        text(),
        text().upper(),
        text("nan nan nan"),
        text("-1.#IND -1.#IND -1.#IND", name="part of Müller").encode("latin-1"),
        "\ufeff" + text(name="vertex 1 2 3"),
        text().replace("\n", "\r\n"),
        text().replace("\n", " "),
        text().rpartition("endsolid")[0],
        text().replace("  endfacet\n  facet", "  endfacet\nendsolid a\n\nsolid a facet b\n  facet"),
    ],
)
def test_two_triangles(tmp_path, content):
    surface = read(tmp_path, content)
    assert surface.vertices[surface.faces].tolist() == [[list(point) for point in corners] for corners in TRIANGLES]
    assert surface.corner_colors is None


def test_colors_of_viscam(tmp_path):
    """Five bits a channel, blue in the lowest; bit 15 says that there is a color."""
    surface = read(tmp_path, binary((BIT | 31 << 10 | 16, 31 << 10)))
    np.testing.assert_allclose(surface.corner_colors, [[[1, 0, HALF]] * 3, [[0.7, 0.7, 0.7]] * 3], atol=1e-6)


def test_colors_of_magics(tmp_path):
    """Red in the lowest bits; bit 15 says that the color of the whole counts, which stands in the head."""
    head = b"COLOR=" + bytes([0, 255, 0, 255]) + b",MATERIAL="
    surface = read(tmp_path, binary((31 | 16 << 10, BIT), head))
    np.testing.assert_allclose(surface.corner_colors, [[[1, 0, HALF]] * 3, [[0, 1, 0]] * 3], atol=1e-6)
    surface = read(tmp_path, binary((0, 0), head))  # no face says anything: the whole has one color
    assert surface.corner_colors.reshape(-1, 3).tolist() == [[0, 1, 0]] * 6


def test_facets_of_four_corners(cpu32, tmp_path):
    corners = "vertex 0 0 0\nvertex 2 0 0\nvertex 2 1 0\nvertex 0 1 0\n"
    quad = f"solid\nfacet normal 0 0 1\nouter loop\n{corners}endloop\nendfacet\n"
    assert read(tmp_path, quad).faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert (load_mesh(tmp_path / "a.stl").vertex_count, load_mesh(tmp_path / "a.stl").face_count) == (4, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (binary(count=3), "is cut off: it announces 3 triangles and has 2"),
        (binary(head=b"solid")[:-1], "is cut off: it announces 2 triangles and has 1"),
        (binary(count=4294967295), "is cut off: it announces 4294967295 triangles and has 2"),
        (binary(count=0), "has no triangles"),
        (b"\0" * 50, "is cut off"),
        (b"solid nothing\nendsolid nothing\n", "no triangles are in it"),
        (b"Dear reader", "it is corrupt"),
        (text().replace("1.0e+00", "one"), "vertex 2: expected numbers, got '0 one 0'"),
        (text()[:-60], "is cut off: facet 1 has [12] corners"),
    ],
)
def test_what_is_refused(tmp_path, content, message):
    with pytest.raises(FileError, match=rf"a\.stl: .*{message}"):
        read(tmp_path, content)


@pytest.mark.skipif(not MODELS.is_dir(), reason="the real models are not on this machine")
def test_a_real_file_as_text_and_binary():
    written, binary = (read_stl(MODELS / "assimp/STL" / f"Spider_{kind}.stl") for kind in ("ascii", "binary"))
    assert len(written.faces) == 1368
    np.testing.assert_allclose(written.vertices, binary.vertices, atol=1e-5)
