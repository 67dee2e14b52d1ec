"""Numbers of a grid on rays, and how they change along them.

    value_c = sum_k w_k(p) numbers_kc,   slope_c = d value_c / dt = grad value_c . direction,   p = eye + t direction

Trilinear interpolation.  The adjoint is that of the values by the grid's numbers; a depth that moves has
``sum_c value_adjoint_c slope_c`` as its own.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.base.types import Ints, Numbers, Rows, VectorVolume
from taichi_dr.kernels.fit.rays import cell_of, ray_in_cells


@ti.kernel
def sample_rays(
    numbers: VectorVolume,
    views: Rows,
    pixels: Ints,
    depths: Numbers,
    values: Rows,
    slopes: Rows,
    width: int,
    height: int,
    lower_x: float,
    lower_y: float,
    lower_z: float,
    spacing: float,
):
    """Writes ``values`` and ``slopes`` (B, C) of ``numbers`` (X, Y, Z, C) at ``depths`` (B,) on the rays of ``pixels``.

    Slopes are per unit of depth.
    """
    lower = ti.Vector([lower_x, lower_y, lower_z])
    for i in pixels:
        origin, direction, _ = ray_in_cells(views, pixels[i], width, height, lower, spacing)
        cell, u = cell_of(numbers, origin + depths[i] * direction)
        for c in range(numbers.shape[3]):
            value, slope = 0.0, 0.0
            for corner in ti.static(range(8)):
                number = numbers[_corner(cell, corner, 0), _corner(cell, corner, 1), _corner(cell, corner, 2), c]
                x, y, z = _weight(u, corner, 0), _weight(u, corner, 1), _weight(u, corner, 2)
                value += x * y * z * number
                dx, dy, dz = _sign(corner, 0) * y * z, x * _sign(corner, 1) * z, x * y * _sign(corner, 2)
                slope += (dx * direction[0] + dy * direction[1] + dz * direction[2]) * number
            values[i, c] = value
            slopes[i, c] = slope


def sample_rays_adjoint(*arguments):
    """Adds to ``numbers_adjoint`` (X, Y, Z, C) what ``values_adjoint`` (B, C) implies.

    Arguments: ``numbers_adjoint, views, pixels, depths, values_adjoint``, then as ``sample_rays`` from ``width`` on.
    On CPUs on one thread, so that sums do not depend on the order of threads.
    """
    _sample_rays_adjoint(*arguments, on_cpu())


@ti.kernel
def _sample_rays_adjoint(
    numbers_adjoint: VectorVolume,
    views: Rows,
    pixels: Ints,
    depths: Numbers,
    values_adjoint: Rows,
    width: int,
    height: int,
    lower_x: float,
    lower_y: float,
    lower_z: float,
    spacing: float,
    serial: ti.template(),
):
    lower = ti.Vector([lower_x, lower_y, lower_z])
    ti.loop_config(serialize=serial)
    for i in range(pixels.shape[0]):
        origin, direction, _ = ray_in_cells(views, pixels[i], width, height, lower, spacing)
        cell, u = cell_of(numbers_adjoint, origin + depths[i] * direction)
        for corner in ti.static(range(8)):
            weight = _weight(u, corner, 0) * _weight(u, corner, 1) * _weight(u, corner, 2)
            a, b, d = _corner(cell, corner, 0), _corner(cell, corner, 1), _corner(cell, corner, 2)
            for c in range(numbers_adjoint.shape[3]):
                if ti.static(serial):
                    numbers_adjoint[a, b, d, c] = numbers_adjoint[a, b, d, c] + weight * values_adjoint[i, c]
                else:
                    ti.atomic_add(numbers_adjoint[a, b, d, c], weight * values_adjoint[i, c])


@ti.func
def _corner(cell, corner: ti.template(), axis: ti.template()):
    return cell[axis] + ti.static(corner >> axis & 1)


@ti.func
def _weight(u, corner: ti.template(), axis: ti.template()):
    return u[axis] if ti.static(corner >> axis & 1) else 1.0 - u[axis]


@ti.func
def _sign(corner: ti.template(), axis: ti.template()):
    return ti.static(2.0 * (corner >> axis & 1) - 1.0)
