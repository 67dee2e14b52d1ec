"""The mean of each pixel's samples, which stand in blocks as ``primary`` has them, and its adjoint."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Rows
from taichi_dr.kernels.rays.primary import LANES, Samples, place_of


@replayed
@ti.kernel
def average(
    radiance: Rows,
    what: Ints,
    width: ti.i32,
    height: ti.i32,
    columns: ti.i32,
    rows: ti.i32,
    pixels: ti.i32,
    first: ti.i32,
    blocks: ti.i32,
    shown: ti.template(),
    rgba: Rows,
):
    """Writes the pixels of ``blocks`` blocks, whose first ray is ``first``, of the view that begins at ``pixels``.

    Alpha is the share of the samples that meet something.  ``shown``: what is behind them counts for the colour too.
    """
    samples = ti.static(Samples(width, height, columns, rows, 0))
    for i in range(blocks * LANES):
        count = columns * rows
        start = i // LANES * LANES * count + i % LANES
        row, column, _ = place_of(first + start, samples)
        if row < height and column < width:
            color, alpha = ti.Vector([0.0, 0.0, 0.0]), 0.0
            for s in range(count):
                r = start + s * LANES
                hit = ti.select(what[r] >= 0, 1.0, 0.0)
                alpha += hit
                for c in ti.static(range(3)):
                    color[c] += radiance[r, c] * (1.0 if ti.static(shown) else hit)
            pixel = pixels + row * width + column
            for c in ti.static(range(3)):
                rgba[pixel, c] = color[c] / float(count)
            rgba[pixel, 3] = alpha / float(count)


@replayed
@ti.kernel
def average_adjoint(
    rgba_adjoint: Rows,
    what: Ints,
    width: ti.i32,
    height: ti.i32,
    columns: ti.i32,
    rows: ti.i32,
    pixels: ti.i32,
    first: ti.i32,
    count: ti.i32,
    shown: ti.template(),
    radiance_adjoint: Rows,
):
    """Writes the adjoint of each ray's radiance; which of them meet something is held constant."""
    samples = ti.static(Samples(width, height, columns, rows, 0))
    for r in range(count):
        row, column, _ = place_of(first + r, samples)
        share = 0.0
        if row < height and column < width:
            share = 1.0 / float(columns * rows)
            if ti.static(not shown):
                share *= ti.select(what[r] >= 0, 1.0, 0.0)
        pixel = pixels + ti.min(row, height - 1) * width + ti.min(column, width - 1)
        for c in ti.static(range(3)):
            radiance_adjoint[r, c] = share * rgba_adjoint[pixel, c]
