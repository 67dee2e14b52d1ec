"""The mesh of a density: where it crosses a level, with the colours that are seen there from outside."""

import numpy as np
from skimage.measure import marching_cubes

from taichi_dr.errors import GeometryError
from taichi_dr.io.images import srgb_to_linear
from taichi_dr.memory import check_memory
from taichi_dr.scene.mesh import Mesh

OPACITY = 0.5
"""Of the way between two nodes: what is that dense is surface."""

BYTES_PER_NODE = 16
"""Density and opacity, each once more where marching_cubes looks at them."""


def density_mesh(at, low, high, resolution):
    """The Mesh, in the unit scene, of ``at(points, directions) -> (density, display colours)`` in a box.

    ``resolution``: nodes along the longest side.  The level is the density that takes away half of the light on the way
    from a node to the next.

    Raises:
        GeometryError: nowhere is it that dense.
        TooLargeError: so many nodes take more memory than there is.
    """
    spacing = float(np.max(high - low)) / (resolution - 1)
    axes = [np.arange(a, b + 0.5 * spacing, spacing) for a, b in zip(low, high, strict=True)]
    nodes = [len(axis) for axis in axes]
    check_memory(f"a mesh resolution of {resolution}", BYTES_PER_NODE * int(np.prod(nodes, dtype=float)), "take less")
    density = np.empty(nodes, np.float32)
    for i, x in enumerate(axes[0]):
        points = np.stack(np.meshgrid([x], axes[1], axes[2], indexing="ij"), axis=-1).reshape(-1, 3)
        density[i] = at(points, np.array([0.0, 0.0, 1.0]))[0].reshape(density.shape[1:])
    level = -np.log(1 - OPACITY) / spacing
    density = np.pad(density, 1)
    if not (density > level).any():
        raise GeometryError(f"no surface: the density is {density.max():.3g} at most, {level:.3g} would be one")
    opacity = 1 - np.exp(-density * spacing)  # far less steep than the density
    vertices, faces, _, _ = marching_cubes(opacity, OPACITY, gradient_direction="ascent")
    points = low + spacing * (vertices - 1)
    colors = at(points, -_normals(points, faces))[1]
    return Mesh(points, faces.astype(np.int32), colors=srgb_to_linear(np.clip(colors, 0, 1)), name="reconstruction")


def _normals(points, faces):
    """Unit normals (N, 3) of vertices, outwards: those of the faces around, by their areas."""
    a, b, c = np.moveaxis(points[faces], 1, 0)
    across, sums = np.cross(b - a, c - a), np.zeros_like(points)
    for k in range(3):
        np.add.at(sums, faces[:, k], across)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(length > 0, sums, [0.0, 0.0, 1.0]) / np.where(length > 0, length, 1)
