"""Antialiasing pair by pair and edge by edge in NumPy float64, and a brute-force rasterizer to feed and to judge it."""

import numpy as np


def pixel_centers(width, height):
    """x (width,), y (height,) of the pixel centres in screen units."""
    shorter = min(width, height)
    x = (2 * (np.arange(width) + 0.5) - width) / shorter
    y = (height - 2 * (np.arange(height) + 0.5)) / shorter
    return x, y


def cover(points, clip, faces):
    """What covers screen points (P, 2): inside (P, F), depth (P, F), perspective-correct barycentrics (P, F, 3)."""
    xyw = clip[faces][..., :3]
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    inverse = np.linalg.pinv(np.swapaxes(xyw, -1, -2))  # barycentrics up to scale: p = sum b_k (X, Y, W)_k
    bary = np.einsum("fkj,pj->pfk", inverse, homogeneous)
    total = bary.sum(-1)
    inside = (bary > 0).all(-1) & (total > 0)
    bary = bary / np.where(total == 0, 1, total)[..., None]
    return inside, (bary * clip[faces][None, :, :, 3]).sum(-1), bary


def rasterize(clip, faces, width, height, near, far):
    """face_id (H*W,), depth (H*W,), barycentrics (H*W, 3) of the nearest faces."""
    x, y = pixel_centers(width, height)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    inside, depth, bary = cover(points, clip, faces)
    depth = np.where(inside & (depth >= near) & (depth <= far), depth, np.inf)
    face_id = depth.argmin(axis=1)
    nearest = depth[np.arange(len(points)), face_id]
    hit = np.isfinite(nearest)
    return np.where(hit, face_id, -1), np.where(hit, nearest, far), bary[np.arange(len(points)), face_id]


def shade(face_id, bary, faces, colors, background):
    """Colours (H*W, C) interpolated from vertex colours (N, C)."""
    image = np.einsum("pk,pkc->pc", bary, colors[faces[np.maximum(face_id, 0)]])
    return np.where((face_id >= 0)[:, None], image, background)


def supersampled(clip, faces, colors, background, width, height, near, far, factor=8):
    """The mean of factor x factor hard samples in every pixel, (H*W, C)."""
    face_id, _, bary = rasterize(clip, faces, width * factor, height * factor, near, far)
    fine = shade(face_id, bary, faces, colors, background)
    return fine.reshape(height, factor, width, factor, -1).mean(axis=(1, 3)).reshape(width * height, -1)


def silhouettes(clip, faces):
    """(face, edge) of every half-edge whose two faces lie on one side of the plane through the camera and the edge."""
    owners = {}
    for f, face in enumerate(faces):
        for e in range(3):
            owners.setdefault(frozenset((face[e], face[(e + 1) % 3])), []).append((f, e))
    result = []
    for sides in owners.values():
        f, e = sides[0]
        line = np.cross(clip[faces[f, e], :3], clip[faces[f, (e + 1) % 3], :3])
        opposite = [clip[faces[g, (d + 2) % 3], :3] @ line for g, d in sides]
        if len(sides) != 2 or opposite[0] * opposite[1] > 0:
            result.extend(sides)
    return result


def crossings(clip, faces, face_id, width, height, near):
    """Visible silhouette edges between neighbouring pixels: list of (first pixel, second pixel, face, edge, t)."""
    x, y = pixel_centers(width, height)
    ids = face_id.reshape(height, width)
    result = []
    for f, e in silhouettes(clip, faces):
        a, b, inner = clip[faces[f, e]], clip[faces[f, (e + 1) % 3]], clip[faces[f, (e + 2) % 3]]
        normal = np.cross(a[:3], b[:3])
        normal = normal * np.sign(normal @ inner[:3])
        axis = 0 if abs(normal[0]) >= abs(normal[1]) else 1
        for line in range(height if axis == 0 else width):
            position = y[line] if axis == 0 else x[line]
            fa, fb = a[1 - axis] - position * a[2], b[1 - axis] - position * b[2]
            if (fa < 0) == (fb < 0):
                continue
            point = (a * fb - b * fa) / (fb - fa)
            if point[3] < near or point[2] <= 0:
                continue
            where = point[axis] / point[2]
            centers = x if axis == 0 else -y
            along = np.searchsorted(centers, where if axis == 0 else -where) - 1
            if not 0 <= along < len(centers) - 1:
                continue
            step = centers[1] - centers[0]
            t = ((where if axis == 0 else -where) - centers[along]) / step
            p, q = ((line, along), (line, along + 1)) if axis == 0 else ((along, line), (along + 1, line))
            if ids[p] != ids[q] and _visible(point, normal, f, clip, faces, near):
                result.append((p[0] * width + p[1], q[0] * width + q[1], f, e, t))
    return result


def _visible(point, normal, face, clip, faces, near):
    """Whether the face is the nearest a little to the inner side of the point on its edge."""
    inward = normal[:2] / np.linalg.norm(normal[:2])
    inside, depth, _ = cover((point[:2] / point[2] + 1e-7 * inward)[None], clip, faces)
    depth = np.where(inside & (depth >= near), depth, np.inf)[0]
    return depth[face] <= depth.min() + 1e-12


def antialias(clip, faces, face_id, image, width, height, near):
    """The blend of the module's docstring; one edge per pair."""
    output, seen = image.copy(), set()
    for p, q, _, _, t in crossings(clip, faces, face_id, width, height, near):
        if (p, q) in seen:
            continue
        seen.add((p, q))
        if t < 0.5:
            output[p] += (0.5 - t) * (image[q] - image[p])
        else:
            output[q] += (t - 0.5) * (image[p] - image[q])
    return output
