"""What is behind a renderer's pictures: as users give it, and as the kernels take it."""

import math

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.kernels.screen.background import Background
from taichi_dr.runtime import float_dtype

EXPECTED = "a colour (3,), one for each view (V, 3), an image (H, W, 3), one for each view (V, H, W, 3), or None"


def background_values(given, size):
    """What ``Renderer.background`` keeps: None, three floats, or a read-only array of one of the other shapes.

    Raises:
        ShapeError: another shape, or an image of another size than ``size``, (H, W).
        InputError: no numbers, or some that are not finite.
    """
    if given is None:
        return None
    try:
        values = np.array(given.to_numpy() if hasattr(given, "to_numpy") else given, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"background: expected {EXPECTED}, linear RGB; got {given!r}") from None
    if not 1 <= values.ndim <= 4 or values.shape[-1] != 3 or values.size == 0:
        raise ShapeError(f"background: expected {EXPECTED}, got an array of shape {values.shape}")
    if not np.isfinite(values).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise InputError(f"background: expected finite numbers (linear RGB), got {values[index]} at {index}")
    if values.ndim == 1:
        return tuple(values.tolist())
    values = values.astype(ti.lang.util.to_numpy_type(float_dtype()))
    values.flags.writeable = False
    require_size(values, size)
    return values


def require_size(background, size, views=None):
    """Raises ShapeError if an image is of another size, or there are as many as neither 1 nor ``views``."""
    if not is_varied(background):
        return
    if background.ndim > 2 and background.shape[-3:-1] != size:
        raise ShapeError(f"background: expected images of {size} pixels (rows, columns), got {background.shape[-3:-1]}")
    if views is not None and background.ndim != 3 and len(background) not in (1, views):
        raise ShapeError(f"background: expected 1 or, for as many views, {views} of them; got {len(background)}")


def is_varied(background):
    """Whether it is not the same for all pixels of all views."""
    return isinstance(background, np.ndarray)


def background_rows(background, buffers):
    """The ``Background`` of the kernels; of any but None."""
    if not is_varied(background):
        return Background(buffers.constant("background_color", (background,)), 0, 0)
    of_views = background.ndim != 3 and len(background) > 1
    rows = buffers.loaded("background", background)
    return Background(rows, math.prod(background.shape[1:-1]) if of_views else 0, int(background.ndim > 2))
