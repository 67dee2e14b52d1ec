"""The faces of a PLY file: lists of corners, and strips of triangles, cut into triangles."""

from dataclasses import dataclass

import numpy as np

from taichi_dr.errors import GeometryError
from taichi_dr.io.ply.rows import Column
from taichi_dr.io.polygons import triangulate

NAMES = ("vertex_indices", "vertex_index", "vertex_indexes")


@dataclass(frozen=True)
class Polygons:
    """``corners`` (C,), vertex indices, polygon by polygon; ``counts`` (P,), >= 3, how many belong to each.

    ``columns``: properties of the polygons.
    """

    corners: np.ndarray
    counts: np.ndarray
    columns: dict[str, Column]

    def triangles(self, vertices):
        """``(picked, polygon)``: which corners (F, 3) the triangles have, and which polygon each is a part of (F,)."""
        if (self.counts == 3).all():
            return np.arange(len(self.corners)).reshape(-1, 3), np.arange(len(self.counts))
        picked = triangulate(vertices, self.corners, self.counts)
        return picked, np.repeat(np.arange(len(self.counts)), self.counts)[picked[:, 0]]


def read_polygons(path, rows, vertex_count):
    """The ``Polygons`` of a file's rows, those of fewer than three corners left out; triangles of strips come last.

    Raises:
        GeometryError: a corner is no vertex.
    """
    columns = rows.get("face") or rows.get("faces") or {}
    indices = _indices(columns)
    polygons = Polygons(np.zeros(0, np.int64), np.zeros(0, np.int64), {})
    if indices is not None:
        keep = indices.counts >= 3
        indices, columns = indices.chosen(keep), {name: column.chosen(keep) for name, column in columns.items()}
        polygons = Polygons(_whole(indices.values), indices.counts, columns)
    strips = _indices(rows.get("tristrips", {}))
    if strips is not None:  # what the file says of polygons, it says of no strip
        corners = strip_triangles(_whole(strips.values), strips.counts).reshape(-1)
        counts = np.full(len(corners) // 3, 3)
        counts = np.concatenate([polygons.counts, counts])
        polygons = Polygons(np.concatenate([polygons.corners, corners]), counts, {})
    _check(path, polygons, vertex_count)
    return polygons


def strip_triangles(values, counts):
    """Triangles (F, 3) of strips laid end to end, ``counts`` (S,) long; a negative number begins the next strip.

    Every other triangle of a strip is turned round, so that all face the same side; those with a corner twice, which
    join strips, are left out.

    >>> strip_triangles(np.array([0, 1, 2, 3, -1, 4, 5, 6]), np.array([8])).tolist()
    [[0, 1, 2], [2, 1, 3], [4, 5, 6]]
    """
    ends = np.cumsum(counts)[:-1]
    values = np.insert(values, ends, -1)
    places = np.arange(len(values))
    begin = np.maximum.accumulate(np.where(values < 0, places + 1, 0))
    a, b, c = (values[k : len(values) - 2 + k] for k in range(3))
    turned = ((places - begin)[: len(a)] % 2).astype(bool)
    triangles = np.stack([np.where(turned, b, a), np.where(turned, a, b), c], axis=1)
    return triangles[(triangles >= 0).all(axis=1) & (a != b) & (b != c) & (a != c)]


def _indices(columns):
    """The lists of corners: by name, else the first of integers; None without."""
    lists = {name: column for name, column in columns.items() if column.counts is not None and column.code[0] in "iu"}
    return next((lists[name] for name in (*NAMES, *lists) if name in lists), None)


def _whole(values):
    """Indices as int64; what is none becomes one that no vertex has."""
    return np.nan_to_num(values, nan=np.iinfo(np.int32).max).clip(-1, np.iinfo(np.int32).max).astype(np.int64)


def _check(path, polygons, vertex_count):
    wrong = (polygons.corners < 0) | (polygons.corners >= vertex_count)
    if wrong.any():
        corner = int(np.argmax(wrong))
        face = int(np.searchsorted(np.cumsum(polygons.counts), corner, side="right"))
        raise GeometryError(
            f"{path}: face {face} refers to vertex {polygons.corners[corner]}, the file has {vertex_count} vertices"
        )
