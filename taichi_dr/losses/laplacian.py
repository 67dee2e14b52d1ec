"""Laplacian smoothness of a mesh."""

from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.losses.inputs import add_sum, check_field, check_loss, push_gradient, rows, scratch
from taichi_dr.runtime import runtime_token
from taichi_dr.tape import tape_operation
from taichi_dr.types import Field, MeshLike

KINDS = ("uniform", "cotangent")
DEGENERATE = 1e-10  # squared sine of an angle below which its cotangent is left out


def laplacian(
    mesh: MeshLike, loss: Field, weight: float = 1.0, kind: Literal["uniform", "cotangent"] = "uniform"
) -> None:
    """Adds ``weight * sum_i |d_i|^2``, averaged over meshes, to ``loss``; ``d_i = sum_j w_ij v_j / sum_j w_ij - v_i``.

    * ``"uniform"``: w = 1 for every neighbour; also evens out the triangles (Liu et al., SoftRas).
    * ``"cotangent"``: ``w_ij = max(0, (cot alpha + cot beta) / 2)`` of the angles opposite the edge, which flattens the
      surface but leaves the triangles' shapes alone.  The weights are those of the current vertices and *held
      constant*: their own derivative is left out of the gradient, as is usual.

    Least, 0, where every vertex is the mean of its neighbours, that is where a connected piece is one point: it shrinks
    the mesh.  Vertices without neighbours (or only neighbours of weight 0) contribute nothing.  A sum over vertices, so
    it falls about fourfold with each subdivision of a smooth surface.

    Args:
        mesh: a ``Mesh`` (its ``vertices`` (B, N) and ``topology``).

    Raises:
        InputError: ``kind`` is neither.
    """
    if kind not in KINDS:
        raise InputError(f"kind: expected one of {KINDS}, got {kind!r}")
    check_loss(loss, weight)
    vertices = mesh.variable("vertices")
    check_field("mesh.vertices", vertices, (None, mesh.topology.rows, 3))
    if len(mesh.topology.edges):
        _operation(vertices, loss, weight / vertices.shape[0], mesh.topology, kind)


def _forward(vertices, loss, weight, topology, kind):
    deltas = _deltas(vertices, topology, kind)[2]
    partial = scratch("laplacian partial", (min(1024, -(-deltas.shape[0] // 64)),))
    _sum_squares(deltas, partial)
    add_sum("laplacian", partial, loss, weight, 0.0, {"mesh.vertices": vertices})


def _adjoint(vertices, loss, weight, topology, kind):
    edge_weights, row_weights, deltas = _deltas(vertices, topology, kind)
    gradient = scratch("vertex gradient", deltas.shape)
    _gradient(
        deltas,
        edge_weights,
        row_weights,
        topology.array("neighbor_start"),
        topology.array("neighbors"),
        _neighbor_edges(topology),
        gradient,
        len(topology.edges),
    )
    push_gradient(gradient, vertices, loss, 2.0 * weight)


_operation = tape_operation(_forward, _adjoint)


def _deltas(vertices, topology, kind):
    """Weights of the edges (B E,), their sums by vertex (B N,) and the vectors d (B N, 3)."""
    batch, count = vertices.shape
    positions = rows("vertices", vertices, 3)
    edge_weights = scratch("laplacian weights", (batch * len(topology.edges),))
    if kind == "uniform":
        edge_weights.fill(1.0)
    else:
        _cotangents(
            positions, topology.array("edges"), topology.array("edge_opposites"), edge_weights, count, DEGENERATE
        )
    row_weights = scratch("laplacian rows", (batch * count,))
    deltas = scratch("laplacian deltas", (batch * count, 3))
    _differences(
        positions,
        edge_weights,
        topology.array("neighbor_start"),
        topology.array("neighbors"),
        _neighbor_edges(topology),
        row_weights,
        deltas,
        len(topology.edges),
    )
    return edge_weights, row_weights, deltas


_known = WeakKeyDictionary()


def _neighbor_edges(topology):
    """(2E,): the edge to each of ``topology.neighbors``, as an array of the current runtime."""
    token, array = _known.get(topology, (None, None))
    if token is not runtime_token():
        here, there = topology.edges.reshape(-1), topology.edges[:, ::-1].reshape(-1)
        array = array_from(np.lexsort((there, here)) // 2, ti.i32)
        _known[topology] = (runtime_token(), array)
    return array


@replayed
@ti.kernel
def _cotangents(
    positions: ti.types.ndarray(ndim=2),
    edges: ti.types.ndarray(ndim=2),
    opposites: ti.types.ndarray(ndim=2),
    edge_weights: ti.types.ndarray(ndim=1),
    vertex_count: int,
    degenerate: float,
):
    count = edges.shape[0]
    for i in range(edge_weights.shape[0]):
        mesh = i // count
        e = i - mesh * count
        a = _row(positions, mesh * vertex_count + edges[e, 0])
        b = _row(positions, mesh * vertex_count + edges[e, 1])
        total = 0.0
        for side in ti.static(range(2)):
            if opposites[e, side] >= 0:
                c = _row(positions, mesh * vertex_count + opposites[e, side])
                u, w = a - c, b - c
                normal = u.cross(w)
                if normal.dot(normal) > degenerate * u.dot(u) * w.dot(w):
                    total += 0.5 * u.dot(w) / ti.sqrt(normal.dot(normal))
        edge_weights[i] = ti.max(total, 0.0)


@replayed
@ti.kernel
def _differences(
    positions: ti.types.ndarray(ndim=2),
    edge_weights: ti.types.ndarray(ndim=1),
    start: ti.types.ndarray(ndim=1),
    neighbors: ti.types.ndarray(ndim=1),
    neighbor_edges: ti.types.ndarray(ndim=1),
    row_weights: ti.types.ndarray(ndim=1),
    deltas: ti.types.ndarray(ndim=2),
    edge_count: int,
):
    vertex_count = start.shape[0] - 1
    for i in range(deltas.shape[0]):
        mesh = i // vertex_count
        v = i - mesh * vertex_count
        here = _row(positions, i)
        total = ti.Vector([0.0, 0.0, 0.0])
        sum_of_weights = 0.0
        for j in range(start[v], start[v + 1]):
            w = edge_weights[mesh * edge_count + neighbor_edges[j]]
            total += w * (_row(positions, mesh * vertex_count + neighbors[j]) - here)
            sum_of_weights += w
        row_weights[i] = sum_of_weights
        for k in ti.static(range(3)):
            deltas[i, k] = 0.0
            if sum_of_weights > 0.0:
                deltas[i, k] = total[k] / sum_of_weights


@replayed
@ti.kernel
def _sum_squares(deltas: ti.types.ndarray(ndim=2), partial: ti.types.ndarray(ndim=1)):
    chunks, count = partial.shape[0], deltas.shape[0]
    length = (count + chunks - 1) // chunks
    for chunk in range(chunks):
        total = 0.0
        for i in range(chunk * length, ti.min(chunk * length + length, count)):
            total += _row(deltas, i).dot(_row(deltas, i))
        partial[chunk] = total


@replayed
@ti.kernel
def _gradient(
    deltas: ti.types.ndarray(ndim=2),
    edge_weights: ti.types.ndarray(ndim=1),
    row_weights: ti.types.ndarray(ndim=1),
    start: ti.types.ndarray(ndim=1),
    neighbors: ti.types.ndarray(ndim=1),
    neighbor_edges: ti.types.ndarray(ndim=1),
    gradient: ti.types.ndarray(ndim=2),
    edge_count: int,
):
    """``sum_i d_i w_ij / W_i - d_j``: half the derivative by v_j of the sum of squares, gathered by vertex j."""
    vertex_count = start.shape[0] - 1
    for i in range(gradient.shape[0]):
        mesh = i // vertex_count
        v = i - mesh * vertex_count
        total = -_row(deltas, i)
        for j in range(start[v], start[v + 1]):
            neighbor = mesh * vertex_count + neighbors[j]
            w = edge_weights[mesh * edge_count + neighbor_edges[j]]
            if row_weights[neighbor] > 0.0:
                total += w / row_weights[neighbor] * _row(deltas, neighbor)
        for k in ti.static(range(3)):
            gradient[i, k] = total[k]


@ti.func
def _row(rows: ti.template(), i):
    return ti.Vector([rows[i, 0], rows[i, 1], rows[i, 2]])
