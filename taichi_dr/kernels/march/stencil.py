"""Gradients of functions of space by differences: values around a point, and what they add up to.

    gradient = scale sum_k offsets[k] f(p + offsets[k])

``offsets`` (K, 3); the values around point i of ``count`` are in rows i, count + i, 2 count + i, ...
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows


@replayed
@ti.kernel
def spread(points: Rows, offsets: Rows, count: ti.i32, around: Rows):
    """``around[k count + i] = points[i] + offsets[k]``."""
    for i in range(count):
        for k in range(offsets.shape[0]):
            for c in ti.static(range(3)):
                around[k * count + i, c] = points[i, c] + offsets[k, c]


@replayed
@ti.kernel
def spread_adjoint(around_adjoint: Rows, offsets: Rows, count: ti.i32, points_adjoint: Rows):
    """Adds to ``points_adjoint`` (count, 3)."""
    for i in range(count):
        for c in ti.static(range(3)):
            total = points_adjoint[i, c]
            for k in range(offsets.shape[0]):
                total += around_adjoint[k * count + i, c]
            points_adjoint[i, c] = total


@replayed
@ti.kernel
def combine(values: Rows, offsets: Rows, scale: float, count: ti.i32, gradients: Rows):
    """``gradients[i] = scale sum_k offsets[k] values[k count + i]``; values (K*count, 1), gradients (count, 3)."""
    for i in range(count):
        total = ti.Vector([0.0, 0.0, 0.0])
        for k in range(offsets.shape[0]):
            for c in ti.static(range(3)):
                total[c] += offsets[k, c] * values[k * count + i, 0]
        for c in ti.static(range(3)):
            gradients[i, c] = scale * total[c]


@replayed
@ti.kernel
def combine_adjoint(gradients_adjoint: Rows, offsets: Rows, scale: float, count: ti.i32, values_adjoint: Rows):
    """Writes ``values_adjoint`` (K*count, 1)."""
    for i in range(count):
        for k in range(offsets.shape[0]):
            total = 0.0
            for c in ti.static(range(3)):
                total += offsets[k, c] * gradients_adjoint[i, c]
            values_adjoint[k * count + i, 0] = scale * total
