"""How well pictures agree with the pictures they should be: the numbers of ``metrics.json``.

Pictures are (V, H, W, 4) arrays of linear RGB with straight alpha.  PSNR and SSIM are taken as the NeRF papers take
them: on display (sRGB) values, over a white background.
"""

import numpy as np
from skimage.metrics import structural_similarity

from taichi_dr.errors import ShapeError
from taichi_dr.io.images import linear_to_srgb

DEFINITIONS = {
    "iou": "soft intersection over union of the alpha channels a, b: sum(a b) / sum(a + b - a b)",
    "iou_half": "intersection over union of the pixels with alpha above 1/2; iou counts edges that agree against both",
    "psnr": "dB, of sRGB values in [0, 1] over white",
    "ssim": "structural similarity of sRGB values over white, Gaussian window, sigma 1.5",
}
"""What the numbers are, for their readers; each is the mean over the images."""

HALF = 0.5
SMALLEST_ERROR = 1e-10  # a mean squared error below it counts as it: PSNR 100 dB, a number that JSON can hold


def compare(prediction, target):
    """``{"iou", "iou_half", "psnr", "ssim"}`` of pictures, each the mean over views.

    Raises:
        ShapeError: not two arrays (V, H, W, 4) of the same shape.

    >>> white = np.ones((1, 16, 16, 4))
    >>> compare(white, white)["iou"]
    1.0
    """
    per_view = compare_views(prediction, target)
    return {name: float(np.mean([view[name] for view in per_view])) for name in per_view[0]}


def compare_views(prediction, target):
    """The metrics of each view, in order; arguments and errors as ``compare``."""
    prediction, target = np.asarray(prediction), np.asarray(target)
    if prediction.shape != target.shape or prediction.ndim != 4 or prediction.shape[-1] != 4 or len(target) == 0:
        raise ShapeError(f"expected two arrays of one shape (V, H, W, 4), got {prediction.shape} and {target.shape}")
    return [_compare_view(one, other) for one, other in zip(prediction, target, strict=True)]


def _compare_view(prediction, target):
    shown, wanted = over_white(prediction), over_white(target)
    return {
        "iou": soft_iou(prediction[..., 3], target[..., 3]),
        "iou_half": soft_iou(*(1.0 * (picture[..., 3] > HALF) for picture in (prediction, target))),
        "psnr": psnr(shown, wanted),
        "ssim": ssim(shown, wanted),
    }


def in_words(metrics, digits=3):
    """A line of text, without the silhouettes' numbers where there are none.

    >>> in_words({"iou": 0.98765, "psnr": 31.234, "ssim": 0.9})
    'IoU 0.988   PSNR 31.2 dB   SSIM 0.900'
    """
    numbers = f"PSNR {metrics['psnr']:.{digits - 2}f} dB   SSIM {metrics['ssim']:.{digits}f}"
    return f"IoU {metrics['iou']:.{digits}f}   {numbers}" if "iou" in metrics else numbers


def soft_iou(prediction, target):
    """``sum a b / sum (a + b - a b)`` of two silhouettes with values in [0, 1]; 1 if both are empty.

    >>> soft_iou(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]))
    0.5
    """
    both = np.sum(prediction * target, dtype=np.float64)
    either = np.sum(prediction + target, dtype=np.float64) - both
    return float(both / either) if either > 0 else 1.0


def psnr(prediction, target):
    """``-10 log10`` of the mean squared difference, in dB, for values in [0, 1]; at most 100.

    >>> round(psnr(np.zeros(4), np.full(4, 0.1)), 6)
    20.0
    """
    error = np.mean((np.asarray(prediction, np.float64) - target) ** 2)
    return float(-10 * np.log10(max(error, SMALLEST_ERROR)))


def ssim(prediction, target):
    """Structural similarity of pictures (H, W, 3) in [0, 1] (Wang et al. 2004, Gaussian window: 11 x 11, sigma 1.5).

    Pictures with a side under 11 pixels are compared in the largest window that fits.
    """
    side = min(prediction.shape[:2])
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    if side < 11:
        options = {"win_size": max(1, side - 1 + side % 2)}
        if side < 3:
            return float(np.allclose(prediction, target))
    return float(structural_similarity(prediction, target, data_range=1.0, channel_axis=-1, **options))


def over_white(picture):
    """Linear RGB with straight alpha (..., 4) as it looks on white: sRGB values (..., 3) in [0, 1]."""
    alpha = np.clip(picture[..., 3:], 0, 1)
    return linear_to_srgb(np.clip(picture[..., :3], 0, 1)) * alpha + (1 - alpha)
