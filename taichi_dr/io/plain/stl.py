"""STL files (stereolithography), binary and text.

Source: 3D Systems, Stereolithography Interface Specification, 1988: 80 bytes, the number of triangles, and for each a
normal, three corners and 16 bits, which some programs have for a colour.
"""

import re

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.io.files import read_bytes
from taichi_dr.io.polygons import triangulate
from taichi_dr.io.triangles import Surface, linear_colors
from taichi_dr.io.words import decoded, numbers_of
from taichi_dr.scene.mesh import GREY

HEAD = 84
TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
NAMES = re.compile(r"solid\b.*?(?=\bfacet\s+normal\b|$)", re.MULTILINE)
VERTEX = re.compile(r"vertex\s+(\S+)\s+(\S+)\s+(\S+)")
END_OF_FACET = re.compile(r"end\s?facet")


def read_stl(path):
    """The ``Surface`` in an STL file, three vertices for each triangle; several solids as one.

    What is behind the triangles of a binary file is ignored.  Colours are read as VisCAM and SolidView write them (bit
    15 says that there is one) and as Materialise Magics does (where the first 80 bytes hold ``COLOR=``).

    Raises:
        FileError: missing, empty, neither text nor binary, cut off, or without triangles.
    """
    data = read_bytes(path)
    count = int.from_bytes(data[80:HEAD], "little")
    if len(data) >= HEAD and HEAD + TRIANGLE.itemsize * count <= len(data):
        return _read_binary(path, data, count)
    if b"\0" not in data[:HEAD] or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _read_text(path, decoded(data))
    whole = max(len(data) - HEAD, 0) // TRIANGLE.itemsize
    raise FileError(f"{path}: is cut off: it announces {count} triangles and has {whole}")


def encode_stl(mesh, index):
    """The bytes of an STL file of the shape of mesh ``index`` of the batch: as text, if it has an offset."""
    corners = mesh.numpy("vertices")[index][mesh.topology.faces]
    if mesh.offset.any():
        return _as_text(corners + mesh.offset)
    rows = np.zeros(len(corners), TRIANGLE)
    rows["corners"] = corners
    rows["normal"] = _normals(corners.astype(np.float64))
    return b"taichi_dr".ljust(80) + len(rows).to_bytes(4, "little") + rows.tobytes()


def _as_text(corners):
    lines = ["solid taichi_dr"]
    for normal, facet in zip(_normals(corners).tolist(), corners.tolist(), strict=True):
        lines += [f"facet normal {normal[0]:.6g} {normal[1]:.6g} {normal[2]:.6g}", "outer loop"]
        lines += [f"vertex {x:.15g} {y:.15g} {z:.15g}" for x, y, z in facet]
        lines += ["endloop", "endfacet"]
    return "\n".join([*lines, "endsolid taichi_dr", ""]).encode()


def _normals(corners):
    """Unit normals (F, 3) of triangles (F, 3, 3), zeros of those without area."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)


def _read_binary(path, data, count):
    if count == 0:
        raise FileError(f"{path}: has no triangles")
    rows = np.frombuffer(data, TRIANGLE, count, HEAD)
    colors = _colors(data[:80], rows["attribute"].astype(np.int64))
    if colors is not None:
        colors = np.repeat(colors[:, None], 3, axis=1)
    vertices = rows["corners"].reshape(-1, 3).astype(np.float64)
    return Surface(vertices, np.arange(3 * count).reshape(-1, 3), colors)


def _colors(head, attributes):
    """(F, 3) linear, or None where the file gives no colour: five bits for each channel.

    VisCAM has blue in the lowest ones; Magics red, and a colour of the whole in the head that bit 15 refers to.
    """
    marked = attributes >> 15 == 1
    bits = np.stack([attributes >> shift & 31 for shift in (10, 5, 0)], axis=1) / 31
    at = head.find(b"COLOR=")
    if 0 <= at <= len(head) - 9:
        whole = np.frombuffer(head, np.uint8, 3, at + 6) / 255
        own = ~marked & attributes.any()
        return linear_colors(np.where(own[:, None], bits[:, ::-1], whole), "f8")
    return np.where(marked[:, None], linear_colors(bits, "f8"), GREY) if marked.any() else None


def _read_text(path, text):
    text = NAMES.sub("", text.lower())
    words = VERTEX.findall(text)
    if not words:
        raise FileError(
            f"{path}: cannot be read as STL: it is corrupt: no triangles are in it, neither as text nor binary"
        )
    vertices = numbers_of(path, "vertex", words).reshape(-1, 3)
    counts = _corner_counts(path, text, len(vertices))
    return Surface(vertices, triangulate(vertices, np.arange(len(vertices)), counts))


def _corner_counts(path, text, vertex_count):
    """How many corners each facet has: three, but some programs write polygons."""
    facets = len(END_OF_FACET.findall(text))
    if vertex_count == 3 * facets:
        return np.full(facets, 3)
    parts = [len(VERTEX.findall(part)) for part in END_OF_FACET.split(text)]
    if parts[-1] or min(parts[:-1], default=0) < 3:
        facet = next((i for i, count in enumerate(parts[:-1]) if count < 3), len(parts) - 1)
        raise FileError(f"{path}: is cut off: facet {facet} has {parts[facet]} corners and no end or fewer than 3")
    return np.array(parts[:-1])
