"""Pictures of a grid, in tiles as ``fit`` takes them, and back: a pair."""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.launch import GRAIN, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.camera.rays import Eye, ray_components
from taichi_dr.kernels.radiance_grid.fit import TILE
from taichi_dr.kernels.radiance_grid.march import Ray, Steps, march, march_adjoint, ray_in_cells, within
from taichi_dr.kernels.radiance_grid.rows import Cells, Gaps, Index, RowArray, RowSums
from taichi_dr.kernels.screen.pixels import Screen, pixel_center

SEEN = 5
"""Numbers per pixel: red, green and blue, multiplied by the opacity; the opacity; the depth, multiplied by it."""


class Film(NamedTuple):
    """What ``render`` wrote, and the adjoint of that."""

    picture: Any
    adjoint: Any


@simd
@replayed
@ti.kernel
def render(
    rows: RowArray,
    index: Index,
    gaps: Gaps,
    lattice: Numbers,
    nx: ti.i32,
    ny: ti.i32,
    nz: ti.i32,
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    length: float,
    picture: Rows,
    layout: ti.template(),
    unit: ti.template(),
    lanes: ti.template(),
):
    """Writes ``picture`` (V*H*W, 5) of ``rows`` (M,) in the packed cameras (V, 16); the depth along the viewing axis.

    Samples are ``length`` cells apart, the first of them half of that behind the grid's face.
    """
    cells, eye = ti.static(Cells(index, gaps, nx, ny, nz), Eye(camera, orthographic))
    steps, screen = ti.static(Steps(length, unit, layout), Screen(width, height))
    across, down = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    for item in range(camera.shape[0] * across * down * TILE * TILE):
        view, r, c = place_of(item, across, down)
        if r < height and c < width:
            sx, sy = pixel_center(r, c, screen)
            ox, oy, oz, dx, dy, dz, cosine = ray_components(eye, view, sx, sy)
            x, y, z, stride, harmonics = ray_in_cells(ox, oy, oz, dx, dy, dz, lattice, layout)
            ray = ti.static(Ray(x, y, z, dx, dy, dz, stride, harmonics))
            entry, leave = within(x, y, z, dx, dy, dz, cells)
            red, green, blue, depth, through = march(rows, cells, ray, entry + 0.5 * length, leave, steps)
            pixel = (view * height + r) * width + c
            picture[pixel, 0], picture[pixel, 1], picture[pixel, 2] = red, green, blue
            picture[pixel, 3] = 1.0 - through
            picture[pixel, 4] = depth * cosine * lattice[3]


@simd
@replayed
@ti.kernel
def render_adjoint(
    rows: RowArray,
    sums: RowSums,
    index: Index,
    gaps: Gaps,
    lattice: Numbers,
    nx: ti.i32,
    ny: ti.i32,
    nz: ti.i32,
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    length: float,
    picture: Rows,
    picture_adjoint: Rows,
    layout: ti.template(),
    unit: ti.template(),
    lanes: ti.template(),
):
    """Adds to ``sums`` (``parts``, M), of the rows, what ``picture_adjoint`` (V*H*W, 4) of ``render`` implies.

    Of colour and opacity: the depth has none.  ``picture`` is what ``render`` wrote.
    """
    cells, eye = ti.static(Cells(index, gaps, nx, ny, nz), Eye(camera, orthographic))
    steps, screen = ti.static(Steps(length, unit, layout), Screen(width, height))
    film = ti.static(Film(picture, picture_adjoint))
    across, down = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    tiles = camera.shape[0] * across * down
    if ti.static(on_cpu()):
        for run in range(sums.shape[0] * GRAIN):
            if run % GRAIN == 0:
                part = run // GRAIN
                first, last = part * tiles // sums.shape[0], (part + 1) * tiles // sums.shape[0]
                for item in range(first * TILE * TILE, last * TILE * TILE):
                    _pixel_adjoint(rows, sums, part, cells, lattice, eye, screen, item, across, down, film, steps)
    else:
        for item in range(tiles * TILE * TILE):
            _pixel_adjoint(rows, sums, 0, cells, lattice, eye, screen, item, across, down, film, steps)


@ti.func
def _pixel_adjoint(
    rows: ti.template(),
    sums: ti.template(),
    part,
    cells: ti.template(),
    lattice: ti.template(),
    eye: ti.template(),
    screen: ti.template(),
    item,
    across,
    down,
    film: ti.template(),
    steps: ti.template(),
):
    view, r, c = place_of(item, across, down)
    if r < screen.height and c < screen.width:
        pixel = (view * screen.height + r) * screen.width + c
        g = ti.Vector([film.adjoint[pixel, k] for k in ti.static(range(3))])
        to_end = -film.adjoint[pixel, 3]
        rest = to_end * (1.0 - film.picture[pixel, 3])
        for k in ti.static(range(3)):
            rest += g[k] * film.picture[pixel, k]
        sx, sy = pixel_center(r, c, screen)
        ox, oy, oz, dx, dy, dz, _ = ray_components(eye, view, sx, sy)
        x, y, z, stride, harmonics = ray_in_cells(ox, oy, oz, dx, dy, dz, lattice, steps.layout)
        ray = ti.static(Ray(x, y, z, dx, dy, dz, stride, harmonics))
        entry, leave = within(x, y, z, dx, dy, dz, cells)
        march_adjoint(rows, sums, part, cells, ray, entry + 0.5 * steps.length, leave, steps, g, rest)


@ti.func
def place_of(item, across, down):
    """(view, row, column) of the pixel that comes as number ``item``, in tiles: ``across`` by ``down`` a view."""
    tile, place = item // (TILE * TILE), item % (TILE * TILE)
    return tile // (across * down), tile // across % down * TILE + place // TILE, tile % across * TILE + place % TILE
