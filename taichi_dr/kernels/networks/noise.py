"""Normal random numbers of counters, added to what a network gives."""

import math

import taichi as ti

from taichi_dr.kernels.base.random import uniform
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows


@ti.func
def normal(seed, index):
    """A number of the standard normal distribution, of two integers (Box and Muller 1958)."""
    radius = ti.sqrt(-2.0 * ti.log(1.0 - uniform(seed, index, 0)))
    return radius * ti.cos(math.tau * uniform(seed, index, 1))


@replayed
@ti.kernel
def add_normal(
    y: Rows,
    row: ti.i32,
    column: ti.i32,
    rows: ti.i32,
    spread: float,
    seed: ti.i32,
    first: ti.i32,
    serial: ti.template(),
):
    """Adds ``spread normal(seed, first + i)`` to ``rows`` numbers of a column; its adjoint is the identity."""
    ti.loop_config(serialize=serial)
    for i in range(rows):
        y[row + i, column] = y[row + i, column] + spread * normal(seed, first + i)
