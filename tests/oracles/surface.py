"""The colour of a mesh's surface under every material, in NumPy, float64: diffuse in its own colour plus a highlight.

Where the light is found: nowhere (``none``), at the centroid of a face with its normal turned to the eye (``flat``), at
the vertices and interpolated (``gouraud``), at the point with the interpolated normal (``phong``).
"""

from dataclasses import dataclass

import numpy as np
from oracles.shading import light_at, towards_eye, unit
from oracles.texture import bilinear


@dataclass
class Surface:
    """A mesh and its light: vertices (N, 3), faces (F, 3), lights a list of (kind, color, vector), camera (16,) packed.

    ``own``: of colors (N, 3), face_colors (F, 3), or uv (N, 2) and texture (Ht, Wt, 3).
    """

    vertices: np.ndarray
    faces: np.ndarray
    own: dict
    lights: list
    camera: np.ndarray
    specular: float
    shininess: float

    def color(self, shading, face, barycentric):
        """(P, 3) at points of the faces ``face`` (P,) with ``barycentric`` (P, 3)."""
        if shading == "gouraud" and "colors" in self.own:
            irradiance, highlight = self._at_vertices()
            return self._mixed(self.own["colors"] * irradiance + highlight, face, barycentric)
        irradiance, highlight = self._light(shading, face, barycentric)
        return self._own(face, barycentric) * irradiance + highlight

    def _own(self, face, barycentric):
        if "face_colors" in self.own:
            return self.own["face_colors"][face]
        if "colors" in self.own:
            return self._mixed(self.own["colors"], face, barycentric)
        return bilinear(self.own["texture"], self._mixed(self.own["uv"], face, barycentric))

    def _light(self, shading, face, barycentric):
        if shading == "none":
            return 1.0, 0.0
        if shading == "flat":
            corners = self.vertices[self.faces[face]]
            normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            return self._at(normals, corners.mean(axis=1), two_sided=True)
        if shading == "gouraud":
            return (self._mixed(part, face, barycentric) for part in self._at_vertices())
        normals, positions = (self._mixed(rows, face, barycentric) for rows in (self._normals(), self.vertices))
        return self._at(normals, positions)

    def _at_vertices(self):
        return self._at(self._normals(), self.vertices)

    def _at(self, normals, positions, two_sided=False):
        to_eye = towards_eye(self.camera, positions, orthographic=False)
        irradiance, highlight = light_at(normals, positions, to_eye, self.lights, self.shininess, two_sided)
        return irradiance, self.specular * highlight

    def _normals(self):
        corners = self.vertices[self.faces]
        sums = np.zeros_like(self.vertices)
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        np.add.at(sums, self.faces, cross[:, None])
        return unit(sums)

    def _mixed(self, rows, face, barycentric):
        return np.einsum("pk,pkc->pc", barycentric, rows[self.faces[face]])
