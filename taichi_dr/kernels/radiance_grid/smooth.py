"""Total variation: neighbouring vertices are to be alike.

variation = sum over edges between two vertices with rows (c |color_a - color_b|^2 + d (density_a - density_b)^2) / 2
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.radiance_grid.rows import Index, RowArray, RowSums


@simd
@replayed
@ti.kernel
def smooth(
    rows: RowArray,
    sums: RowSums,
    index: Index,
    places: Index,
    ny: ti.i32,
    nz: ti.i32,
    start: ti.i32,
    stride: ti.i32,
    color: float,
    density: float,
    layout: ti.template(),
    lanes: ti.template(),
):
    """Adds the gradient of the variation to ``sums[0, :]`` of every ``stride``-th row from ``start``, if it is touched.

    ``places`` (M,): the vertex of each row, none of which is at the grid's border.
    """
    for item in range((rows.shape[0] - start + stride - 1) // stride):
        row = start + item * stride
        weight = 0.0
        for part in range(sums.shape[0]):
            weight += sums[part, row][layout.weight]
        if weight > 0.0 and row > 0:
            own, total = rows[row], sums[0, row]
            factors = ti.Vector(
                [
                    color if lane < layout.density else (density if lane == layout.density else 0.0)
                    for lane in ti.static(range(layout.lanes))
                ]
            )
            vertex = places[row]
            for side in ti.static((-1, 1)):
                for x, y, z in ti.static(((1, 0, 0), (0, 1, 0), (0, 0, 1))):
                    other = index[vertex + side * ((x * ny + y) * nz + z)]
                    if other > 0:
                        total += factors * (own - rows[other])
            sums[0, row] = total
