"""Transparency: which faces would be seen through.  It is not rendered, so it is to be told.

Source: glTF 2.0 (Khronos, 2021), 3.9.4: OPAQUE ignores alpha, MASK cuts out what is below the cutoff, BLEND mixes.
"""

import numpy as np

from taichi_dr.io.gltf.document.values import shown
from taichi_dr.io.gltf.materials import BLEND, MASK, OPAQUE, Look

HALF_BYTE = 1 / 510
"""Alpha that 8 bits cannot tell from 0, or from 1."""


def seen_through(look: Look, corners, uv):
    """(wholly, partly), each (F,): the faces that are not there, and those of which a part is not, or shines through.

    ``corners`` (F, 3) is the alpha of the corners, of factor and colour; ``uv`` (F, 3, 2), v up, says which part of the
    texture a face shows, which is looked at in the rectangle around it.
    """
    if look.mode == OPAQUE or not len(corners):
        return np.zeros(len(corners), bool), np.zeros(len(corners), bool)
    opaque_from, gone_below = (look.cutoff, look.cutoff) if look.mode == MASK else (1 - HALF_BYTE, HALF_BYTE)
    if look.alpha is None or look.texture is None or uv is None:
        wholly = (corners < gone_below).all(axis=1)
        return wholly, (corners < opaque_from).any(axis=1) & ~wholly
    boxes = _boxes(uv, look.alpha.shape, look.texture.wrap)
    area = (boxes[1] - boxes[0]) * (boxes[3] - boxes[2])
    wholly = _counts(look.alpha * corners.max() < gone_below, boxes) == area
    return wholly, (_counts(look.alpha * corners.min() < opaque_from, boxes) > 0) & ~wholly


def tell(document, look: Look, wholly, partly, count):
    """Warns of so many faces of ``count`` of a material."""
    if wholly:
        document.warn(
            f"material {shown(look.name)}: {wholly} of {count} faces are left out: their alpha is 0{_cut(look)}"
        )
    if partly:
        document.warn(
            f"material {shown(look.name)}: transparency is not rendered: {partly} of {count} faces have an alpha "
            f"(alphaMode {look.mode}) that is {'below 1' if look.mode == BLEND else 'below the cutoff in places'}, "
            "and are opaque here"
        )


def _cut(look):
    return f" or below the cutoff {look.cutoff:g}" if look.mode == MASK else ""


def _boxes(uv, shape, wrap):
    """First and last column (one behind), first and last row: the texels that each face's lookups are between."""
    uv = np.clip(np.nan_to_num(uv), -1e6, 1e6)
    columns, rows = uv[:, :, 0] * shape[1] - 0.5, (1 - uv[:, :, 1]) * shape[0] - 0.5
    return (*_range(columns, shape[1], wrap[0]), *_range(rows, shape[0], wrap[1]))


def _range(texels, size, wrap):
    """(first, behind the last) texel between numbers (F, 3) along an axis; all of them where they wrap around."""
    first, behind = np.floor(texels.min(axis=1)).astype(int), np.ceil(texels.max(axis=1)).astype(int) + 1
    if wrap == "clamp":
        return np.clip(first, 0, size - 1), np.clip(behind, 1, size)
    shift = first // size * size if wrap == "repeat" else 0
    inside = (first - shift >= 0) & (behind - shift <= size)
    return np.where(inside, first - shift, 0), np.where(inside, behind - shift, size)


def _counts(marked, boxes):
    """How many texels of a mask (H, W) are in each box, by its summed-area table (Crow, 1984)."""
    table = np.zeros((marked.shape[0] + 1, marked.shape[1] + 1), np.int64)
    table[1:, 1:] = marked.cumsum(axis=0).cumsum(axis=1)
    left, right, top, bottom = boxes
    return table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
