"""What is behind a picture, laid under it once it is finished.

A background is the rows of an array (R, 3), linear RGB: pixel i of view v has row ``v per_view + i per_pixel``.  So a
colour for each view, an image for all views and an image for each are one layout, and kernels compile once.

Pictures are premultiplied: ``over = color + share background``, share being what the faces leave to the background:
``1 - alpha`` of a z-buffer picture (Porter and Duff, Compositing Digital Images, 1984).
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.launch import is_small_image
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.views import view_of


class Background(NamedTuple):
    """The rows of a background, and which of them a pixel has."""

    rows: Any  # (R, 3)
    per_view: Any  # rows from a view to the next
    per_pixel: Any  # rows from a pixel to the next: 0 or 1


def composite(rgba, background, views):
    """Lays a ``Background`` under ``rgba`` (V*H*W, 4) in place: ``color += (1 - alpha) background``.

    Colour 0.2 with alpha 0.5 over 0.6 gives 0.5.
    """
    _composite(rgba, *background, *_sizes(rgba, views))


def composite_adjoint(adjoint, background, views):
    """Turns the adjoint (V*H*W, 4) of what ``composite`` wrote into that of what it was given, in place.

    ``alpha_adjoint -= sum_c color_adjoint_c background_c``; those of the colours stay.
    """
    _composite_adjoint(adjoint, *background, *_sizes(adjoint, views))


def lay_behind(color, share, background, views):
    """Lays a ``Background`` under ``color`` (V*H*W, 3) in place: ``color += share background``; ``share`` (V*H*W,)."""
    _lay_behind(color, share, *background, *_sizes(color, views))


def _sizes(image, views):
    return image.shape[0] // views, is_small_image(image.shape[0])


@replayed
@ti.kernel
def _composite(rgba: Rows, rows: Rows, per_view: ti.i32, per_pixel: ti.i32, pixels: ti.i32, serial: ti.template()):
    background = ti.static(Background(rows, per_view, per_pixel))
    ti.loop_config(serialize=serial)
    for i in range(rgba.shape[0]):
        share, behind = 1.0 - rgba[i, 3], _behind(background, i, pixels)
        for c in ti.static(range(3)):
            rgba[i, c] = rgba[i, c] + share * behind[c]


@replayed
@ti.kernel
def _composite_adjoint(
    adjoint: Rows, rows: Rows, per_view: ti.i32, per_pixel: ti.i32, pixels: ti.i32, serial: ti.template()
):
    background = ti.static(Background(rows, per_view, per_pixel))
    ti.loop_config(serialize=serial)
    for i in range(adjoint.shape[0]):
        behind, share_adjoint = _behind(background, i, pixels), 0.0
        for c in ti.static(range(3)):
            share_adjoint += adjoint[i, c] * behind[c]
        adjoint[i, 3] = adjoint[i, 3] - share_adjoint


@replayed
@ti.kernel
def _lay_behind(
    color: Rows,
    share: Numbers,
    rows: Rows,
    per_view: ti.i32,
    per_pixel: ti.i32,
    pixels: ti.i32,
    serial: ti.template(),
):
    background = ti.static(Background(rows, per_view, per_pixel))
    ti.loop_config(serialize=serial)
    for i in range(color.shape[0]):
        behind = _behind(background, i, pixels)
        for c in ti.static(range(3)):
            color[i, c] = color[i, c] + share[i] * behind[c]


@ti.func
def _behind(background: ti.template(), i, pixels):
    """The background's colour at pixel i of all views, ``pixels`` of each."""
    view = view_of(i, pixels)
    row = view * background.per_view + (i - view * pixels) * background.per_pixel
    return ti.Vector([background.rows[row, c] for c in ti.static(range(3))])


def background_adjoint(rgba, adjoint, background, rows_adjoint, views, partials):
    """Adds to ``rows_adjoint`` (R, 3), of a ``Background``'s rows, what the pictures' ``adjoint`` (V*H*W, 4) implies.

    ``rgba`` (V*H*W, 4): what ``composite`` wrote.  ``partials``: scratch (3, R*C), in C columns of which the pixels of
    a row are added up, in a fixed order.
    """
    rows, per_view, per_pixel = background
    _background_adjoint(rgba, adjoint, rows, per_view, per_pixel, rows_adjoint, *_sizes(rgba, views)[:1], partials)


@replayed
@ti.kernel
def _background_adjoint(
    rgba: Rows,
    adjoint: Rows,
    rows: Rows,
    per_view: ti.i32,
    per_pixel: ti.i32,
    rows_adjoint: Rows,
    pixels: ti.i32,
    partials: Rows,
):
    columns, views = partials.shape[1] // rows.shape[0], rgba.shape[0] // pixels
    for column in range(partials.shape[1]):
        row, chunk = column // columns, column % columns
        total = ti.Vector([0.0, 0.0, 0.0])
        first_view, last_view, first, last = 0, views, 0, pixels
        if per_view > 0:
            first_view = row // per_view
            last_view = first_view + 1
        if per_pixel > 0:
            first = row - first_view * per_view
            last = first + 1
        size = (last - first + columns - 1) // columns
        for view in range(first_view, last_view):
            for pixel in range(first + chunk * size, ti.min(first + (chunk + 1) * size, last)):
                i = view * pixels + pixel
                for c in ti.static(range(3)):
                    total[c] += (1.0 - rgba[i, 3]) * adjoint[i, c]
        for c in ti.static(range(3)):
            partials[c, column] = total[c]
    for k in range(rows.shape[0] * 3):
        row, c, total = k // 3, k % 3, 0.0
        for column in range(row * columns, (row + 1) * columns):
            total += partials[c, column]
        rows_adjoint[row, c] = rows_adjoint[row, c] + total
