"""Meshes, cameras, lights and grids whose numbers are tensors'.

They are the package's own, so that renderers, losses and error messages treat them alike; but nobody is to
ask for their fields, and gradients end in the adjoint arrays, where ``call`` reads them.
"""

from typing import Any

import torch

from taichi_dr.fields.group import FieldGroup
from taichi_dr.implicit.sdf.grid import Grid
from taichi_dr.implicit.voxel_grid import VoxelGrid
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh
from taichi_dr.torch import tensors


class TensorGroup(FieldGroup):
    """Arrays that tensors are copied to before a render, and whose adjoints are copied to tensors after it."""

    latest: Any = None

    def write(self, name: str, tensor: torch.Tensor) -> None:
        """Copies a tensor into the array of that name."""
        tensors.write(self.arrays[name], tensor)

    def read_adjoint(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The adjoint of the array of that name, as a new tensor."""
        return tensors.read(self.adjoints[name], 0, shape)

    def push_gradients(self) -> None:
        """Nothing: the adjoints are what is read."""

    def clear_adjoints(self) -> None:
        """Nothing: renderers zero those of their inputs."""


class TensorMesh(Mesh):
    """A ``Mesh`` that a renderer sees."""

    _GROUP = TensorGroup
    fields: TensorGroup


class TensorCamera(Camera):
    """A ``Camera`` that a renderer sees; ``fields`` has one array, ``parameters`` (V, 19)."""

    _GROUP = TensorGroup
    fields: TensorGroup

    def __init__(self, kind: int, rows: torch.Tensor, near: float, far: float) -> None:
        self.kind, self.near, self.far = kind, near, far
        self._allocate(rows.detach().cpu().numpy())


class TensorLights(Lights):
    """``Lights`` that a renderer sees."""

    _GROUP = TensorGroup
    fields: TensorGroup


class TensorDistance(Grid):
    """A ``dr.sdf.Grid`` that a renderer marches through."""

    _GROUP = TensorGroup
    fields: TensorGroup


class TensorColors(VoxelGrid):
    """A ``dr.VoxelGrid`` of colours."""

    _GROUP = TensorGroup
    fields: TensorGroup
