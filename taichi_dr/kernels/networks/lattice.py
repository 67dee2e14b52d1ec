"""Where the points of a grid are, the cell around a point of space, and the weights of the grid's points there.

A grid has ``count`` points along each axis, the first and the last of them on its bounds.  Its numbers are an array
(nx*ny*nz, C), z fastest, or a field (nx, ny, nz).  Kernels know a grid from an array (3, 4), a row for each axis:
lower bound, upper bound, cells per unit of length, number of points (``lattice_rows``).

Along an axis, a point at ``t`` in [0, 1] of a cell is between the points 1 and 2 of four, the others being their
neighbours, with weights

* linear: ``0, 1 - t, t, 0``; of the gradient: those of the points' own central differences,
  ``-(1 - t)/2, -t/2, (1 - t)/2, t/2``, because the slope of linear pieces jumps at every point;
* cubic: those of Catmull and Rom (A Class of Local Interpolating Splines, 1974), whose slope at the points is that same
  central difference.  Splines through the points, and not B-splines, so that a grid keeps the values that it was given.

Which cells are at an end is asked of indices that are not yet bounded: for compute capability 9.0 CUDA's assembler
(ptxas 13.0) compiles ``max(min(i, last), 0) == last`` to what is true of every i.

What is beyond an end is extrapolated, ``v[-1] = 2 v[0] - v[1]``: linear functions are exact up to the bounds, and a
central difference becomes a one-sided one.
"""

from typing import Any, NamedTuple

import numpy as np
import taichi as ti

LINEAR, CUBIC = range(2)


class Lattice(NamedTuple):
    """The points of a grid: [i, j, k] at ``lower + (i, j, k) / per_unit``; each a 3-vector."""

    lower: Any
    upper: Any
    per_unit: Any
    count: Any


def lattice_rows(lower, upper, count):
    """(3, 4): the rows of a grid of ``count`` points along each axis between ``lower`` and ``upper``.

    >>> lattice_rows((0, 0, 0), (1, 2, 3), (2, 3, 4)).tolist()
    [[0.0, 1.0, 1.0, 2.0], [0.0, 2.0, 1.0, 3.0], [0.0, 3.0, 1.0, 4.0]]
    """
    lower, upper, count = np.array(lower, np.float64), np.array(upper, np.float64), np.array(count)
    return np.stack([lower, upper, (count - 1) / (upper - lower), count], axis=1)


@ti.func
def read_lattice(rows: ti.template()):
    """The ``Lattice`` of rows in an array."""
    return ti.static(
        Lattice(
            ti.Vector([rows[0, 0], rows[1, 0], rows[2, 0]]),
            ti.Vector([rows[0, 1], rows[1, 1], rows[2, 1]]),
            ti.Vector([rows[0, 2], rows[1, 2], rows[2, 2]]),
            ti.cast(ti.Vector([rows[0, 3], rows[1, 3], rows[2, 3]]), ti.i32),
        )
    )


@ti.func
def constant_lattice(lower: ti.template(), upper: ti.template(), count: ti.template()):
    """The ``Lattice`` of numbers that do not change: tuples."""
    return ti.static(
        Lattice(
            ti.Vector([ti.cast(lower[k], float) for k in ti.static(range(3))]),
            ti.Vector([ti.cast(upper[k], float) for k in ti.static(range(3))]),
            ti.Vector([ti.cast((count[k] - 1) / (upper[k] - lower[k]), float) for k in ti.static(range(3))]),
            ti.Vector([count[k] for k in ti.static(range(3))]),
        )
    )


@ti.func
def nearest_in_bounds(p, lattice: ti.template()):
    """The point of the grid's bounds that is nearest to p."""
    return ti.max(ti.min(p, lattice.upper), lattice.lower)


@ti.func
def cell_and_place(p, lattice: ti.template()):
    """The cell around a point within the bounds, [i, j, k] of its lowest corner, and the place in it, (0, 0, 0) there
    and (1, 1, 1) at the highest corner."""
    position = (p - lattice.lower) * lattice.per_unit
    cell = ti.max(ti.min(ti.cast(position, ti.i32), lattice.count - 2), 0)
    return cell, position - cell


class Around(NamedTuple):
    """The four points of a grid around a point of space along each axis: three times four of each.

    ``indices`` are the ends' beyond them; ``weights`` make values, with ``slopes`` by the place in the cell;
    ``differences`` make gradients in cells, with ``difference_slopes``.
    """

    indices: Any
    weights: Any
    slopes: Any
    differences: Any
    difference_slopes: Any


@ti.func
def around(q, lattice: ti.template(), method: ti.template()):
    """What is ``Around`` a point within the bounds."""
    cell, place = cell_and_place(q, lattice)
    unbounded = ti.cast((q - lattice.lower) * lattice.per_unit, ti.i32)
    first, last = unbounded <= 0, unbounded >= lattice.count - 2  # see the file's docstring
    indices = [_indices(cell, axis, lattice) for axis in ti.static(range(3))]
    w = [weights(place[axis], method) for axis in ti.static(range(3))]
    s = [weights_slope(place[axis], method) for axis in ti.static(range(3))]
    d = [difference(place[axis], method) for axis in ti.static(range(3))]
    e = [difference_slope(place[axis], method) for axis in ti.static(range(3))]
    for axis in ti.static(range(3)):
        if first[axis] or last[axis]:
            for group in ti.static((d, e) if method == LINEAR else (w, s, d, e)):
                group[axis] = _extrapolated(group[axis], first[axis], last[axis])
    return ti.static(Around(indices, w, s, d, e))


@ti.func
def row_of(i, j, k, lattice: ti.template()):
    """The row of the grid's point [i, j, k]."""
    return (i * lattice.count[1] + j) * lattice.count[2] + k


@ti.func
def _indices(cell, axis: ti.template(), lattice: ti.template()):
    """Indices of the four points around along an axis; beyond an end, that of the end."""
    last = lattice.count[axis] - 1
    return ti.Vector([ti.max(ti.min(cell[axis] + k, last), 0) for k in ti.static(range(-1, 3))])


@ti.func
def weights(t, method: ti.template()):
    """Of the four points around, for values."""
    result = ti.Vector([0.0, 1.0 - t, t, 0.0])
    if ti.static(method == CUBIC):
        result = 0.5 * ti.Vector(
            [
                t * (t * (2.0 - t) - 1.0),
                t * t * (3.0 * t - 5.0) + 2.0,
                t * (t * (4.0 - 3.0 * t) + 1.0),
                t * t * (t - 1.0),
            ]
        )
    return result


@ti.func
def weights_slope(t, method: ti.template()):
    """The derivative of ``weights`` by t."""
    result = ti.Vector([0.0, -1.0, 1.0, 0.0])
    if ti.static(method == CUBIC):
        result = cubic_slope(t)
    return result


@ti.func
def difference(t, method: ti.template()):
    """Of the four points around, for the gradient along the axis in cells."""
    result = 0.5 * ti.Vector([t - 1.0, -t, 1.0 - t, t])
    if ti.static(method == CUBIC):
        result = cubic_slope(t)
    return result


@ti.func
def difference_slope(t, method: ti.template()):
    """The derivative of ``difference`` by t."""
    result = ti.Vector([0.5, -0.5, -0.5, 0.5])
    if ti.static(method == CUBIC):
        result = ti.Vector([2.0 - 3.0 * t, 9.0 * t - 5.0, 4.0 - 9.0 * t, 3.0 * t - 1.0])
    return result


@ti.func
def cubic_slope(t):
    """The derivative of the cubic ``weights`` by t."""
    return 0.5 * ti.Vector(
        [
            t * (4.0 - 3.0 * t) - 1.0,
            t * (9.0 * t - 10.0),
            t * (8.0 - 9.0 * t) + 1.0,
            t * (3.0 * t - 2.0),
        ]
    )


@ti.func
def _extrapolated(w, first, last):
    """Weights of the four points around an axis' cell, those beyond an end given to the two points before it."""
    low = ti.select(first, w[0], 0.0)
    high = ti.select(last, w[3], 0.0)
    return ti.Vector([w[0] - low, w[1] + 2.0 * low - high, w[2] - low + 2.0 * high, w[3] - high])
