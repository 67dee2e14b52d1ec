"""Smooth coordinates for vertices that are tensors.

Nicolet et al., Large Steps in Inverse Rendering of Geometry, SIGGRAPH Asia 2021.
"""

from functools import cached_property

import numpy as np
import torch

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.optim.large_steps import SmoothingMatrix
from taichi_dr.scene.mesh import Mesh


class LargeSteps(torch.nn.Module):
    """Coordinates ``u = (I + strength L) v`` of the vertices v of a mesh, as a parameter; called, it gives v.

    Optimise its parameter in place of the vertices: every step then moves the surface smoothly (``dr.LargeSteps``).

        smooth = LargeSteps(vertices, faces)
        optimizer = torch.optim.Adam(smooth.parameters(), lr=1e-2)
        images = rasterizer(smooth(), faces, colors, camera)

    Solved on the host in float64, whatever the tensors' type and device; derivatives of any order.

    Arguments:
        vertices: (N, 3) or (B, N, 3); faces: (F, 3) integers.
        strength: lambda of the paper, at least 0; 19 there.

    Raises:
        InputError: ``strength`` is negative.
        ShapeError, GeometryError: vertices and faces that are no mesh.

    >>> import taichi_dr as dr
    >>> triangle = torch.tensor([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
    >>> smooth = dr.torch.LargeSteps(triangle, torch.tensor([[0, 1, 2]]), strength=2.0)
    >>> smooth.coordinates[1].tolist()  # v_1 + 2 (2 v_1 - v_0 - v_2)
    [15.0, -6.0, 0.0]
    """

    def __init__(self, vertices: torch.Tensor, faces: torch.Tensor, strength: float = 19.0) -> None:
        super().__init__()
        if not strength >= 0:
            raise InputError(f"strength: expected a number of at least 0, got {strength}")
        mesh = Mesh(vertices.detach().cpu().numpy(), torch.as_tensor(faces).cpu().numpy())
        self.strength = strength
        self._edges, self._count = mesh.topology.edges, mesh.vertex_count
        self.coordinates = torch.nn.Parameter(_apply(self._matrix.times, vertices.detach()))

    def forward(self) -> torch.Tensor:
        """The vertices, of the shape that they were given in."""
        return self.vertices(self.coordinates)

    @torch.compiler.disable
    def vertices(self, coordinates: torch.Tensor) -> torch.Tensor:
        """The vertices of any coordinates (..., N, 3), as of a network.

        Raises:
            ShapeError: of another number of vertices.
        """
        if coordinates.shape[-2:] != (self._count, 3):
            raise ShapeError(f"coordinates: expected shape (..., {self._count}, 3), got {tuple(coordinates.shape)}")
        return _Solve.apply(coordinates, self._matrix)

    def extra_repr(self) -> str:
        """The settings, for ``repr``."""
        return f"{self._count} vertices, strength={self.strength:g}"

    @cached_property
    def _matrix(self):
        return SmoothingMatrix(self._edges, self._count, self.strength)

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "_matrix"}  # factors cannot be sent


class _Solve(torch.autograd.Function):
    """Solving for the vertices; the matrix is symmetric, so its adjoint is solving as well."""

    @staticmethod
    def forward(ctx, values, matrix):
        ctx.matrix = matrix
        return _apply(matrix.solve, values)

    @staticmethod
    def backward(ctx, adjoint):
        return _Solve.apply(adjoint, ctx.matrix), None


def _apply(function, values):
    """A function of arrays (B, N, 3) on a tensor (..., N, 3)."""
    array = values.detach().cpu().numpy().reshape(-1, *values.shape[-2:])
    return torch.from_numpy(np.ascontiguousarray(function(array))).to(values).reshape(values.shape)
