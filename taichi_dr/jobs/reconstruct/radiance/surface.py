"""The mesh of a density: where it crosses a level, with the colours that are seen there from outside."""

import numpy as np
from skimage.measure import marching_cubes

from taichi_dr.errors import GeometryError
from taichi_dr.io.images import srgb_to_linear
from taichi_dr.jobs.reconstruct.loose_parts import without_loose_parts
from taichi_dr.memory import check_memory
from taichi_dr.scene.mesh import Mesh

OPACITY = 0.5
"""Of the way between two nodes: what is that dense is surface."""

BYTES_PER_NODE = 16
"""Density and opacity, each once more where marching_cubes looks at them."""


class Opacity:
    """The opacity from node to node of ``at(points, directions) -> (density, display colours)``, in a box.

    ``1 - exp(-density spacing)``, which is far less steep than the density; ``resolution``: nodes along the longest
    side.

    Raises:
        TooLargeError: so many nodes take more memory than there is.
    """

    def __init__(self, at, low, high, resolution):
        self._at, self._low = at, low
        self._spacing = spacing = float(np.max(high - low)) / (resolution - 1)
        axes = [np.arange(a, b + 0.5 * spacing, spacing) for a, b in zip(low, high, strict=True)]
        nodes = [len(axis) for axis in axes]
        check_memory(
            f"a mesh resolution of {resolution}", BYTES_PER_NODE * int(np.prod(nodes, dtype=float)), "take less"
        )
        density = np.empty(nodes, np.float32)
        for i, x in enumerate(axes[0]):
            points = np.stack(np.meshgrid([x], axes[1], axes[2], indexing="ij"), axis=-1).reshape(-1, 3)
            density[i] = at(points, np.array([0.0, 0.0, 1.0]))[0].reshape(density.shape[1:])
        self._densest = float(density.max())
        self._values = 1 - np.exp(-np.pad(density, 1) * spacing)

    def mesh(self, level, clean=False):
        """The Mesh of where the opacity crosses ``level``; ``clean``: without specks and enclosed hollows.

        Raises:
            GeometryError: nowhere is it that dense.
        """
        if not (self._values > level).any():
            needed = -np.log(1 - level) / self._spacing
            raise GeometryError(f"no surface: the density is {self._densest:.3g} at most, {needed:.3g} would be one")
        values = level - without_loose_parts(level - self._values) if clean else self._values
        vertices, faces, _, _ = marching_cubes(values, level, gradient_direction="ascent")
        points = self._low + self._spacing * (vertices - 1)
        colors = srgb_to_linear(np.clip(self._at(points, -_normals(points, faces))[1], 0, 1))
        return Mesh(points, faces.astype(np.int32), colors=colors, name="reconstruction")


def density_mesh(at, low, high, resolution):
    """The Mesh, in the unit scene, of ``at(points, directions) -> (density, display colours)`` in a box.

    ``resolution``: nodes along the longest side.  The level is the density that takes away half of the light on the way
    from a node to the next.

    Raises:
        GeometryError: nowhere is it that dense.
        TooLargeError: so many nodes take more memory than there is.
    """
    return Opacity(at, low, high, resolution).mesh(OPACITY)


def _normals(points, faces):
    """Unit normals (N, 3) of vertices, outwards: those of the faces around, by their areas."""
    a, b, c = np.moveaxis(points[faces], 1, 0)
    across, sums = np.cross(b - a, c - a), np.zeros_like(points)
    for k in range(3):
        np.add.at(sums, faces[:, k], across)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(length > 0, sums, [0.0, 0.0, 1.0]) / np.where(length > 0, length, 1)
