"""Rays, coverage and blending in NumPy float64, one at a time, written from the formulas."""

import numpy as np


def ray(camera, x, y, orthographic):
    """Origin and unit direction of the ray through (x, y) on the screen of a packed camera (16,)."""
    u, v, w, e = camera[:12].reshape(4, 3)
    fx, fy, px, py = camera[12:]
    across = (x - px) / fx * u + (y - py) / fy * v
    if orthographic:
        return e + across, -w / np.linalg.norm(w)
    return e, (across - w) / np.linalg.norm(across - w)


def screen(width, height):
    """Screen positions (H, W) of the pixels' centres, x and y."""
    side = min(width, height)
    return np.meshgrid((2 * np.arange(width) + 1 - width) / side, -(2 * np.arange(height) + 1 - height) / side)


def coverage(x, normal):
    """Area of the unit square around the origin where ``p . normal <= x``."""
    corners = behind(x, normal)
    if len(corners) < 3:
        return 0.0
    x, y = np.transpose(corners)
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def middle_depth(x, normal):
    """How far behind the line the centroid of that part of the square is."""
    x0, y0 = np.transpose(behind(x, normal))
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    twice = x0 * y1 - x1 * y0
    centroid = np.array([np.sum((x0 + x1) * twice), np.sum((y0 + y1) * twice)]) / (3 * np.sum(twice))
    return x - centroid @ normal


def behind(x, normal):
    """The corners of that part of the square, by clipping its outline at the line."""
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    kept = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        before, after = start @ normal - x, end @ normal - x
        if before <= 0:
            kept.append(start)
        if before * after < 0:
            kept.append(start + (end - start) * before / (before - after))
    return kept


def blend(layers):
    """(color, alpha) over nothing of (coverage, color, normal) triples, front to back; normals None where there is no
    edge.
    """
    color, union, before = np.zeros(3), 0.0, None
    for a, layer, normal in layers:
        c = 0.0 if before is None or normal is None else float(np.dot(before, normal))
        aligned = min(a, union) if c >= 0 else max(a + union - 1, 0)
        visible = a - ((1 - abs(c)) * a * union + abs(c) * aligned)
        color, union, before = color + visible * np.asarray(layer), union + visible, normal
    return color, union


def torus(p, major, minor):
    """Distance to a torus around the y axis."""
    return np.hypot(np.hypot(p[..., 0], p[..., 2]) - major, p[..., 1]) - minor


def unrolled(values, slopes, step):
    """dt / dtheta of ``t <- t + step f(t)``, all steps: ``sum_k step df_k prod_{j > k} (1 + step s_j)``.

    ``values`` (K,): the derivatives df_k by theta at the points of the march; ``slopes`` (K,): s_k = grad f . d there.
    """
    total = 0.0
    for df, s in zip(values, slopes, strict=True):
        total = total * (1.0 + step * s) + step * df
    return total
