"""An environment: light from every direction as one picture, longitude by latitude.

A direction d is at the column ``W (1/2 + atan2(d_x, -d_z) / 2 pi)`` and the row ``H acos(d_y) / pi`` of the picture:
its middle is straight ahead (-z), its right half to the right (+x), its top above (+y).  Between the middles of texels
colours are interpolated; columns go round, rows end at the poles.

Source: Blinn and Newell, Texture and Reflection in Computer Generated Images, 1976.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.base.vectors import row3

FLAT = 1e-12  # squared distance from the poles' axis below which there is no longitude


@replayed
@ti.kernel
def look_up(texels: Rows, height: ti.i32, width: ti.i32, directions: Rows, colors: Rows, count: ti.i32):
    """Writes ``colors`` (count, 3) of ``texels`` (H*W, 3) in unit ``directions`` (count, 3)."""
    for i in range(count):
        row, column = _place(row3(directions, i), height, width)
        color = ti.Vector([0.0, 0.0, 0.0])
        for k in ti.static(range(4)):
            texel, weight, _, _ = _corner(row, column, height, width, k)
            color += weight * row3(texels, texel)
        for c in ti.static(range(3)):
            colors[i, c] = color[c]


@replayed
@ti.kernel
def look_up_adjoint(
    texels: Rows,
    height: ti.i32,
    width: ti.i32,
    directions: Rows,
    colors_adjoint: Rows,
    texels_adjoint: Rows,
    directions_adjoint: Rows,
    count: ti.i32,
):
    """Adds to ``texels_adjoint`` (H*W, 3), by atomic additions, and to ``directions_adjoint`` (count, 3)."""
    for i in range(count):
        d, g = row3(directions, i), row3(colors_adjoint, i)
        row, column = _place(d, height, width)
        by_row, by_column = 0.0, 0.0
        for k in ti.static(range(4)):
            texel, weight, slope_row, slope_column = _corner(row, column, height, width, k)
            along = g.dot(row3(texels, texel))
            by_row += slope_row * along
            by_column += slope_column * along
            for c in ti.static(range(3)):
                ti.atomic_add(texels_adjoint[texel, c], weight * g[c])
        across = d.x * d.x + d.z * d.z
        if across > FLAT:
            turn = by_column * width / (2.0 * ti.math.pi * across)
            fall = -by_row * height / (ti.math.pi * ti.sqrt(across))
            directions_adjoint[i, 0] = directions_adjoint[i, 0] - turn * d.z
            directions_adjoint[i, 1] = directions_adjoint[i, 1] + fall * across
            directions_adjoint[i, 2] = directions_adjoint[i, 2] + turn * d.x
            for c in ti.static((0, 2)):  # of a unit vector acos(d_y) is atan2(sqrt(d_x^2 + d_z^2), d_y)
                directions_adjoint[i, c] = directions_adjoint[i, c] - fall * d.y * d[c]


@ti.func
def _place(d, height, width):
    """(row, column) of a direction, in texels from the middle of the first one on."""
    longitude = 0.0
    across = d.x * d.x + d.z * d.z
    if across > FLAT:
        longitude = ti.atan2(d.x, -d.z)
    row = height * ti.atan2(ti.sqrt(across), d.y) / ti.math.pi
    return row - 0.5, width * (0.5 + longitude / (2.0 * ti.math.pi)) - 0.5


@ti.func
def _corner(row, column, height, width, k: ti.template()):
    """(texel, weight, its slopes by row and by column) of one of the four texels around a place."""
    top, left = ti.floor(row), ti.floor(column)
    v, u = row - top, column - left
    at_row = ti.min(ti.max(ti.cast(top, ti.i32) + ti.static(k // 2), 0), height - 1)
    at_column = (ti.cast(left, ti.i32) + ti.static(k % 2) + width) % width
    weight_row, slope_row = ti.static((1.0, -1.0) if k // 2 == 0 else (0.0, 1.0))
    weight_column, slope_column = ti.static((1.0, -1.0) if k % 2 == 0 else (0.0, 1.0))
    by_row, by_column = weight_row + slope_row * v, weight_column + slope_column * u
    return at_row * width + at_column, by_row * by_column, slope_row * by_column, by_row * slope_column
