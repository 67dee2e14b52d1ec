"""Regularisers of a grid: the slope of a distance, and how bent what is on it is.

Both differentiate by the differences of neighbours along the axes.  Their adjoints write one number for every point and
axis, or every point; every point of the grid then gathers its own, so results do not depend on the order of threads.
"""

import math

import taichi as ti

from taichi_dr.errors import ShapeError
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.losses.inputs import add_sum, check_field, check_loss, full_shape, push_gradient, rows, scratch
from taichi_dr.tape import tape_operation
from taichi_dr.types import Field, GridLike


def eikonal(grid: GridLike, loss: Field, weight: float = 1.0) -> None:
    """Adds ``weight * mean((|g| - 1)^2)`` to ``loss``, g being the slope of a distance at the grid's points.

    ``grid`` is a ``dr.sdf.Grid``; g are central differences ``(v[i + 1] - v[i - 1]) / 2h`` along the axes, one-sided
    at the bounds, as NumPy's ``gradient``.  0 for distances from a plane; a sign or a smooth surface is not asked for.
    Where g is 0 it has no direction and gets no gradient.

    ``v = 3 x`` has a slope of 3 everywhere: the mean is 4.

    Raises:
        ShapeError: numbers that are vectors, or fewer than 2 points along an axis.
    """
    _start(_eikonal, grid, loss, weight, 2)


def grid_laplacian(grid: GridLike, loss: Field, weight: float = 1.0) -> None:
    """Adds ``weight * mean((sum_k (v[i + 1] - 2 v[i] + v[i - 1]) / h_k^2)^2)`` to ``loss``, k being the axes.

    ``grid`` is a ``dr.sdf.Grid`` or another grid, of vectors too, whose components' squares are added.  At the bounds
    second differences across them are 0, the values being continued as they come.  0 where v is linear; of a distance
    it is the squared mean curvature, four times over, so it smooths a surface and shrinks it where it is round.

    ``v = x^2`` has 2 at every point but those of the two ends along x.

    Raises:
        ShapeError: fewer than 3 points along an axis.
    """
    _start(_laplacian, grid, loss, weight, 3)


def _start(operation, grid, loss, weight, least):
    check_loss(loss, weight)
    values = grid.variable("values")
    check_field(values.name, values)
    shape = full_shape(values)
    if operation is _eikonal and len(shape) != 3:
        raise ShapeError(f"eikonal: expected a grid of numbers (nx, ny, nz), got shape {shape}")
    if min(shape[:3]) < least:
        raise ShapeError(f"{values.name}: expected at least {least} points along each axis, got {shape[:3]}")
    operation(values, loss, weight / math.prod(shape[:3]), tuple(1.0 / step for step in grid.spacing))


def _eikonal_forward(values, loss, scale, per_unit):
    partial = _partial(values)
    _sum_slopes(rows("grid values", values, values.n), partial, *values.shape, *per_unit)
    add_sum("eikonal", partial, loss, scale, 0.0, {values.name: values})


def _eikonal_adjoint(values, loss, scale, per_unit):
    numbers = rows("grid values", values, values.n)
    slopes = scratch("grid slopes", (values.count, 3))
    gradient = scratch("grid gradient", (values.count, 1))
    _slope_adjoint(numbers, slopes, *values.shape, *per_unit)
    _gather_slopes(slopes, gradient, *values.shape, *per_unit)
    push_gradient(gradient, values, loss, scale)


def _laplacian_forward(values, loss, scale, per_unit):
    partial = _partial(values)
    _sum_bends(rows("grid values", values, values.n), partial, *values.shape, *per_unit)
    add_sum("grid_laplacian", partial, loss, scale, 0.0, {values.name: values})


def _laplacian_adjoint(values, loss, scale, per_unit):
    numbers = rows("grid values", values, values.n)
    bends = scratch("grid bends", tuple(numbers.shape))
    gradient = scratch("grid gradient", tuple(numbers.shape))
    _bends(numbers, bends, *values.shape, *per_unit)
    _gather_bends(bends, gradient, *values.shape, *per_unit)
    push_gradient(gradient, values, loss, 2.0 * scale)


_eikonal = tape_operation(_eikonal_forward, _eikonal_adjoint)
_laplacian = tape_operation(_laplacian_forward, _laplacian_adjoint)


def _partial(values):
    """A number for every line of points along z."""
    return scratch("grid partial", (values.shape[0] * values.shape[1],))


@ti.func
def _index(row, ny, nz):
    """[i, j, k] of a row."""
    line = row // nz
    return ti.Vector([line // ny, line % ny, row % nz])


@ti.func
def _slope(numbers: ti.template(), row, index, count, strides, per_unit):
    """The differences along the axes at a point, central or, at an end, one-sided."""
    g = ti.Vector([0.0, 0.0, 0.0])
    for k in ti.static(range(3)):
        before, after = ti.min(index[k], 1), ti.min(count[k] - 1 - index[k], 1)
        difference = numbers[row + after * strides[k], 0] - numbers[row - before * strides[k], 0]
        g[k] = difference * per_unit[k] / (before + after)
    return g


@ti.func
def _bend(numbers: ti.template(), row, c, index, count, strides, per_unit):
    """The sum of second differences of component c at a point, without those across an end."""
    total = 0.0
    for k in ti.static(range(3)):
        if index[k] > 0 and index[k] < count[k] - 1:
            ends = numbers[row + strides[k], c] + numbers[row - strides[k], c]
            total += (ends - 2.0 * numbers[row, c]) * per_unit[k] * per_unit[k]
    return total


@replayed
@ti.kernel
def _sum_slopes(numbers: Rows, partial: Numbers, nx: int, ny: int, nz: int, px: float, py: float, pz: float):
    count, strides, per_unit = ti.Vector([nx, ny, nz]), ti.Vector([ny * nz, nz, 1]), ti.Vector([px, py, pz])
    for line in range(partial.shape[0]):
        total = 0.0
        for row in range(line * nz, line * nz + nz):
            g = _slope(numbers, row, _index(row, ny, nz), count, strides, per_unit)
            total += (ti.sqrt(g.dot(g)) - 1.0) ** 2
        partial[line] = total


@replayed
@ti.kernel
def _slope_adjoint(numbers: Rows, slopes: Rows, nx: int, ny: int, nz: int, px: float, py: float, pz: float):
    """``2 (|g| - 1) g / |g|``: the derivative of a point's term by its slope."""
    count, strides, per_unit = ti.Vector([nx, ny, nz]), ti.Vector([ny * nz, nz, 1]), ti.Vector([px, py, pz])
    for row in range(nx * ny * nz):
        g = _slope(numbers, row, _index(row, ny, nz), count, strides, per_unit)
        squared = g.dot(g)
        factor = 0.0
        if squared > 0.0:
            factor = 2.0 - 2.0 / ti.sqrt(squared)
        for k in ti.static(range(3)):
            slopes[row, k] = factor * g[k]


@replayed
@ti.kernel
def _gather_slopes(slopes: Rows, gradient: Rows, nx: int, ny: int, nz: int, px: float, py: float, pz: float):
    """The derivative by every number: what the slopes of its neighbours, and at an end its own, take from it."""
    count, strides, per_unit = ti.Vector([nx, ny, nz]), ti.Vector([ny * nz, nz, 1]), ti.Vector([px, py, pz])
    for row in range(nx * ny * nz):
        index = _index(row, ny, nz)
        total = 0.0
        for k in ti.static(range(3)):
            along = 0.0
            if index[k] > 0:
                along += slopes[row - strides[k], k] * (1.0 if index[k] == 1 else 0.5)
            else:
                along -= slopes[row, k]
            if index[k] < count[k] - 1:
                along -= slopes[row + strides[k], k] * (1.0 if index[k] == count[k] - 2 else 0.5)
            else:
                along += slopes[row, k]
            total += along * per_unit[k]
        gradient[row, 0] = total


@replayed
@ti.kernel
def _sum_bends(numbers: Rows, partial: Numbers, nx: int, ny: int, nz: int, px: float, py: float, pz: float):
    count, strides, per_unit = ti.Vector([nx, ny, nz]), ti.Vector([ny * nz, nz, 1]), ti.Vector([px, py, pz])
    for line in range(partial.shape[0]):
        total = 0.0
        for row in range(line * nz, line * nz + nz):
            for c in range(numbers.shape[1]):
                total += _bend(numbers, row, c, _index(row, ny, nz), count, strides, per_unit) ** 2
        partial[line] = total


@replayed
@ti.kernel
def _bends(numbers: Rows, bends: Rows, nx: int, ny: int, nz: int, px: float, py: float, pz: float):
    count, strides, per_unit = ti.Vector([nx, ny, nz]), ti.Vector([ny * nz, nz, 1]), ti.Vector([px, py, pz])
    for row in range(nx * ny * nz):
        for c in range(numbers.shape[1]):
            bends[row, c] = _bend(numbers, row, c, _index(row, ny, nz), count, strides, per_unit)


@replayed
@ti.kernel
def _gather_bends(bends: Rows, gradient: Rows, nx: int, ny: int, nz: int, px: float, py: float, pz: float):
    """Half the derivative by every number: what is taken from it by its own bend and by its neighbours'."""
    count, strides, per_unit = ti.Vector([nx, ny, nz]), ti.Vector([ny * nz, nz, 1]), ti.Vector([px, py, pz])
    for row in range(nx * ny * nz):
        index = _index(row, ny, nz)
        for c in range(bends.shape[1]):
            total = 0.0
            for k in ti.static(range(3)):
                along = 0.0
                if index[k] > 1:
                    along += bends[row - strides[k], c]
                if index[k] > 0 and index[k] < count[k] - 1:
                    along -= 2.0 * bends[row, c]
                if index[k] < count[k] - 2:
                    along += bends[row + strides[k], c]
                total += along * per_unit[k] * per_unit[k]
            gradient[row, c] = total
