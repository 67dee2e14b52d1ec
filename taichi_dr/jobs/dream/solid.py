"""The solid that a volume looks like: what light from nowhere reaches."""

import numpy as np
from scipy.ndimage import affine_transform
from skimage.measure import marching_cubes

from taichi_dr.errors import GeometryError
from taichi_dr.io.images import srgb_to_linear
from taichi_dr.scene.mesh import Mesh

DIRECTIONS = 64
OPACITY = 1 - 0.5**0.5
"""What is lost where the surface is: in and out again, as at the edge of a silhouette, light loses half."""


def seen_solid(density, spacing, directions=DIRECTIONS):
    """(nx, ny, nz), like ``density``: ``1 - max over directions of exp(-optical depth)`` of every node.

    The optical depth is the integral of the density from outside to the node, along a direction; it is 0 outside.  A
    volume that is dense in a shell alone, or fog that is dense enough only as a whole, is the solid that it looks like.

    >>> shell = np.zeros((9, 9, 9)); shell[2:7, 2:7, 2:7] = 9.0; shell[3:6, 3:6, 3:6] = 0.0
    >>> solid = seen_solid(shell, 1.0)
    >>> bool(solid[4, 4, 4] > 0.99), bool(solid[0, 4, 4] < 0.01)
    (True, True)
    """
    least = np.full(density.shape, np.inf, np.float32)
    for axes in _frames(directions):
        np.minimum(least, _optical_depth(density, axes, spacing), out=least)
    return 1 - np.exp(-least)


def solid_mesh(grid, nodes):
    """The Mesh of where ``seen_solid`` of a ``Grid`` of display values is ``OPACITY``, ``nodes`` along a side.

    Raises:
        GeometryError: nothing is as opaque as that.
    """
    low, high = (np.array(corner) for corner in grid.bounds)
    spacing = float(np.max(high - low)) / (nodes - 1)
    axes = [low[k] + spacing * np.arange(nodes) for k in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    density = grid.at(points, np.array([0.0, 0.0, 1.0]))[0].reshape((nodes,) * 3)
    solid = np.pad(seen_solid(density, spacing), 1)
    if not solid.max() > OPACITY:
        raise GeometryError(f"no surface: {solid.max():.0%} of the light is lost at most, {OPACITY:.0%} would be one")
    vertices, faces, _, _ = marching_cubes(solid, OPACITY, gradient_direction="ascent")
    places = low + spacing * (vertices - 1)
    colors = grid.at(places, np.array([0.0, 0.0, 1.0]))[1]
    return Mesh(places, faces.astype(np.int32), colors=srgb_to_linear(np.clip(colors, 0, 1)), name="dream")


def _frames(count):
    """(3, 3) each: orthonormal rows, the last of which are directions all around (a Fibonacci lattice)."""
    k = np.arange(count) + 0.5
    z, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    directions = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)
    for direction in directions:
        side = np.eye(3)[np.abs(direction).argmin()]
        across = np.cross(direction, side)
        across /= np.linalg.norm(across)
        yield np.stack([across, np.cross(direction, across), direction])


def _optical_depth(density, axes, spacing):
    """The integral of the density to every node along the last of the axes."""
    shape = np.array(density.shape)
    side = int(np.ceil(np.linalg.norm(shape)))
    middle, turned_middle = (shape - 1) / 2, np.full(3, (side - 1) / 2)
    turned = affine_transform(density, axes.T, middle - axes.T @ turned_middle, (side,) * 3, order=1)
    depth = spacing * (np.cumsum(turned, axis=2) - 0.5 * turned)
    return affine_transform(depth, axes, turned_middle - axes @ middle, density.shape, order=1)
