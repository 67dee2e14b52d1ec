"""Slow reference of the soft rasterizer: every face against every pixel, in float64, from the paper's formulas.

Liu et al., Soft Rasterizer, ICCV 2019, sections 3.2 and 3.3; the modes are those of
``taichi_dr.kernels.soft.modes``.
"""

import numpy as np


def pixel_centers(width, height):
    """(H, W, 2) screen coordinates of the pixel centres."""
    col, row = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([2 * (col + 0.5) - width, height - 2 * (row + 0.5)], -1) / min(width, height)


def squared_distance_to_segment(points, a, b):
    edge = b - a
    length2 = edge @ edge
    t = np.clip((points - a) @ edge / length2, 0, 1) if length2 > 0 else np.zeros(points.shape[:-1])
    return ((points - a - t[..., None] * edge) ** 2).sum(-1)


def cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def clip_to_near(corners, near):
    """Sutherland-Hodgman of (X, Y, W, depth) corners against depth >= near."""
    out = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if a[3] >= near:
            out.append(a)
        if (a[3] >= near) != (b[3] >= near):
            out.append(a + (near - a[3]) / (b[3] - a[3]) * (b - a))
    return np.array(out)


def face_at_pixels(points, corners, near, distance):
    """(squared distance, inside, perspective-correct barycentrics (..., 3), depth, valid) of one face, or None."""
    if (corners[:, 3] < near).all():
        return None
    cut = (corners[:, 3] < near).any()
    polygon = clip_to_near(corners, near) if cut else corners
    outline = polygon[:, :2] / polygon[:, 2:3]
    area = sum(cross(a, b) for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True))
    sides = list(zip(outline, np.roll(outline, -1, axis=0), strict=True))
    inside = np.all([cross(b - a, points - a) * np.sign(area) > 0 for a, b in sides], axis=0)
    squared = np.min([squared_distance_to_segment(points, a, b) for a, b in sides], axis=0)
    if cut:
        plane = np.linalg.solve(
            corners[:, :3].T, np.concatenate([points, np.ones(points.shape[:-1] + (1,))], -1)[..., None]
        )
        q = np.maximum(plane[..., 0], 0)  # p_k proportional to the solution of sum p_k (X, Y, W)_k = (x, y, 1)
        valid = q.sum(-1) > 0
    else:
        w = np.stack([cross(b - a, points - a) / area for a, b in sides], -1)[..., [1, 2, 0]]
        q = np.clip(w, 0, 1) / corners[:, 2]
        valid = np.ones(points.shape[:-1], bool)
        if distance == "barycentric":
            squared = w.min(-1) ** 2
    p = q / np.where(valid, q.sum(-1), 1)[..., None]
    depth = p @ corners[:, 3]
    if cut:
        depth = np.maximum(depth, near)
    return squared, inside, p, depth, valid


def render(
    clip,
    faces,
    attributes,
    attribute_faces,
    background,
    near,
    far,
    sigma,
    gamma,
    width,
    height,
    alpha="product",
    color="softmax",
    distance="euclidean",
    shade=None,
):
    """One view: clip (N, 4), attributes (M, C) -> image, alpha, depth, face_id, barycentrics.

    ``shade`` turns a face's interpolated attributes (H, W, C) into its colours.
    """
    points = pixel_centers(width, height)
    tau = sigma * np.log(1 / 1e-4 - 1)
    cover, z, p, covered = (
        [np.zeros((height, width))],
        [np.full((height, width), np.nan)],
        [np.zeros((height, width, 3))],
        [np.zeros((height, width), bool)],
    )
    colors = [np.broadcast_to(background, (height, width, len(background)))]
    ids = [-1]
    for index, (face, rows) in enumerate(zip(faces, attribute_faces, strict=True)):
        pair = face_at_pixels(points, clip[face], near, distance)
        if pair is None:
            continue
        squared, inside, bary, depth, valid = pair
        seen = valid & (inside | ((squared < tau) & (distance != "hard"))) & (depth >= near) & (depth <= far)
        x = np.where(inside, squared, -squared) / sigma
        soft = inside.astype(float) if distance == "hard" else 1 / (1 + np.exp(-np.clip(x, -600, 600)))
        cover.append(np.where(seen, soft, 0))
        covered.append(seen & inside)
        z.append(depth)
        p.append(bary)
        values = bary @ attributes[rows]
        colors.append(values if shade is None else shade(values))
        ids.append(index)
    cover, z, p, colors, covered = (np.array(a) for a in (cover, z, p, colors, covered))
    if alpha == "product":
        out_alpha = 1 - np.prod(1 - cover, axis=0)
    elif alpha == "sum":
        out_alpha = np.minimum(cover.sum(0), 1)
    else:
        out_alpha = covered.any(0).astype(float)
    if color == "softmax":
        exponent = (far - z) / (far - near) / gamma
        exponent[0] = 1e-3 / gamma
        weights = cover.copy()
        weights[0] = 1
        exponent = np.where(weights > 0, exponent, -np.inf)
        weights = weights * np.exp(exponent - exponent.max(0))
        weights /= weights.sum(0)
    else:
        key = np.where(covered, z, np.inf)
        key[0] = np.finfo(float).max
        weights = np.arange(len(key))[:, None, None] == key.argmin(0)
    z[0] = far
    best = weights.argmax(0)
    image = (weights[..., None] * colors).sum(0)
    depth = (weights * z).sum(0)
    return image, out_alpha, depth, np.array(ids)[best], np.take_along_axis(p, best[None, ..., None], 0)[0]
