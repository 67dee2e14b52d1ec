"""Numbers on a grid, between its points: values, values with gradients, and their adjoints to points and numbers.

    value(p) = sum_ijk w_i(x) w_j(y) w_k(z) numbers[i, j, k]

over the 8 points of the cell around p (linear) or the 64 around that (cubic); ``lattice`` has the weights.  Outside the
bounds, the value is that at the nearest point q of them.  A distance is more there,

    sqrt(|p - q|^2 + max(value(q), 0)^2):

the bounds are convex, so p is at least that far from whatever is at least ``value(q)`` from q within them, and a
surface that reaches the bounds is closed by them.  It is never zero, and never more than the distance if the grid's
numbers are not.
"""

from typing import NamedTuple

import taichi as ti

from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.base.launch import cpu_threads, grain, is_serial, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.base.vectors import TINY, add_row3, row3
from taichi_dr.kernels.networks.lattice import LINEAR, around, cell_and_place, nearest_in_bounds, read_lattice, row_of

SERIAL_POINTS = 1 << 12
MOST_SUMS = 1 << 24  # numbers of all threads' private sums
NUMBERS_PER_POINT = 64  # of private sums: adding up more takes as long as the points


class Kind(NamedTuple):
    """What a grid's numbers are; a template of the kernels.

    ``components`` for each point of the grid; ``method`` is ``LINEAR`` or ``CUBIC``; a distance is more outside the
    bounds than at them.
    """

    components: int
    method: int
    is_distance: bool


@ti.func
def sample(numbers: ti.template(), lattice: ti.template(), p, kind: ti.template()):
    """The ``components`` values at p as a vector; ``numbers`` are an array (nx*ny*nz, C) or a field (nx, ny, nz)."""
    q = nearest_in_bounds(p, lattice)
    value = sample_inside(numbers, lattice, q, kind)
    if ti.static(kind.is_distance):
        value[0] = distance_outside(value[0], p - q)
    return value


@ti.func
def sample_inside(numbers: ti.template(), lattice: ti.template(), q, kind: ti.template()):
    """``sample`` at a point within the bounds."""
    value = ti.Vector([0.0 for _ in ti.static(range(kind.components))])
    if ti.static(kind.method == LINEAR):  # the same as below: without its branches it compiles ten times sooner
        cell, place = cell_and_place(q, lattice)
        w = [1.0 - place, place]
        for i in ti.static(range(2)):
            for j in ti.static(range(2)):
                for k in ti.static(range(2)):
                    weight = w[i][0] * w[j][1] * w[k][2]
                    for c in ti.static(range(kind.components)):
                        value[c] += weight * _number(numbers, cell[0] + i, cell[1] + j, cell[2] + k, lattice, c)
    else:
        near = ti.static(around(q, lattice, kind.method))
        at, w = ti.static(near.indices, near.weights)
        for i in ti.static(range(4)):
            for j in ti.static(range(4)):
                weight = w[0][i] * w[1][j]
                for k in ti.static(range(4)):
                    for c in ti.static(range(kind.components)):
                        value[c] += weight * w[2][k] * _number(numbers, at[0][i], at[1][j], at[2][k], lattice, c)
    return value


def _ends(method):
    """Which of the four points around have weights."""
    return range(1, 3) if method == LINEAR else range(4)


def _counts(method, *point):
    """Whether one of the 64 points around counts for a value and its gradient: linear ones need 32."""
    return method != LINEAR or sum(index in (0, 3) for index in point) < 2


@ti.func
def _number(numbers: ti.template(), i, j, k, lattice: ti.template(), c: ti.template()):
    result = 0.0
    if ti.static(len(numbers.shape) == 2):
        result = numbers[row_of(i, j, k, lattice), c]
    elif ti.static(hasattr(numbers, "n")):
        result = numbers[i, j, k][c]
    else:
        result = numbers[i, j, k]
    return result


@ti.func
def distance_outside(value, beyond):
    """``sqrt(|beyond|^2 + max(value, 0)^2)``, ``beyond = p - q`` and the value at q; the value itself within."""
    squared = beyond.dot(beyond)
    positive = ti.max(value, 0.0)
    return ti.select(squared > 0.0, ti.sqrt(squared + positive * positive + TINY), value)  # without TINY NaN gradients


@ti.func
def distance_outside_slope(value, beyond):
    """The derivatives of ``distance_outside`` by the value and by ``beyond``."""
    by_value = 1.0
    by_beyond = ti.Vector([0.0, 0.0, 0.0])
    squared = beyond.dot(beyond)
    if squared > 0.0:
        inverse = 1.0 / ti.sqrt(squared + ti.max(value, 0.0) ** 2)
        by_value = ti.max(value, 0.0) * inverse
        by_beyond = beyond * inverse
    return by_value, by_beyond


def interpolate(numbers, lattice, points, values, count, kind):
    """Writes ``values`` (P, C), the first ``count`` rows, of ``numbers`` (nx*ny*nz, C) at ``points`` (P, 3)."""
    _interpolate(numbers, lattice, points, values, count, kind, is_serial(count, SERIAL_POINTS))


def interpolate_adjoint(numbers, lattice, points, values_adjoint, points_adjoint, numbers_adjoint, sums, count, kind):
    """Adds to ``points_adjoint`` (P, 3), unless it is None, and to ``numbers_adjoint`` what ``values_adjoint`` implies.

    ``sums`` are those of ``PrivateSums`` for the grid's numbers.
    """
    _interpolate_adjoint(
        numbers,
        lattice,
        points,
        values_adjoint,
        points if points_adjoint is None else points_adjoint,
        numbers_adjoint,
        *sums.pieces(numbers_adjoint, count),
        count,
        kind,
        points_adjoint is not None,
    )


class PrivateSums:
    """Where each thread of a CPU adds its points' adjoints up, to be added to one grid's in the order of the threads.

    So the result depends on how many threads there are and not on what they do; atomic additions are ten times
    slower there.  GPUs add atomically, in the order in which threads come.

    The sums are zero between calls, which whoever adds them up sees to.
    """

    def __init__(self):
        self._array = None

    def pieces(self, numbers_adjoint, count):
        """``(array, pieces, rows)``: where to add, in how many pieces, and how many rows to add up afterwards."""
        if not on_cpu():
            return numbers_adjoint, count, 0
        rows, components = numbers_adjoint.shape
        numbers = rows * components
        pieces = min(cpu_threads(), NUMBERS_PER_POINT * count // numbers, MOST_SUMS // numbers)
        if pieces <= 1 or is_serial(count, SERIAL_POINTS):
            return numbers_adjoint, 1, 0
        if self._array is None or self._array.shape[0] < pieces * rows:
            self._array = make_array((pieces * rows, components))
        return self._array, pieces, rows


@replayed
@ti.kernel
def _interpolate(
    numbers: Rows,
    lattice: Rows,
    points: Rows,
    values: Rows,
    count: ti.i32,
    kind: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for i in range(count):
        value = sample(numbers, ti.static(read_lattice(lattice)), row3(points, i), kind)
        for c in ti.static(range(kind.components)):
            values[i, c] = value[c]


@replayed
@ti.kernel
def _interpolate_adjoint(
    numbers: Rows,
    lattice: Rows,
    points: Rows,
    values_adjoint: Rows,
    points_adjoint: Rows,
    numbers_adjoint: Rows,
    sums: Rows,
    pieces: ti.i32,
    summed: ti.i32,
    count: ti.i32,
    kind: ti.template(),
    to_points: ti.template(),
):
    for task in range(pieces * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            piece = task // ti.static(grain())
            for n in range(first_of(piece, pieces, count), first_of(piece + 1, pieces, count)):
                grid = ti.static(read_lattice(lattice))
                g = ti.Vector([values_adjoint[n, c] for c in ti.static(range(kind.components))])
                p_adjoint = sample_adjoint(numbers, grid, row3(points, n), g, sums, piece * summed, kind)
                if ti.static(to_points):
                    add_row3(points_adjoint, n, 0, p_adjoint)
    add_up(numbers_adjoint, sums, pieces, summed)


@ti.func
def first_of(piece, pieces, count):
    """The first of a piece's points."""
    return ti.cast(ti.cast(piece, ti.i64) * count // pieces, ti.i32)


@ti.func
def add_up(total: ti.template(), sums: ti.template(), pieces, rows):
    """Adds the pieces' sums to the total, in order, and clears them."""
    for row in range(rows):
        for c in range(total.shape[1]):
            added = total[row, c]
            for piece in range(pieces):
                share = sums[piece * rows + row, c]
                if share != 0.0:
                    added += share
                    sums[piece * rows + row, c] = 0.0
            total[row, c] = added


@ti.func
def _add(sums: ti.template(), row, c: ti.template(), value):
    if ti.static(on_cpu()):
        sums[row, c] = sums[row, c] + value  # the row is this thread's own; `+=` would be an atomic add
    else:
        sums[row, c] += value


@ti.func
def sample_adjoint(
    numbers: ti.template(), lattice: ti.template(), p, g, sums: ti.template(), first, kind: ti.template()
):
    """Adds to the rows of ``sums`` from ``first`` on what ``g`` at p implies, and returns the adjoint of p."""
    q = nearest_in_bounds(p, lattice)
    beyond = p - q
    by_beyond = ti.Vector([0.0, 0.0, 0.0])
    if ti.static(kind.is_distance):
        if beyond.dot(beyond) > 0.0:
            by_value, slope = distance_outside_slope(sample_inside(numbers, lattice, q, kind)[0], beyond)
            by_beyond = g[0] * slope
            g[0] = g[0] * by_value
    near = ti.static(around(q, lattice, kind.method))
    at, w, s, ends = ti.static(near.indices, near.weights, near.slopes, _ends(kind.method))
    by_place = ti.Vector([0.0, 0.0, 0.0])
    for i in range(ti.static(ends[0]), ti.static(ends[-1] + 1)):  # unrolled it is no faster, and compiles longer
        for j in ti.static(ends):
            for k in ti.static(ends):
                row = row_of(at[0][i], at[1][j], at[2][k], lattice)
                weight = w[0][i] * w[1][j] * w[2][k]
                along = 0.0
                for c in ti.static(range(kind.components)):
                    along += g[c] * numbers[row, c]
                    _add(sums, first + row, c, weight * g[c])
                by_place += along * ti.Vector(
                    [s[0][i] * w[1][j] * w[2][k], w[0][i] * s[1][j] * w[2][k], w[0][i] * w[1][j] * s[2][k]]
                )
    return by_beyond + by_place * lattice.per_unit * ti.select(beyond == 0.0, 1.0, 0.0)


def value_and_gradient(numbers, lattice, points, values, gradients, count, kind):
    """Writes ``values`` (P, 1) and ``gradients`` (P, 3), the first ``count`` rows, of a distance at ``points``.

    Linear: the gradient is interpolated between the grid's own central differences.  Outside the bounds, it is that at
    the nearest point of them.
    """
    _value_and_gradient(numbers, lattice, points, values, gradients, count, kind, is_serial(count, SERIAL_POINTS))


def value_and_gradient_adjoint(numbers, lattice, points, adjoints, points_adjoint, numbers_adjoint, sums, count, kind):
    """As ``interpolate_adjoint``, of ``adjoints``: those of the values (P, 1), or None, and of the gradients (P, 3)."""
    values_adjoint, gradients_adjoint = adjoints
    _value_and_gradient_adjoint(
        numbers,
        lattice,
        points,
        gradients_adjoint if values_adjoint is None else values_adjoint,
        gradients_adjoint,
        points if points_adjoint is None else points_adjoint,
        numbers_adjoint,
        *sums.pieces(numbers_adjoint, count),
        count,
        kind,
        values_adjoint is not None,
        points_adjoint is not None,
    )


@replayed
@ti.kernel
def _value_and_gradient(
    numbers: Rows,
    lattice: Rows,
    points: Rows,
    values: Rows,
    gradients: Rows,
    count: ti.i32,
    kind: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for n in range(count):
        grid = ti.static(read_lattice(lattice))
        value, gradient = sample_with_gradient(numbers, grid, row3(points, n), kind)
        values[n, 0] = value
        for c in ti.static(range(3)):
            gradients[n, c] = gradient[c]


@ti.func
def sample_with_gradient(numbers: ti.template(), lattice: ti.template(), p, kind: ti.template()):
    """A distance and its gradient at p; see ``value_and_gradient``."""
    q = nearest_in_bounds(p, lattice)
    near = ti.static(around(q, lattice, kind.method))
    at, w, d = ti.static(near.indices, near.weights, near.differences)
    value = 0.0
    gradient = ti.Vector([0.0, 0.0, 0.0])
    for i in ti.static(range(4)):
        for j in ti.static(range(4)):
            for k in ti.static(range(4)):
                if ti.static(_counts(kind.method, i, j, k)):
                    number = numbers[row_of(at[0][i], at[1][j], at[2][k], lattice), 0]
                    value += w[0][i] * w[1][j] * w[2][k] * number
                    gradient += number * ti.Vector(
                        [d[0][i] * w[1][j] * w[2][k], w[0][i] * d[1][j] * w[2][k], w[0][i] * w[1][j] * d[2][k]]
                    )
    return distance_outside(value, p - q), gradient * lattice.per_unit


@replayed
@ti.kernel
def _value_and_gradient_adjoint(
    numbers: Rows,
    lattice: Rows,
    points: Rows,
    values_adjoint: Rows,
    gradients_adjoint: Rows,
    points_adjoint: Rows,
    numbers_adjoint: Rows,
    sums: Rows,
    pieces: ti.i32,
    summed: ti.i32,
    count: ti.i32,
    kind: ti.template(),
    of_values: ti.template(),
    to_points: ti.template(),
):
    for task in range(pieces * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            piece = task // ti.static(grain())
            for n in range(first_of(piece, pieces, count), first_of(piece + 1, pieces, count)):
                grid = ti.static(read_lattice(lattice))
                value_adjoint = 0.0
                if ti.static(of_values):
                    value_adjoint = values_adjoint[n, 0]
                p_adjoint = sample_with_gradient_adjoint(
                    numbers,
                    grid,
                    row3(points, n),
                    value_adjoint,
                    row3(gradients_adjoint, n),
                    sums,
                    piece * summed,
                    kind,
                )
                if ti.static(to_points):
                    add_row3(points_adjoint, n, 0, p_adjoint)
    add_up(numbers_adjoint, sums, pieces, summed)


@ti.func
def sample_with_gradient_adjoint(
    numbers: ti.template(),
    lattice: ti.template(),
    p,
    value_adjoint,
    gradient_adjoint,
    sums: ti.template(),
    first,
    kind: ti.template(),
):
    """As ``sample_adjoint``, of the value and the gradient."""
    q = nearest_in_bounds(p, lattice)
    beyond = p - q
    by_value, by_beyond = 1.0, ti.Vector([0.0, 0.0, 0.0])
    if beyond.dot(beyond) > 0.0:
        by_value, by_beyond = distance_outside_slope(sample_inside(numbers, lattice, q, kind)[0], beyond)
    g, h = by_value * value_adjoint, gradient_adjoint * lattice.per_unit
    near = ti.static(around(q, lattice, kind.method))
    by_place = ti.Vector([0.0, 0.0, 0.0])
    if ti.static(kind.method == LINEAR):
        for j in ti.static(range(4)):
            by_place += _plane_adjoint(j, near, g, h, numbers, lattice, sums, first, kind)
    else:  # unrolled it is a tenth faster, and compiles twice as long
        for j in range(4):
            by_place += _plane_adjoint(j, near, g, h, numbers, lattice, sums, first, kind)
    return value_adjoint * by_beyond + by_place * lattice.per_unit * ti.select(beyond == 0.0, 1.0, 0.0)


@ti.func
def _plane_adjoint(
    j: ti.template(),
    near: ti.template(),
    g,
    h,
    numbers: ti.template(),
    lattice: ti.template(),
    sums: ti.template(),
    first,
    kind: ti.template(),
):
    """The share of the points that are j-th along y, in ``sums`` and in the adjoint of the place.

    They add ``number (w_i a + d_i b)`` to ``g value + h . gradient``, and with the slopes of weights and differences in
    place of them to its derivatives.
    """
    at, w, s, d, e = ti.static(*near)
    by_place = ti.Vector([0.0, 0.0, 0.0])
    for k in ti.static(range(4)):
        a = w[1][j] * (g * w[2][k] + h[2] * d[2][k]) + h[1] * d[1][j] * w[2][k]
        b = h[0] * w[1][j] * w[2][k]
        a_y = s[1][j] * (g * w[2][k] + h[2] * d[2][k]) + h[1] * e[1][j] * w[2][k]
        b_y = h[0] * s[1][j] * w[2][k]
        a_z = w[1][j] * (g * s[2][k] + h[2] * e[2][k]) + h[1] * d[1][j] * s[2][k]
        b_z = h[0] * w[1][j] * s[2][k]
        for i in ti.static(range(4)):
            if ti.static(_counts(kind.method, i, j, k)):
                row = row_of(at[0][i], at[1][j], at[2][k], lattice)
                _add(sums, first + row, 0, w[0][i] * a + d[0][i] * b)
                by_place += numbers[row, 0] * ti.Vector(
                    [s[0][i] * a + e[0][i] * b, w[0][i] * a_y + d[0][i] * b_y, w[0][i] * a_z + d[0][i] * b_z]
                )
    return by_place
