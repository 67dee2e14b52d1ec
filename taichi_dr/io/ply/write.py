"""The bytes of a binary PLY file."""

import numpy as np

from taichi_dr.io.images import linear_to_srgb, quantized
from taichi_dr.io.triangles import Surface, corner_colors
from taichi_dr.scene.bounds import world_vertices

RGB = ("red", "green", "blue")


def encode_ply(mesh, index):
    """The bytes of a PLY file of mesh ``index`` of the batch: colours per vertex or face, read off a texture.

    Vertices are written once for each texture and each row of the mesh's colours that their faces show there; of what
    one texture shows at a vertex, on both sides of a seam, the mean is taken.
    """
    vertices, faces, rgb = world_vertices(mesh, index), mesh.topology.faces, None
    has_own = not mesh.has("texture") and mesh.colors_per == "face"
    if not has_own:
        used, faces = _colored_vertices(mesh)
        vertices = vertices[used]
        rgb = Surface(vertices, faces, corner_colors(mesh, index)).vertex_colors()
    corner = np.zeros(
        len(faces), [("count", "u1"), ("vertex_indices", "<i4", 3), *((name, "u1") for name in RGB if has_own)]
    )
    corner["count"], corner["vertex_indices"] = 3, faces
    if has_own:
        _paint(corner, mesh.numpy("colors")[index])
    points = _point_rows(vertices, rgb)
    lines = [*_point_lines(points), f"element face {len(faces)}", "property list uchar int vertex_indices"]
    lines += [f"property uchar {name}" for name in corner.dtype.names[2:]]
    return _header(lines) + points.tobytes() + corner.tobytes()


def _colored_vertices(mesh):
    """Which vertex (V,) each row of the file is, and the faces (F, 3) that refer to them: the mesh's own where none has
    to be there twice."""
    faces = mesh.topology.faces
    own = mesh.color_topology.faces if mesh.has_colors else faces
    shown = np.zeros(len(faces), int) if mesh.face_textures is None else mesh.face_textures
    rows = np.stack([faces, own, np.repeat(shown[:, None], 3, axis=1)], axis=2).reshape(-1, 3)
    distinct, of_corner = np.unique(rows, axis=0, return_inverse=True)
    if len(distinct) == len(np.unique(faces)):
        return np.arange(mesh.vertex_count), faces
    return distinct[:, 0], of_corner.reshape(-1, 3)


def encode_points(points):
    """The bytes of a PLY file of points (P, 3)."""
    rows = _point_rows(np.asarray(points), None)
    return _header(_point_lines(rows)) + rows.tobytes()


def _header(lines):
    return "\n".join(["ply", "format binary_little_endian 1.0", *lines, "end_header", ""]).encode()


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
