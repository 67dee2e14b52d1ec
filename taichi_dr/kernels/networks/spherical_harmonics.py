"""Real spherical harmonics of directions: numbers in which smooth functions on the sphere are short sums.

``basis(degree)`` are the (degree + 1)^2 polynomials Y_l^m, l = 0 ... degree, m = -l ... l, of a unit vector (x, y, z);
they are orthonormal: ``integral of Y_i Y_j over the sphere = 1 if i = j else 0``.

Source: Ramamoorthi and Hanrahan, An Efficient Representation for Irradiance Environment Maps, 2001; signs as in the
codes of radiance fields (Condon and Shortley's phase).
"""

from math import pi, sqrt

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.base.vectors import add_row3, row3

# Of each function: its terms, (factor, powers of x, y and z).
_Q15, _Q105 = sqrt(15 / pi) / 2, sqrt(105 / pi) / 2
_Q35, _Q21, _Q7 = sqrt(35 / (2 * pi)) / 4, sqrt(21 / (2 * pi)) / 4, sqrt(7 / pi) / 4
_BASIS = (
    ((sqrt(1 / pi) / 2, 0, 0, 0),),
    ((-sqrt(3 / pi) / 2, 0, 1, 0),),
    ((sqrt(3 / pi) / 2, 0, 0, 1),),
    ((-sqrt(3 / pi) / 2, 1, 0, 0),),
    ((_Q15, 1, 1, 0),),
    ((-_Q15, 0, 1, 1),),
    ((3 * sqrt(5 / pi) / 4, 0, 0, 2), (-sqrt(5 / pi) / 4, 0, 0, 0)),
    ((-_Q15, 1, 0, 1),),
    ((_Q15 / 2, 2, 0, 0), (-_Q15 / 2, 0, 2, 0)),
    ((-3 * _Q35, 2, 1, 0), (_Q35, 0, 3, 0)),
    ((_Q105, 1, 1, 1),),
    ((-5 * _Q21, 0, 1, 2), (_Q21, 0, 1, 0)),
    ((5 * _Q7, 0, 0, 3), (-3 * _Q7, 0, 0, 1)),
    ((-5 * _Q21, 1, 0, 2), (_Q21, 1, 0, 0)),
    ((_Q105 / 2, 2, 0, 1), (-_Q105 / 2, 0, 2, 1)),
    ((-_Q35, 3, 0, 0), (3 * _Q35, 1, 2, 0)),
)


def size(degree):
    """The number of functions up to a degree.

    >>> [size(degree) for degree in range(4)]
    [1, 4, 9, 16]
    """
    return (degree + 1) ** 2


@ti.func
def basis(d, degree: ti.template()):
    """The functions at a unit vector, (degree + 1)^2 numbers, degree 0 to 3.  At (0, 0, 1) the third is 0.4886."""
    return ti.Vector([_polynomial(d, ti.static(_BASIS[i])) for i in ti.static(range(size(degree)))])


@ti.func
def basis_adjoint(d, g: ti.template(), degree: ti.template()):
    """``sum_i g_i dY_i/d(x, y, z)``: what adjoints of the functions imply for the direction."""
    out = ti.Vector([0.0, 0.0, 0.0])
    for i in ti.static(range(size(degree))):
        for axis in ti.static(range(3)):
            out[axis] += g[i] * _polynomial(d, ti.static(_slope(_BASIS[i], axis)))
    return out


def _slope(terms, axis):
    """The terms of a polynomial's derivative."""
    slopes = []
    for factor, *powers in terms:
        if powers[axis]:
            lowered = [power - (k == axis) for k, power in enumerate(powers)]
            slopes.append((factor * powers[axis], *lowered))
    return tuple(slopes)


@ti.func
def _polynomial(d, terms: ti.template()):
    total = 0.0
    for term in ti.static(terms):
        product = ti.cast(term[0], float)
        for axis in ti.static(range(3)):
            for _ in ti.static(range(term[1 + axis])):
                product *= d[axis]
        total += product
    return total


@replayed
@ti.kernel
def encode(directions: Rows, numbers: Rows, column: ti.i32, count: ti.i32, degree: ti.template()):
    """Writes the functions at ``directions`` (count, 3) into ``numbers``, from a column on."""
    for n in range(count):
        values = basis(row3(directions, n), degree)
        for i in ti.static(range(size(degree))):
            numbers[n, column + i] = values[i]


@replayed
@ti.kernel
def encode_adjoint(
    directions: Rows,
    numbers_adjoint: Rows,
    column: ti.i32,
    directions_adjoint: Rows,
    count: ti.i32,
    degree: ti.template(),
):
    """Adds to ``directions_adjoint`` (count, 3) what ``numbers_adjoint``, from a column on, implies."""
    for n in range(count):
        g = ti.Vector([numbers_adjoint[n, column + i] for i in ti.static(range(size(degree)))])
        add_row3(directions_adjoint, n, 0, basis_adjoint(row3(directions, n), g, degree))
