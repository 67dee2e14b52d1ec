"""Densities of what networks say: numbers of any size to positive ones, by the truncated exponential of ``dense``."""

import taichi as ti

from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.networks.activations import EXP, activate, activation_slope


@ti.kernel
def exponentiate(logits: Rows, column: ti.i32, densities: Rows, count: ti.i32):
    """Writes the first column of ``densities`` (count, >= 1) of a column of ``logits``; 0 gives 1."""
    for n in range(count):
        densities[n, 0] = activate(logits[n, column], EXP, 1.0)


@ti.kernel
def exponentiate_adjoint(logits: Rows, column: ti.i32, densities_adjoint: Rows, logits_adjoint: Rows, count: ti.i32):
    """Adds to the column of ``logits_adjoint`` what the first column of ``densities_adjoint`` implies."""
    for n in range(count):
        slope = activation_slope(activate(logits[n, column], EXP, 1.0), EXP, 1.0)
        logits_adjoint[n, column] = logits_adjoint[n, column] + densities_adjoint[n, 0] * slope
