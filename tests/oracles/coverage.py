"""Which share of each pixel convex polygons cover, exactly: what images near with any number of samples."""

import numpy as np


def seen_polygon(points, camera, orthographic, near, width, height):
    """Corners (K, 2) in pixels, of a convex polygon (K, 3) as a packed camera sees it beyond its near plane."""
    u, v, w, e = camera[:12].reshape(4, 3)
    focal, principal = camera[12:14], camera[14:16]
    q = np.asarray(points, float) - e
    q = clipped(np.stack([q @ u, q @ v, -(q @ w)], axis=1), lambda p: p[2] - near)
    if not len(q):
        return np.zeros((0, 2))
    xy = q[:, :2] if orthographic else q[:, :2] / q[:, 2:]
    x, y = (xy * focal + principal).T
    shorter = min(width, height)
    return np.stack([(x * shorter + width) / 2, (height - y * shorter) / 2], axis=1)


def clipped(polygon, inside):
    """The part of a polygon (K, D) where ``inside``, a linear function, is above 0 (Sutherland and Hodgman)."""
    kept, values = [], [inside(p) for p in polygon]
    for k in range(len(polygon)):
        here, there = values[k - 1], values[k]
        if (here > 0) != (there > 0):
            kept.append(polygon[k - 1] + (polygon[k] - polygon[k - 1]) * here / (here - there))
        if there > 0:
            kept.append(polygon[k])
    return np.array(kept).reshape(-1, polygon.shape[1])


def area(polygon):
    """The area of a polygon (K, 2)."""
    if len(polygon) < 3:
        return 0.0
    x, y = polygon.T
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def common(first, second):
    """Where two convex polygons (K, 2) both are."""
    x, y = second.T if len(second) else np.zeros((2, 1))
    turn = np.sign(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    if not len(second) or turn == 0:
        return np.zeros((0, 2))
    for k in range(len(second)):
        a, edge = second[k - 1], turn * (second[k] - second[k - 1])
        first = clipped(first, lambda p, a=a, edge=edge: edge[0] * (p[1] - a[1]) - edge[1] * (p[0] - a[0]))
    return first


def covered(polygon, width, height):
    """(height, width): the share of each pixel that a convex polygon (K, 2) covers."""
    image = np.zeros((height, width))
    row_part = polygon
    for row in range(height):
        row_part = clipped(clipped(polygon, lambda p, row=row: p[1] - row), lambda p, row=row: row + 1 - p[1])
        for column in range(width) if len(row_part) else ():
            part = clipped(row_part, lambda p, column=column: p[0] - column)
            image[row, column] = area(clipped(part, lambda p, column=column: column + 1 - p[0]))
    return image


def picture(polygons, colors, background, width, height):
    """(height, width, C) of convex polygons (K, 2), nearest first; up to two of them lie over each other."""
    image = np.zeros((height, width, len(background))) + background
    for k, (polygon, color) in enumerate(zip(polygons, colors, strict=True)):
        share = covered(polygon, width, height)
        for nearer in polygons[:k]:
            share = share - covered(common(polygon, nearer), width, height)
        image += share[..., None] * (np.asarray(color, float) - background)
    return image
