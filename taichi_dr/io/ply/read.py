"""A ``Surface`` from a PLY file."""

import warnings

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.io.files import read_bytes
from taichi_dr.io.ply.header import read_header
from taichi_dr.io.ply.pictures import polygon_textures, read_placement, read_textures
from taichi_dr.io.ply.polygons import read_polygons
from taichi_dr.io.ply.rows import read_rows
from taichi_dr.io.triangles import Surface, linear_colors, opaque
from taichi_dr.scene.mesh import GREY

COLORS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
"""Names of sRGB numbers, those that are taken first in front."""

ALPHAS = ("alpha", "diffuse_alpha", "a")


def read_ply(path):
    """The ``Surface`` in a PLY file; polygons and strips of triangles as triangles.

    A texture takes the place of the colours, which most programs write beside it and do not multiply.  Of colours both
    at vertices and at faces those count that are not all one, at vertices if both are.

    Raises:
        FileError: missing, empty, corrupt, cut off, or without faces.
        GeometryError: a face refers to a vertex that is not there.
    """
    data = read_bytes(path)
    header = read_header(path, data)
    rows = read_rows(path, data, header)
    vertices = _positions(path, rows)
    polygons = read_polygons(path, rows, len(vertices))
    if not len(polygons.counts):
        raise FileError(f"{path}: has no triangles: it is a cloud of {len(vertices)} points")
    picked, polygon = polygons.triangles(vertices)
    faces = polygons.corners[picked]
    colors = _corner_colors(path, _vertex_rows(rows), polygons, faces, polygon)
    textures, of_number = read_textures(path, header.comments)
    placement = read_placement(polygons, _vertex_rows(rows))
    if placement is None:
        return Surface(vertices, faces, colors)
    uv_faces = np.maximum(placement.of_corner[picked], 0)
    if not textures:
        return Surface(vertices, faces, colors, placement.uv, uv_faces)
    shown = polygon_textures(path, polygons, placement, of_number)[polygon]
    bare = shown < 0
    if not bare.any():
        face_textures = None if len(textures) == 1 else shown
        return Surface(vertices, faces, None, placement.uv, uv_faces, textures, face_textures)
    grey = np.tile(np.array(GREY), (len(faces), 3, 1)) if colors is None else colors
    painted = np.where(bare[:, None, None], grey, 1.0)
    return Surface(vertices, faces, painted, placement.uv, uv_faces, textures, shown)


def read_points(path):
    """The vertices (P, 3) of a PLY file, with faces or without.

    Raises:
        FileError: missing, empty, corrupt, without vertices, or with one that is not finite.
    """
    data = read_bytes(path)
    points = _positions(path, read_rows(path, data, read_header(path, data)))
    if not len(points) or not np.isfinite(points).all():
        raise FileError(f"{path}: expected vertices of finite numbers, got {len(points)}")
    return points


def _vertex_rows(rows):
    return rows.get("vertex") or rows.get("vertices") or {}


def _positions(path, rows):
    columns = _vertex_rows(rows)
    if not _has_numbers(columns, "xyz"):
        raise FileError(f"{path}: cannot be read as PLY: it has no element vertex with x, y and z")
    return np.stack([columns[name].values.astype(np.float64) for name in "xyz"], axis=1)


def _corner_colors(path, vertex_columns, polygons, faces, polygon):
    """(F, 3, 3) linear, None where the file gives no colour; warns of what would be seen through."""
    of_vertex, of_polygon = _colors(vertex_columns), _colors(polygons.columns)
    if of_polygon is not None and (of_vertex is None or (_is_one(of_vertex) and not _is_one(of_polygon))):
        _tell_of_alpha(path, "faces", polygons.columns)
        return np.repeat(of_polygon[polygon][:, None], 3, axis=1)
    if of_vertex is None:
        return None
    _tell_of_alpha(path, "vertices", vertex_columns)
    return of_vertex[faces]


def _tell_of_alpha(path, what, columns):
    alphas = [columns[name] for name in ALPHAS if _has_numbers(columns, [name])]
    if any((column.values < opaque(column.values, column.code)).any() for column in alphas):
        told = f"{path}: transparency (alpha) of its {what} is not rendered: they are opaque instead"
        warnings.warn(told, stacklevel=5)


def _colors(columns):
    """(R, 3) linear colours of the rows, or None."""
    names = next((names for names in COLORS if _has_numbers(columns, names)), None)
    if names is None:
        return None
    return linear_colors(np.stack([columns[name].values for name in names], axis=1), columns[names[0]].code)


def _has_numbers(columns, names):
    return all(name in columns and columns[name].counts is None for name in names)


def _is_one(colors):
    return (colors == colors[0]).all()
