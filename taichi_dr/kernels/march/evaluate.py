"""A user's function of space at many points: its values, in packets where the function fits; its adjoint by Taichi.

The function is loop-free, which Taichi differentiates rightly, and only over fields (docs/AUTODIFF.md): so the adjoint
copies points and adjoints through fields of a fixed size, a piece at a time, and nothing is compiled for other sizes.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.march.packets import distances
from taichi_dr.kernels.march.point import as_number, as_vector


@ti.func
def value_at(x, y, z, distance: ti.template()):
    """Value of the function ``distance.data`` at a point, or at a packet of ``distance.lanes`` of them."""
    if ti.static(distance.lanes == 1):
        return distance.data(ti.Vector([x, y, z]))
    else:
        return distances(distance.data, x, y, z)


@simd
@replayed
@ti.kernel
def evaluate(func: ti.template(), lanes: ti.template(), points: Rows, values: Rows, count: ti.i32):
    """``values[i, 0] = func(points[i])``, ``lanes`` points at once."""
    for packet in range((count + lanes - 1) // lanes):
        if ti.static(lanes == 1):
            p = ti.Vector([points[packet, 0], points[packet, 1], points[packet, 2]])
            values[packet, 0] = as_number(func(p))
        else:
            x = ti.Vector([points[ti.min(packet * lanes + lane, count - 1), 0] for lane in ti.static(range(lanes))])
            y = ti.Vector([points[ti.min(packet * lanes + lane, count - 1), 1] for lane in ti.static(range(lanes))])
            z = ti.Vector([points[ti.min(packet * lanes + lane, count - 1), 2] for lane in ti.static(range(lanes))])
            value = distances(func, x, y, z)
            for lane in ti.static(range(lanes)):
                if packet * lanes + lane < count:
                    values[packet * lanes + lane, 0] = value[lane]


@replayed
@ti.kernel
def evaluate_vectors(func: ti.template(), components: ti.template(), points: Rows, values: Rows, count: ti.i32):
    """``values[i] = func(points[i])`` of several components."""
    for i in range(count):
        value = as_vector(func(ti.Vector([points[i, 0], points[i, 1], points[i, 2]])), components)
        for c in ti.static(range(components)):
            values[i, c] = value[c]


@ti.kernel
def evaluate_piece(func: ti.template(), points: ti.template(), values: ti.template(), count: ti.i32):
    """The same over fields: what Taichi differentiates."""
    for i in range(count):
        values[i] = func(points[i])


@ti.kernel
def load_piece(
    points: Rows,
    values_adjoint: Rows,
    first: ti.i32,
    count: ti.i32,
    point: ti.template(),
    point_gradient: ti.template(),
    value_gradient: ti.template(),
    components: ti.template(),
):
    """Copies rows from ``first`` on into the fields of a piece, and clears the points' gradients."""
    for i in range(count):
        for c in ti.static(range(3)):
            point[i][c] = points[first + i, c]
            point_gradient[i][c] = 0.0
        if ti.static(components == 1):
            value_gradient[i] = values_adjoint[first + i, 0]
        else:
            for c in ti.static(range(components)):
                value_gradient[i][c] = values_adjoint[first + i, c]


@ti.kernel
def add_piece(point_gradient: ti.template(), first: ti.i32, count: ti.i32, points_adjoint: Rows):
    """Adds the gradients of a piece to ``points_adjoint`` from row ``first`` on."""
    for i in range(count):
        for c in ti.static(range(3)):
            points_adjoint[first + i, c] = points_adjoint[first + i, c] + point_gradient[i][c]
