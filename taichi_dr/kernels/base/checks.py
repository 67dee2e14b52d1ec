"""Finding what must not go on: entries that are not finite."""

import taichi as ti

from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.base.vectors import row3

SERIAL_ROWS = 1 << 14
RUN = 32  # rows that are added up
LARGEST = 1e30  # far above any coordinate, and its square still far from the surroundings of inf in float64


def all_usable(one, other, first=0):
    """Whether no row from ``first`` on, of two arrays, has a NaN, an infinity or a magnitude above 1e30."""
    rows = max(one.shape[0], other.shape[0])
    return _count_unusable(one, other, first, rows, is_serial(rows - first, SERIAL_ROWS)) == 0


@replayed
@ti.kernel
def _count_unusable(
    one: Rows,
    other: Rows,
    first: ti.i32,
    rows: ti.i32,
    serial: ti.template(),
) -> ti.i32:
    count = 0
    ti.loop_config(serialize=serial)
    for row in range(first, rows):
        wrong = 0
        if row < one.shape[0]:
            wrong += _unusable(one, row)
        if row < other.shape[0]:
            wrong += _unusable(other, row)
        if wrong > 0:
            ti.atomic_add(count, wrong)
    return count


@ti.func
def _unusable(array: ti.template(), row):
    count = 0
    for k in range(array.shape[1]):
        if ti.math.isnan(array[row, k]) or ti.abs(array[row, k]) > LARGEST:
            count += 1
    return count


def all_finite(one, other, rows):
    """Whether the first ``rows`` of two arrays (P, 3) have neither NaN nor infinities, nor sums above 1e30."""
    return rows == 0 or _runs_not_finite(one, other, rows, is_serial(rows, SERIAL_ROWS)) == 0


@replayed
@ti.kernel
def _runs_not_finite(one: Rows, other: Rows, rows: ti.i32, serial: ti.template()) -> ti.i32:
    count = 0
    ti.loop_config(serialize=serial)
    for run in range((rows + RUN - 1) // RUN):
        total = ti.Vector([0.0, 0.0, 0.0])
        for row in range(run * RUN, ti.min(run * RUN + RUN, rows)):
            total += ti.abs(row3(one, row)) + ti.abs(row3(other, row))
        if ti.math.isnan(total.sum()) or total.sum() > LARGEST:
            ti.atomic_add(count, 1)
    return count
