"""Colours as pictures store them, in which radiance fields are fitted, and the linear ones of everything else.

As in NeRF, what rays add up are display (sRGB) values, and what is behind is added to them as it is displayed.
"""

import numpy as np

from taichi_dr.io.images import linear_to_srgb, quantized, srgb_to_linear

LIGHT = np.array([-0.48, 0.6, 0.64])  # towards it, in the camera's axes, as for meshes
AMBIENT, SURFACE = 0.15, 0.5


def stored(posed):
    """(V, H, W, 4) bytes: the display values of posed images, straight, and their alpha, view by view."""
    out = np.empty((len(posed), posed.height, posed.width, 4), np.uint8)
    for view in range(len(posed)):
        out[view, ..., :3] = quantized(linear_to_srgb(posed.images[view]))
        out[view, ..., 3] = quantized(posed.alpha[view])
    return out


def linear(color, alpha):
    """(V, H, W, 4) linear RGB with straight alpha, of display colours (V, H, W, 3) multiplied by alpha (V, H, W).

    >>> linear(np.full((1, 1, 1, 3), 0.25), np.full((1, 1, 1), 0.5)).astype(float).round(4).ravel().tolist()
    [0.214, 0.214, 0.214, 0.5]
    """
    alpha = np.clip(alpha, 0, 1)[..., None]
    straight = np.clip(color / np.where(alpha > 0, alpha, 1), 0, 1)
    return np.concatenate([srgb_to_linear(straight) * (alpha > 0), alpha], axis=-1).astype(np.float32)


def shaded(depth, alpha, posed):
    """``linear`` pictures of a grey surface at ``depth`` (V, H, W), lit from the upper left.

    Normals are those of the depth's differences between neighbouring pixels.
    """
    x = (np.arange(posed.width) + 0.5 - posed.principal_point[:, :1])[:, None] / posed.focal[:, 0, None, None]
    y = (posed.principal_point[:, 1:] - np.arange(posed.height) - 0.5)[..., None] / posed.focal[:, 1, None, None]
    places = np.stack([x * depth, y * depth, -depth], axis=-1)
    normal = np.cross(np.gradient(places, axis=2), -np.gradient(places, axis=1))
    length = np.linalg.norm(normal, axis=-1)
    lit = AMBIENT + (1 - AMBIENT) * np.maximum(normal @ LIGHT, 0) / np.where(length > 0, length, 1)
    grey = np.repeat((SURFACE * lit)[..., None], 3, axis=-1)
    return np.concatenate([grey, alpha[..., None]], axis=-1).astype(np.float32)
