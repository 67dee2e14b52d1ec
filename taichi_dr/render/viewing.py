"""Pictures to look at: in a window, in a notebook, or in a file where there is neither.

Pictures are linear RGB (H, W, 3), or (H, W, 4) with straight alpha.
"""

import math
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import taichi as ti

from taichi_dr.io.images import image_bytes, over_white, png_bytes
from taichi_dr.runtime import without_messages

SMALLEST, LARGEST = 384, 1200  # pixels of a picture's longer side: seen without a lens, and whole


def contact_sheet(images, columns=None):
    """Tiles images (V, H, W, C) into one, as square as can be, row by row.

    >>> contact_sheet(np.zeros((3, 10, 20, 3))).shape
    (20, 40, 3)
    """
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.ones((rows * columns, height, width, channels), images.dtype)
    sheet[:count], sheet[count:, ..., 3:] = images, 0
    return sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2).reshape(rows * height, -1, channels)


def fitted(pixels):
    """A picture enlarged, every pixel to a square, or averaged: its longer side has 384 to 1200 pixels, or just more.

    >>> fitted(np.zeros((10, 100, 3))).shape, fitted(np.zeros((999, 2000, 3))).shape
    ((40, 400, 3), (500, 1000, 3))
    """
    height, width, channels = pixels.shape
    longer = max(height, width)
    if longer <= LARGEST:
        factor = math.ceil(SMALLEST / longer)
        return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    factor = math.ceil(longer / LARGEST)
    pixels = np.pad(pixels, [(0, -height % factor), (0, -width % factor), (0, 0)], mode="edge")
    return pixels.reshape(pixels.shape[0] // factor, factor, -1, factor, channels).mean(axis=(1, 3))


def show(pixels, title):
    """Shows a picture in the notebook, else in a window until that is closed, else writes it and prints where.

    Returns the ``Path`` of the file, None if there is none.
    """
    if _show_in_notebook(pixels) or _show_in_window(pixels, title):
        return None
    handle, path = tempfile.mkstemp(prefix="taichi_dr_", suffix=".png")
    with os.fdopen(handle, "wb") as file:
        file.write(png_bytes(pixels))
    print(f"no display: wrote {path}")
    return Path(path)


def _show_in_notebook(pixels):
    """Whether this is a notebook, whose cell then shows the picture."""
    ipython = sys.modules.get("IPython")
    if ipython is None or not hasattr(ipython.get_ipython(), "kernel"):
        return False
    ipython.display.display(ipython.display.Image(png_bytes(pixels)))
    return True


def _show_in_window(pixels, title):
    """Whether there is a display, where a window has shown the picture until it was closed (also by Escape or q)."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return False
    picture = image_bytes(over_white(pixels))[::-1].swapaxes(0, 1)  # x to the right, y up
    try:
        with without_messages():
            window = ti.GUI(title, picture.shape[:2])
    except RuntimeError:  # a display that cannot be reached
        return False
    with window:
        while window.running and not window.get_event(ti.GUI.ESCAPE, "q"):
            window.set_image(picture)
            window.show()
    return True
