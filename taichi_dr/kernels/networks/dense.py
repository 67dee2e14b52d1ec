"""Dense layers: ``y = s(x W + b)``, row by row, and what a layer's biases owe to a code that all rows share.

On CPUs the products are NumPy's, by its BLAS, on the memory of the arrays, or those of ``wide``; on GPUs those of
``tiled``.  Sums run in a fixed order: no atomics.  Nonlinearities are those of ``activations``.

A concatenation is two writers side by side in one array: ``Block`` says where (``copy_columns``, ``add_columns``).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.networks import wide
from taichi_dr.kernels.networks.activations import (
    LINEAR,
    RELU,
    activate,
    activate_array,
    activation_slope,
    multiply_slope_array,
)
from taichi_dr.kernels.networks.tiled import multiply, outer_products

SLICE = 256  # rows that a GPU sums at once of a weight's gradient
MOST_SLICES = 64


class Layer(NamedTuple):
    """Numbers per row that go in and come out, and the nonlinearity; ``beta`` is the sharpness of ``SOFTPLUS``."""

    inputs: int
    outputs: int
    activation: int = LINEAR
    beta: float = 1.0


class Block(NamedTuple):
    """A rectangle of an array (R, C): from a row and a column on, as many of both as who takes it needs."""

    array: Any
    row: int = 0
    column: int = 0

    def view(self, rows, columns):
        """The rectangle's own numbers as a NumPy array, on a CPU."""
        return self.array.memory()[self.row : self.row + rows, self.column : self.column + columns]


class Flat(NamedTuple):
    """Numbers of an array (N, 1) from one on; a matrix (inputs, outputs) stands there row by row."""

    array: Any
    first: int = 0

    def view(self, *shape):
        """As many of the numbers as ``shape`` has, as a NumPy array of that shape, on a CPU."""
        return self.array.memory()[self.first : self.first + math.prod(shape), 0].reshape(shape)


def dense(layer, x, weights, biases, y, rows, buffers):
    """Writes ``y = s(x W + b)``: Blocks ``x`` (rows, inputs) and ``y`` (rows, outputs), W and b Flat.

    x = (1, 2), W = ((1,), (3,)), b = -2 give 5.
    """
    if is_wide(layer):
        wide.dense(layer[:2], layer.activation == RELU, x, weights, biases, y, rows, buffers)
    elif on_cpu():
        out = y.view(rows, layer.outputs)
        np.matmul(x.view(rows, layer.inputs), weights.view(layer.inputs, layer.outputs), out=out)
        out += biases.view(layer.outputs)
        activate_array(out, layer.activation, layer.beta)
    else:
        shape = layer.inputs, layer.outputs, layer.outputs, 1
        multiply(*x, *weights, *shape, *biases, *y, rows, layer.activation, layer.beta, True)


def dense_adjoint(
    layer, x, weights, y, y_adjoint, x_adjoint, weights_adjoint, biases_adjoint, rows, buffers, columns=None
):
    """Writes ``x_adjoint``, and adds to those of weights and biases, what ``y_adjoint`` implies; each may be None.

        g = y_adjoint s'(y),    x_adjoint = g W^T,    W_adjoint += x^T g,    b_adjoint += sum of g's rows

    ``y_adjoint`` holds g afterwards.  ``x_adjoint`` is not added to: between layers it is scratch.  Of its columns the
    first ``columns`` are written, where nobody asks for the others.
    """
    columns = layer.inputs if columns is None else columns
    if is_wide(layer):
        arguments = x, weights, y, y_adjoint, x_adjoint, weights_adjoint, biases_adjoint, rows, buffers, columns
        wide.dense_adjoint(layer[:2], layer.activation == RELU, *arguments)
        return
    activation_adjoint(layer, y, y_adjoint, rows)
    if on_cpu():
        g = y_adjoint.view(rows, layer.outputs)
        if x_adjoint is not None:
            np.matmul(g, weights.view(columns, layer.outputs).T, out=x_adjoint.view(rows, columns))
        if weights_adjoint is not None:
            shape = layer.inputs, layer.outputs
            product = buffers.get(f"product {shape}", shape).memory()  # new memory would cost as much as adding
            np.matmul(x.view(rows, layer.inputs).T, g, out=product)
            weights_adjoint.view(layer.inputs, layer.outputs)[...] += product
        if biases_adjoint is not None:
            biases_adjoint.view(layer.outputs)[...] += np.ones(rows, g.dtype) @ g
        return
    if x_adjoint is not None:
        shape = layer.outputs, columns, 1, layer.outputs
        multiply(*y_adjoint, *weights, *shape, *weights, *x_adjoint, rows, LINEAR, 1.0, False)
    if weights_adjoint is not None or biases_adjoint is not None:
        _add_sums(layer, x, y_adjoint, weights_adjoint, biases_adjoint, rows, buffers)


def is_wide(layer):
    """Whether a layer's products are those of ``wide``, and arrays are best of ``wide.whole_columns``."""
    return layer.activation in (LINEAR, RELU) and wide.fits(layer[:2])


def activation(layer, y, rows):
    """``y = s(y)`` of Block ``y`` (rows, outputs), in place: for a nonlinearity behind what is no layer."""
    if on_cpu():
        activate_array(y.view(rows, layer.outputs), layer.activation, layer.beta)
    elif layer.activation != LINEAR:
        activate_rows(*y, rows, layer.outputs, layer.activation, layer.beta)


def activation_adjoint(layer, y, y_adjoint, rows):
    """``y_adjoint *= s'(y)`` of Blocks (rows, outputs), in place; ``y`` is what came out."""
    if on_cpu():
        shape = rows, layer.outputs
        multiply_slope_array(y_adjoint.view(*shape), y.view(*shape), layer.activation, layer.beta)
    elif layer.activation != LINEAR:
        multiply_slope(*y, *y_adjoint, rows, layer.outputs, layer.activation, layer.beta)


def _add_sums(layer, x, g, weights_adjoint, biases_adjoint, rows, buffers):
    """Adds ``x^T g`` and the sum of g's rows to what is there of the two, on a GPU."""
    inputs = layer.inputs if weights_adjoint is not None else 0
    count = inputs * layer.outputs
    width = count + layer.outputs
    slices = max(1, min(MOST_SLICES, rows // SLICE))
    partials = buffers.at_least("outer_products", slices * width)
    outer_products(*x, *g, partials, slices, rows, inputs, layer.outputs)
    if weights_adjoint is not None:
        add_slices(partials, slices, width, 0, *weights_adjoint, count)
    if biases_adjoint is not None:
        add_slices(partials, slices, width, count, *biases_adjoint, layer.outputs)


def condition(layer, code, weights, biases):
    """Writes ``biases = z W + b``: what a code z of ``layer.inputs`` numbers, the same for all rows, makes of them.

    So rows [p, z] cost what rows p do.  All Flat; ``weights`` has W (inputs, outputs) and then b (outputs).
    z = (2,), W = ((1, 3),), b = (0, 1) give (2, 7).
    """
    if on_cpu():
        matrix = weights.view(layer.inputs + 1, layer.outputs)
        np.matmul(code.view(layer.inputs), matrix[:-1], out=biases.view(layer.outputs))
        biases.view(layer.outputs)[...] += matrix[-1]
    else:
        multiply_code(*code, *weights, *biases, layer.inputs, layer.outputs)


def condition_adjoint(layer, code, weights, biases_adjoint, code_adjoint, weights_adjoint):
    """Adds to ``code_adjoint`` and ``weights_adjoint`` what ``biases_adjoint`` implies; each may be None."""
    if on_cpu():
        g = biases_adjoint.view(layer.outputs)
        if code_adjoint is not None:
            code_adjoint.view(layer.inputs)[...] += weights.view(layer.inputs, layer.outputs) @ g
        if weights_adjoint is not None:
            target = weights_adjoint.view(layer.inputs + 1, layer.outputs)
            target[:-1] += np.outer(code.view(layer.inputs), g)
            target[-1] += g
        return
    if code_adjoint is not None:
        multiply_code_adjoint(*weights, *biases_adjoint, *code_adjoint, layer.inputs, layer.outputs)
    if weights_adjoint is not None:
        add_code_products(*code, *biases_adjoint, *weights_adjoint, layer.inputs, layer.outputs)


def copy_columns(source, target, rows, columns):
    """Writes Block ``target`` (rows, columns) from Block ``source``."""
    if on_cpu():
        target.view(rows, columns)[...] = source.view(rows, columns)
    else:
        move_columns(*source, *target, rows, columns, False)


def add_columns(source, target, rows, columns):
    """Adds Block ``source`` (rows, columns) to Block ``target``: the adjoint of ``copy_columns``."""
    if on_cpu():
        target.view(rows, columns)[...] += source.view(rows, columns)
    else:
        move_columns(*source, *target, rows, columns, True)


@replayed
@ti.kernel
def activate_rows(
    y: Rows,
    y_row: ti.i32,
    y_column: ti.i32,
    rows: ti.i32,
    outputs: ti.i32,
    activation: ti.template(),
    beta: float,
):
    """``y = s(y)``."""
    for i, j in ti.ndrange(rows, outputs):
        y[y_row + i, y_column + j] = activate(y[y_row + i, y_column + j], activation, beta)


@replayed
@ti.kernel
def multiply_slope(
    y: Rows,
    y_row: ti.i32,
    y_column: ti.i32,
    g: Rows,
    g_row: ti.i32,
    g_column: ti.i32,
    rows: ti.i32,
    outputs: ti.i32,
    activation: ti.template(),
    beta: float,
):
    """``g *= s'`` where ``s`` is y."""
    for i, j in ti.ndrange(rows, outputs):
        slope = activation_slope(y[y_row + i, y_column + j], activation, beta)
        g[g_row + i, g_column + j] = g[g_row + i, g_column + j] * slope


@replayed
@ti.kernel
def add_slices(
    partials: Numbers,
    slices: ti.i32,
    width: ti.i32,
    column: ti.i32,
    target: Rows,
    first: ti.i32,
    count: ti.i32,
):
    """Adds ``count`` of the ``width`` numbers of every slice, from a column on, to ``target`` from ``first`` on."""
    for i in range(count):
        total = 0.0
        for s in range(slices):
            total += partials[s * width + column + i]
        target[first + i, 0] = target[first + i, 0] + total


@replayed
@ti.kernel
def multiply_code(
    code: Rows,
    first_code: ti.i32,
    weights: Rows,
    first: ti.i32,
    biases: Rows,
    first_bias: ti.i32,
    inputs: ti.i32,
    outputs: ti.i32,
):
    """``condition`` on a GPU."""
    for j in range(outputs):
        total = weights[first + inputs * outputs + j, 0]
        for k in range(inputs):
            total += code[first_code + k, 0] * weights[first + k * outputs + j, 0]
        biases[first_bias + j, 0] = total


@replayed
@ti.kernel
def multiply_code_adjoint(
    weights: Rows,
    first: ti.i32,
    g: Rows,
    first_g: ti.i32,
    code_adjoint: Rows,
    first_code: ti.i32,
    inputs: ti.i32,
    outputs: ti.i32,
):
    """``code_adjoint += W g``."""
    for k in range(inputs):
        total = 0.0
        for j in range(outputs):
            total += weights[first + k * outputs + j, 0] * g[first_g + j, 0]
        code_adjoint[first_code + k, 0] = code_adjoint[first_code + k, 0] + total


@replayed
@ti.kernel
def add_code_products(
    code: Rows,
    first_code: ti.i32,
    g: Rows,
    first_g: ti.i32,
    weights_adjoint: Rows,
    first: ti.i32,
    inputs: ti.i32,
    outputs: ti.i32,
):
    """``W_adjoint += z g^T`` and ``b_adjoint += g``, one after the other in ``weights_adjoint``."""
    for i in range((inputs + 1) * outputs):
        k = i // outputs
        value = 1.0
        if k < inputs:
            value = code[first_code + k, 0]
        weights_adjoint[first + i, 0] = weights_adjoint[first + i, 0] + value * g[first_g + i - k * outputs, 0]


@replayed
@ti.kernel
def move_columns(
    source: Rows,
    source_row: ti.i32,
    source_column: ti.i32,
    target: Rows,
    target_row: ti.i32,
    target_column: ti.i32,
    rows: ti.i32,
    columns: ti.i32,
    add: ti.template(),
):
    """``target = source``, or ``target += source``."""
    for i, j in ti.ndrange(rows, columns):
        value = source[source_row + i, source_column + j]
        if ti.static(add):
            value += target[target_row + i, target_column + j]
        target[target_row + i, target_column + j] = value
