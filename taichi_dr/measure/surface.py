"""A surface to be measured: its triangles, points drawn on it, and what of it is nearest to other points."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from taichi_dr.errors import GeometryError
from taichi_dr.losses.chamfer import sample_surface
from taichi_dr.measure.nearest import NearestPoints


class Nearest(NamedTuple):
    """What of a surface is nearest to P points: distances (P,), positions (P, 3), the faces' unit normals (P, 3)."""

    distances: np.ndarray
    points: np.ndarray
    normals: np.ndarray


class SampledSurface:
    """Triangles (F, 3, 3) of some area, and points drawn uniformly by area: ``points`` (P, 3), ``normals`` (P, 3).

    Raises:
        GeometryError: no triangle has an area.
    """

    def __init__(self, triangles, samples, seed=0, name="mesh"):
        across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        doubled = np.linalg.norm(across, axis=1)
        kept = doubled > 0
        if not kept.any():
            raise GeometryError(f"{name}: its faces have no area: there is nothing to measure")
        self.triangles = triangles[kept]
        self.area = float(doubled.sum() / 2)
        self._face_normals = across[kept] / doubled[kept, None]
        corners = self.triangles.reshape(-1, 3)
        chosen, barycentrics = sample_surface(corners, np.arange(len(corners)).reshape(-1, 3), samples, seed)
        self.points = np.einsum("pk,pkc->pc", barycentrics, self.triangles[chosen])
        self.normals = self._face_normals[chosen]
        low, high = corners.min(axis=0), corners.max(axis=0)
        self.center, self.diagonal = (low + high) / 2, float(np.linalg.norm(high - low))

    @cached_property
    def _search(self):
        return NearestPoints(self.triangles)

    def nearest(self, points):
        """The ``Nearest`` of points (P, 3)."""
        distances, faces, nearest = self._search.query(points)
        return Nearest(distances, nearest, self._face_normals[faces])
