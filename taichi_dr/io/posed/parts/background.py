"""Photographs before one colour: the colour of their borders, and alpha from how far pixels are from it.

With the background ``b`` and, near the edge, the colour ``f`` of the object beside it, a pixel ``c = alpha f + (1 -
alpha) b`` has ``alpha = (c - b).(f - b) / |f - b|^2`` in linear light, and the object's own colour there is ``(c - (1 -
alpha) b) / alpha``.  Source: Smith and Blinn, Blue screen matting, 1996, with f that of the nearest pixel which
is the object's alone.

What is of the background's colour is background wherever it is, also within the object, as seen through a handle; only
specks of it that the object surrounds stay.
"""

import warnings

import numpy as np
from scipy.ndimage import distance_transform_edt, label

from taichi_dr.errors import DataSetError
from taichi_dr.io.images import display_color, linear_to_srgb, quantized, srgb_to_linear

AUTO = "auto"
SAME = 0.06  # display values: borders that differ by less are of one colour
MOST = 75.0  # percent of the borders' pixels that are
LEAST = 0.1  # of the borders' pixels that have the colour of a background that is named
QUIET, LOUD = 2 / 255, 12 / 255  # by how much pixels of the background may differ from its colour, exact and in JPEGs
AROUND = 8  # pixels: JPEG's blocks, in which an edge leaves ripples
RIPPLED = 97.0  # percent of the background's pixels around the object that are within the tolerance
EDGE = 1.5  # pixels from the background that are partly covered, at most
NEAREST = 4.0  # pixels from an edge within which the object's colour is looked for
SOLID = 0.15  # display values: what differs by more is the object's
SPECK = 1e-4  # of the pixels: smaller specks are no holes, and no object
FAINT = 0.1  # alpha below which nothing is there


def border_color(pictures, where):
    """The one colour (3,), display values, of the outermost pixels of pictures (H, W, 3) of display values.

    Raises:
        DataSetError: they have no one colour; ``where`` begins the message.
    """
    border = _border(pictures)
    color = np.median(border, axis=0)
    distance = np.abs(border - color).max(axis=1)
    spread = np.percentile(distance, MOST)
    if spread > SAME:
        raise DataSetError(
            f"{where}: the borders of the images have no one colour: {np.mean(distance > SAME):.0%} of their pixels"
            f" differ by more than {SAME:.0%} from the middle one, {hexadecimal(color)} (expected less than"
            f" {1 - MOST / 100:.0%}): name the colour (--background white), or give masks"
        )
    return color


def warn_of_other_borders(pictures, background, where):
    """Says so where hardly any of the outermost pixels of pictures have the colour ``background``, which was named."""
    border = _border(pictures)
    share = np.mean(np.abs(border - background).max(axis=1) <= SAME)
    if share < LEAST:
        warnings.warn(
            f"{where}: {share:.0%} of the pixels at the borders of the images have that colour, the middle one is"
            f" {hexadecimal(np.median(border, axis=0))}",
            stacklevel=5,
        )


def _border(pictures):
    return np.concatenate([side for p in pictures for side in (p[0], p[-1], p[:, 0], p[:, -1])])


def named_background(name):
    """The display values (3,) of a colour's name or ``#rrggbb``; None for ``auto``.

    Raises:
        InputError: neither.
    """
    return None if name == AUTO else display_color(name)


def hexadecimal(color):
    """A colour of display values as ``#rrggbb``."""
    return "#" + "".join(f"{value:02x}" for value in quantized(color))


def keyed(colors, background):
    """Colours (H, W, 3), linear and 0 where nothing is, and alpha (H, W) of a picture (H, W, 3), linear, before a
    ``background`` (3,) of display values."""
    distance = np.abs(linear_to_srgb(colors) - background).max(axis=2)
    covered = _without_specks(distance > _tolerance(distance), distance)
    alpha = _soft(colors, covered, srgb_to_linear(background))
    own = colors - (1 - alpha[:, :, None]) * srgb_to_linear(background)
    own = np.clip(own / np.maximum(alpha, FAINT)[:, :, None], 0, 1)
    return np.where(alpha[:, :, None] > 0, own, 0).astype(np.float32), alpha.astype(np.float32)


def _tolerance(distance):
    """How far pixels around the object that are of the background differ from its colour."""
    solid = distance > SOLID
    if not solid.any():
        return QUIET
    around = (distance_transform_edt(~solid) <= AROUND) & (distance <= 2 * LOUD)
    return float(np.clip(np.percentile(distance[around], RIPPLED), QUIET, LOUD)) if around.any() else QUIET


def _without_specks(covered, distance):
    """The object without specks beside it that differ little from the background, and without small holes."""
    least = max(4, round(SPECK * covered.size))
    parts, count = label(covered)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    strong = np.zeros(count + 1, bool)
    strong[np.unique(parts[distance > SOLID])] = True
    kept = (sizes >= least) & strong
    kept[0] = False
    covered = kept[parts]
    holes, count = label(~covered)
    return covered | (np.bincount(holes.ravel(), minlength=count + 1) < least)[holes] & ~covered


def _soft(colors, covered, background):
    """Alpha (H, W): 0 off the object, 1 within it, between near its edge."""
    depth = distance_transform_edt(covered)
    inner = depth > EDGE
    alpha = covered.astype(np.float64)
    edge = covered & ~inner
    if not (edge.any() and inner.any()):
        return alpha
    away, nearest = distance_transform_edt(~inner, return_indices=True)
    edge &= away <= NEAREST
    own = colors[tuple(nearest[:, edge])] - background
    share = np.sum((colors[edge] - background) * own, axis=1) / np.maximum(np.sum(own * own, axis=1), 1e-6)
    alpha[edge] = np.where(share < FAINT, 0, np.minimum(share, 1))
    return alpha
