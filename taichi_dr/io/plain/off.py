"""OFF files (Geomview's object file format).

Source: the Geomview manual, OFF Files: ``[ST][C][N]OFF``, the numbers of vertices, faces and edges, a line for each
vertex (position, normal, colour, texture coordinates) and face (how many corners, which, a colour).
"""

import re

import numpy as np

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.files import read_bytes
from taichi_dr.io.polygons import triangulate
from taichi_dr.io.triangles import Surface, linear_colors
from taichi_dr.io.words import decoded, numbers_of
from taichi_dr.scene.bounds import text_digits, world_vertices
from taichi_dr.scene.mesh import GREY

KEYWORD = re.compile(r"((?:ST|C|N)*)(4?n?)OFF\b[ \t]*(BINARY\b)?")  # n: of any dimension, N: with normals
UNIT = 0.02  # how far from 1 the lengths of normals may be that are written with few digits


def read_off(path):
    """The ``Surface`` in an OFF file; colours of vertices or, without those, of faces; normals are passed over.

    Colours that are all whole numbers, one of them above 1, are bytes, others go up to 1.

    Raises:
        FileError: missing, empty, corrupt, cut off, binary, or without faces; the message names the row.
        GeometryError: a face refers to a vertex that is not there.
    """
    lines = [line.partition("#")[0].split() for line in decoded(read_bytes(path)).splitlines()]
    lines = [words for words in lines if words]
    kind, lines = _without_keyword(path, lines)
    (vertex_count, face_count), lines = _without_counts(path, lines)
    if len(lines) < vertex_count + face_count:
        raise FileError(
            f"{path}: is cut off: it announces {vertex_count} vertices and {face_count} faces,"
            f" which is {vertex_count + face_count} rows, and has {len(lines)}"
        )
    rows = _vertex_rows(path, lines[:vertex_count])
    corners, counts, painted = _faces(path, lines[vertex_count : vertex_count + face_count], vertex_count)
    picked = triangulate(rows[:, :3], corners, counts)
    faces = corners[picked]
    colors, uv = _beyond_position(path, rows, kind)
    if colors is not None:
        colors = colors[faces]
    elif painted is not None:
        polygon = np.repeat(np.arange(len(counts)), counts)[picked[:, 0]]
        colors = np.repeat(painted[polygon][:, None], 3, axis=1)
    return Surface(rows[:, :3], faces, colors, uv, None if uv is None else faces)


def encode_off(mesh, index):
    """The bytes of an OFF file of the shape of mesh ``index`` of the batch."""
    vertices, faces = world_vertices(mesh, index), mesh.topology.faces
    digits = text_digits(mesh)
    lines = ["OFF", f"{len(vertices)} {len(faces)} 0"]
    lines += [f"{x:{digits}} {y:{digits}} {z:{digits}}" for x, y, z in vertices.tolist()]
    lines += [f"3 {a} {b} {c}" for a, b, c in faces.tolist()]
    return ("\n".join(lines) + "\n").encode()


def _without_keyword(path, lines):
    """The letters in front of OFF, in upper case, and the lines behind it; a file may do without."""
    first = " ".join(lines[0]) if lines else ""
    found = KEYWORD.match(first) or KEYWORD.match(first.upper())
    if found is None:
        if not lines or not lines[0][0].isdigit():
            raise FileError(f"{path}: cannot be read as OFF: it is corrupt: it does not begin with OFF, COFF, ...")
        return "", lines
    if found[2] or found[3]:
        kind = "binary" if found[3] else f"{found[0]} (not three-dimensional)"
        raise FileError(f"{path}: is {kind}: expected OFF as text, in three dimensions")
    rest = first[found.end() :].split()
    return found[1], [rest, *lines[1:]] if rest else lines[1:]


def _without_counts(path, lines):
    """The numbers of vertices and faces, and the lines behind them; that of edges may be missing."""
    words = []
    while lines and len(words) < 2:
        words, lines = words + lines[0], lines[1:]
    if len(words) < 2 or not all(re.fullmatch(r"[0-9]{1,18}", word) for word in words[:2]):
        raise FileError(f"{path}: cannot be read as OFF: expected numbers of vertices and faces, got {words[:2]}")
    return [int(word) for word in words[:2]], lines


def _vertex_rows(path, lines):
    """(N, columns): as many numbers of each line as all lines have."""
    width = min((len(words) for words in lines), default=0)
    if width < 3:
        row = next((i for i, words in enumerate(lines) if len(words) < 3), 0)
        raise FileError(f"{path}: vertex {row}: expected three coordinates, got {lines[row] if lines else 'none'}")
    return numbers_of(path, "vertex", [words[:width] for words in lines]).reshape(-1, width)


def _faces(path, lines, vertex_count):
    """Corners (C,), counts (P,) and, or None, colours (P, 3) of the polygons of three corners and more."""
    if not lines:
        raise FileError(f"{path}: has no triangles: it is a cloud of {vertex_count} points")
    widths = np.array([len(words) for words in lines])
    numbers = numbers_of(path, "face", lines)
    starts = np.cumsum(widths) - widths
    given = numbers[starts]
    wrong = ~((given >= 0) & (given < widths))
    if wrong.any():
        face = int(np.argmax(wrong))
        raise FileError(f"{path}: face {face}: expected its number of corners and as many indices, got {lines[face]}")
    counts = given.astype(np.int64)
    colors = _face_colors(numbers, starts + 1 + counts, widths - 1 - counts)
    keep = counts >= 3
    if not keep.any():
        raise FileError(f"{path}: has no triangles: each of its {len(lines)} faces has fewer than three corners")
    starts, counts = starts[keep], counts[keep]
    ends = np.cumsum(counts)
    corners = numbers[np.repeat(starts + 1 - (ends - counts), counts) + np.arange(ends[-1])]
    wrong = ~((corners >= 0) & (corners < vertex_count))
    if wrong.any():
        face = int(np.flatnonzero(keep)[np.searchsorted(ends, np.argmax(wrong), side="right")])
        vertex = f"{corners[np.argmax(wrong)]:.0f}"
        raise GeometryError(f"{path}: face {face} refers to vertex {vertex}, the file has {vertex_count} vertices")
    return corners.astype(np.int64), counts, None if colors is None else colors[keep]


def _face_colors(numbers, starts, widths):
    """(P, 3) linear colours of what stands behind the corners: three or four numbers; None where no face has them."""
    has = widths >= 3
    if not has.any():
        return None
    colors = np.tile(np.array(GREY), (len(widths), 1))
    colors[has] = _linear(numbers[starts[has][:, None] + np.arange(3)])
    return colors


def _beyond_position(path, rows, kind):
    """Colours (N, 3), linear, and texture coordinates (N, 2) of vertex rows of a kind, each None without."""
    rest = rows[:, 3:]
    uv = None
    if "ST" in kind:
        rest, uv = rest[:, :-2], rest[:, -2:]
    letters = kind.replace("ST", "")
    normals = 3 * ("N" in letters)
    if "C" not in letters:
        return None, uv if rest.shape[1] >= normals and (uv is None or uv.shape[1] == 2) else None
    if rest.shape[1] - normals not in (3, 4):
        expected = 3 + normals + 3 + 2 * (uv is not None)
        raise FileError(
            f"{path}: {kind}OFF: expected {expected} or {expected + 1} numbers a vertex, got {rows.shape[1]}"
        )
    if normals and _are_normals(rest[:, -3:]) and not _are_normals(rest[:, :3]):  # as MeshLab writes them
        return _linear(rest[:, :3]), uv
    return _linear(rest[:, normals : normals + 3]), uv


def _are_normals(vectors):
    return bool((np.abs(np.linalg.norm(vectors, axis=1) - 1) < UNIT).mean() > 0.9)


def _linear(colors):
    whole = (colors == np.round(colors)).all() and colors.max(initial=0) > 1
    return linear_colors(colors, "u1" if whole else "f8")
