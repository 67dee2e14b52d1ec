"""What is behind a mesh: a colour by the name a user types."""

import numpy as np

from taichi_dr.io.images import display_color, srgb_to_linear


def named_color(name):
    """Linear RGB of a colour's name or ``#rrggbb``.

    Raises:
        InputError: neither.

    >>> named_color("#ff0000").tolist()
    [1.0, 0.0, 0.0]
    """
    return srgb_to_linear(display_color(name))


def over(pictures, color):
    """Pictures (..., 4) with straight alpha over a linear RGB colour, opaque; as they are if that is None."""
    if color is None:
        return pictures
    alpha = pictures[..., 3:]
    return np.concatenate([pictures[..., :3] * alpha + color * (1 - alpha), np.ones_like(alpha)], axis=-1)
