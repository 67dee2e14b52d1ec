"""Copies between the fields that users own and the arrays that kernel pairs take.

An array holds the elements of fields of one shape in row-major order, one row each: shape ``(elements, components)``,
or ``(elements,)`` for a scalar field.  ``columns`` are the first column of each field's components.  Fields that share
an array are copied in one launch.
"""

import math

import taichi as ti

from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.base.replay import replayed

SERIAL_ELEMENTS = 1 << 17
READ, WRITE, ADD = range(3)


def fields_to_array(fields, array, columns=(0,)):
    """``array[row(i), columns[f] + k] = fields[f][i][k]``."""
    _bridge(fields, array, columns, *_layout(fields), READ)


def array_to_fields(array, fields, columns=(0,)):
    """``fields[f][i][k] = array[row(i), columns[f] + k]``."""
    _bridge(fields, array, columns, *_layout(fields), WRITE)


def add_array_to_fields(array, fields, columns=(0,)):
    """``fields[f][i][k] += array[row(i), columns[f] + k]``: how an adjoint reaches the gradients of users' fields."""
    _bridge(fields, array, columns, *_layout(fields), ADD)


@replayed
@ti.kernel
def copy_columns(
    source: ti.types.ndarray(), target: ti.types.ndarray(), source_first: int, target_first: int, count: int
):
    """``target[row, target_first + k] = source[row, source_first + k]``, k < count; an array of numbers is a column."""
    for row in range(target.shape[0]):
        for k in range(count):
            value = 0.0
            if ti.static(len(source.shape) == 1):
                value = source[row]
            else:
                value = source[row, source_first + k]
            if ti.static(len(target.shape) == 1):
                target[row] = value
            else:
                target[row, target_first + k] = value


def components(field):
    """Number of components of a vector field, 0 for a scalar field."""
    return getattr(field, "n", 0)


def _layout(fields):
    return tuple(components(field) for field in fields), is_serial(math.prod(fields[0].shape), SERIAL_ELEMENTS)


@replayed
@ti.kernel
def _bridge(
    fields: ti.template(),
    array: ti.types.ndarray(),
    columns: ti.template(),
    counts: ti.template(),
    serial: ti.template(),
    mode: ti.template(),
):
    ti.loop_config(serialize=serial)
    if ti.static(len(fields[0].shape) == 0):
        for row in range(1):
            _move_element(fields, None, array, row, columns, counts, mode)
    else:
        for index in ti.grouped(ti.ndrange(*fields[0].shape)):
            row = 0
            for d in ti.static(range(len(fields[0].shape))):
                row = row * fields[0].shape[d] + index[d]
            _move_element(fields, index, array, row, columns, counts, mode)


@ti.func
def _move_element(
    fields: ti.template(),
    index: ti.template(),
    array: ti.template(),
    row,
    columns: ti.template(),
    counts: ti.template(),
    mode: ti.template(),
):
    for f in ti.static(range(len(fields))):
        if ti.static(len(array.shape) == 1):
            _move(fields[f][index], array[row], mode)
        elif ti.static(counts[f] == 0):
            _move(fields[f][index], array[row, columns[f]], mode)
        else:
            _move_vector(fields[f][index], array, row, columns[f], counts[f], mode)


@ti.func
def _move(element: ti.template(), entry: ti.template(), mode: ti.template()):
    if ti.static(mode == READ):
        entry = element
    elif ti.static(mode == WRITE):
        element = entry
    else:
        element = element + entry  # one thread owns each element: += would make it an atomic


@ti.func
def _move_vector(
    element: ti.template(), array: ti.template(), row, column: ti.template(), count: ti.template(), mode: ti.template()
):
    """All components are read before any is written: a number written might be one of those that are to be read, as far
    as the compiler knows, or an address.
    """
    if ti.static(mode == READ):
        numbers = element
        for k in ti.static(range(count)):
            array[row, column + k] = numbers[k]
    else:
        numbers = ti.Vector([array[row, column + k] for k in ti.static(range(count))])
        if ti.static(mode == ADD):
            numbers = element + numbers
        element = numbers
