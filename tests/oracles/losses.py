"""The losses in NumPy float64, written from their formulas."""

import numpy as np
from skimage.metrics import structural_similarity


def mse(x, y):
    return np.mean((x - y) ** 2)


def l1(x, y):
    return np.mean(np.abs(x - y))


def huber(x, y, delta=0.1):
    d = np.abs(x - y)
    return np.mean(np.where(d <= delta, d * d / 2, delta * (d - delta / 2)))


def iou(a, t):
    intersection = (a * t).sum(axis=(1, 2))
    union = (a + t - a * t).sum(axis=(1, 2))
    return np.mean([0.0 if u == 0 else 1 - i / u for i, u in zip(intersection, union, strict=True)])


def ssim(x, y):
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    axis = -1 if x.ndim == 4 else None
    return 1 - np.mean([structural_similarity(a, b, channel_axis=axis, **options) for a, b in zip(x, y, strict=True)])
