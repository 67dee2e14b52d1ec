"""Copies between the fields that users own and the arrays that kernel pairs take.

An array holds the elements of a field in row-major order, one row each: shape ``(elements, components)``, or
``(elements,)`` for scalars.  With ``first`` the field's components are the array's columns from that one on.
"""

import math

import taichi as ti

from taichi_dr.kernels.launch import is_serial

SERIAL_ELEMENTS = 1 << 17
READ, WRITE, ADD = range(3)


def field_to_array(field, array, first=0):
    """``array[row(i), first + k] = field[i][k]``."""
    _bridge(field, array, first, *_layout(field), READ)


def array_to_field(array, field, first=0):
    """``field[i][k] = array[row(i), first + k]``."""
    _bridge(field, array, first, *_layout(field), WRITE)


def add_array_to_field(array, field):
    """``field[i][k] += array[row(i), k]``: how an adjoint reaches the gradient of a user's field."""
    _bridge(field, array, 0, *_layout(field), ADD)


def components(field):
    """Number of components of a vector field, 0 for a scalar field."""
    return getattr(field, "n", 0)


def _layout(field):
    return components(field), is_serial(math.prod(field.shape), SERIAL_ELEMENTS)


@ti.kernel
def _bridge(
    field: ti.template(),
    array: ti.types.ndarray(),
    first: ti.i32,
    n: ti.template(),
    serial: ti.template(),
    mode: ti.template(),
):
    ti.loop_config(serialize=serial)
    for index in ti.grouped(ti.ndrange(*field.shape)):
        row = 0
        for d in ti.static(range(len(field.shape))):
            row = row * field.shape[d] + index[d]
        for k in ti.static(range(max(n, 1))):
            if ti.static(n > 0):
                _move(field[index][k], array[row, first + k], mode)
            elif ti.static(len(array.shape) == 1):
                _move(field[index], array[row], mode)
            else:
                _move(field[index], array[row, first + k], mode)


@ti.func
def _move(element: ti.template(), entry: ti.template(), mode: ti.template()):
    if ti.static(mode == READ):
        entry = element
    elif ti.static(mode == WRITE):
        element = entry
    else:
        element = element + entry  # one thread owns each element: += would make it an atomic
