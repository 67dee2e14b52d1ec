"""Finding what must not go on: entries that are not finite."""

import taichi as ti

from taichi_dr.kernels.launch import is_serial

SERIAL_ROWS = 1 << 14
LARGEST = 1e30  # far above any coordinate, and its square still far from the surroundings of inf in float64


def first_nonfinite(array):
    """Index of the first row with a NaN, an infinity or a magnitude above 1e30; the number of rows if there is none."""
    return _first_nonfinite(array, is_serial(array.shape[0], SERIAL_ROWS))


@ti.kernel
def _first_nonfinite(array: ti.types.ndarray(ndim=2), serial: ti.template()) -> ti.i32:
    first = array.shape[0]
    ti.loop_config(serialize=serial)
    for row in range(array.shape[0]):
        for k in range(array.shape[1]):
            if ti.math.isnan(array[row, k]) or ti.abs(array[row, k]) > LARGEST:
                ti.atomic_min(first, row)
    return first
