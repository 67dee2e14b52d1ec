"""What is behind a mesh: a colour by the name a user types."""

import numpy as np
from PIL import ImageColor

from taichi_dr.errors import InputError
from taichi_dr.io.images import srgb_to_linear


def named_color(name):
    """Linear RGB of a colour's name or ``#rrggbb``.

    Raises:
        InputError: neither.

    >>> named_color("#ff0000").tolist()
    [1.0, 0.0, 0.0]
    """
    try:
        red, green, blue = ImageColor.getrgb(name)
    except ValueError:  # also of four channels
        raise InputError(f"{name}: no colour: expected a name (white, steelblue, ...) or #rrggbb") from None
    return srgb_to_linear(np.array([red, green, blue]) / 255)


def over(pictures, color):
    """Pictures (..., 4) with straight alpha over a linear RGB colour, opaque; as they are if that is None."""
    if color is None:
        return pictures
    alpha = pictures[..., 3:]
    return np.concatenate([pictures[..., :3] * alpha + color * (1 - alpha), np.ones_like(alpha)], axis=-1)
