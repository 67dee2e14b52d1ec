"""The grid that a solid is fitted on, and what it begins as: the visual hull, a ball, or a mesh."""

from typing import NamedTuple

import numpy as np

from taichi_dr.errors import GeometryError
from taichi_dr.implicit.sdf.from_mesh import mesh_distance
from taichi_dr.implicit.sdf.hull import visual_hull
from taichi_dr.implicit.voxel_grid import VoxelGrid
from taichi_dr.io.meshes import load_mesh
from taichi_dr.scene.bounds import world_vertices
from taichi_dr.scene.mesh import Mesh

MARGIN = 0.08
"""Of the unit scene: how far a grid goes beyond the object and its start."""
BALL = 0.75
"""Radius, in half the longest side of the hull's box."""


class Nodes(NamedTuple):
    """Where the nodes of a grid are: ``lower + spacing (i, j, k)``, ``shape`` (nx, ny, nz) of them."""

    lower: tuple
    spacing: float
    shape: tuple

    @classmethod
    def over(cls, box, longest):
        """Those over a box (2, 3) at least, ``longest`` of them along its longest side, which are cubes apart.

        >>> Nodes.over(np.array([[0, 0, 0], [4, 1, 1.5]]), 5)
        Nodes(lower=(0.0, 0.0, -0.25), spacing=1.0, shape=(5, 2, 3))
        """
        sides = box[1] - box[0]
        spacing = sides.max() / (longest - 1)
        cells = np.ceil(sides / spacing - 1e-6)
        lower = (box[0] + box[1] - spacing * cells) / 2
        return cls(tuple(lower.tolist()), float(spacing), tuple(int(n) + 1 for n in cells))

    @property
    def bounds(self):
        """The first and the last node."""
        lower = np.array(self.lower)
        return lower, lower + self.spacing * (np.array(self.shape) - 1)

    def positions(self):
        """(X, Y, Z, 3): where they are."""
        return np.stack(np.meshgrid(*map(np.arange, self.shape), indexing="ij"), axis=-1) * self.spacing + self.lower

    def resampled(self, numbers, nodes):
        """Numbers (X, Y, Z) or (X, Y, Z, C) at these nodes, interpolated at others."""
        return VoxelGrid(numbers, self.bounds).at(nodes.positions())


class Start:
    """What ``init`` stands for (hull, ball, or a mesh file) in the unit scene of a ``SceneFit``.

    ``mesh``: a Mesh of the unit scene that takes the place of the file.
    """

    def __init__(self, init, scene, mesh=None):
        self._init, self._mesh = init, mesh
        self._center, self._half = scene.hull_extent()
        if init not in ("hull", "ball") and mesh is None:
            mesh = load_mesh(init)
            self._mesh = Mesh(scene.from_world(world_vertices(mesh)), mesh.topology.faces, name=init)

    @property
    def box(self):
        """(2, 3): lower and upper end of a box around it and the object."""
        reach = self._half
        if self._init == "ball":
            reach = np.maximum(reach, self._radius)
        ends = [self._center - reach, self._center + reach]
        if self._init not in ("hull", "ball"):
            ends = np.concatenate([ends, self._mesh.numpy("vertices")[0]])
        return np.array([np.min(ends, axis=0) - MARGIN, np.max(ends, axis=0) + MARGIN])

    def distances(self, posed, nodes):
        """Its signed distances at ``nodes``; the hull is that of ``posed``.

        Raises:
            DataSetError: silhouettes that have no hull.
            GeometryError: a mesh without faces.
        """
        if self._init == "hull":
            return visual_hull(posed, *nodes)
        if self._init == "ball":
            return np.linalg.norm(nodes.positions() - self._center, axis=-1) - self._radius
        return surface_distances(self._mesh, nodes)

    @property
    def _radius(self):
        return BALL * self._half.max()


def surface_distances(mesh, nodes):
    """Signed distances (X, Y, Z) to a mesh at ``nodes``, whose holes are closed; errors as of ``mesh_distance``."""
    try:
        return mesh_distance(mesh, *nodes)
    except GeometryError:
        return mesh_distance(mesh, *nodes, sign="winding")
