"""A step of Adam (Kingma and Ba 2015) over the rows that samples touched: the others keep their numbers and moments.

A row was touched if a weight is noted in its sums.  It is noted in the row as well: the largest so far.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.radiance_grid.rows import RowArray, RowSums

BETA1, BETA2 = 0.9, 0.99
EPSILON = 1e-8


@simd
@replayed
@ti.kernel
def update(
    rows: RowArray,
    sums: RowSums,
    first: RowArray,
    second: RowArray,
    color_rate: float,
    density_rate: float,
    correction1: float,
    correction2: float,
    layout: ti.template(),
    lanes: ti.template(),
):
    """Moves ``rows`` (M,) against the gradient that ``sums`` (threads, M) hold together, and clears these.

    ``first``, ``second`` (M,): the moments; the corrections are ``1 / (1 - beta^steps)``.
    """
    for row in range(rows.shape[0]):
        total = sums[0, row]
        weight = total[layout.weight]
        for part in range(1, sums.shape[0]):
            other = sums[part, row]
            weight = higher(weight, other[layout.weight])
            total += other
        if weight > 0.0 and row > 0:
            total[layout.weight] = 0.0
            m = BETA1 * first[row] + (1.0 - BETA1) * total
            v = BETA2 * second[row] + (1.0 - BETA2) * (total * total)
            first[row], second[row] = m, v
            rates = ti.Vector(
                [density_rate if lane == layout.density else color_rate for lane in ti.static(range(layout.lanes))]
            )
            moved = rows[row] - rates * (m * correction1) / (ti.sqrt(v * correction2) + EPSILON)
            moved[layout.weight] = higher(moved[layout.weight], weight)
            rows[row] = moved
        if weight > 0.0:
            for part in range(sums.shape[0]):
                sums[part, row] = ti.Vector([0.0 for _ in ti.static(range(layout.lanes))])
