"""Mip pyramids and trilinear samples in NumPy, float64, written from the definitions."""

import numpy as np


def box_matrix(fine, coarse):
    """(coarse, fine) weights of means over equal parts of ``fine`` texels."""
    edges = np.linspace(0, fine, coarse + 1)
    texels = np.arange(fine)
    overlap = np.minimum(edges[1:, None], texels + 1) - np.maximum(edges[:-1, None], texels)
    return np.maximum(overlap, 0) * coarse / fine


def mipmaps(texture):
    """All levels of an (H, W, 3) texture."""
    levels = [texture]
    while max(levels[-1].shape[:2]) > 1:
        h, w = levels[-1].shape[:2]
        rows, cols = box_matrix(h, max(1, h // 2)), box_matrix(w, max(1, w // 2))
        levels.append(np.einsum("ij,kl,jlc->ikc", rows, cols, levels[-1]))
    return levels


PADDED = "wrap", "edge", "symmetric"  # what np.pad calls to repeat, to clamp and to mirror
COPIES = 3  # of the image on every side, further than tests look


def bilinear(image, uv, wrap=(0, 0)):
    """Colours of an (H, W, 3) image at (..., 2) coordinates, v up, wrapped along u and v: sums of tent functions."""
    h, w = image.shape[:2]
    uv = np.where([mode == 0 for mode in wrap], uv % 1, uv)
    around = np.pad(image, [(0, 0), (COPIES * w, COPIES * w), (0, 0)], mode=PADDED[wrap[0]])
    around = np.pad(around, [(COPIES * h, COPIES * h), (0, 0), (0, 0)], mode=PADDED[wrap[1]])
    cols = (np.arange(around.shape[1]) - COPIES * w + 0.5) / w
    rows = (np.arange(around.shape[0]) - COPIES * h + 0.5) / h
    x = np.maximum(1 - np.abs(uv[..., 0:1] - cols) * w, 0)
    y = np.maximum(1 - np.abs(1 - uv[..., 1:2] - rows) * h, 0)
    return np.einsum("...h,...w,hwc->...c", y, x, around)


def trilinear(levels, uv, lod, wrap=(0, 0)):
    """Colours at (n, 2) coordinates and (n,) levels of detail."""
    lod = np.clip(lod, 0, len(levels) - 1)
    below = np.floor(lod).astype(int)
    above = np.minimum(below + 1, len(levels) - 1)
    samples = np.stack([bilinear(level, uv, wrap) for level in levels])
    n = np.arange(len(uv))
    t = (lod - below)[:, None]
    return (1 - t) * samples[below, n] + t * samples[above, n]


def lod_by_differences(clip, uv, x, y, pixel, width, height, step=1e-5):
    """log2 of the larger of |d texel/dx|, |d texel/dy| per pixel, by rays through neighbouring screen points.

    clip (3, 3) rows (X, Y, W) of the corners, uv (3, 2): the barycentrics p of the screen point (x, y) solve
    sum p_k (X_k, Y_k, W_k) ~ (x, y, 1).
    """

    def texel(sx, sy):
        p = np.linalg.solve(clip.T, [sx, sy, 1.0])
        return (p / p.sum()) @ uv * [width, height]

    dx = (texel(x + step, y) - texel(x - step, y)) / (2 * step) * pixel
    dy = (texel(x, y + step) - texel(x, y - step)) / (2 * step) * pixel
    return max(0.0, np.log2(max(np.linalg.norm(dx), np.linalg.norm(dy))))
