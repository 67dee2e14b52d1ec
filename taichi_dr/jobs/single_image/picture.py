"""The picture that a mesh is to be made of: read, checked, and framed as those that the network was trained on."""

import numpy as np
from PIL import Image

from taichi_dr.errors import InputError
from taichi_dr.io.images import linear_to_srgb, load_image, straight
from taichi_dr.io.shape_views import SIZE

REACH = 0.58  # of half the picture's side that the object's longer side takes, as in sets of shapes on average
VISIBLE = 0.5 / 255
HALF = 0.5


def network_picture(path):
    """(64, 64, 4) uint8, sRGB with straight alpha, of the picture in a file; and a note on what was done to it.

    A picture of 64 x 64 pixels is taken as it is.  Of another the object, where alpha is above a half, is put into the
    middle, its longer side over 0.58 of the picture, and the picture is averaged or interpolated to 64 x 64.

    Raises:
        FileError: no such picture.
        InputError: it has no alpha channel, or an alpha channel that shows nothing.
    """
    pixels = load_image(path)
    height, width = pixels.shape[:2]
    if pixels.shape[2] != 4 or (pixels[..., 3] == 1).all():
        raise InputError(
            f"{path}: expected RGBA with a transparent background, got an opaque picture of {width} x {height} pixels:"
            " remove the background first, the alpha channel is the silhouette"
        )
    if not (pixels[..., 3] > HALF).any():
        raise InputError(f"{path}: its alpha channel shows no object: expected pixels of alpha above a half")
    if (height, width) == (SIZE, SIZE):
        return _bytes(pixels), f"{width} × {height} pixels, as they are"
    low, side = _frame(pixels[..., 3] > HALF)
    box = (low[1], low[0], low[1] + side, low[0] + side)
    return _bytes(_resized(pixels, box)), f"{width} × {height} pixels: framed, and resized to {SIZE} × {SIZE}"


def _frame(mask):
    """Upper left corner (row, column) and side, in pixels, of the square that shows the object as it should be."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    low, high = np.array([rows[0], columns[0]]), np.array([rows[-1], columns[-1]]) + 1
    side = (high - low).max() / REACH
    return (low + high) / 2 - side / 2, side


def _resized(pixels, box):
    """The part of a picture within a box that may reach beyond it, at 64 x 64 pixels; colours weighted by alpha."""
    left, top, right, bottom = box
    pad = int(np.ceil(max(-left, -top, right - pixels.shape[1], bottom - pixels.shape[0], 0)))
    premultiplied = np.concatenate([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]], axis=-1)
    premultiplied = np.pad(premultiplied, ((pad, pad), (pad, pad), (0, 0)))
    moved = (left + pad, top + pad, right + pad, bottom + pad)
    planes = [
        Image.fromarray(np.ascontiguousarray(premultiplied[..., channel])).resize(
            (SIZE, SIZE), Image.Resampling.BOX if right - left > SIZE else Image.Resampling.BILINEAR, moved
        )
        for channel in range(4)
    ]
    return straight(np.stack([np.asarray(plane) for plane in planes], axis=-1))


def _bytes(pixels):
    colors = linear_to_srgb(np.clip(pixels[..., :3], 0, 1))
    alpha = np.where(pixels[..., 3:] < VISIBLE, 0, np.clip(pixels[..., 3:], 0, 1))
    return (np.concatenate([colors, alpha], axis=-1) * 255 + 0.5).astype(np.uint8)
