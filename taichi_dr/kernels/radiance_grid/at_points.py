"""Density and colour of a grid at points, for whoever marches otherwise, and back: a pair.

    density = softplus(density lane) / spacing,  color_c = logistic(sum_b harmonics_b row_{3b + c})

over the row between the vertices around; 0 where no cell is active.  Slopes: ``d softplus = logistic``, and along x
``d row/du = sum_abc (2 a - 1) w_b(v) w_c(w) rows[vertex]``.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher
from taichi_dr.kernels.base.launch import grain, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import add_row3, row3
from taichi_dr.kernels.networks.spherical_harmonics import basis, basis_adjoint
from taichi_dr.kernels.networks.voxel_grid import first_of
from taichi_dr.kernels.radiance_grid.rows import (
    Cells,
    Gaps,
    Index,
    RowArray,
    RowSums,
    activated,
    cell_number,
    gather,
    row_adjoint,
    scatter,
)


@simd
@replayed
@ti.kernel
def at_points(
    rows: RowArray,
    index: Index,
    gaps: Gaps,
    lattice: Numbers,
    nx: ti.i32,
    ny: ti.i32,
    nz: ti.i32,
    points: Rows,
    directions: Rows,
    values: Rows,
    count: ti.i32,
    layout: ti.template(),
    lanes: ti.template(),
):
    """Writes ``values`` (P, 4), density and colour, at ``points`` (P, 3) along unit ``directions`` (P, 3)."""
    cells = ti.static(Cells(index, gaps, nx, ny, nz))
    for p in range(count):
        cell, u, v, w = place_in_cell(row3(points, p), lattice, cells)
        density, color = 0.0, ti.Vector([0.0, 0.0, 0.0, 0.0])
        if cell >= 0:
            row = gather(rows, cells, cell, u, v, w, layout)
            color = activated(row, basis(row3(directions, p), layout.degree), layout)
            density = softplus(row[layout.density]) / lattice[3]
        values[p, 0] = density
        for c in ti.static(range(3)):
            values[p, 1 + c] = color[c]


@simd
@replayed
@ti.kernel
def at_points_adjoint(
    rows: RowArray,
    sums: RowSums,
    index: Index,
    gaps: Gaps,
    lattice: Numbers,
    nx: ti.i32,
    ny: ti.i32,
    nz: ti.i32,
    points: Rows,
    directions: Rows,
    values_adjoint: Rows,
    points_adjoint: Rows,
    to_points: ti.template(),
    directions_adjoint: Rows,
    to_directions: ti.template(),
    count: ti.i32,
    layout: ti.template(),
    lanes: ti.template(),
):
    """Adds to ``sums`` (parts, M) of ``rows``, and to adjoints (P, 3) that are asked for, what values' imply."""
    cells = ti.static(Cells(index, gaps, nx, ny, nz))
    parts = sums.shape[0]
    if ti.static(not on_cpu()):
        parts = count  # a thread for each point
    for run in range(parts * ti.static(grain())):
        if run % ti.static(grain()) == 0:
            part = run // ti.static(grain())
            owner = part % sums.shape[0]
            for p in range(first_of(part, parts, count), first_of(part + 1, parts, count)):
                cell, u, v, w = place_in_cell(row3(points, p), lattice, cells)
                if cell >= 0:
                    direction = row3(directions, p)
                    harmonics = basis(direction, layout.degree)
                    row = gather(rows, cells, cell, u, v, w, layout)
                    color = activated(row, harmonics, layout)
                    raw = ti.Vector([0.0, 0.0, 0.0, values_adjoint[p, 0] * color[3] / lattice[3]])
                    for c in ti.static(range(3)):
                        raw[c] = values_adjoint[p, 1 + c] * color[c] * (1.0 - color[c])
                    add = row_adjoint(raw, harmonics, layout)
                    scatter(add, 0.0, sums, owner, cells, cell, u, v, w, layout)
                    if ti.static(to_points):
                        add_row3(points_adjoint, p, 0, place_adjoint(add, rows, cells, cell, u, v, w) / lattice[3])
                    if ti.static(to_directions):
                        g = ti.Vector([0.0 for _ in ti.static(range(layout.harmonics))])
                        for b in ti.static(range(layout.harmonics)):
                            for c in ti.static(range(3)):
                                g[b] += raw[c] * row[3 * b + c]
                        add_row3(directions_adjoint, p, 0, basis_adjoint(direction, g, layout.degree))


@ti.func
def place_in_cell(p, lattice: ti.template(), cells: ti.template()):
    """The number of the active cell that p is in, -1 where there is none, and where in it."""
    number = -1
    place = ti.Vector([0.0, 0.0, 0.0])
    cell = ti.Vector([0, 0, 0])
    inside = True
    sides = ti.static((cells.nx, cells.ny, cells.nz))
    for axis in ti.static(range(3)):
        q = (p[axis] - lattice[axis]) / lattice[3]
        cell[axis] = ti.cast(ti.floor(q), ti.i32)
        place[axis] = q - ti.cast(cell[axis], float)
        inside = inside and cell[axis] >= 0 and cell[axis] < sides[axis] - 1
    if inside:
        number = cell_number(cell[0], cell[1], cell[2], cells)
        if cells.gaps[number] > 0:
            number = -1
    return number, place[0], place[1], place[2]


@ti.func
def softplus(x):
    """``log(1 + exp(x))``."""
    return higher(x, 0.0) + ti.log(1.0 + ti.exp(-ti.abs(x)))


@ti.func
def place_adjoint(add, rows: ti.template(), cells: ti.template(), cell, u, v, w):
    """The adjoint of (u, v, w), from that of the row there."""
    out = ti.Vector([0.0, 0.0, 0.0])
    for a, b, c in ti.static(ti.ndrange(2, 2, 2)):
        along = (add * rows[cells.index[cell + (a * cells.ny + b) * cells.nz + c]]).sum()
        x, y, z = (u if a else 1.0 - u), (v if b else 1.0 - v), (w if c else 1.0 - w)
        out += along * ti.Vector([(2 * a - 1) * y * z, (2 * b - 1) * x * z, (2 * c - 1) * x * y])
    return out
