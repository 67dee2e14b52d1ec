"""What training a network on samples adds to its layers: how far distances are off, and the prior of codes."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows


@ti.func
def clamped_difference(value, target, reach):
    """``value - target``; where the target is further than ``reach``, how far the value is on the wrong side of it.

    Within ``reach`` of a surface values are to be distances, beyond it no smaller ones: 0.3 is right for a target of
    0.2 with reach 0.1, as 0.1 is, and 0.05 is off by -0.05.
    """
    difference = value - target
    if target > reach:
        difference = ti.min(value - reach, 0.0)
    elif target < -reach:
        difference = ti.max(value + reach, 0.0)
    return difference


@replayed
@ti.kernel
def clamped_l1_adjoint(
    values: Rows,
    first_value: ti.i32,
    targets: Rows,
    first_target: ti.i32,
    losses: Rows,
    values_adjoint: Rows,
    rows: ti.i32,
    reach: float,
    seed: float,
    serial: ti.template(),
):
    """Writes ``losses = |e|`` and ``values_adjoint = seed sign(e)``, e being ``clamped_difference``.

    Of ``rows`` rows: of values and losses from ``first_value`` on, of targets from ``first_target`` on; the adjoints
    are the first ones.
    """
    ti.loop_config(serialize=serial)
    for i in range(rows):
        e = clamped_difference(values[first_value + i, 0], targets[first_target + i, 0], reach)
        losses[first_value + i, 0] = ti.abs(e)
        values_adjoint[i, 0] = seed * ti.math.sign(e)


@replayed
@ti.kernel
def prior_adjoint(codes: Rows, first: ti.i32, count: ti.i32, codes_adjoint: Rows, seed: float):
    """Adds the adjoint of ``seed |z|^2``, ``2 seed z``, of a code of ``count`` numbers from ``first`` on."""
    for i in range(count):
        codes_adjoint[first + i, 0] = codes_adjoint[first + i, 0] + 2.0 * seed * codes[first + i, 0]


@replayed
@ti.kernel
def squared_error_adjoint(
    values: Rows,
    targets: Rows,
    first: ti.i32,
    errors: Numbers,
    values_adjoint: Rows,
    rows: ti.i32,
    columns: ti.i32,
    seed: float,
    serial: ti.template(),
):
    """Writes ``errors``, the sums of ``(value - target)^2`` of rows, and ``values_adjoint = 2 seed (value - target)``.

    Of ``rows`` rows: of targets and errors from ``first`` on, of values and adjoints the first ones.
    """
    ti.loop_config(serialize=serial)
    for i in range(rows):
        total = 0.0
        for k in range(columns):
            e = values[i, k] - targets[first + i, k]
            total += e * e
            values_adjoint[i, k] = 2.0 * seed * e
        errors[first + i] = total
