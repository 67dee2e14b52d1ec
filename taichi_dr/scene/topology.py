"""How the faces of a mesh hang together: corners around vertices, edges, neighbours.  NumPy, built on first use."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import taichi as ti

from taichi_dr.errors import ShapeError
from taichi_dr.fields.pool import pool
from taichi_dr.fields.tree import Layout, Tree
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.gather import Adjacency
from taichi_dr.runtime import is_compiling, python_scope, runtime_token
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Field


@dataclass(frozen=True)
class Subdivision:
    """One midpoint subdivision: ``faces`` (4F, 3) and, for each new row, the two old rows it is the mean of.

    Faces 4f to 4f + 3 come from face f.  The old rows come first and unchanged (``parents[i] = (i, i)``).
    """

    faces: Array
    parents: Array


class Topology:
    """The connectivity of ``faces`` (F, 3) over ``rows`` rows (vertices, texture coordinates, ...).

    The properties are int32 NumPy arrays that must not be written to; ``array(name)`` gives each as a ``ti.ndarray``
    of the current runtime.  Faces with a repeated vertex have corners but no edges.
    """

    def __init__(self, faces: ArrayLike, rows: int) -> None:
        self.faces = np.ascontiguousarray(faces, dtype=np.int32)
        self.rows = int(rows)
        self._token: object = None
        self._arrays: dict[str, Any] = {}
        self._face_tree: Tree | None = None

    def array(self, name: str) -> Any:
        """The property ``name`` as an int32 ``ti.ndarray``, made once per ``ti.init``."""
        token = runtime_token()
        if token is not self._token:
            self._token, self._arrays = token, {}
        if name not in self._arrays:
            self._arrays[name] = array_from(_at_least_one_row(getattr(self, name)), ti.i32)
        return self._arrays[name]

    def face_field(self) -> Field:
        """``faces`` as a field (F,) of the current runtime, of 3-vectors of indices."""
        tree = self._face_tree
        if tree is None or tree.token is not runtime_token():
            with python_scope():
                tree = self._face_tree = self._tree_of(self.faces)
        if is_compiling():
            tree.is_compiled_in = True
        return tree.fields["faces"]

    @off_tape
    def _tree_of(self, faces):
        layout = Layout.of("faces", (len(faces),), 3, has_indices=True)
        tree = pool.lend(self, Tree, (("faces", layout),))
        tree.show("mesh")["faces"].from_numpy(faces)
        return tree

    def corners(self) -> Adjacency:
        """The corners around each row, as an ``Adjacency`` of arrays of the current runtime."""
        return Adjacency(self.array("corner_start"), self.array("corner_list"))

    @property
    def corner_list(self) -> Array:
        """(3F,): the corners ``3 f + k`` sorted by the row they refer to, then by face."""
        return self._corners.list

    @property
    def corner_start(self) -> Array:
        """(rows + 1,): the corners of row i are ``corner_list[corner_start[i] : corner_start[i + 1]]``."""
        return self._corners.start

    @cached_property
    def _corners(self):
        return build_adjacency(self.faces, self.rows)

    @cached_property
    def twins(self) -> Array:
        """(F, 3): the other half-edge ``3 g + e`` of every edge of every face, -1 where there is not exactly one."""
        return build_twins(self.faces)

    @property
    def edges(self) -> Array:
        """(E, 2): every edge once, the smaller vertex first, in lexicographic order."""
        return self._edge_table[0]

    @property
    def edge_faces(self) -> Array:
        """(E, 2): the faces beside each edge in increasing order; the second is -1 on a boundary.

        Where more than two faces meet (see ``edge_face_counts``) these are the first two.
        """
        return self._edge_table[1]

    @property
    def edge_opposites(self) -> Array:
        """(E, 2): the vertex of each of ``edge_faces`` that is not on the edge; -1 on a boundary."""
        return self._edge_table[2]

    @property
    def edge_face_counts(self) -> Array:
        """(E,): how many faces share each edge; 2 everywhere on a closed manifold."""
        return self._edge_table[3]

    @property
    def face_edges(self) -> Array:
        """(F, 3): the edge from corner k to corner k + 1 of each face; -1 for faces with a repeated vertex."""
        return self._edge_table[4]

    @cached_property
    def _edge_table(self):
        a, b, c = self.faces.T
        proper = np.flatnonzero((a != b) & (b != c) & (c != a))
        edges, of_corner = _unique_edges(self.faces[proper])
        corner = np.arange(3 * len(proper))
        face = np.repeat(proper, 3)
        opposite = self.faces[face, (corner + 2) % 3]

        start, order = group_by_owner(of_corner, len(edges))
        counts = np.diff(start)
        beside = np.full((2, len(edges), 2), -1, dtype=np.int32)
        for side in range(2):
            present = counts > side
            chosen = order[start[:-1][present] + side]
            beside[0, present, side] = face[chosen]
            beside[1, present, side] = opposite[chosen]
        face_edges = np.full(self.faces.shape, -1, dtype=np.int32)
        face_edges[proper] = of_corner.reshape(-1, 3)
        return edges, beside[0], beside[1], counts.astype(np.int32), face_edges

    @property
    def neighbor_start(self) -> Array:
        """(rows + 1,): the neighbours of row i are ``neighbors[neighbor_start[i] : neighbor_start[i + 1]]``."""
        return self._neighbor_table[0]

    @property
    def neighbors(self) -> Array:
        """(2E,): the vertices joined to each vertex by an edge, in increasing order."""
        return self._neighbor_table[1]

    @cached_property
    def _neighbor_table(self):
        here = self.edges.reshape(-1)
        there = self.edges[:, ::-1].reshape(-1)
        order = np.lexsort((there, here))
        return group_by_owner(here, self.rows).start, there[order]

    @cached_property
    def used(self) -> Array:
        """(rows,): whether some face uses the row."""
        return np.bincount(self.faces.reshape(-1), minlength=self.rows) > 0

    @property
    def is_closed(self) -> bool:
        """Whether every edge has exactly two faces, so that the surface encloses a volume."""
        return bool(len(self.edges)) and bool((self.edge_face_counts == 2).all())

    def subdivision(self) -> Subdivision:
        """Each face cut into four at the midpoints of its edges, as a ``Subdivision``."""
        edges, of_corner = _unique_edges(self.faces)
        middle = (self.rows + of_corner).reshape(-1, 3)
        a, b, c = self.faces.T
        ab, bc, ca = middle.T
        faces = np.stack([[a, ab, ca], [b, bc, ab], [c, ca, bc], [ab, bc, ca]])  # (4, 3, F)
        old = np.arange(self.rows, dtype=np.int32)
        return Subdivision(
            faces=np.ascontiguousarray(faces.transpose(2, 0, 1).reshape(-1, 3), dtype=np.int32),
            parents=np.concatenate([np.stack([old, old], axis=1), edges]),
        )


MOST_KEPT = 8


@lru_cache(maxsize=MOST_KEPT)
def _topology_of_bytes(faces, rows):
    return Topology(np.frombuffer(faces, np.int32).reshape(-1, 3), rows)


def topology_of(faces, rows):
    """The Topology of ``faces`` (F, 3) over ``rows`` rows: the same one for meshes of the same faces.

    What is derived from it is then derived once for, say, a new mesh each step.
    """
    return _topology_of_bytes(np.ascontiguousarray(faces, dtype=np.int32).tobytes(), int(rows))


def group_by_owner(owner, owners):
    """Which entries of ``owner`` (n,), numbers in [0, owners), belong to each owner: an ``Adjacency`` of int32 arrays.

    >>> group_by_owner(np.array([1, 0, 1]), 3)
    Adjacency(start=array([0, 1, 3, 3], dtype=int32), list=array([1, 0, 2], dtype=int32))
    """
    start = np.zeros(owners + 1, np.int32)
    np.cumsum(np.bincount(owner, minlength=owners), out=start[1:])
    return Adjacency(start, np.argsort(owner, kind="stable").astype(np.int32))


def build_adjacency(faces, rows):
    """Which corners of ``faces`` (F, 3) belong to which of ``rows`` rows, as an ``Adjacency`` of NumPy arrays.

    >>> build_adjacency(np.array([[0, 1, 2], [2, 1, 3]]), 4).list.tolist()
    [0, 1, 4, 2, 3, 5]
    """
    return group_by_owner(np.asarray(faces).reshape(-1), rows)


def build_twins(faces):
    """The other half-edge of every edge: (F, 3) int32 with ``3 g + e'`` or -1.

    -1 stands for boundaries and for edges of three or more faces, which then count as silhouettes from everywhere.

    >>> build_twins([[0, 1, 2], [2, 1, 3]]).tolist()
    [[-1, 3, -1], [1, -1, -1]]
    """
    faces = np.asarray(faces, dtype=np.int64)
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise ShapeError(f"faces: expected shape (F, 3), got {faces.shape}")
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    key = np.minimum(start, end) * (faces.max(initial=0) + 1) + np.maximum(start, end)
    _, group, count = np.unique(key, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    first = np.concatenate([[0], np.cumsum(count)[:-1]])[count == 2]
    twins = np.full(len(key), -1, dtype=np.int32)
    twins[order[first]], twins[order[first + 1]] = order[first + 1], order[first]
    return twins.reshape(-1, 3)


def _unique_edges(faces):
    """The distinct edges (E, 2) of faces, and for each corner the index of the edge to the next corner (3F,)."""
    pairs = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    keys = pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1]
    unique, of_corner = np.unique(keys, return_inverse=True)
    edges = np.stack([unique >> 32, unique & 0xFFFFFFFF], axis=1).astype(np.int32)
    return edges, of_corner.reshape(-1).astype(np.int32)


def _at_least_one_row(values):
    """Taichi has no empty arrays; a mesh without edges gets a row of -1 that nobody counts."""
    return values if len(values) else np.full((1, *values.shape[1:]), -1, dtype=np.int32)
