"""The image on the screen: x to the right, y up, the shorter side spans [-1, 1]."""

from typing import Any, NamedTuple

import taichi as ti


class Screen(NamedTuple):
    """The size of an image in pixels."""

    width: Any
    height: Any


@ti.func
def pixel_center(row, col, screen: ti.template()):
    """Screen position of a pixel's centre."""
    inverse = 1.0 / ti.cast(ti.min(screen.width, screen.height), float)  # divides once per loop, not once per pixel
    return ti.cast(2 * col + 1 - screen.width, float) * inverse, ti.cast(screen.height - 2 * row - 1, float) * inverse


@ti.func
def pixel_size(screen: ti.template()):
    """Width and height of a pixel on the screen."""
    return 2.0 / ti.cast(ti.min(screen.width, screen.height), float)
