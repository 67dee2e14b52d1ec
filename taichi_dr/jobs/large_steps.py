"""Smooth steps over a mesh: optimising ``u = (I + λ L) v`` in place of the vertices v.

L is the combinatorial Laplacian (degree on the diagonal, −1 per edge).  A gradient step on u moves v by
``(I + λ L)⁻²`` times v's gradient, a step that is smooth over about √λ edges: silhouettes pull whole regions along and
the mesh does not crumple.  Nicolet, Jacobson, Jakob: Large Steps in Inverse Rendering of Geometry, 2021, equation 9.
"""

import numpy as np
from scipy.sparse import coo_matrix, identity
from scipy.sparse.linalg import splu


class LargeSteps:
    """The map between vertices v (N, 3) and u for the edges (E, 2) of a mesh; factorised once."""

    def __init__(self, edges, count, smoothness):
        i, j = edges.T
        adjacency = coo_matrix((np.ones(len(edges)), (i, j)), shape=(count, count))
        adjacency = adjacency + adjacency.T
        degree = np.asarray(adjacency.sum(axis=1)).reshape(-1)
        laplacian = coo_matrix((degree, (np.arange(count),) * 2), shape=(count, count)) - adjacency
        self._matrix = (identity(count) + smoothness * laplacian).tocsc()
        self._factor = splu(self._matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})

    def parameters(self, vertices):
        """``u = (I + λ L) v``."""
        return self._matrix @ np.asarray(vertices, np.float64)

    def vertices(self, parameters):
        """``v = (I + λ L)⁻¹ u``."""
        return self._factor.solve(np.asarray(parameters, np.float64))

    def gradient(self, vertex_gradient):
        """``∂/∂u = (I + λ L)⁻¹ ∂/∂v``, the matrix being symmetric."""
        return self._factor.solve(np.asarray(vertex_gradient, np.float64))
