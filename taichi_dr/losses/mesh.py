"""Regularisers of a mesh's shape, edge by edge: flatness, normal consistency and edge lengths.

Each is a sum over *stencils*, the few vertices that a term looks at (two for an edge's length, four for the angle
across an edge).  The adjoint writes one gradient per stencil and corner; every vertex then gathers its own, so the
result does not depend on the order of the threads.
"""

import math
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

NAMES = ("edge_length", "edge_length", "normal_consistency", "flatten")
SQUARED_LENGTH, LENGTH_TO_TARGET, BEND, SQUARED_BEND = range(4)
DEGENERATE = 1e-10  # squared sine of an angle below which a face has no normal


def edge_length(mesh: MeshLike, loss: Field, weight: float = 1.0, target: float | None = None) -> None:
    """Adds ``weight * mean(|e|^2)`` over edges and meshes to ``loss``; ``mean((|e| - target)^2)`` with a ``target``.

    ``mesh`` is a ``Mesh``; lengths are in world units.  An edge of length 0 has no direction and gets no gradient.
    Without a ``target`` it is least, 0, where all vertices of a piece are one point, so it shrinks the mesh.

    Raises:
        InputError: ``target`` is negative or not finite.
    """
    if target is not None and not 0 <= target < math.inf:
        raise InputError(f"target: expected a finite length of at least 0, got {target}")
    kind = SQUARED_LENGTH if target is None else LENGTH_TO_TARGET
    stencils = _stencils(mesh.topology, "edges")
    _start(mesh, loss, weight / max(stencils.count, 1), stencils, 0.0 if target is None else target, kind)


def normal_consistency(mesh: MeshLike, loss: Field, weight: float = 1.0, softness: float = 0.0) -> None:
    """Adds ``weight * mean(1 - cos(n_1, n_2))`` to ``loss``, over meshes and edges with two faces of normals n_1, n_2.

    Least, 0, where the surface is flat.  Faces are taken to be wound consistently.  Edges at a face without area are
    left out (they count as 0).

    The slope of the angle across an edge is one over the heights of its faces, so that small faces and slivers pull
    hardest.  With a ``softness`` an edge counts by how large its faces are, ``mean(w_1 w_2 (1 - cos(n_1, n_2)))``: for
    a face of area A

        w = 2 A / sqrt((2 A)^2 + softness^4),

    0.71 of a right triangle whose legs are ``softness`` long, nearly 1 of much larger faces, and of small ones as the
    area.  A needle counts as little as a small face, and no slope is steeper than a few times ``|e| / softness^2``, e
    being the longest edge.

    Args:
        softness: a length in world units, 0 for every edge to count alike; half to one mean length of edges serves
            where faces crumple.

    Raises:
        InputError: ``softness`` is negative or not finite.
    """
    stencils = _stencils(mesh.topology, "bends")
    _start(mesh, loss, weight / max(stencils.count, 1), stencils, _checked(softness), BEND)


def flatten(mesh: MeshLike, loss: Field, weight: float = 1.0, softness: float = 0.0) -> None:
    """Adds ``weight * sum_edges (cos theta + 1)^2``, averaged over meshes, to ``loss`` (Liu et al., SoftRas).

    theta is the dihedral angle between the two faces of an edge, pi where the surface is flat:
    ``cos theta = -cos(n_1, n_2)``.  Least, 0, where the surface is flat.  Edges as for ``normal_consistency``; a
    sum, so it grows with the mesh.

    With a ``softness`` it is ``sum_edges (w_1 w_2 (cos theta + 1))^2``, w as for ``normal_consistency``: small faces
    and slivers have little to say.  It stands for the 1e-6 that Soft Rasterizer's code adds to squared lengths.

    Args:
        softness: a length in world units, as for ``normal_consistency``.

    Raises:
        InputError: ``softness`` is negative or not finite.

    Two right triangles with legs of 1, at a right angle: 1, and a quarter of it at a softness of 1.

    >>> import taichi as ti
    >>> import taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> mesh = dr.Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2], [1, 0, 3]])
    >>> loss = ti.field(float, shape=(), needs_grad=True)
    >>> dr.losses.flatten(mesh, loss)
    >>> dr.losses.flatten(mesh, loss, softness=1.0)
    >>> round(loss[None], 5)
    1.25
    """
    _start(mesh, loss, weight, _stencils(mesh.topology, "bends"), _checked(softness), SQUARED_BEND)


def _checked(softness):
    if not 0 <= softness < math.inf:
        raise InputError(f"softness: expected a finite length of at least 0, got {softness}")
    return softness


def _start(mesh, loss, weight, stencils, setting, kind):
    check_loss(loss, weight)
    vertices = mesh.variable("vertices")
    check_field("mesh.vertices", vertices, (None, mesh.topology.rows, 3))
    if stencils.count:
        _operation(vertices, loss, weight / vertices.shape[0], stencils, setting, kind)


def _forward(vertices, loss, weight, stencils, setting, kind):
    partial = scratch("stencil partial", (min(1024, -(-stencils.count * vertices.shape[0] // 64)),))
    _sum_stencils(
        rows("vertices", vertices, 3),
        stencils.rows,
        partial,
        *vertices.shape,
        stencils.count,
        setting,
        DEGENERATE,
        kind,
    )
    add_sum(NAMES[kind], partial, loss, weight, 0.0, {"mesh.vertices": vertices})


def _adjoint(vertices, loss, weight, stencils, setting, kind):
    batch, count = vertices.shape
    corners = scratch("stencil corners", (batch * stencils.count * stencils.size, 3))
    gradient = scratch("vertex gradient", (batch * count, 3))
    _stencil_adjoint(
        rows("vertices", vertices, 3), stencils.rows, corners, batch, count, stencils.count, setting, DEGENERATE, kind
    )
    _gather(corners, stencils.start, stencils.corners, gradient, stencils.count * stencils.size)
    push_gradient(gradient, vertices, loss, weight)


_operation = tape_operation(_forward, _adjoint)


class _Stencils:
    """Vertices (count, size) of the stencils, and for each vertex the corners ``stencil * size + k`` it is at."""

    def __init__(self, stencils, vertex_count):
        self.count, self.size = stencils.shape
        self.token = runtime_token()
        if self.count:
            owner = stencils.reshape(-1)
            start = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=vertex_count))])
            self.rows, self.start = array_from(stencils, ti.i32), array_from(start, ti.i32)
            self.corners = array_from(np.argsort(owner, kind="stable"), ti.i32)


_known = WeakKeyDictionary()


def _stencils(topology, kind):
    """The stencils of a topology: ``"edges"`` (a, b) or ``"bends"`` (a, b, c, d), made once per runtime."""
    known = _known.setdefault(topology, {})
    if kind not in known or known[kind].token is not runtime_token():
        stencils = topology.edges
        if kind == "bends":
            inner = topology.edge_face_counts == 2
            stencils = np.concatenate([topology.edges[inner], topology.edge_opposites[inner]], axis=1)
        known[kind] = _Stencils(stencils, topology.rows)
    return known[kind]


@replayed
@ti.kernel
def _sum_stencils(
    vertices: ti.types.ndarray(ndim=2),
    stencils: ti.types.ndarray(ndim=2),
    partial: ti.types.ndarray(ndim=1),
    batch: int,
    vertex_count: int,
    count: int,
    setting: float,
    degenerate: float,
    kind: ti.template(),
):
    """``partial[chunk]``: the sum of the terms of a run of stencils, those of all meshes in a row.

    ``setting`` is the target of lengths and the softness of bends.
    """
    chunks = partial.shape[0]
    length = (batch * count + chunks - 1) // chunks
    for chunk in range(chunks):
        total = 0.0
        for i in range(chunk * length, ti.min(chunk * length + length, batch * count)):
            b = i // count
            s = i - b * count
            p0 = _position(vertices, b * vertex_count + stencils[s, 0])
            p1 = _position(vertices, b * vertex_count + stencils[s, 1])
            if ti.static(kind == SQUARED_LENGTH):
                total += (p1 - p0).dot(p1 - p0)
            elif ti.static(kind == LENGTH_TO_TARGET):
                excess = ti.sqrt((p1 - p0).dot(p1 - p0)) - setting
                total += excess * excess
            else:
                p2 = _position(vertices, b * vertex_count + stencils[s, 2])
                p3 = _position(vertices, b * vertex_count + stencils[s, 3])
                a, c, d = p1 - p0, p2 - p0, p3 - p0
                cosine, s1, s2 = _normals(a, c, d, degenerate)
                bend = (1.0 - cosine) * _share(s1 * setting * setting) * _share(s2 * setting * setting)
                if ti.static(kind == BEND):
                    total += bend
                else:
                    total += bend * bend
        partial[chunk] = total


@replayed
@ti.kernel
def _stencil_adjoint(
    vertices: ti.types.ndarray(ndim=2),
    stencils: ti.types.ndarray(ndim=2),
    corners: ti.types.ndarray(ndim=2),
    batch: int,
    vertex_count: int,
    count: int,
    setting: float,
    degenerate: float,
    kind: ti.template(),
):
    """``corners[(mesh, stencil, k)]``: the derivative of a stencil's term by its k-th vertex."""
    for i in range(batch * count):
        b = i // count
        s = i - b * count
        p0 = _position(vertices, b * vertex_count + stencils[s, 0])
        p1 = _position(vertices, b * vertex_count + stencils[s, 1])
        a = p1 - p0
        if ti.static(kind == SQUARED_LENGTH):
            _write(corners, 2 * i, -2.0 * a)
            _write(corners, 2 * i + 1, 2.0 * a)
        elif ti.static(kind == LENGTH_TO_TARGET):
            length = ti.sqrt(a.dot(a))
            slope = 0.0
            if length > 0.0:
                slope = 2.0 * (length - setting) / length
            _write(corners, 2 * i, -slope * a)
            _write(corners, 2 * i + 1, slope * a)
        else:
            c = _position(vertices, b * vertex_count + stencils[s, 2]) - p0
            d = _position(vertices, b * vertex_count + stencils[s, 3]) - p0
            cosine, s1, s2 = _normals(a, c, d, degenerate)
            n1, n2 = a.cross(c), d.cross(a)
            u1, u2 = s1 * setting * setting, s2 * setting * setting
            w1, w2 = _share(u1), _share(u2)
            bend = (1.0 - cosine) * w1 * w2
            slope = -1.0
            if ti.static(kind == SQUARED_BEND):
                slope = -2.0 * bend
            turn, r1, r2 = slope * w1 * w2, slope * bend * u1 * u1 * w1 * w1, slope * bend * u2 * u2 * w2 * w2
            g1 = turn * (n2 * (s1 * s2) - n1 * (cosine * s1 * s1)) - n1 * (r1 * s1 * s1)
            g2 = turn * (n1 * (s1 * s2) - n2 * (cosine * s2 * s2)) - n2 * (r2 * s2 * s2)
            of_a, of_c, of_d = c.cross(g1) + g2.cross(d), g1.cross(a), a.cross(g2)
            _write(corners, 4 * i, -of_a - of_c - of_d)
            _write(corners, 4 * i + 1, of_a)
            _write(corners, 4 * i + 2, of_c)
            _write(corners, 4 * i + 3, of_d)


@ti.func
def _normals(a, c, d, degenerate):
    """The cosine between the normals a x c and d x a, and their inverse lengths; (1, 0, 0) if there is none."""
    n1, n2 = a.cross(c), d.cross(a)
    q1, q2 = n1.dot(n1), n2.dot(n2)
    result = ti.Vector([1.0, 0.0, 0.0])
    if q1 > degenerate * a.dot(a) * c.dot(c) and q2 > degenerate * a.dot(a) * d.dot(d):
        s1, s2 = 1.0 / ti.sqrt(q1), 1.0 / ti.sqrt(q2)
        result = ti.Vector([n1.dot(n2) * s1 * s2, s1, s2])
    return result


@ti.func
def _share(u):
    """``1 / sqrt(1 + u^2)``: what a face counts by, u being ``softness^2`` over twice its area."""
    return 1.0 / ti.sqrt(1.0 + u * u)


@replayed
@ti.kernel
def _gather(
    corners: ti.types.ndarray(ndim=2),
    start: ti.types.ndarray(ndim=1),
    entries: ti.types.ndarray(ndim=1),
    gradient: ti.types.ndarray(ndim=2),
    corners_per_mesh: int,
):
    """``gradient[(mesh, vertex)]``: the sum of the vertex's corners, in a fixed order."""
    vertex_count = start.shape[0] - 1
    for i in range(gradient.shape[0]):
        b = i // vertex_count
        v = i - b * vertex_count
        total = ti.Vector([0.0, 0.0, 0.0])
        for j in range(start[v], start[v + 1]):
            total += _position(corners, b * corners_per_mesh + entries[j])
        _write(gradient, i, total)


@ti.func
def _position(rows: ti.template(), i):
    return ti.Vector([rows[i, 0], rows[i, 1], rows[i, 2]])


@ti.func
def _write(rows: ti.template(), i, value):
    for k in ti.static(range(3)):
        rows[i, k] = value[k]
