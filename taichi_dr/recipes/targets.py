"""Images that something is fitted to: what may be given, and what is wrong with what was."""

from typing import NamedTuple

import numpy as np

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.types import Array, ArrayLike, Color

LEAST_COVERED = 0.5  # alpha of at least one pixel of an image that shows something


class Targets(NamedTuple):
    """V images of H x W pixels, as far as they were given.

    ``color`` (V, H, W, 3): linear RGB over ``background``; None where silhouettes alone are known.
    ``alpha`` (V, H, W): silhouettes; None where they are not known.
    """

    color: Array | None
    alpha: Array | None
    background: tuple[float, float, float]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        images = self.alpha if self.color is None else self.color
        assert images is not None
        return images.shape[1], images.shape[2]

    def shrunk(self, side: int) -> "Targets":
        """The same averaged down to a shorter side of ``side`` pixels; as they are if they are not larger."""
        height, width = self.size
        ratio = min(1.0, side / min(height, width))
        size = (round(height * ratio), round(width * ratio))
        return self._replace(color=_averaged(self.color, size), alpha=_averaged(self.alpha, size))


def read_targets(
    images: ArrayLike,
    views: int,
    background: Color | None = None,
    *,
    behind: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Targets:
    """The Targets of images for a camera of ``views`` views; one image may come without the first axis.

    Args:
        images: RGBA (V, H, W, 4), linear with straight alpha, composed over ``behind``; or RGB (V, H, W, 3), linear,
            of something before ``background``; or silhouettes (V, H, W).
        background: three numbers; needed for RGB, and for RGB alone.

    Raises:
        ShapeError: another shape, or another number of images than views.
        InputError: integers, a number that is not finite, a background where none belongs or none where one does, an
            image that shows nothing.
    """
    images = np.asarray(images)
    if images.dtype.kind != "f":
        raise InputError(
            f"images: expected linear values in [0, 1] as floats, got {images.dtype}; dr.load_image reads files so"
        )
    channels = _channels(images.shape)
    if images.ndim == 2 + bool(channels):
        images = images[None]
    if images.ndim != 3 + bool(channels) or len(images) != views or 0 in images.shape:
        raise ShapeError(
            f"images: expected (V, H, W, 4), (V, H, W, 3) or (V, H, W) with V = {views}, the camera's number of views,"
            f" got {images.shape}"
        )
    _require_finite(images)
    if (background is not None) != (channels == 3):
        raise InputError(
            "background: it is what is behind the object in images without alpha; expected three numbers with images"
            f" (V, H, W, 3) and none otherwise, got {background!r} with {images.shape}"
        )
    if channels == 0:
        targets = Targets(None, images.astype(np.float32), behind)
    elif channels == 3:
        red, green, blue = np.broadcast_to(np.asarray(background, float), 3).tolist()
        targets = Targets(images.astype(np.float32), None, (red, green, blue))
    else:
        alpha = images[..., 3].astype(np.float32)
        color = images[..., :3] * alpha[..., None] + np.array(behind) * (1 - alpha[..., None])
        targets = Targets(color.astype(np.float32), alpha, behind)
    _require_something(targets)
    return targets


def _channels(shape):
    """4, 3 or, for silhouettes, 0."""
    return shape[-1] if len(shape) > 2 and shape[-1] in (3, 4) else 0


def _require_finite(images):
    finite = np.isfinite(images)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise InputError(f"images{list(index)} is not finite: {images[index]}; {(~finite).sum()} such numbers")


def _require_something(targets):
    if targets.alpha is not None:
        shown, what = targets.alpha.max(axis=(1, 2)) >= LEAST_COVERED, f"no pixel of alpha >= {LEAST_COVERED}"
    else:
        difference = np.abs(targets.color - np.float32(targets.background)).max(axis=(1, 2, 3))
        shown, what = difference > 0, "nothing but the background"
    if not shown.all():
        raise InputError(f"images: image {int(np.argmin(shown))} shows {what}, so there is nothing to be fitted to")


def _averaged(images, size):
    from skimage.transform import resize_local_mean  # here, because it would slow the import of the package

    if images is None or images.shape[1:3] == size:
        return images
    axis = 2 if images.ndim == 4 else None
    return np.stack([resize_local_mean(image, size, channel_axis=axis) for image in images]).astype(np.float32)
