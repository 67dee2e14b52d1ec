"""Numbers of a grid on rays, and how they change along them.

    value_c = sum_k w_k(p) numbers_kc,   slope_c = d value_c / dt = grad value_c . direction,   p = eye + t direction

Trilinear interpolation.  The adjoint is that of the values by the grid's numbers; a depth that moves has
``sum_c value_adjoint_c slope_c`` as its own.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import cpu_threads, grain, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows, VectorVolume
from taichi_dr.kernels.fit.rays import cell_of, ray_in_cells

SLAB = 4
"""Planes of nodes that belong to one thread; the next ones are another's, because objects are in the middle."""


@replayed
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
    On CPUs every thread looks at all rays and adds to nodes of its own, so that the sums do not depend on threads.
    """
    _sample_rays_adjoint(*arguments, cpu_threads() if on_cpu() else arguments[2].shape[0])


@replayed
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
    pieces: ti.i32,
):
    lower = ti.Vector([lower_x, lower_y, lower_z])
    if ti.static(on_cpu()):
        for task in range(pieces * ti.static(grain())):
            if task % ti.static(grain()) == 0:
                for i in range(pixels.shape[0]):
                    if _counts(values_adjoint, i):
                        origin, direction, _ = ray_in_cells(views, pixels[i], width, height, lower, spacing)
                        q = origin + depths[i] * direction
                        _add(numbers_adjoint, values_adjoint, i, q, task // ti.static(grain()), pieces)
    else:
        for i in range(pieces):
            origin, direction, _ = ray_in_cells(views, pixels[i], width, height, lower, spacing)
            _add(numbers_adjoint, values_adjoint, i, origin + depths[i] * direction, 0, 1)


@ti.func
def _counts(values_adjoint: ti.template(), i):
    """Whether a ray has an adjoint that is not zero: of colours many have none."""
    total = 0.0
    for c in range(values_adjoint.shape[1]):
        total += ti.abs(values_adjoint[i, c])
    return total != 0.0


@ti.func
def _add(numbers_adjoint: ti.template(), values_adjoint: ti.template(), i, q, owner, owners):
    """Adds the shares of the corners around q that are in slabs of the owner."""
    cell, u = cell_of(numbers_adjoint, q)
    for corner in ti.static(range(8)):
        a, b, d = _corner(cell, corner, 0), _corner(cell, corner, 1), _corner(cell, corner, 2)
        if a // SLAB % owners == owner:
            weight = _weight(u, corner, 0) * _weight(u, corner, 1) * _weight(u, corner, 2)
            for c in range(numbers_adjoint.shape[3]):
                if ti.static(on_cpu()):  # `+=` would be an atomic add
                    numbers_adjoint[a, b, d, c] = numbers_adjoint[a, b, d, c] + weight * values_adjoint[i, c]
                else:
                    numbers_adjoint[a, b, d, c] += weight * values_adjoint[i, c]


@ti.func
def _corner(cell, corner: ti.template(), axis: ti.template()):
    return cell[axis] + ti.static(corner >> axis & 1)


@ti.func
def _weight(u, corner: ti.template(), axis: ti.template()):
    return u[axis] if ti.static(corner >> axis & 1) else 1.0 - u[axis]


@ti.func
def _sign(corner: ti.template(), axis: ti.template()):
    return ti.static(2.0 * (corner >> axis & 1) - 1.0)
