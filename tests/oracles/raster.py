"""Brute-force rasterization in NumPy float64: every face at every pixel, coverage in integers."""

import numpy as np

SUBPIXELS = 256


def pixel_centers(width, height):
    """x (H, W) and y (H, W) of the pixel centres in screen units."""
    side = min(width, height)
    x = (2 * (np.arange(width) + 0.5) - width) / side
    y = (height - 2 * (np.arange(height) + 0.5)) / side
    return np.broadcast_to(x, (height, width)), np.broadcast_to(y[:, None], (height, width))


def barycentrics(corners, width, height):
    """Solves sum b_k (X_k, Y_k, W_k) = (x, y, 1) per pixel: b / sum b are the perspective-correct barycentrics.

    Returns b (H, W, 3): all positive exactly inside the face and in front of the camera; None without area.
    """
    matrix = corners[:, :3].T
    if abs(np.linalg.det(matrix)) < 1e-30:
        return None
    x, y = pixel_centers(width, height)
    return np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(matrix).T


def clamped(b):
    """Barycentrics >= 0 with sum 1."""
    b = b * np.where(b.sum(-1, keepdims=True) < 0, -1, 1)
    b = np.maximum(b, 0)
    return b / b.sum(-1, keepdims=True)


def snap(corners, width, height):
    """Corners on the grid of 1/256 pixel, from the image's centre, rows downwards: (3, 2) int64."""
    scale = min(width, height) / 2 * SUBPIXELS
    screen = corners[:, :2] / corners[:, 2:3] * [1, -1]
    return np.floor(screen * scale + 0.5).astype(np.int64)


def covered_exactly(points, width, height):
    """Pixels inside a triangle of grid points, top-left rule: (H, W) bool; both windings."""
    half = SUBPIXELS // 2
    x = np.arange(width) * SUBPIXELS + half - half * width
    y = (np.arange(height) * SUBPIXELS + half - half * height)[:, None]
    (x0, y0), (x1, y1), (x2, y2) = points
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    if area < 0:
        points = points[::-1]
    inside = np.full((height, width), bool(area))
    for (xa, ya), (xb, yb) in zip(points, np.roll(points, -1, 0), strict=True):
        edge = (xb - xa) * (y - ya) - (yb - ya) * (x - xa)
        # clockwise on the screen with rows downwards: left edges go up, top edges go right
        owns = yb < ya or (yb == ya and xb > xa)
        inside &= (edge > 0) | ((edge == 0) & owns)
    return inside


def edge_distance(corners, width, height):
    """Distance in pixels from each pixel centre to the nearest of the three edge lines (in homogeneous form)."""
    x, y = pixel_centers(width, height)
    out = np.full((height, width), np.inf)
    for k in range(3):
        line = np.cross(corners[k, :3], corners[(k + 1) % 3, :3])
        length = max(np.hypot(line[0], line[1]), 1e-30)
        out = np.minimum(out, np.abs(line[0] * x + line[1] * y + line[2]) / length * min(width, height) / 2)
    return out


def rasterize(clip, faces, width, height, near, far, cull_back=False):
    """One view.  Returns face_id (H, W), depth, barycentric (H, W, 3), and ``doubtful`` (H, W).

    Doubtful are pixels within 1/50 pixel of an edge of a face with a corner that cannot be snapped, and pixels whose
    two nearest depths, or whose depth and near or far, differ by less than 1e-6.
    """
    face_id = np.full((height, width), -1)
    depth = np.full((height, width), float(far))
    barycentric = np.zeros((height, width, 3))
    doubtful = np.zeros((height, width), bool)
    for f, face in enumerate(faces):
        corners = np.asarray(clip, np.float64)[face]
        b = barycentrics(corners, width, height)
        if b is None:
            continue
        screen_area = np.linalg.det(corners[:, :3])
        if cull_back and screen_area < 0:
            continue
        if (corners[:, 2] > 1e-20).all():
            inside = covered_exactly(snap(corners, width, height), width, height)
        else:
            inside = (b >= 0).all(-1)
            doubtful |= edge_distance(corners, width, height) < 0.02
        p = clamped(b)
        z = p @ corners[:, 3]
        nearer = inside & (z >= near) & (z <= far) & ((face_id < 0) | (z < depth))
        doubtful |= inside & ((np.abs(z - depth) < 1e-6) | (np.abs(z - near) < 1e-6) | (np.abs(z - far) < 1e-6))
        face_id[nearer], depth[nearer], barycentric[nearer] = f, z[nearer], p[nearer]
    return face_id, depth, barycentric, doubtful


def interpolate(clip, faces, attributes, attribute_faces, face_id, background, far, width, height):
    """One view, given the visible faces: image (H, W, C), depth (H, W), barycentric (H, W, 3)."""
    clip, attributes = np.asarray(clip, np.float64), np.asarray(attributes, np.float64)
    image = np.broadcast_to(np.asarray(background, np.float64), (height, width, attributes.shape[1])).copy()
    depth, barycentric = np.full((height, width), float(far)), np.zeros((height, width, 3))
    for f in np.unique(face_id[face_id >= 0]):
        at = face_id == f
        p = clamped(barycentrics(clip[faces[f]], width, height))[at]
        barycentric[at] = p
        depth[at] = p @ clip[faces[f], 3]
        image[at] = p @ attributes[attribute_faces[f]]
    return image, depth, barycentric
