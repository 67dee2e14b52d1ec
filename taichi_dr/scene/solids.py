"""The NumPy geometry that procedural shapes are made of: surfaces over grids, solids of revolution, lofts."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Solid:
    """Vertices (N, 3), outward faces (F, 3) and, where natural, texture coordinates (T, 2) with their faces (F, 3)."""

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray | None = None
    uv_faces: np.ndarray | None = None

    def volume(self):
        """Signed volume ``sum a.(b x c) / 6``: positive for closed surfaces whose faces are oriented outwards."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)

    def moved(self, offset=(0, 0, 0), scale=1.0):
        """Scaled (per axis, where ``scale`` has three entries), then shifted; mirrored solids stay outward."""
        vertices = self.vertices * np.asarray(scale, dtype=float) + np.asarray(offset, dtype=float)
        mirrored = np.prod(np.broadcast_to(scale, 3)) < 0
        return replace(self, vertices=vertices, **(_flipped(self) if mirrored else {}))

    def turned(self, axes):
        """Axes permuted, e.g. ``"zxy"``: the new x is the old z, ...; odd permutations stay outward."""
        order = ["xyz".index(axis) for axis in axes]
        odd = np.linalg.det(np.eye(3)[order]) < 0
        return replace(self, vertices=self.vertices[:, order], **(_flipped(self) if odd else {}))


def _flipped(solid):
    uv_faces = None if solid.uv_faces is None else solid.uv_faces[:, ::-1]
    return {"faces": solid.faces[:, ::-1], "uv_faces": uv_faces}


def grid_surface(points, closed_rows=False, closed_columns=True):
    """The surface over a grid of points (R, S, 3): two triangles per cell, texture coordinates along the grid.

    ``closed_...`` joins the last row (column) with the first.  A row whose points coincide becomes one vertex (a pole).
    Closed surfaces are oriented outwards; open ones have their normal along d/dcolumn x d/drow.
    """
    points = np.asarray(points, dtype=float)
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    poles = np.ptp(points, axis=1).max(axis=1) < 1e-12
    index[poles] = index[poles, :1]
    if closed_columns:
        index = np.concatenate([index, index[:, :1]], axis=1)
    if closed_rows:
        index = np.concatenate([index, index[:1]], axis=0)
    v, u = np.meshgrid(np.linspace(0, 1, index.shape[0]), np.linspace(0, 1, index.shape[1]), indexing="ij")
    faces = _cells(index)
    proper = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    used, faces = np.unique(faces[proper], return_inverse=True)
    uv_faces = _cells(np.arange(u.size).reshape(u.shape))[proper]
    solid = Solid(points.reshape(-1, 3)[used], faces.reshape(-1, 3), np.stack([u, v], axis=-1).reshape(-1, 2), uv_faces)
    return replace(solid, **_flipped(solid)) if closed_columns and solid.volume() < 0 else solid


def _cells(index):
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    return np.stack([np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)], axis=2).reshape(-1, 3)


def circle(segments):
    """(segments, 2): points of the unit circle."""
    angle = 2 * np.pi * np.arange(segments) / segments
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def revolution(profile, segments):
    """The solid swept by a profile of (radius, y) points about the y axis; radius 0 at an end closes it."""
    profile = np.asarray(profile, dtype=float)
    ring = circle(segments)
    points = np.empty((len(profile), segments, 3))
    points[:, :, 0] = profile[:, :1] * ring[:, 0]
    points[:, :, 1] = profile[:, 1:]
    points[:, :, 2] = -profile[:, :1] * ring[:, 1]  # u runs counter-clockwise seen from above
    return grid_surface(points)


def loft(rings):
    """The solid through rings of points (R, S, 3), with both end rings capped by fans."""
    rings = np.asarray(rings, dtype=float)
    caps = np.broadcast_to(rings[[0, -1]].mean(axis=1, keepdims=True), (2, *rings.shape[1:]))
    return grid_surface(np.concatenate([caps[:1], rings, caps[1:]]))


def ellipsoid(radii=(1, 1, 1), segments=24, rings=12):
    """Longitude-latitude sphere scaled per axis."""
    angle = np.pi * np.arange(rings + 1) / rings
    profile = np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    profile[[0, -1], 0] = 0
    return revolution(profile, segments).moved(scale=radii)


def cuboid(size=(1, 1, 1)):
    """Box about the origin: 8 vertices, 12 faces, each side showing the whole texture."""
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    # lower left, lower right, upper right and upper left corner of each side, seen from outside
    sides = np.array([[5, 4, 6, 7], [0, 1, 3, 2], [3, 7, 6, 2], [0, 4, 5, 1], [1, 5, 7, 3], [4, 0, 2, 6]])
    solid = Solid(corners * np.asarray(size, dtype=float), np.concatenate([sides[:, [0, 1, 2]], sides[:, [0, 2, 3]]]))
    quads = np.tile([[0, 1, 2, 3]], (6, 1))
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    return replace(solid, uv=uv, uv_faces=np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))


def icosahedron():
    """Unit icosahedron: 12 vertices, 20 faces."""
    golden = (1 + 5**0.5) / 2
    vertices = np.array(
        [[-1, golden, 0], [1, golden, 0], [-1, -golden, 0], [1, -golden, 0]]
        + [[0, -1, golden], [0, 1, golden], [0, -1, -golden], [0, 1, -golden]]
        + [[golden, 0, -1], [golden, 0, 1], [-golden, 0, -1], [-golden, 0, 1]]
    )
    faces = np.array(
        [[0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11]]
        + [[1, 5, 9], [5, 11, 4], [11, 10, 2], [10, 7, 6], [7, 1, 8]]
        + [[3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9]]
        + [[4, 9, 5], [2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1]]
    )
    return Solid(vertices / np.hypot(1, golden), faces)


def rounded_rectangle(half_width, half_height, roundness, points_per_corner=4):
    """(4 points_per_corner, 2): a rectangle about the origin with corner radius ``roundness min(half sides)``."""
    radius = roundness * min(half_width, half_height)
    angle = np.linspace(0, np.pi / 2, points_per_corner)
    arc = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    corners = []
    for quarter, signs in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        cosine, sine = np.round([np.cos(quarter * np.pi / 2), np.sin(quarter * np.pi / 2)])
        center = np.array(signs) * (half_width - radius, half_height - radius)
        corners.append(center + arc @ np.array([[cosine, sine], [-sine, cosine]]))
    return np.concatenate(corners)


def merge(solids):
    """One solid from several: (vertices, faces, rows), where ``rows[i]`` is the vertex count of part i."""
    counts = [len(solid.vertices) for solid in solids]
    offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
    faces = [solid.faces + offset for solid, offset in zip(solids, offsets, strict=True)]
    return np.concatenate([solid.vertices for solid in solids]), np.concatenate(faces), counts
