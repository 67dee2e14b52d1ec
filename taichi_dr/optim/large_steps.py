"""Smooth coordinates for a mesh: large optimisation steps that keep its surface smooth.

Nicolet et al., Large Steps in Inverse Rendering of Geometry, SIGGRAPH Asia 2021.
"""

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.base.arrays import array_from, write_array
from taichi_dr.tape import tape_operation
from taichi_dr.types import Array, Field, MeshLike


class SmoothingMatrix:
    """``I + strength (degrees - adjacency)`` of the edges (E, 2) between ``count`` vertices, factorised; symmetric.

    Raises:
        InputError: ``strength`` is negative.
    """

    def __init__(self, edges: Array, count: int, strength: float) -> None:
        from scipy import sparse  # here, because they would slow the import of the package for everybody
        from scipy.sparse.linalg import splu

        if not strength >= 0:
            raise InputError(f"strength: expected a number of at least 0, got {strength}")
        self.count = count
        adjacency = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
        adjacency = adjacency + adjacency.T
        degrees = sparse.diags(np.asarray(adjacency.sum(axis=1)).reshape(-1))
        self._matrix = (sparse.identity(count) + strength * (degrees - adjacency)).tocsc()
        self._factors = splu(self._matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})

    def times(self, values: Array) -> Array:
        """The matrix times values (B, N, 3) of every mesh, in float64."""
        return self._by_mesh(self._matrix.dot, values)

    def solve(self, values: Array) -> Array:
        """What ``times`` makes the values (B, N, 3) of, in float64."""
        return self._by_mesh(self._factors.solve, values)

    def _by_mesh(self, function, values):
        """Applies a function of columns (N, 3 B) to values (B, N, 3); gives an array like them."""
        batch, count, _ = values.shape
        columns = function(values.astype(np.float64).transpose(1, 0, 2).reshape(count, 3 * batch))
        return columns.reshape(count, batch, 3).transpose(1, 0, 2)


class LargeSteps:
    """Coordinates ``u = (I + strength L) v`` of the vertices v of a mesh, L = degrees - adjacency.

    Optimise ``coordinates`` in place of ``mesh.vertices`` (with ``UniformAdam``, so that the step keeps the gradient's
    direction) and call ``apply()`` first thing in the tape: it solves for the vertices.  Every step then moves the
    surface smoothly, most of all where ``strength`` is large, and no regulariser is needed.

        smooth = LargeSteps(mesh)
        optimizer = UniformAdam([smooth.coordinates], lr=1e-2)
        with ti.ad.Tape(loss):
            smooth.apply()
            frame = renderer.render(mesh, camera)
            ...
        optimizer.step()

    The matrix is factorised once, on the host; ``apply`` and its adjoint each solve with it there, in float64 (a few
    milliseconds for 10,000 vertices).

    Attributes:
        coordinates: (B, N) field of 3-vectors with a gradient.

    Args:
        mesh: a ``Mesh``; a subdivided mesh needs a new ``LargeSteps``.
        strength: lambda of the paper, at least 0; 19 there.

    Raises:
        InputError: ``strength`` is negative.
    """

    def __init__(self, mesh: MeshLike, strength: float = 19.0) -> None:
        self.name, self.strength = mesh.name, strength
        self._matrix = SmoothingMatrix(mesh.topology.edges, mesh.topology.rows, strength)
        self._vertices = mesh.variable("vertices")
        self._fields = FieldGroup("smooth coordinates", coordinates=(self._vertices.shape, 3))
        self._coordinates = self._fields.variable("coordinates")
        self._operation = tape_operation(self._solve, self._adjoint)
        self.reset()

    def __repr__(self):
        return f"LargeSteps({self.name}, {self._matrix.count} vertices, strength={self.strength:g}; field: coordinates)"

    @property
    def coordinates(self) -> Field:
        """The (B, N) field of 3-vectors, with a gradient, that an optimiser moves in place of the vertices."""
        return self._fields.field("coordinates")

    def variable(self) -> Variable:
        """The coordinates as a ``Variable``, for optimisers, without a field."""
        return self._coordinates

    def reset(self) -> None:
        """Sets the coordinates to those of the mesh's vertices, after something else has moved them."""
        self._fields.set("coordinates", self._matrix.times(self._vertices.to_numpy()))

    def apply(self) -> None:
        """Writes ``mesh.vertices`` from ``coordinates``; one operation of an open tape."""
        self._fields.check()
        self._operation()

    def _solve(self):
        vertices = self._matrix.solve(self._coordinates.to_numpy())
        write_array(self._vertices.array, vertices.reshape(-1, 3))
        self._vertices.write()

    def _adjoint(self):
        # The matrix is symmetric: the adjoint of solving is solving.
        gradient = self._matrix.solve(self._vertices.gradient_to_numpy())
        self._coordinates.add_gradient(array_from(gradient.reshape(-1, 3)))
