"""Which point of which face each texel of an atlas shows."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

TINY = 1e-12
EDGE = 1e-9  # texels: what is as near to an edge is on it


class Texels(NamedTuple):
    """For each of ``size * size`` texels, row by row from the top: its ``face`` (-1: none is within reach), the
    ``barycentric`` coordinates (., 3) of that face's point nearest to it, and the ``distance`` to that in texels.

    The distance is 0 within a face.  Texels further away are the gutter, which bilinear lookups near edges reach into.
    """

    face: np.ndarray
    barycentric: np.ndarray
    distance: np.ndarray


def texels_of(uv, uv_faces, size, reach):
    """The ``Texels`` of an atlas ``uv`` (T, 2), ``uv_faces`` (F, 3), of ``size x size``, up to about ``reach`` texels
    away from faces.

    Texel (row, col) is at ``u = (col + 0.5)/size, v = 1 - (row + 0.5)/size``.  Where several faces meet, the first is
    taken.  A face so small that no texel's centre lies within it gets the texel that its middle is in, if that is free.

    >>> found = texels_of(np.array([[0, 0], [1, 0], [0, 1.0]]), np.array([[0, 1, 2]]), size=2, reach=0.0)
    >>> found.face.tolist(), found.barycentric[2].tolist()
    ([0, -1, 0, 0], [0.5, 0.25, 0.25])
    """
    corners = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)[uv_faces] * size
    face = np.full(size**2, -1)
    owner, texel = claims(corners, size)
    face[texel[::-1]] = owner[::-1]  # of several, the one written last remains
    _claim_middles(face, corners, size)
    taken = (face >= 0).reshape(size, size)
    gap, nearest = distance_transform_edt(~taken, return_indices=True)
    face = np.where(gap <= reach, face[nearest[0] * size + nearest[1]].reshape(size, size), -1).reshape(-1)
    barycentric, distance = np.zeros((size**2, 3)), np.full(size**2, np.inf)
    known = np.flatnonzero(face >= 0)
    points = np.stack([known % size, known // size], axis=1) + 0.5
    barycentric[known], distance[known] = nearest_points(corners[face[known]], points)
    return Texels(face, barycentric, distance)


def claims(corners, size, inset=-EDGE):
    """``(face, texel)``, sorted by face: every texel whose centre is within a face, ``inset`` texels from its edges
    (by default on them too).

    ``corners`` (F, 3, 2) are x, y from (0, 0) to (size, size); texel (x, y) is number ``y size + x``.

    >>> claims(np.array([[[0, 0], [2, 0], [0, 2.0]]]), size=2)
    (array([0, 0, 0]), array([0, 1, 2]))
    """
    heights = np.clip(corners[..., 1], 0, size)
    face, row = counted(np.ceil(heights.min(axis=1) - 0.5), np.floor(heights.max(axis=1) - 0.5))
    left, right = np.zeros(len(face)), np.full(len(face), float(size))
    area = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for k in range(3):
        edge = corners[:, (k + 1) % 3] - corners[:, k]
        inward = np.stack([-edge[:, 1], edge[:, 0]], axis=1) * np.sign(area)[:, None]
        inward /= np.maximum(np.linalg.norm(inward, axis=1, keepdims=True), TINY)
        needed = ((inward * corners[:, k]).sum(axis=1) + inset)[face] - inward[face, 1] * (row + 0.5)
        slope = inward[face, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            bound = needed / slope
        left = np.where(slope > TINY, np.maximum(left, bound), left)
        right = np.where(slope < -TINY, np.minimum(right, bound), right)
        right[(np.abs(slope) <= TINY) & (needed > 0)] = -1
    right[np.abs(area[face]) <= TINY] = -1
    span, col = counted(np.ceil(left - 0.5), np.minimum(np.floor(right - 0.5), size - 1))
    return face[span], row[span] * size + col


def counted(first, last):
    """``(interval, number)``: for each of the intervals ``first`` to ``last`` (N,), inclusive, the numbers in it.

    >>> counted(np.array([3, 7, 0]), np.array([5, 6, 0]))
    (array([0, 0, 0, 2]), array([3, 4, 5, 0]))
    """
    first = first.astype(np.int64)
    length = np.maximum(last.astype(np.int64) - first + 1, 0)
    interval = np.repeat(np.arange(len(first)), length)
    return interval, first[interval] + np.arange(len(interval)) - np.repeat(np.cumsum(length) - length, length)


def _claim_middles(owner, corners, size):
    small = np.setdiff1d(np.arange(len(corners)), owner)[::-1]
    middle = np.clip(np.floor(corners[small].mean(axis=1)), 0, size - 1).astype(np.int64) @ (1, size)
    free = owner[middle] < 0
    owner[middle[free]] = small[free]


def nearest_points(triangles, points):
    """Barycentric coordinates (P, 3) of the points of ``triangles`` (P, 3, 2) nearest to ``points`` (P, 2), one each,
    and the distances (P,), which are 0 inside.

    >>> corner = nearest_points(np.array([[[0, 0], [4, 0], [0, 4.0]]]), np.array([[7.0, -4.0]]))
    >>> corner[0].tolist(), corner[1].tolist()
    ([[0.0, 1.0, 0.0]], [5.0])
    """
    edges = np.roll(triangles, -1, axis=1) - triangles
    away = points[:, None] - triangles
    area = cross(edges[:, 0], -edges[:, 2])
    opposite = np.roll(cross(edges, away), -1, axis=1)  # of corner k: twice the area between edge k + 1 and the point
    barycentric = opposite / np.where(np.abs(area) > TINY, area, 1)[:, None]
    inside = (np.abs(area) > TINY) & (barycentric >= 0).all(axis=1)
    distance = np.zeros(len(points))
    outside = np.flatnonzero(~inside)
    edges, away = edges[outside], away[outside]
    along = np.clip((edges * away).sum(axis=2) / np.maximum((edges**2).sum(axis=2), TINY), 0, 1)
    gaps = np.linalg.norm(away - along[..., None] * edges, axis=2)
    nearest = gaps.argmin(axis=1)
    pick = np.arange(len(outside))
    t = along[pick, nearest]
    barycentric[outside] = 0
    barycentric[outside, nearest] = 1 - t
    barycentric[outside, (nearest + 1) % 3] = t
    distance[outside] = gaps[pick, nearest]
    return barycentric, distance


def cross(a, b):
    """The third component of the cross products of vectors (..., 2)."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
