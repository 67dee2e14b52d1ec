"""Chains of narrow dense layers in one kernel, on CPUs: what is between the layers stays in registers and cache.

A chain is dense layers with ReLU between them, and a nonlinearity at last (``dense`` has the formulas).  Rows go
through it ``BLOCK`` at a time; products of matrices are sums of vectors, ``LANES`` outputs of a layer to a vector, for
a few rows at once in registers.  So nothing is between the products but loads, and threads share no numbers.

Numbers are as in ``implicit.networks.MLP``, layer by layer the matrix (inputs, outputs) and the biases; ``Packed`` has
them padded to whole vectors, and the matrices transposed as well, which is what adjoints of inputs are made of.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.launch import cpu_threads, grain
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.networks.activations import LINEAR, SIGMOID

LANES = 16  # numbers of a vector
BLOCK = 32  # rows
SUMS = 16  # vectors that are summed at once, all of them in registers

Vector = ti.types.vector(LANES, ti.f32)
Vectors = ti.types.ndarray(Vector, 1)


class Chain(NamedTuple):
    """``widths``: numbers per row that go in, of every hidden layer, and that come out; ``last``: the nonlinearity of
    these, LINEAR or SIGMOID.  A template of the kernels."""

    widths: tuple
    last: int = LINEAR

    @property
    def layers(self):
        """How many."""
        return len(self.widths) - 1

    def vectors(self, k):
        """Vectors that hold a row of what layer k is given; of what comes out at last, k being the number of layers."""
        return -(-self.widths[k] // LANES)

    def matrix(self, k):
        """Where the matrix of layer k begins, in vectors; behind it are its biases."""
        return sum((LANES * self.vectors(i) + 1) * self.vectors(i + 1) for i in range(k))

    def biases(self, k):
        """Where the biases of layer k begin, in vectors."""
        return self.matrix(k) + LANES * self.vectors(k) * self.vectors(k + 1)

    @property
    def size(self):
        """Vectors of all matrices and biases."""
        return self.matrix(self.layers)

    def transposed(self, k):
        """Where the transposed matrix of layer k begins, in vectors."""
        return self.size + sum(LANES * self.vectors(i) * self.vectors(i + 1) for i in range(k))

    def rows(self, k):
        """Where a block of what layer k is given begins in a thread's scratch, in vectors."""
        return BLOCK * sum(self.vectors(i) for i in range(k))

    @property
    def scratch(self):
        """Vectors of a thread's scratch: what all layers are given, what comes out, and two blocks of adjoints."""
        return self.rows(self.layers + 1) + 2 * BLOCK * max(self.vectors(k) for k in range(self.layers + 1))

    def adjoint_rows(self, k):
        """Where the adjoint of what layer k is given begins: neighbours are in different places."""
        return self.rows(self.layers + 1) + k % 2 * BLOCK * max(self.vectors(i) for i in range(self.layers + 1))


def at_once(vectors):
    """Rows of so many vectors that are summed at once; they divide a block.

    >>> [at_once(vectors) for vectors in (1, 3, 4, 40)]
    [16, 4, 4, 1]
    """
    return 1 << max(1, SUMS // vectors).bit_length() - 1


class Scratch(NamedTuple):
    """A thread's scratch: the same memory as numbers and as vectors, of which its own begin with ``first``."""

    numbers: Any
    vectors: Any
    first: Any


class Given(NamedTuple):
    """Rows of an array, from ``row`` to ``last``, numbers from ``column`` on."""

    x: Any
    row: Any
    column: Any
    last: Any


def pack(chain, weights, buffers):
    """The vectors of a chain, as the kernels take them, of ``weights`` (size,), a NumPy array."""
    packed = _scratch(buffers, "narrow_packed", chain.transposed(chain.layers))
    first = 0
    for k in range(chain.layers):
        inputs, outputs = chain.widths[k : k + 2]
        matrix = weights[first : first + inputs * outputs].reshape(inputs, outputs)
        first += inputs * outputs
        shown, biases = _layer(chain, packed, k)
        shown[:inputs, :outputs] = matrix
        biases[:outputs] = weights[first : first + outputs]
        size = LANES * chain.vectors(k), LANES * chain.vectors(k + 1)
        back = packed[chain.transposed(k) :][: size[0] * size[1] // LANES].reshape(size[1], size[0])
        back[:outputs, :inputs] = matrix.T
        first += outputs
    return packed


def unpack(chain, packed, weights):
    """Adds matrices and biases of ``packed`` to ``weights`` (size,)."""
    first = 0
    for k in range(chain.layers):
        inputs, outputs = chain.widths[k : k + 2]
        shown, biases = _layer(chain, packed, k)
        weights[first : first + inputs * outputs] += shown[:inputs, :outputs].reshape(-1)
        first += inputs * outputs
        weights[first : first + outputs] += biases[:outputs]
        first += outputs


def _layer(chain, packed, k):
    """The padded matrix and the biases of layer k, as views."""
    outputs = LANES * chain.vectors(k + 1)
    matrix = packed[chain.matrix(k) : chain.biases(k)].reshape(-1, outputs)
    return matrix, packed[chain.biases(k) : chain.matrix(k + 1)].reshape(-1)


def _scratch(buffers, name, vectors):
    """A NumPy array (vectors, 16) that begins where the processor likes vectors to; zeros when it is made."""
    return buffers.get(name, (vectors, LANES)).memory()


def forward(chain, weights, x, y, rows, buffers):
    """Writes Block ``y`` (rows, outputs) of Block ``x`` (rows, inputs), by ``weights`` (size,), a NumPy array."""
    pieces = _pieces(rows)
    scratch = _scratch(buffers, "narrow_scratch", pieces * chain.scratch)
    _forward(pack(chain, weights, buffers), *x, *y, rows, scratch.reshape(-1), scratch, pieces, chain, LANES)


def adjoint(chain, weights, x, y_adjoint, x_adjoint, weights_adjoint, rows, buffers):
    """Adds to Block ``x_adjoint`` (rows, inputs) and ``weights_adjoint`` (size,) what Block ``y_adjoint`` implies."""
    pieces = _pieces(rows)
    scratch = _scratch(buffers, "narrow_scratch", pieces * chain.scratch)
    sums = _scratch(buffers, "narrow_sums", pieces * chain.size)
    sums[:] = 0
    packed = pack(chain, weights, buffers)
    _adjoint(packed, *x, *y_adjoint, *x_adjoint, rows, scratch.reshape(-1), scratch, sums, pieces, chain, LANES)
    unpack(chain, sums.reshape(pieces, chain.size, LANES).sum(axis=0), weights_adjoint)


def _pieces(rows):
    """Into which rows are cut, one for each thread."""
    return max(1, min(cpu_threads(), rows // (4 * BLOCK)))


@simd
@replayed
@ti.kernel
def _forward(
    packed: Vectors,
    x: Rows,
    x_row: ti.i32,
    x_column: ti.i32,
    y: Rows,
    y_row: ti.i32,
    y_column: ti.i32,
    rows: ti.i32,
    numbers: Numbers,
    vectors: Vectors,
    pieces: ti.i32,
    chain: ti.template(),
    lanes: ti.template(),
):
    for task in range(pieces * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            piece = task // ti.static(grain())
            blocks = (rows + BLOCK - 1) // BLOCK
            scratch = ti.static(Scratch(numbers, vectors, piece * chain.scratch))
            given = ti.static(Given(x, x_row, x_column, x_row + rows - 1))
            for block in range(piece * blocks // pieces, (piece + 1) * blocks // pieces):
                for k in ti.static(range(chain.layers)):
                    _layer_forward(packed, given, block, scratch, chain, k)
                for r in range(ti.min(BLOCK, rows - block * BLOCK)):
                    at = (
                        scratch.first + ti.static(chain.rows(chain.layers)) + r * ti.static(chain.vectors(chain.layers))
                    ) * LANES
                    for c in ti.static(range(chain.widths[-1])):
                        y[y_row + block * BLOCK + r, y_column + c] = _activated(numbers[at + c], chain)


@ti.func
def _activated(value, chain: ti.template()):
    """The last nonlinearity."""
    result = value
    if ti.static(chain.last == SIGMOID):
        result = 1.0 / (1.0 + ti.exp(-ti.max(ti.min(value, 80.0), -80.0)))
    return result


@ti.func
def _number(given: ti.template(), block, scratch: ti.template(), row, i, chain: ti.template(), k: ti.template()):
    """Number i of a row of what layer k is given."""
    number = 0.0
    if ti.static(k == 0):
        number = given.x[
            ti.min(given.row + block * BLOCK + row, given.last),
            given.column + ti.min(i, ti.static(chain.widths[0] - 1)),
        ]
    else:
        number = scratch.numbers[
            (scratch.first + ti.static(chain.rows(k)) + row * ti.static(chain.vectors(k))) * LANES + i
        ]
    return number


@ti.func
def _layer_forward(
    packed: ti.template(), given: ti.template(), block, scratch: ti.template(), chain: ti.template(), k: ti.template()
):
    out = ti.static(chain.vectors(k + 1))
    height = ti.static(at_once(out))  # rows at once
    for group in range(ti.static(BLOCK // height)):
        row = group * height
        sums = [packed[ti.static(chain.biases(k)) + v] for _ in ti.static(range(height)) for v in ti.static(range(out))]
        for i in range(ti.static(chain.widths[k])):
            columns = [packed[ti.static(chain.matrix(k)) + i * out + v] for v in ti.static(range(out))]
            for r in ti.static(range(height)):
                number = _number(given, block, scratch, row + r, i, chain, k)
                for v in ti.static(range(out)):
                    sums[r * out + v] = sums[r * out + v] + columns[v] * number
        to = scratch.first + ti.static(chain.rows(k + 1)) + row * out
        for n in ti.static(range(height * out)):
            if ti.static(k + 1 < chain.layers):
                scratch.vectors[to + n] = ti.max(sums[n], 0.0)
            else:
                scratch.vectors[to + n] = sums[n]


@simd
@replayed
@ti.kernel
def _adjoint(
    packed: Vectors,
    x: Rows,
    x_row: ti.i32,
    x_column: ti.i32,
    y_adjoint: Rows,
    g_row: ti.i32,
    g_column: ti.i32,
    x_adjoint: Rows,
    to_row: ti.i32,
    to_column: ti.i32,
    rows: ti.i32,
    numbers: Numbers,
    vectors: Vectors,
    sums: Vectors,
    pieces: ti.i32,
    chain: ti.template(),
    lanes: ti.template(),
):
    for task in range(pieces * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            piece = task // ti.static(grain())
            blocks = (rows + BLOCK - 1) // BLOCK
            scratch = ti.static(Scratch(numbers, vectors, piece * chain.scratch))
            given = ti.static(Given(x, x_row, x_column, x_row + rows - 1))
            for block in range(piece * blocks // pieces, (piece + 1) * blocks // pieces):
                for k in ti.static(range(chain.layers)):
                    if ti.static(k + 1 < chain.layers or chain.last != LINEAR):
                        _layer_forward(packed, given, block, scratch, chain, k)
                width = ti.static(chain.vectors(chain.layers))
                for r in range(BLOCK):
                    row = block * BLOCK + r
                    at = (scratch.first + ti.static(chain.adjoint_rows(chain.layers)) + r * width) * LANES
                    out = (scratch.first + ti.static(chain.rows(chain.layers)) + r * width) * LANES
                    for c in ti.static(range(LANES * width)):
                        g = 0.0
                        if ti.static(c < chain.widths[-1]):
                            if row < rows:
                                g = y_adjoint[g_row + row, g_column + c]
                            if ti.static(chain.last == SIGMOID):
                                y = _activated(numbers[out + c], chain)
                                g *= y * (1.0 - y)
                        numbers[at + c] = g
                for k in ti.static(range(chain.layers - 1, -1, -1)):
                    _add_products(given, block, scratch, sums, piece * ti.static(chain.size), chain, k)
                    _layer_adjoint(packed, scratch, chain, k)
                for r in range(ti.min(BLOCK, rows - block * BLOCK)):
                    at = (scratch.first + ti.static(chain.adjoint_rows(0)) + r * ti.static(chain.vectors(0))) * LANES
                    row = to_row + block * BLOCK + r
                    for c in range(ti.static(chain.widths[0])):
                        x_adjoint[row, to_column + c] = x_adjoint[row, to_column + c] + numbers[at + c]


@ti.func
def _add_products(
    given: ti.template(),
    block,
    scratch: ti.template(),
    totals: ti.template(),
    first,
    chain: ti.template(),
    k: ti.template(),
):
    """Adds to a layer's sums what a block's adjoints imply for its matrix and its biases."""
    out = ti.static(chain.vectors(k + 1))
    height = ti.static(at_once(out))  # inputs at once
    start = scratch.first + ti.static(chain.adjoint_rows(k + 1))
    for group in range(ti.static(-(-chain.widths[k] // height))):
        i = group * height
        sums = [Vector(0.0) for _ in ti.static(range(height * out))]
        for r in range(BLOCK):
            g = [scratch.vectors[start + r * out + v] for v in ti.static(range(out))]
            for q in ti.static(range(height)):
                number = _number(given, block, scratch, r, i + q, chain, k)
                for v in ti.static(range(out)):
                    sums[q * out + v] = sums[q * out + v] + g[v] * number
        for n in ti.static(range(height * out)):
            at = first + ti.static(chain.matrix(k)) + i * out + n
            totals[at] = totals[at] + sums[n]
    for v in ti.static(range(out)):
        total = totals[first + ti.static(chain.biases(k)) + v]
        for r in range(BLOCK):
            total += scratch.vectors[start + r * out + v]
        totals[first + ti.static(chain.biases(k)) + v] = total


@ti.func
def _layer_adjoint(packed: ti.template(), scratch: ti.template(), chain: ti.template(), k: ti.template()):
    """Writes the adjoint of what layer k is given, of that of what comes out."""
    out, width = ti.static(chain.vectors(k), LANES * chain.vectors(k + 1))
    height = ti.static(at_once(out))
    start, to = scratch.first + ti.static(chain.adjoint_rows(k + 1)), scratch.first + ti.static(chain.adjoint_rows(k))
    for group in range(ti.static(BLOCK // height)):
        row = group * height
        sums = [Vector(0.0) for _ in ti.static(range(height * out))]
        for j in range(ti.static(chain.widths[k + 1])):
            columns = [packed[ti.static(chain.transposed(k)) + j * out + v] for v in ti.static(range(out))]
            for r in ti.static(range(height)):
                number = scratch.numbers[start * LANES + (row + r) * width + j]
                for v in ti.static(range(out)):
                    sums[r * out + v] = sums[r * out + v] + columns[v] * number
        for n in ti.static(range(height * out)):
            if ti.static(k > 0):
                came = scratch.vectors[scratch.first + ti.static(chain.rows(k)) + row * out + n]
                scratch.vectors[to + row * out + n] = ti.select(came > 0.0, sums[n], 0.0)
            else:
                scratch.vectors[to + row * out + n] = sums[n]
