"""Pictures of the comparison: held-out views, close-ups where they differ most, differences, turntables."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import uniform_filter

from taichi_dr.io.files import atomic_path
from taichi_dr.io.images import quantized
from taichi_dr.jobs.report.metrics import over_white
from taichi_dr.jobs.report.pages import GAP, INK, PAPER, error_map

SHOWN = 360  # pixels of the longer side of a view on the page
ZOOM = 0.25  # of a view's sides, that a close-up shows
QUALITY = 90
FRAME = (10, 132, 255)  # around what is magnified
MILLISECONDS = 120  # per frame of a turntable
WIDE, NARROW = 6, 2  # turntables in a row, on a screen and on a phone


class Tile(NamedTuple):
    """A view of one contender, or the image that it should be: all of it, the close-up, and the close-up's difference
    from what it should be (None of that image itself), bytes (h, w, 3)."""

    whole: np.ndarray
    near: np.ndarray
    difference: np.ndarray | None


def tiles(target, pictures):
    """``[Tile, ...]``: that of ``target`` (H, W, 4) first, then those of ``pictures`` [(H, W, 4), ...].

    The close-ups are of one place, where the pictures taken together differ most from ``target``; a frame in that shows
    where.
    """
    wanted, shown = over_white(target), [over_white(picture) for picture in pictures]
    top, left, height, width = differing(wanted, shown)
    cut = np.s_[top : top + height, left : left + width]
    place = np.array([left, top, left + width, top + height])
    made = [Tile(_framed(_fitted(wanted), place, wanted.shape), _magnified(wanted[cut]), None)]
    for one in shown:
        difference = error_map(wanted[cut], one[cut])
        made.append(Tile(_fitted(one), _magnified(one[cut]), _resized(difference, _near_size(difference))))
    return made


def differing(wanted, shown):
    """``(top, left, height, width)`` of the window, a ``ZOOM`` of the sides, with the largest differences in it.

    ``wanted`` (H, W, 3) and each of ``shown`` are display values.

    >>> wanted, other = np.zeros((16, 16, 3)), np.zeros((16, 16, 3))
    >>> other[9, 3] = 1
    >>> top, left, height, width = differing(wanted, [other])
    >>> (height, width), top <= 9 < top + height, left <= 3 < left + width
    ((4, 4), True, True)
    """
    height, width = (max(1, round(side * ZOOM)) for side in wanted.shape[:2])
    differences = sum(np.abs(one - wanted).mean(axis=-1) for one in shown)
    # Smooth, so that what is chosen is a place that differs, and not a row of pixels at its border.
    sums = uniform_filter(differences, (height, width), mode="constant")
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    top = int(np.clip(row - height // 2, 0, wanted.shape[0] - height))
    left = int(np.clip(column - width // 2, 0, wanted.shape[1] - width))
    return top, left, height, width


def _fitted(picture):
    """Display values as bytes, no larger than ``SHOWN``."""
    height, width = picture.shape[:2]
    scale = min(1.0, SHOWN / max(height, width))
    return _resized(quantized(picture), (max(1, round(width * scale)), max(1, round(height * scale))), Image.LANCZOS)


def _framed(pixels, place, shape):
    """The picture with a frame around ``place``, the corners of a box in another picture of it, of that ``shape``."""
    picture, scale = Image.fromarray(pixels), pixels.shape[0] / shape[0]
    ImageDraw.Draw(picture).rectangle((place * scale).round().astype(int).tolist(), outline=FRAME, width=2)
    return np.asarray(picture)


def _near_size(picture):
    """(width, height) of a close-up, as it is shown."""
    height, width = picture.shape[:2]
    scale = SHOWN / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _magnified(cut):
    return _resized(quantized(cut), _near_size(cut))


def _resized(pixels, size, how=Image.NEAREST):
    return np.asarray(Image.fromarray(pixels).resize(size, how))


def encoded(pixels):
    """Bytes (h, w, 3) as those of a WebP file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=QUALITY)
    return buffer.getvalue()


def write_turntables(path, found):
    """Writes all turns of ``found`` ([Measured, ...]) side by side in one animated WebP, which keeps them in step.

    Returns the bytes of that file, and of one with fewer beside each other, for phones.
    """
    wide, narrow = (_animated(found, columns) for columns in (WIDE, NARROW))
    with atomic_path(path) as temporary:
        temporary.write_bytes(wide)
    return wide, narrow


def _animated(found, columns):
    columns = min(columns, len(found))
    rows = -(-len(found) // columns)
    height, width = found[0].turn.shape[1:3]
    text = max(11, width // 13)
    line = text + 2 * GAP
    frames = []
    for frame in range(len(found[0].turn)):
        sheet = Image.new("RGB", (columns * width, rows * (height + line)), PAPER)
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(text)
        for place, one in enumerate(found):
            row, column = divmod(place, columns)
            draw.text((column * width + width / 2, row * (height + line) + GAP), one.name, INK, font, anchor="ma")
            picture = Image.fromarray(quantized(over_white(one.turn[frame])))
            sheet.paste(picture, (column * width, row * (height + line) + line))
        frames.append(sheet)
    buffer = io.BytesIO()
    options = {"save_all": True, "append_images": frames[1:], "duration": MILLISECONDS, "loop": 0, "quality": 80}
    frames[0].save(buffer, "WEBP", **options)
    return buffer.getvalue()
