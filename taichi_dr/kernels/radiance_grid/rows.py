"""Rows between vertices: ``row(p) = sum_abc w_a(u) w_b(v) w_c(w) rows[vertex]`` over the eight vertices of a cell.

``w_0(u) = 1 - u``, ``w_1(u) = u``.  A row of 16 numbers is one line of the cache, and four or fewer of the processor's
vectors.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.arrays import new_vectors
from taichi_dr.kernels.base.lanes import higher
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.radiance_grid.logistic import logistic
from taichi_dr.runtime import float_dtype

RowArray = ti.types.ndarray(ndim=1)
RowSums = ti.types.ndarray(ndim=2)
Index = ti.types.ndarray(dtype=ti.i32, ndim=1)
Gaps = ti.types.ndarray(dtype=ti.u8, ndim=1)
"""Annotations of kernels' arrays: of vectors, and of ``Cells``."""


class Cells(NamedTuple):
    """Which rows are where: vertex (i, j, k) of nx * ny * nz is number ``(i ny + j) nz + k``, and so is the cell that
    it is the lowest vertex of.

    ``index`` (nx*ny*nz,): the row of each vertex, row 0 of those that have none.  ``gaps`` (nx*ny*nz,): how many cells
    away the nearest active cell is, along the axis where it is farthest; 0 for one that is active itself.
    """

    index: Any
    gaps: Any
    nx: Any
    ny: Any
    nz: Any


def make_rows(layout, *shape):
    """Zeroed rows."""
    return new_vectors(layout.lanes, float_dtype(), shape)


@ti.func
def cell_number(i, j, k, cells: ti.template()):
    """Of the cell, or its lowest vertex."""
    return (i * cells.ny + j) * cells.nz + k


@ti.func
def gather(rows: ti.template(), cells: ti.template(), cell, u, v, w, layout: ti.template()):
    """The row at (u, v, w) in a cell."""
    row = ti.Vector([0.0 for _ in ti.static(range(layout.lanes))])
    for a, b, c in ti.static(ti.ndrange(2, 2, 2)):
        share = (u if a else 1.0 - u) * (v if b else 1.0 - v) * (w if c else 1.0 - w)
        row += rows[cells.index[cell + (a * cells.ny + b) * cells.nz + c]] * share
    return row


@ti.func
def scatter(add, weight, sums: ti.template(), part, cells: ti.template(), cell, u, v, w, layout: ti.template()):
    """Adds the adjoint of the row at (u, v, w) in a cell to those of the vertices, in ``sums[part, row]``.

    ``weight`` is noted there if it is the largest so far.
    """
    for a, b, c in ti.static(ti.ndrange(2, 2, 2)):
        share = (u if a else 1.0 - u) * (v if b else 1.0 - v) * (w if c else 1.0 - w)
        row = cells.index[cell + (a * cells.ny + b) * cells.nz + c]
        if ti.static(on_cpu()):
            total = sums[part, row] + add * share
            total[layout.weight] = higher(total[layout.weight], weight)
            sums[part, row] = total
        else:
            for lane in ti.static(range(layout.density + 1)):
                ti.atomic_add(sums[part, row][lane], add[lane] * share)
            ti.atomic_max(sums[part, row][layout.weight], weight)


@ti.func
def activated(row, basis, layout: ti.template()):
    """(red, green, blue, opacity over one cell) of a row, in the direction of which ``basis`` are the harmonics."""
    raw = ti.Vector([0.0, 0.0, 0.0, row[layout.density]])
    for c in ti.static(range(3)):
        for b in ti.static(range(layout.harmonics)):
            raw[c] += row[3 * b + c] * basis[b]
    return logistic(raw, layout.double)


@ti.func
def row_adjoint(raw_adjoint, basis, layout: ti.template()):
    """The adjoint of a row from that of ``activated`` before the logistic function: three colours and the density."""
    return ti.Vector(
        [
            raw_adjoint[lane % 3] * basis[lane // 3]
            if lane < layout.density
            else (raw_adjoint[3] if lane == layout.density else 0.0)
            for lane in ti.static(range(layout.lanes))
        ]
    )
