"""Texture coordinates for a mesh, and textures made from values on it."""

from functools import cached_property

import numpy as np
from scipy.ndimage import distance_transform_edt

from taichi_dr.texture import xatlas_charts
from taichi_dr.texture.box_projection import box_projection
from taichi_dr.texture.texels import texels_of

GUTTER = 2  # texels around charts: lookups in a texture and in the first of its halved copies stay on their chart


class Atlas:
    """The texture coordinates ``uv`` (T, 2), ``uv_faces`` (F, 3) of a mesh, for a texture of ``size x size`` texels.

    ``chart`` (F,) is the number of the chart that a face belongs to, and ``method`` who made them.
    """

    def __init__(self, uv, uv_faces, chart, size, method):
        self.uv, self.uv_faces, self.chart, self.size, self.method = uv, uv_faces, chart, size, method

    @cached_property
    def texels(self):
        """The ``Texels``: which point of which face each texel shows."""
        return texels_of(self.uv, self.uv_faces, self.size, GUTTER)

    @cached_property
    def known(self):
        """(K,): the texels that show a face, or are in the gutter of one; numbered row by row from the top."""
        return np.flatnonzero(self.texels.face >= 0)

    def at_texels(self, corners):
        """(K, C): values at the corners of faces (F, 3, C), interpolated to the known texels."""
        barycentric, face = self.texels.barycentric[self.known], self.texels.face[self.known]
        return np.einsum("pk,pkc->pc", barycentric, corners[face])

    def at_vertices(self, values, chosen, topology):
        """``(means, found)``, (N, C) and (N,): of ``values`` (K, C) of the known texels, as far as they are ``chosen``
        (K,), the mean around each vertex, weighed as ``at_texels`` interpolates; and where there are any (else 0).

        ``topology`` is that of the mesh.
        """
        texel = self.known[chosen]
        vertex, weight = topology.faces[self.texels.face[texel]].reshape(-1), self.texels.barycentric[texel].reshape(-1)
        weighed = np.repeat(values[chosen], 3, axis=0) * weight[:, None]
        sums = np.stack([np.bincount(vertex, column, topology.rows) for column in weighed.T], axis=1)
        total = np.bincount(vertex, weight, topology.rows)
        return sums / np.where(total > 0, total, 1)[:, None], total > 0

    def picture(self, values):
        """(size, size, C): ``values`` (K, C) of the known texels; each other one is as the nearest of them, so that no
        halved copy of the texture mixes in what is on no surface."""
        texture = np.zeros((self.size**2, values.shape[1]), values.dtype)
        texture[self.known] = values
        unknown = (self.texels.face < 0).reshape(self.size, self.size)
        row, col = distance_transform_edt(unknown, return_distances=False, return_indices=True)
        return texture[row * self.size + col]


def make_atlas(vertices, faces, size):
    """An ``Atlas`` of ``vertices`` (N, 3), ``faces`` (F, 3): by xatlas if it is installed, else by box projection.

    Raises:
        InputError: box projection has more charts than have room in ``size x size`` texels.
    """
    by_xatlas = xatlas_charts.is_installed()
    make = xatlas_charts.unwrap if by_xatlas else box_projection
    charts = make(np.asarray(vertices, np.float64), np.asarray(faces), size, GUTTER)
    return Atlas(*charts, size, "xatlas" if by_xatlas else "box projection")
