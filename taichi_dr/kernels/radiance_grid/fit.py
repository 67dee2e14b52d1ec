"""A step of fitting a grid to pixels: what their rays see, the squared error, and back, ray by ray in one kernel.

    error = sum over pixels |color + T_end back - (alpha wanted + (1 - alpha) back)|^2

Pixels come in tiles of 8 x 8, whose rays see the same rows: the second walk of a ray, and its neighbours' first ones,
find them in the processor's caches.  Every thread adds to sums of its own, tile by tile: no atomics, and the same
numbers every time.  On GPUs every pixel has a thread, and the sums are atomic.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.launch import GRAIN, cpu_threads, on_cpu
from taichi_dr.kernels.base.random import uniform
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import IntRows, Numbers, Rows
from taichi_dr.kernels.camera.rays import Eye, ray_components
from taichi_dr.kernels.radiance_grid.march import Ray, Steps, march, march_adjoint, ray_in_cells, within
from taichi_dr.kernels.radiance_grid.rows import Cells, Gaps, Index, RowArray, RowSums
from taichi_dr.kernels.screen.pixels import Screen, pixel_center

TILE = 8
GOLDEN = 0.6180339887498949
Pixels = ti.types.ndarray(dtype=ti.u8, ndim=4)


class Photos(NamedTuple):
    """What ``fit`` compares with: cameras, pictures, and which parts of them."""

    eye: Any
    pixels: Any
    tiles: Any


def parts():
    """The number of sums that ``fit`` adds to: one for each thread of a CPU."""
    return cpu_threads() if on_cpu() else 1


@simd
@replayed
@ti.kernel
def fit(
    rows: RowArray,
    sums: RowSums,
    index: Index,
    gaps: Gaps,
    lattice: Numbers,
    nx: ti.i32,
    ny: ti.i32,
    nz: ti.i32,
    camera: Rows,
    pixels: Pixels,
    tiles: IntRows,
    begin: ti.i32,
    end: ti.i32,
    seed: ti.i32,
    length: float,
    errors: Numbers,
    layout: ti.template(),
    unit: ti.template(),
    lanes: ti.template(),
):
    """Adds to ``sums`` (``parts``, M) the gradient of pixels' mean error by ``rows`` (M,); writes ``errors`` (B,).

    ``camera`` (V, 16): packed, perspective; ``pixels`` (V, H, W, 4): colours and straight alpha in bytes; ``tiles``
    (B, 3): view, first row, first column, of which those from ``begin`` to before ``end`` are looked at here.  Where
    samples begin, and the colour ``back``, follow from ``seed`` and the tile's place among the tiles.  ``errors``: of
    the pixels of each tile together.
    """
    cells = ti.static(Cells(index, gaps, nx, ny, nz))
    photos = ti.static(Photos(Eye(camera, False), pixels, tiles))
    steps = ti.static(Steps(length, unit, layout))
    inverse = 2.0 / ti.cast(TILE * TILE * tiles.shape[0], float)
    if ti.static(on_cpu()):
        for run in range(sums.shape[0] * GRAIN):
            if run % GRAIN == 0:
                part = run // GRAIN
                first = begin + part * (end - begin) // sums.shape[0]
                last = begin + (part + 1) * (end - begin) // sums.shape[0]
                for tile in range(first, last):
                    error = 0.0
                    for pixel in range(TILE * TILE):
                        error += _fit_pixel(rows, sums, part, cells, lattice, photos, tile, pixel, seed, inverse, steps)
                    errors[tile] = error
    else:
        for tile in range(begin, end):
            errors[tile] = 0.0
        for n in range((end - begin) * TILE * TILE):
            tile, pixel = begin + n // (TILE * TILE), n % (TILE * TILE)
            errors[tile] += _fit_pixel(rows, sums, 0, cells, lattice, photos, tile, pixel, seed, inverse, steps)


@ti.func
def _fit_pixel(
    rows: ti.template(),
    sums: ti.template(),
    part,
    cells: ti.template(),
    lattice: ti.template(),
    photos: ti.template(),
    tile,
    pixel,
    seed,
    inverse,
    steps: ti.template(),
):
    pixels, tiles = ti.static(photos.pixels, photos.tiles)
    view, r, c = tiles[tile, 0], tiles[tile, 1] + pixel // TILE, tiles[tile, 2] + pixel % TILE
    sx, sy = pixel_center(r, c, ti.static(Screen(pixels.shape[2], pixels.shape[1])))
    ox, oy, oz, dx, dy, dz, _ = ray_components(photos.eye, view, sx, sy)
    x, y, z, stride, basis = ray_in_cells(ox, oy, oz, dx, dy, dz, lattice, steps.layout)
    ray = ti.static(Ray(x, y, z, dx, dy, dz, stride, basis))
    entry, leave = within(x, y, z, dx, dy, dz, cells)
    shift = uniform(seed, tile, 0) + pixel * GOLDEN
    entry += (shift - ti.cast(ti.cast(shift, ti.i32), float)) * steps.length
    red, green, blue, _, through = march(rows, cells, ray, entry, leave, steps)
    g = ti.Vector([red, green, blue])
    alpha = ti.cast(pixels[view, r, c, 3], float) / 255.0
    error, rest = 0.0, 0.0
    for k in ti.static(range(3)):
        back = uniform(seed, tile, 1 + k)
        seen = g[k] + through * back
        difference = seen - alpha * ti.cast(pixels[view, r, c, k], float) / 255.0 - (1.0 - alpha) * back
        error += difference * difference
        g[k] = inverse * difference
        rest += g[k] * seen
    march_adjoint(rows, sums, part, cells, ray, entry, leave, steps, g, rest)
    return error
