"""Polygons to triangles."""

import numpy as np


def triangulate(vertices, corners, counts):
    """Cuts polygons into triangles: positions (K, 3) into ``corners``, polygon by polygon, first corner first.

    ``corners`` (C,) are vertex indices, ``counts`` (P,) >= 3 how many belong to each polygon.  Convex polygons become
    fans; others are cut by clipping ears in the plane of their (Newell) normal.

    >>> square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    >>> triangulate(square, np.arange(4), np.array([4])).tolist()
    [[0, 1, 2], [0, 2, 3]]
    """
    starts = np.cumsum(counts) - counts
    triangles, owners = [], []
    for count in np.unique(counts):
        polygons = np.flatnonzero(counts == count)
        steps = np.arange(1, count - 1)
        local = np.tile(np.stack([np.zeros_like(steps), steps, steps + 1], axis=1), (len(polygons), 1, 1))
        if count > 3:
            points = vertices[corners[starts[polygons][:, None] + np.arange(count)]]
            for i in np.flatnonzero(~_fan_is_right(points, local[0])):
                local[i] = _clip_ears(points[i])
        triangles.append((starts[polygons][:, None, None] + local).reshape(-1, 3))
        owners.append(np.repeat(polygons, count - 2))
    order = np.argsort(np.concatenate(owners), kind="stable")
    return np.concatenate(triangles)[order]


def _newell(points):
    """Normal of (possibly bent) polygons (..., n, 3), twice their area long."""
    return np.cross(points, np.roll(points, -1, axis=-2)).sum(axis=-2)


def _fan_is_right(points, fan):
    """Whether every triangle of the fan is oriented like its polygon."""
    a, b, c = (points[:, fan[:, k]] for k in range(3))
    return (np.einsum("pti,pi->pt", np.cross(b - a, c - a), _newell(points)) >= 0).all(axis=1)


def _clip_ears(points):
    """Triangles of one simple polygon (n, 3); the rest as a fan where rounding leaves no ear."""
    normal = _newell(points)
    keep = [k for k in range(3) if k != np.argmax(np.abs(normal))]
    flat = points[:, keep]
    if _newell(np.concatenate([flat, np.zeros((len(flat), 1))], axis=1))[2] < 0:
        flat = flat[:, ::-1]
    left, triangles = np.arange(len(points)), []
    while len(left) > 3:
        ear = next((i for i in range(len(left)) if _is_ear(flat[left], i)), 1)
        triangles.append([left[ear - 1], left[ear], left[(ear + 1) % len(left)]])
        left = np.delete(left, ear)
    return np.array([*triangles, left])


def _is_ear(points, i):
    """Whether nothing of the polygon (n, 2) is in the triangle that its corner i cuts off.

    What is where a corner of that is, is not: of a hole, the polygon has the ends of the cut that leads to it twice.
    """
    a, b, c = points[i - 1], points[i], points[(i + 1) % len(points)]
    if _area(a, b, c) <= 0:
        return False
    inside = np.minimum(np.minimum(_area(a, b, points.T), _area(b, c, points.T)), _area(c, a, points.T)) >= 0
    return not (inside & (points[:, None] != [a, b, c]).any(axis=2).all(axis=1)).any()


def _area(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
