"""Dense layers that are wide, on CPUs and in single precision: products of matrices, with all that belongs to them.

Biases, ReLU and its mask are part of the kernels: nothing else goes over the rows.  A product is made of tiles,
``HEIGHT`` rows by a panel of ``WIDTH`` vectors of ``LANES`` numbers, which are summed in registers; the matrix is
brought into the order in which tiles read it.  Threads have rows, or inputs, of their own: sums run in one order
whatever the threads do.

Made for processors with AVX-512, whose 32 registers of 16 numbers hold a tile; others are left to NumPy's BLAS.
Vectors are read and written where arrays have whole ones; other Blocks are copied.  Source of the scheme: Goto and
van de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 2008.
"""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.launch import cpu_threads, grain, has_long_vectors, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Rows
from taichi_dr.runtime import float_dtype

LEAST = 128  # inputs or outputs, from which on products are worth their launches
LANES, WIDTH, HEIGHT = 16, 4, 6
BLOCK = 48  # rows that go through all panels together
DEPTH = 192  # rows that are summed at once of a matrix's gradient

Vector = ti.types.vector(LANES, ti.f32)
Vectors = ti.types.ndarray(Vector, 1)


def fits(shape):
    """Whether a layer of so many (inputs, outputs) is for these kernels."""
    return max(shape) >= LEAST and on_cpu() and float_dtype() == ti.f32 and has_long_vectors()


def whole_columns(columns):
    """Columns of an array whose rows are whole vectors, an odd number of them: rows then share no sets of a cache.

    >>> whole_columns(3), whole_columns(256)
    (16, 272)
    """
    return (_vectors(columns) | 1) * LANES


def dense(shape, relu, x, weights, biases, y, rows, buffers):
    """Writes ``y = x W + b``, or the larger of that and 0: ``dense.dense``, with its Blocks and Flats.

    ``shape``: of W (inputs, outputs).
    """
    inputs, outputs = shape
    width, panels = _panels(outputs)
    packed = _packed("wide_forward", weights.view(*shape), biases.view(outputs), buffers)
    to = _whole(y, rows, outputs, buffers, "wide_y")
    size = rows, inputs, panels, _pieces(rows)
    _multiply(*x, packed, *_as_vectors(to), _vectors(outputs), *size, relu, width, LANES)
    _copy(to, y, rows, outputs)


def dense_adjoint(
    shape, relu, x, weights, y, y_adjoint, x_adjoint, weights_adjoint, biases_adjoint, rows, buffers, columns
):
    """``dense.dense_adjoint``: of ``x_adjoint`` the first ``columns`` are written."""
    _, outputs = shape
    g = shown = _whole(y_adjoint, rows, outputs, buffers, "wide_g")
    _copy(y_adjoint, g, rows, outputs)
    if relu:
        shown = _whole(y, rows, outputs, buffers, "wide_y")
        _copy(y, shown, rows, outputs)
    if x_adjoint is not None:
        width, panels = _panels(columns)
        packed = _packed("wide_adjoint", weights.view(columns, outputs).T, 0, buffers)
        to = _whole(x_adjoint, rows, columns, buffers, "wide_x")
        size = _vectors(columns), rows, outputs, panels, _pieces(rows)
        _go_back(*g, *_as_vectors(g), *_as_vectors(shown), packed, *_as_vectors(to), *size, relu, width, LANES)
        _copy(to, x_adjoint, rows, columns)
    elif relu:
        _mask(*_as_vectors(g), *_as_vectors(shown), _vectors(outputs), rows, _pieces(rows), LANES)
    if weights_adjoint is not None or biases_adjoint is not None:
        _add_sums(shape, x, g, weights_adjoint, biases_adjoint, rows, buffers)
    if relu:
        _copy(g, y_adjoint, rows, outputs)


def _add_sums(shape, x, g, weights_adjoint, biases_adjoint, rows, buffers):
    """Adds ``x^T g`` and the sum of g's rows to what is there of the two."""
    inputs, outputs = shape
    if inputs < HEIGHT:
        given, x = x, x._replace(array=buffers.at_least("wide_few", rows, columns=(HEIGHT,)), row=0, column=0)
        _copy(given, x, rows, inputs)
    width, panels = _panels(outputs)
    groups = -(-inputs // HEIGHT) if weights_adjoint is not None else 0
    sums = buffers.get(f"wide_sums{shape}", (panels * (groups * HEIGHT + 1) * width, LANES)).memory()
    last = max(inputs - HEIGHT, 0)  # where the last group begins: it repeats some of the one before
    size = rows, last, panels, groups, max(1, min(cpu_threads(), groups))
    _sum_products(*x, *_as_vectors(g), _vectors(outputs), sums, *size, width, LANES)
    sums = sums.reshape(panels, -1, width * LANES)
    if weights_adjoint is not None:
        target, before = weights_adjoint.view(*shape), (groups - 1) * HEIGHT
        _add_panels(sums[:, :before], target[:before])
        _add_panels(sums[:, 2 * before - last : before - last + inputs], target[before:])
    if biases_adjoint is not None:
        _add_panels(sums[:, -1:], biases_adjoint.view(1, outputs))


def _vectors(columns):
    return -(-columns // LANES)


def _panels(columns):
    """Vectors of a panel, and how many panels."""
    width = min(WIDTH, _vectors(columns))
    return width, -(-_vectors(columns) // width)


def _pieces(rows):
    """Into which rows are cut, one for each thread."""
    return max(1, min(cpu_threads(), rows // BLOCK))


def _packed(name, matrix, last, buffers):
    """The vectors of a matrix (inputs, outputs) and of one more row, as tiles read them: panel by panel."""
    (inputs, outputs), (width, panels) = matrix.shape, _panels(matrix.shape[1])
    vectors = buffers.get(f"{name}{matrix.shape}", (panels * (inputs + 1) * width, LANES)).memory()
    for part, first in zip(vectors.reshape(panels, inputs + 1, -1), range(0, outputs, width * LANES), strict=True):
        held = min(width * LANES, outputs - first)
        part[:inputs, :held] = matrix[:, first : first + held]
        part[inputs, :held] = last[first : first + held] if np.ndim(last) else last
    return vectors


def _add_panels(sums, target):
    """Adds sums (panels, inputs, columns of a panel) to an array (inputs, outputs)."""
    for part, first in zip(sums, range(0, target.shape[1], sums.shape[2]), strict=True):
        to = target[:, first : first + sums.shape[2]]
        to += part[:, : to.shape[1]]


def _whole(block, rows, columns, buffers, name):
    """The Block itself if its rows are whole vectors that nobody else writes to, else one of the same size that has."""
    width, whole = block.array.shape[1], LANES * _vectors(columns)
    ends = whole == columns or block.column + whole >= width
    if ends and width % LANES == block.column % LANES == 0 and block.column + whole <= width:
        return block
    return block._replace(array=buffers.at_least(f"{name}{whole}", rows, columns=(whole,)), row=0, column=0)


def _as_vectors(block):
    """Of a Block of whole vectors: the vectors of its array, the number of its first one, and those of a row."""
    stride = block.array.shape[1] // LANES
    return block.array.memory().reshape(-1, LANES), block.row * stride + block.column // LANES, stride


def _copy(source, target, rows, columns):
    if source is not target:
        target.view(rows, columns)[...] = source.view(rows, columns)


@simd
@replayed
@ti.kernel
def _multiply(
    x: Rows,
    x_row: ti.i32,
    x_column: ti.i32,
    packed: Vectors,
    y: Vectors,
    y_first: ti.i32,
    y_stride: ti.i32,
    y_vectors: ti.i32,
    rows: ti.i32,
    inputs: ti.i32,
    panels: ti.i32,
    pieces: ti.i32,
    relu: ti.template(),
    width: ti.template(),
    lanes: ti.template(),
):
    for task in range(pieces * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            piece, blocks = task // ti.static(grain()), (rows + BLOCK - 1) // BLOCK
            for block in range(piece * blocks // pieces, (piece + 1) * blocks // pieces):
                for panel in range(panels):
                    for group in range(ti.static(BLOCK // HEIGHT)):
                        row = block * BLOCK + group * HEIGHT
                        sums = [
                            packed[(panel * (inputs + 1) + inputs) * width + v]
                            for _ in ti.static(range(HEIGHT))
                            for v in ti.static(range(width))
                        ]
                        _add_tile(sums, x, x_row, x_column, row, rows, packed, panel, inputs, width)
                        for r in ti.static(range(HEIGHT)):
                            for v in ti.static(range(width)):
                                if row + r < rows and panel * width + v < y_vectors:
                                    to = y_first + (row + r) * y_stride + panel * width + v
                                    if ti.static(relu):
                                        y[to] = ti.max(sums[r * width + v], 0.0)
                                    else:
                                        y[to] = sums[r * width + v]


@ti.func
def _add_tile(
    sums: ti.template(),
    x: ti.template(),
    x_row,
    x_column,
    row,
    rows,
    packed: ti.template(),
    panel,
    inputs,
    width: ti.template(),
):
    """Adds to ``HEIGHT`` times ``width`` vectors what rows of x and a panel of a matrix make."""
    own = [x_row + ti.min(row + r, rows - 1) for r in ti.static(range(HEIGHT))]
    for k in range(inputs):
        at = (panel * (inputs + 1) + k) * width
        columns = [packed[at + v] for v in ti.static(range(width))]
        for r in ti.static(range(HEIGHT)):
            number = x[own[r], x_column + k]
            for v in ti.static(range(width)):
                sums[r * width + v] = sums[r * width + v] + columns[v] * number


@ti.func
def _mask_rows(first, end, g: ti.template(), g_first, g_stride, y: ti.template(), y_first, y_stride, vectors):
    """``g = 0`` where ``y`` is not above 0."""
    for row in range(first, end):
        for v in range(vectors):
            at = g_first + row * g_stride + v
            g[at] = ti.select(y[y_first + row * y_stride + v] > 0.0, g[at], Vector(0.0))


@simd
@replayed
@ti.kernel
def _mask(
    g: Vectors,
    g_first: ti.i32,
    g_stride: ti.i32,
    y: Vectors,
    y_first: ti.i32,
    y_stride: ti.i32,
    vectors: ti.i32,
    rows: ti.i32,
    pieces: ti.i32,
    lanes: ti.template(),
):
    for task in range(pieces * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            piece = task // ti.static(grain())
            of = piece * rows // pieces, (piece + 1) * rows // pieces
            _mask_rows(of[0], of[1], g, g_first, g_stride, y, y_first, y_stride, vectors)


@simd
@replayed
@ti.kernel
def _go_back(
    g: Rows,
    g_row: ti.i32,
    g_column: ti.i32,
    g_vectors: Vectors,
    g_first: ti.i32,
    g_stride: ti.i32,
    y: Vectors,
    y_first: ti.i32,
    y_stride: ti.i32,
    packed: Vectors,
    x_adjoint: Vectors,
    x_first: ti.i32,
    x_stride: ti.i32,
    x_vectors: ti.i32,
    rows: ti.i32,
    outputs: ti.i32,
    panels: ti.i32,
    pieces: ti.i32,
    relu: ti.template(),
    width: ti.template(),
    lanes: ti.template(),
):
    """``g = 0`` where ``y`` is not above 0, and then ``x_adjoint = g W^T``."""
    for task in range(pieces * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            piece, blocks = task // ti.static(grain()), (rows + BLOCK - 1) // BLOCK
            for block in range(piece * blocks // pieces, (piece + 1) * blocks // pieces):
                if ti.static(relu):
                    end = ti.min((block + 1) * BLOCK, rows)
                    vectors = (outputs + lanes - 1) // lanes
                    _mask_rows(block * BLOCK, end, g_vectors, g_first, g_stride, y, y_first, y_stride, vectors)
                for panel in range(panels):
                    for group in range(ti.static(BLOCK // HEIGHT)):
                        row = block * BLOCK + group * HEIGHT
                        sums = [Vector(0.0) for _ in ti.static(range(HEIGHT * width))]
                        _add_tile(sums, g, g_row, g_column, row, rows, packed, panel, outputs, width)
                        for r in ti.static(range(HEIGHT)):
                            for v in ti.static(range(width)):
                                if row + r < rows and panel * width + v < x_vectors:
                                    x_adjoint[x_first + (row + r) * x_stride + panel * width + v] = sums[r * width + v]


@simd
@replayed
@ti.kernel
def _sum_products(
    x: Rows,
    x_row: ti.i32,
    x_column: ti.i32,
    g: Vectors,
    g_first: ti.i32,
    g_stride: ti.i32,
    vectors: ti.i32,
    sums: Vectors,
    rows: ti.i32,
    last: ti.i32,
    panels: ti.i32,
    groups: ti.i32,
    pieces: ti.i32,
    width: ti.template(),
    lanes: ti.template(),
):
    """Writes ``sums``, panel by panel: of ``x[i, k] g[i, j]`` for each k of groups, and of ``g[i, j]``."""
    for task in range(pieces * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            piece = task // ti.static(grain())
            for panel in range(panels):
                columns = [g_first + ti.min(panel * width + v, vectors - 1) for v in ti.static(range(width))]
                own = panel * (groups * HEIGHT + 1) * width
                for start in range((rows + DEPTH - 1) // DEPTH):
                    end = ti.min((start + 1) * DEPTH, rows)
                    for group in range(piece * groups // pieces, (piece + 1) * groups // pieces):
                        at = own + group * HEIGHT * width
                        totals = [Vector(0.0) for _ in ti.static(range(HEIGHT * width))]
                        if start > 0:
                            for n in ti.static(range(HEIGHT * width)):
                                totals[n] = sums[at + n]
                        k = x_column + ti.min(group * HEIGHT, last)
                        for i in range(start * DEPTH, end):
                            read = [g[columns[v] + i * g_stride] for v in ti.static(range(width))]
                            for q in ti.static(range(HEIGHT)):
                                number = x[x_row + i, k + q]
                                for v in ti.static(range(width)):
                                    totals[q * width + v] = totals[q * width + v] + read[v] * number
                        for n in ti.static(range(HEIGHT * width)):
                            sums[at + n] = totals[n]
                if piece == 0:
                    for v in ti.static(range(width)):
                        total = Vector(0.0)
                        for i in range(rows):
                            total = total + g[columns[v] + i * g_stride]
                        sums[own + groups * HEIGHT * width + v] = total
