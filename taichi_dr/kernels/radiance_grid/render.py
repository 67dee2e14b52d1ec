"""Pictures of a grid: its rays without adjoints, in tiles as ``fit`` takes them."""

import taichi as ti

from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.camera.rays import Eye, ray_components
from taichi_dr.kernels.radiance_grid.fit import TILE
from taichi_dr.kernels.radiance_grid.march import Ray, Steps, march, ray_in_cells, within
from taichi_dr.kernels.radiance_grid.rows import Cells, Gaps, Index, RowArray
from taichi_dr.kernels.screen.pixels import Screen, pixel_center

SEEN = 5
"""Numbers per pixel: red, green and blue, multiplied by the opacity; the opacity; the depth, multiplied by it."""


@simd
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
        tile, place = item // (TILE * TILE), item % (TILE * TILE)
        view, r = tile // (across * down), tile // across % down * TILE + place // TILE
        c = tile % across * TILE + place % TILE
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
