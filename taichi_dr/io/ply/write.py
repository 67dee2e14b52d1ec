"""The bytes of a binary PLY file."""

import numpy as np

from taichi_dr.io.images import linear_to_srgb, quantized
from taichi_dr.io.triangles import Surface, corner_colors
from taichi_dr.scene.bounds import world_vertices

RGB = ("red", "green", "blue")


def encode_ply(mesh, index):
    """The bytes of a PLY file of mesh ``index`` of the batch: colours per vertex or face, read off a texture."""
    vertices, faces = world_vertices(mesh, index), mesh.topology.faces
    corner, rgb = np.zeros(len(faces), _face_row(mesh)), None
    corner["count"], corner["vertex_indices"] = 3, faces
    if not mesh.has("texture") and mesh.colors_per == "face":
        _paint(corner, mesh.numpy("colors")[index])
    else:
        rgb = Surface(vertices, faces, corner_colors(mesh, index)).vertex_colors()
    points = _point_rows(vertices, rgb)
    lines = [*_point_lines(points), f"element face {len(faces)}", "property list uchar int vertex_indices"]
    lines += [f"property uchar {name}" for name in corner.dtype.names[2:]]
    return _header(lines) + points.tobytes() + corner.tobytes()


def encode_points(points):
    """The bytes of a PLY file of points (P, 3)."""
    rows = _point_rows(np.asarray(points), None)
    return _header(_point_lines(rows)) + rows.tobytes()


def _header(lines):
    return "\n".join(["ply", "format binary_little_endian 1.0", *lines, "end_header", ""]).encode()


def _face_row(mesh):
    per_face = not mesh.has("texture") and mesh.colors_per == "face"
    return [("count", "u1"), ("vertex_indices", "<i4", 3), *((name, "u1") for name in RGB if per_face)]


def _point_rows(points, rgb):
    code = "<f4" if points.dtype == np.float32 else "<f8"
    rows = np.zeros(
        len(points), [*((name, code) for name in "xyz"), *((name, "u1") for name in RGB if rgb is not None)]
    )
    for name, column in zip("xyz", points.T, strict=True):
        rows[name] = column
    if rgb is not None:
        _paint(rows, rgb)
    return rows


def _point_lines(rows):
    kinds = {"|u1": "uchar", "<f4": "float", "<f8": "double"}
    properties = [f"property {kinds[rows.dtype[name].str]} {name}" for name in rows.dtype.names]
    return [f"element vertex {len(rows)}", *properties]


def _paint(rows, colors):
    for name, column in zip(RGB, quantized(linear_to_srgb(np.clip(colors, 0, 1).astype(np.float64))).T, strict=True):
        rows[name] = column
