"""Which lights each ray's place sees, light by light."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints


@replayed
@ti.kernel
def copy_met(blocked: Ints, count: ti.i32, row: ti.i32, met: IntRows):
    """``met[row, i] = blocked[i]``."""
    for i in range(count):
        met[row, i] = blocked[i]


@replayed
@ti.kernel
def is_met(face: Ints, count: ti.i32, blocked: Ints):
    """``blocked[i]``: 1 where a face is met."""
    for i in range(count):
        blocked[i] = 1 if face[i] >= 0 else 0
