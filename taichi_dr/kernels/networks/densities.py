"""Densities of what networks say: numbers of any size to positive ones, by the truncated exponential of ``dense``.

At most exp(15): more is as opaque, and rounding errors times its slope would drive it on until it is infinite.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.networks.activations import EXP, MOST_SLOPE, activate, activation_slope


@replayed
@ti.kernel
def exponentiate(logits: Rows, column: ti.i32, densities: Rows, count: ti.i32):
    """Writes the first column of ``densities`` (count, >= 1) of a column of ``logits``; 0 gives 1."""
    for n in range(count):
        densities[n, 0] = ti.min(activate(logits[n, column], EXP, 1.0), MOST_SLOPE)


@replayed
@ti.kernel
def exponentiate_adjoint(logits: Rows, column: ti.i32, densities_adjoint: Rows, logits_adjoint: Rows, count: ti.i32):
    """Adds to the column of ``logits_adjoint`` what the first column of ``densities_adjoint`` implies.

    Of densities that are as large as they may be, what would make them less.
    """
    for n in range(count):
        density, g = activate(logits[n, column], EXP, 1.0), densities_adjoint[n, 0]
        if density > MOST_SLOPE:
            g = ti.max(g, 0.0)
        logits_adjoint[n, column] = logits_adjoint[n, column] + g * activation_slope(density, EXP, 1.0)
