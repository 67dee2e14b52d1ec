"""A user's radiance field at many samples, in packets where the function fits; its adjoint by Taichi.

As ``kernels.march.evaluate`` for functions of a point alone: the adjoint copies a piece at a time through fields.
"""

import taichi as ti

from taichi_dr.kernels.base.checks import LARGEST
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.march.packets import samples_at
from taichi_dr.kernels.march.point import as_vector


@simd
@replayed
@ti.kernel
def evaluate_samples(
    func: ti.template(), lanes: ti.template(), points: Rows, directions: Rows, values: Rows, count: ti.i32
):
    """``values[i] = func(points[i], directions[i])`` (count, 4), ``lanes`` of them at once."""
    for packet in range((count + lanes - 1) // lanes):
        if ti.static(lanes == 1):
            value = as_vector(func(row3(points, packet), row3(directions, packet)), 4)
            for c in ti.static(range(4)):
                values[packet, c] = value[c]
        else:
            x, y, z = _lanes(points, packet, count, lanes)
            dx, dy, dz = _lanes(directions, packet, count, lanes)
            density, red, green, blue = samples_at(func, x, y, z, dx, dy, dz)
            for lane in ti.static(range(lanes)):
                i = ti.min(packet * lanes + lane, count - 1)
                values[i, 0], values[i, 1], values[i, 2], values[i, 3] = (
                    density[lane],
                    red[lane],
                    green[lane],
                    blue[lane],
                )


@ti.func
def _lanes(rows: ti.template(), packet, count, lanes: ti.template()):
    """The columns of a packet of rows; lanes beyond the last row are that one once more."""
    x = ti.Vector([rows[ti.min(packet * lanes + lane, count - 1), 0] for lane in ti.static(range(lanes))])
    y = ti.Vector([rows[ti.min(packet * lanes + lane, count - 1), 1] for lane in ti.static(range(lanes))])
    z = ti.Vector([rows[ti.min(packet * lanes + lane, count - 1), 2] for lane in ti.static(range(lanes))])
    return x, y, z


@ti.kernel
def evaluate_sample_piece(
    func: ti.template(), points: ti.template(), directions: ti.template(), values: ti.template(), count: ti.i32
):
    """The same over fields: what Taichi differentiates."""
    for i in range(count):
        values[i] = func(points[i], directions[i])


@ti.kernel
def load_sample_piece(
    points: Rows,
    directions: Rows,
    values_adjoint: Rows,
    first: ti.i32,
    count: ti.i32,
    point: ti.template(),
    point_gradient: ti.template(),
    direction: ti.template(),
    direction_gradient: ti.template(),
    value_gradient: ti.template(),
):
    """Copies rows from ``first`` on into the fields of a piece, and clears the gradients of points and directions."""
    for i in range(count):
        point[i], direction[i] = row3(points, first + i), row3(directions, first + i)
        for c in ti.static(range(3)):
            point_gradient[i][c], direction_gradient[i][c] = 0.0, 0.0
        for c in ti.static(range(4)):
            value_gradient[i][c] = values_adjoint[first + i, c]


@replayed
@ti.kernel
def count_wrong(values: Rows, count: ti.i32) -> ti.types.vector(4, ti.i32):
    """Of ``count`` rows: how many densities are NaN, too large, or negative, and how many colours are not finite."""
    wrong = ti.Vector([0, 0, 0, 0])
    for i in range(count):
        density, color = values[i, 0], values[i, 1] + values[i, 2] + values[i, 3]
        if not is_sample(density, color):
            kinds, no_number = ti.Vector([0, 0, 0, 0]), ti.math.isnan(density)
            kinds[0] = no_number
            kinds[1] = not no_number and density > LARGEST
            kinds[2] = not no_number and density < 0.0
            kinds[3] = ti.math.isnan(color) or ti.abs(color) > LARGEST
            wrong += kinds
    return wrong


@ti.func
def is_sample(density, color):
    """Whether a density, and a sum of colours, are numbers that there may be; false for NaN, whatever is compared."""
    return density >= 0.0 and density <= LARGEST and ti.abs(color) <= LARGEST
