"""How a surface hangs together: parts, genus, and whether it encloses a volume."""

from typing import NamedTuple

import numpy as np

from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.topology import Topology

WELD = 1e-6  # of the bounding box's diagonal: nearer positions are one; single precision rounds to 1e-7


class Connectivity(NamedTuple):
    """What is the same however a surface is bent; ``connectivity`` finds it."""

    parts: int
    """Pieces, whose faces hang together by edges."""

    genus: int | None
    """Handles of all parts together, holes in the surface counted as filled: 0 for balls, 1 for a torus or a cup.

    None where it is not defined: more than two faces meet at an edge, or the surface has one side only.
    """

    open_edges: int
    """Edges of one face."""

    crowded_edges: int
    """Edges of more than two faces."""

    is_oriented: bool
    """Whether the two faces at an edge agree on which side is outside, everywhere."""

    @property
    def is_watertight(self) -> bool:
        """Whether exactly two faces meet at every edge, with one outside: the surface encloses a volume."""
        return not self.open_edges and not self.crowded_edges and self.is_oriented


def connectivity(mesh: Mesh) -> Connectivity:
    """How the surface of a ``Mesh`` (the first of a batch) hangs together, vertices at one position taken for one.

    Euler's formula, ``V - E + F = 2 parts - 2 genus - boundary loops``, gives the genus.  V counts fans, the faces that
    hang together by edges around a vertex: two cones that touch at their tips touch at two vertices.  Faces of no area
    that name a vertex twice do not count.

    >>> from taichi_dr.scene import shapes
    >>> connectivity(shapes.torus())
    Connectivity(parts=1, genus=1, open_edges=0, crowded_edges=0, is_oriented=True)
    """
    faces = _welded(mesh.numpy("vertices")[0], mesh.topology.faces)
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    topology = Topology(faces, faces.max(initial=-1) + 1)
    counts = topology.edge_face_counts
    crowded = int((counts > 2).sum())
    half_edges = np.flatnonzero(topology.twins.reshape(-1) >= 0)
    twins, start = topology.twins.reshape(-1)[half_edges], faces.reshape(-1)
    turned = start[half_edges] == start[twins]
    parts = _parts(topology)
    defined = not crowded and _has_two_sides(len(faces), half_edges // 3, twins // 3, turned)
    genus = _genus(topology, half_edges, twins, turned, parts) if defined else None
    return Connectivity(parts, genus, int((counts == 1).sum()), crowded, not turned.any())


def _welded(vertices, faces):
    """Faces over distinct positions."""
    from scipy.spatial import cKDTree  # here, because it would slow the import of the package for everybody

    distinct, of_vertex = np.unique(vertices.astype(np.float64), axis=0, return_inverse=True)
    pairs = cKDTree(distinct).query_pairs(WELD * np.linalg.norm(np.ptp(distinct, axis=0)), output_type="ndarray")
    return _components(len(distinct), *pairs.T)[of_vertex.reshape(-1)[faces]]


def _parts(topology):
    """Components of the faces: two are joined by any edge that they share."""
    of_corner = topology.face_edges.reshape(-1)
    order = np.argsort(of_corner, kind="stable")
    same = np.flatnonzero(np.diff(of_corner[order]) == 0)
    return int(_components(len(topology.faces), order[same] // 3, order[same + 1] // 3).max(initial=-1)) + 1


def _has_two_sides(faces, left, right, turned):
    """Whether faces can be oriented alike: the sides of each part, joined across edges, fall into two components."""
    joined = _components(faces, left, right)
    sides = np.concatenate([left, left + faces]), np.where([turned, ~turned], right + faces, right).reshape(-1)
    return _components(2 * faces, *sides).max(initial=-1) + 1 == 2 * (joined.max(initial=-1) + 1)


def _genus(topology, half_edges, twins, turned, parts):
    """Of a surface with two sides whose edges have one or two faces."""
    corners = 3 * len(topology.faces)
    fan = _components(
        corners,
        np.concatenate([half_edges, _next(half_edges)]),
        np.concatenate([np.where(turned, twins, _next(twins)), np.where(turned, _next(twins), twins)]),
    )
    fans = fan.max(initial=-1) + 1
    rim = np.flatnonzero(topology.twins.reshape(-1) < 0)
    along = _components(fans, fan[rim], fan[_next(rim)])
    loops = len(np.unique(along[fan[rim]]))
    return int(2 * parts - loops - (fans - len(topology.edges) + len(topology.faces))) // 2


def _next(corner):
    """The corner after this one, of the same face."""
    return corner - corner % 3 + (corner + 1) % 3


def _components(nodes, left, right):
    """The number of the component of each of ``nodes`` nodes, joined pairwise."""
    from scipy.sparse import coo_matrix  # here, because it would slow the import of the package for everybody
    from scipy.sparse.csgraph import connected_components

    joined = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(nodes, nodes))
    return connected_components(joined, directed=False)[1]
