"""The point of a surface nearest to a point, exactly: over triangles, not over samples of them."""

from itertools import chain

import numpy as np
from scipy.spatial import cKDTree

TRIED = 4  # triangles of each size, whose distance bounds that of the nearest one
MOST_PAIRS = 100_000  # of points and triangles at a time


class NearestPoints:
    """Finds the nearest points of the triangles (F, 3, 3).

    Triangles fall into groups of about equal size, each with a k-d tree of their centroids.  The distance to the few of
    every group whose centroids are nearest bounds the distance to all; of the rest only those can be nearer whose
    centroid is not further than that bound and the group's largest radius together.
    """

    def __init__(self, triangles):
        self._triangles = np.asarray(triangles, dtype=np.float64)
        self._centroids = self._triangles.mean(axis=1)
        self._radii = np.linalg.norm(self._triangles - self._centroids[:, None], axis=2).max(axis=1)
        size = np.frexp(self._radii)[1]
        members = [np.flatnonzero(size == one) for one in np.unique(size)]
        self._groups = [(chosen, cKDTree(self._centroids[chosen]), self._radii[chosen].max()) for chosen in members]

    def query(self, points):
        """Distances (P,) of ``points`` (P, 3), the faces (P,) that are nearest, and their nearest points (P, 3)."""
        points = np.asarray(points, dtype=np.float64)
        bound = self._bound(points)
        counts = np.zeros(len(points), dtype=np.int64)
        for _, tree, radius in self._groups:
            counts += tree.query_ball_point(points, bound + radius, return_length=True)
        pieces = np.split(np.arange(len(points)), np.flatnonzero(np.diff(counts.cumsum() // MOST_PAIRS)) + 1)
        found = [self._nearest(points[piece], bound[piece]) for piece in pieces]
        return tuple(np.concatenate(column) for column in zip(*found, strict=True))

    def _bound(self, points):
        """Distances (P,) to some triangles, each at least that to the nearest one, and a little more for rounding."""
        least = np.full(len(points), np.inf)
        for members, tree, _ in self._groups:
            for column in tree.query(points, np.arange(1, min(TRIED, len(members)) + 1))[1].T:
                least = np.minimum(least, self._distances(members[column], points)[0])
        return least * (1 + 1e-9)

    def _nearest(self, points, bound):
        """``query`` of points whose candidates fit into memory."""
        owners, faces = [], []
        for members, tree, radius in self._groups:
            near = tree.query_ball_point(points, bound + radius)
            owners.append(np.repeat(np.arange(len(points)), [len(some) for some in near]))
            faces.append(members[np.fromiter(chain.from_iterable(near), dtype=np.int64)])
        owner, face = np.concatenate(owners), np.concatenate(faces)
        gap = np.linalg.norm(points[owner] - self._centroids[face], axis=1) - self._radii[face]
        owner, face = owner[gap <= bound[owner]], face[gap <= bound[owner]]
        distance, nearest = self._distances(face, points[owner])
        order = np.lexsort((distance, owner))
        best = order[np.flatnonzero(np.diff(owner[order], prepend=-1))]
        return distance[best], face[best], nearest[best]

    def _distances(self, faces, points):
        """How far each point (P, 3) is from the face given with it, and where that is nearest to it."""
        nearest = nearest_on_triangles(self._triangles[faces], points)
        return np.linalg.norm(points - nearest, axis=1), nearest


def nearest_on_triangles(triangles, points):
    """The points (P, 3) of ``triangles`` (P, 3, 3) that are nearest to ``points`` (P, 3), one each.

    >>> corner = np.array([[[0, 0, 0], [4, 0, 0], [0, 4.0, 0]]])
    >>> nearest_on_triangles(corner, np.array([[1.0, 1, 5]])), nearest_on_triangles(corner, np.array([[9.0, -1, 2]]))
    (array([[1., 1., 0.]]), array([[4., 0., 0.]]))
    """
    edges, away = np.roll(triangles, -1, axis=1) - triangles, points[:, None] - triangles
    normals = np.cross(edges[:, 0], edges[:, 1])
    left = np.einsum("pkc,pc->pk", np.cross(edges, away), normals)
    square = (normals**2).sum(axis=1)
    inside = (left >= 0).all(axis=1) & (square > 0)
    height = (away[:, 0] * normals).sum(axis=1) / np.where(inside, square, 1)
    nearest = points - height[:, None] * normals
    outside = np.flatnonzero(~inside)
    nearest[outside] = _nearest_on_edges(triangles[outside], edges[outside], away[outside])
    return nearest


def _nearest_on_edges(triangles, edges, away):
    along = (edges * away).sum(axis=2) / np.maximum((edges**2).sum(axis=2), np.finfo(float).tiny)
    feet = triangles + np.clip(along, 0, 1)[..., None] * edges
    gaps = ((triangles + away - feet) ** 2).sum(axis=2)
    return feet[np.arange(len(feet)), gaps.argmin(axis=1)]
