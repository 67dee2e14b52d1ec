"""Areas of polygons over pixels in NumPy float64, and a brute-force rasterizer to feed and to judge antialiasing."""

import numpy as np
from scipy.spatial import ConvexHull


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


def outline(clip, faces, near):
    """Corners (N, 2) on the screen of a convex mesh's outline beyond the near plane, counter-clockwise."""
    triangles = [clip_polygon(clip[face], np.array([0.0, 0.0, 0.0, 1.0]), near) for face in faces]
    points = np.concatenate([triangle for triangle in triangles if len(triangle)] or [np.zeros((0, 4))])
    if not len(points):
        return np.zeros((0, 2))
    projected = points[:, :2] / points[:, 2:3]
    return projected[ConvexHull(projected).vertices]


def clip_polygon(corners, normal, offset):
    """The part of a polygon (N, D) where ``normal . x >= offset``, as a polygon (M, D)."""
    kept = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        fa, fb = normal @ a - offset, normal @ b - offset
        if fa >= 0:
            kept.append(a)
        if (fa >= 0) != (fb >= 0):
            kept.append(a + fa / (fa - fb) * (b - a))
    return np.array(kept).reshape(-1, np.shape(corners)[1])


def polygon_area(corners):
    """Signed area of a polygon (N, 2), positive counter-clockwise."""
    x, y = np.reshape(corners, (-1, 2)).T
    return 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))


def covered(polygon, width, height):
    """The share (H*W,) of every pixel's area that a convex polygon (N, 2) in screen units covers."""
    x, y = pixel_centers(width, height)
    half = 1 / min(width, height)
    shares = np.zeros((height, width))
    for row in range(height):
        band = clip_polygon(polygon, np.array([0.0, 1.0]), y[row] - half)
        band = clip_polygon(band, np.array([0.0, -1.0]), -y[row] - half)
        for column in range(width):
            piece = clip_polygon(band, np.array([1.0, 0.0]), x[column] - half)
            piece = clip_polygon(piece, np.array([-1.0, 0.0]), -x[column] - half)
            shares[row, column] = polygon_area(piece) / (2 * half) ** 2
    return shares.ravel()


def weights(pixel, pieces, face_id):
    """{q: v_q} of a pixel and of those that its ``pieces`` (inner, outer, area gained) name: the sum is 1, none < 0."""
    moved = {pixel: 1.0}
    for inner, outer, gained in pieces:
        moved[inner] = moved.get(inner, 0.0) + gained
        moved[outer] = moved.get(outer, 0.0) - gained
    if min(moved.values()) >= 0:
        return moved
    groups = {q: 0 if q == pixel else 1 if face_id[q] >= 0 else 2 for q in moved}
    shares = {}
    for group in range(3):
        within = {q: w for q, w in moved.items() if groups[q] == group}
        net, positive = sum(within.values()), sum(max(w, 0.0) for w in within.values())
        shares |= {q: max(w, 0.0) * max(net, 0.0) / (positive or 1.0) for q, w in within.items()}
    return {q: share / sum(shares.values()) for q, share in shares.items()}
