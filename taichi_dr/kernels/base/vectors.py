"""Vectors of two and three numbers: rows of arrays, and unit vectors with their derivative."""

import taichi as ti

TINY = 1e-30  # largest component below which a vector counts as zero


@ti.func
def row2(array: ti.template(), row):
    """Row of an array (rows, 2) as a 2-vector."""
    return ti.Vector([array[row, 0], array[row, 1]])


@ti.func
def row3(array: ti.template(), row):
    """The 3-vector in a row of a (rows, >= 3) array."""
    return ti.Vector([array[row, 0], array[row, 1], array[row, 2]])


@ti.func
def get3(array: ti.template(), row, column: ti.template()):
    """Three consecutive numbers of a row, as a 3-vector."""
    return ti.Vector([array[row, column], array[row, column + 1], array[row, column + 2]])


@ti.func
def add_row3(array: ti.template(), row, first, value):
    """Adds a 3-vector to ``array[row, first : first + 3]``, for the one thread that owns this row (no atomic add)."""
    for c in ti.static(range(3)):
        array[row, first + c] = array[row, first + c] + value[c]


@ti.func
def inverse_length(v):
    """``1 / |v|`` of a 3-vector, 0 where v is zero; cross products of tiny edges do not underflow."""
    result = 0.0
    squared = v.dot(v)
    if squared > TINY:
        result = 1.0 / ti.sqrt(squared)
    else:
        largest = ti.max(ti.abs(v[0]), ti.abs(v[1]), ti.abs(v[2]))
        if largest > TINY:
            scaled = v / largest
            result = 1.0 / (largest * ti.sqrt(scaled.dot(scaled)))
    return result


@ti.func
def unit(v):
    """``v / |v|`` of a 3-vector, (0, 0, 0) where v is zero."""
    return v * inverse_length(v)


@ti.func
def unit_adjoint(v, g):
    """Adjoint of v in ``unit(v)``: ``(g - n (n . g)) / |v|`` with n = unit(v); 0 where v is zero."""
    scale = inverse_length(v)
    n = v * scale
    return (g - n * n.dot(g)) * scale
