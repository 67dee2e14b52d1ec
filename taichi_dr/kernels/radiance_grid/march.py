"""A ray's samples, one step after the other: what it sees, and back.

    color = sum_i w_i c_i,  w_i = T_i a_i,  T_{i+1} = T_i (1 - a_i),  depth = sum_i w_i t_i

Samples are at ``entry + n step`` where their cell is active, as many as there are before ``OPAQUE``.  The adjoint walks
the same way once more (Mildenhall et al., NeRF, 2020, and the derivative of its sum): with adjoints g of the colour and
k of what comes through in the end, and ``s_i = -log(1 - a_i)``,

    dL/dc_i = w_i g,  dL/ds_i = T_{i+1} g.c_i - (sum_{j > i} w_j g.c_j + k T_end)
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.networks.spherical_harmonics import basis
from taichi_dr.kernels.radiance_grid.rows import activated, cell_number, gather, row_adjoint, scatter

OPAQUE = 1e-3
"""Where less than that comes through, a ray ends."""

EDGE = 1e-3
"""Cells: samples stay that far within the grid, so that each has its cell, whatever is rounded."""


class Steps(NamedTuple):
    """Their ``length`` in cells, whether it is 1 (static), and the ``Layout``."""

    length: Any
    unit: Any
    layout: Any


class Ray(NamedTuple):
    """Origin and unit direction in cells; ``stride`` = max(|dx|, |dy|, |dz|); ``basis``: the direction's harmonics."""

    x: Any
    y: Any
    z: Any
    dx: Any
    dy: Any
    dz: Any
    stride: Any
    basis: Any


@ti.func
def within(x, y, z, dx, dy, dz, cells: ti.template()):
    """(entry, exit) of the grid along a ray, in cells; entry > exit where it misses, and not negative."""
    entry, leave = 0.0, 1e9
    for axis in ti.static(range(3)):
        origin, direction, side = ti.static(((x, dx, cells.nx), (y, dy, cells.ny), (z, dz, cells.nz))[axis])
        inverse = 1.0 / ti.select(ti.abs(direction) > 1e-9, direction, 1e-9)
        low, high = (EDGE - origin) * inverse, (side - 1.0 - EDGE - origin) * inverse
        entry = higher(entry, lower(low, high))
        leave = lower(leave, higher(low, high))
    return entry, leave


@ti.func
def empty_steps(gap, length, stride):
    """The number of steps to the next sample that may be in an active cell, from one that is ``gap`` cells from it.

    Those that are skipped are less than ``gap - 1`` cells away along every axis.
    """
    return ti.cast((gap - 1) / (length * stride), ti.i32) + 1


@ti.func
def opacity_over(unit, steps: ti.template()):
    """Opacity of a step from that of a cell: ``1 - (1 - unit)^length``."""
    result = unit
    if ti.static(not steps.unit):
        result = 1.0 - ti.exp(steps.length * ti.log(higher(1.0 - unit, 1e-30)))
    return result


@ti.func
def march(rows: ti.template(), cells: ti.template(), ray: ti.template(), entry, leave, steps: ti.template()):
    """(red, green, blue, depth in cells, what comes through) of a ray between ``entry`` and ``leave``."""
    red, green, blue, depth, through = 0.0, 0.0, 0.0, 0.0, 1.0
    t = entry
    while t < leave and through > OPAQUE:
        x, y, z = ray.x + t * ray.dx, ray.y + t * ray.dy, ray.z + t * ray.dz
        i, j, k = ti.cast(x, ti.i32), ti.cast(y, ti.i32), ti.cast(z, ti.i32)
        cell = cell_number(i, j, k, cells)
        gap = ti.cast(cells.gaps[cell], ti.i32)
        if gap > 0:
            t += steps.length * empty_steps(gap, steps.length, ray.stride)
        else:
            color = activated(gather(rows, cells, cell, x - i, y - j, z - k, steps.layout), ray.basis, steps.layout)
            weight = through * opacity_over(color[3], steps)
            red += weight * color[0]
            green += weight * color[1]
            blue += weight * color[2]
            depth += weight * t
            through -= weight
            t += steps.length
    return red, green, blue, depth, through


@ti.func
def march_adjoint(
    rows: ti.template(),
    sums: ti.template(),
    part,
    cells: ti.template(),
    ray: ti.template(),
    entry,
    leave,
    steps: ti.template(),
    g,
    rest,
):
    """Adds to ``sums[part, :]``, of the rows, what the adjoint ``g`` (red, green, blue) of a ray's colour implies.

    ``rest`` is ``g.color + k T_end``, of what ``march`` found.
    """
    through, t = 1.0, entry
    while t < leave and through > OPAQUE:
        x, y, z = ray.x + t * ray.dx, ray.y + t * ray.dy, ray.z + t * ray.dz
        i, j, k = ti.cast(x, ti.i32), ti.cast(y, ti.i32), ti.cast(z, ti.i32)
        cell = cell_number(i, j, k, cells)
        gap = ti.cast(cells.gaps[cell], ti.i32)
        if gap > 0:
            t += steps.length * empty_steps(gap, steps.length, ray.stride)
        else:
            u, v, w = x - i, y - j, z - k
            color = activated(gather(rows, cells, cell, u, v, w, steps.layout), ray.basis, steps.layout)
            weight = through * opacity_over(color[3], steps)
            through -= weight
            along = color[0] * g[0] + color[1] * g[1] + color[2] * g[2]
            rest -= weight * along
            raw = ti.Vector([g[0], g[1], g[2], 0.0])
            for c in ti.static(range(3)):
                raw[c] *= weight * color[c] * (1.0 - color[c])
            raw[3] = steps.length * color[3] * (through * along - rest)
            add = row_adjoint(raw, ray.basis, steps.layout)
            scatter(add, weight, sums, part, cells, cell, u, v, w, steps.layout)
            t += steps.length


@ti.func
def ray_in_cells(ox, oy, oz, dx, dy, dz, lattice: ti.template(), layout: ti.template()):
    """The members of a ``Ray`` with an origin in world units; ``lattice`` (4,): the lowest vertex, and the spacing."""
    scale = 1.0 / lattice[3]
    x, y, z = (ox - lattice[0]) * scale, (oy - lattice[1]) * scale, (oz - lattice[2]) * scale
    stride = higher(ti.abs(dx), higher(ti.abs(dy), ti.abs(dz)))
    return x, y, z, stride, basis(ti.Vector([dx, dy, dz]), layout.degree)
