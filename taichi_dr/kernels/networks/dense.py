"""Dense layers: ``y = s(x W + b)``, row by row, and what a layer's biases owe to a code that all rows share.

On CPUs the products are NumPy's, by its BLAS, on the memory of the arrays, or those of ``wide``; on GPUs every thread
sums a tile of ``TILE`` x ``TILE`` numbers in registers.  Sums run in a fixed order: no atomics.

Nonlinearities s, and their slopes by what came out, so that nothing else is kept for the way back:

    LINEAR     y = x                                   1
    RELU       y = max(x, 0)                           1 where y > 0
    SOFTPLUS   y = log(1 + exp(beta x)) / beta         1 - exp(-beta y)
    TANH       y = tanh(x)                             1 - y^2
    SIGMOID    y = 1 / (1 + exp(-x))                   y (1 - y)
    EXP        y = exp(x), x up to 80                  y, no less than exp(-15) and no more than exp(15)

``EXP`` is the truncated exponential of instant-ngp (Mueller et al. 2022): densities of any size, with slopes that
neither vanish nor explode.

A concatenation is two writers side by side in one array: ``Block`` says where (``copy_columns``, ``add_columns``).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.networks import wide

LINEAR, RELU, SOFTPLUS, TANH, SIGMOID, EXP = range(6)

MOST = 80.0  # that EXP takes the exponential of: more is infinite in single precision
LEAST_SLOPE, MOST_SLOPE = math.exp(-15), math.exp(15)

TILE = 4  # rows and columns that a thread of a GPU sums
SLICE = 256  # rows that it sums of a weight's gradient
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
        activate_array(out, layer)
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
        activate_array(y.view(rows, layer.outputs), layer)
    elif layer.activation != LINEAR:
        activate_rows(*y, rows, layer.outputs, layer.activation, layer.beta)


def activation_adjoint(layer, y, y_adjoint, rows):
    """``y_adjoint *= s'(y)`` of Blocks (rows, outputs), in place; ``y`` is what came out."""
    if on_cpu():
        _multiply_slope(y_adjoint.view(rows, layer.outputs), y.view(rows, layer.outputs), layer)
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


def activate_array(y, layer):
    """``y = s(y)`` of a NumPy array, in place."""
    if layer.activation == RELU:
        np.maximum(y, np.zeros(y.shape[-1], y.dtype), out=y)  # NumPy takes twice as long to compare with a number
    elif layer.activation == TANH:
        np.tanh(y, out=y)
    elif layer.activation == SIGMOID:
        y *= 0.5  # 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, which never overflows
        np.tanh(y, out=y)
        y += 1
        y *= 0.5
    elif layer.activation == EXP:
        np.minimum(y, MOST, out=y)
        np.exp(y, out=y)
    elif layer.activation == SOFTPLUS:
        rest = np.abs(y)
        rest *= -layer.beta
        np.exp(rest, out=rest)
        rest += 1
        np.log(rest, out=rest)
        rest *= 1 / layer.beta
        np.maximum(y, 0, out=y)
        y += rest


def _multiply_slope(g, y, layer):
    """``g *= s'(y)`` of NumPy arrays, in place."""
    if layer.activation == RELU:
        g *= y > 0
    elif layer.activation == TANH:
        g *= 1 - y * y
    elif layer.activation == SIGMOID:
        g *= y * (1 - y)
    elif layer.activation == EXP:
        g *= np.clip(y, LEAST_SLOPE, MOST_SLOPE)
    elif layer.activation == SOFTPLUS:
        fall = y * -layer.beta
        np.exp(fall, out=fall)
        np.subtract(1, fall, out=fall)
        g *= fall


@ti.func
def activate(x, activation: ti.template(), beta):
    """``s(x)``."""
    y = x
    if ti.static(activation == RELU):
        y = ti.max(x, 0.0)
    elif ti.static(activation == TANH):
        y = ti.tanh(x)
    elif ti.static(activation == SIGMOID):
        y = 0.5 + 0.5 * ti.tanh(0.5 * x)
    elif ti.static(activation == EXP):
        y = ti.exp(ti.min(x, MOST))
    elif ti.static(activation == SOFTPLUS):
        y = ti.max(x, 0.0) + ti.log(1.0 + ti.exp(-beta * ti.abs(x))) / beta
    return y


@ti.func
def activation_slope(y, activation: ti.template(), beta):
    """``s'`` where ``s`` is y."""
    slope = 1.0
    if ti.static(activation == RELU):
        slope = ti.select(y > 0.0, 1.0, 0.0)
    elif ti.static(activation == TANH):
        slope = 1.0 - y * y
    elif ti.static(activation == SIGMOID):
        slope = y * (1.0 - y)
    elif ti.static(activation == EXP):
        slope = ti.min(ti.max(y, LEAST_SLOPE), MOST_SLOPE)
    elif ti.static(activation == SOFTPLUS):
        slope = 1.0 - ti.exp(-beta * y)
    return slope


@ti.kernel
def multiply(
    x: Rows,
    x_row: ti.i32,
    x_column: ti.i32,
    weights: Rows,
    first: ti.i32,
    inputs: ti.i32,
    outputs: ti.i32,
    input_stride: ti.i32,
    output_stride: ti.i32,
    biases: Rows,
    first_bias: ti.i32,
    y: Rows,
    y_row: ti.i32,
    y_column: ti.i32,
    rows: ti.i32,
    activation: ti.template(),
    beta: float,
    has_biases: ti.template(),
):
    """``y[i, j] = s(sum_k x[i, k] W[k, j] + b[j])``, W[k, j] being number ``k input_stride + j output_stride``."""
    tiles = (outputs + TILE - 1) // TILE
    for tile in range((rows + TILE - 1) // TILE * tiles):
        i = tile // tiles * TILE
        j = tile % tiles * TILE
        sums = ti.Matrix.zero(float, TILE, TILE)
        if ti.static(has_biases):
            for c in ti.static(range(TILE)):
                bias = biases[first_bias + ti.min(j + c, outputs - 1), 0]
                for r in ti.static(range(TILE)):
                    sums[r, c] = bias
        for k in range(inputs):
            row = ti.Vector([x[x_row + ti.min(i + r, rows - 1), x_column + k] for r in ti.static(range(TILE))])
            for c in ti.static(range(TILE)):
                weight = weights[first + k * input_stride + ti.min(j + c, outputs - 1) * output_stride, 0]
                for r in ti.static(range(TILE)):
                    sums[r, c] += row[r] * weight
        for r, c in ti.static(ti.ndrange(TILE, TILE)):
            if i + r < rows and j + c < outputs:
                y[y_row + i + r, y_column + j + c] = activate(sums[r, c], activation, beta)


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


@ti.kernel
def outer_products(
    x: Rows,
    x_row: ti.i32,
    x_column: ti.i32,
    g: Rows,
    g_row: ti.i32,
    g_column: ti.i32,
    partials: Numbers,
    slices: ti.i32,
    rows: ti.i32,
    inputs: ti.i32,
    outputs: ti.i32,
):
    """Writes the sums of ``x[i, k] g[i, j]`` over the rows of each slice; x[i, inputs] counts as 1.

    ``partials`` has them by slice, k and j.
    """
    down = (inputs + TILE) // TILE  # of inputs + 1
    across = (outputs + TILE - 1) // TILE
    rows_of_slice = (rows + slices - 1) // slices
    for index in range(slices * down * across):
        s = index // (down * across)
        k = index // across % down * TILE
        j = index % across * TILE
        sums = ti.Matrix.zero(float, TILE, TILE)
        for i in range(s * rows_of_slice, ti.min((s + 1) * rows_of_slice, rows)):
            row = ti.Vector([g[g_row + i, g_column + ti.min(j + c, outputs - 1)] for c in ti.static(range(TILE))])
            for r in ti.static(range(TILE)):
                value = 1.0
                if k + r < inputs:
                    value = x[x_row + i, x_column + k + r]
                for c in ti.static(range(TILE)):
                    sums[r, c] += value * row[c]
        for r, c in ti.static(ti.ndrange(TILE, TILE)):
            if k + r <= inputs and j + c < outputs:
                partials[(s * (inputs + 1) + k + r) * outputs + j + c] = sums[r, c]


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
