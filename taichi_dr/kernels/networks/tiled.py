"""Products of matrices on GPUs, by tiles that the threads of a block share.

A block of ``SIDE`` x ``SIDE`` threads makes a tile of ``TILE`` x ``TILE`` numbers, ``EACH`` x ``EACH`` of them to a
thread, in registers.  ``DEPTH`` by ``DEPTH`` it reads what the whole tile needs into shared memory, each number once,
neighbouring threads neighbouring numbers.  Rows there are one number longer than a tile, so that threads do not meet in
a bank.  Sums run in a fixed order: no atomics.

Not for CPUs, where there is no shared memory.  Source: Volkov and Demmel, Benchmarking GPUs to Tune Dense Linear
Algebra, SC 2008.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.networks.activations import LINEAR, activate

SIDE, EACH, DEPTH = 8, 8, 16
THREADS, TILE = SIDE * SIDE, SIDE * EACH
PITCH = TILE + 1  # of rows in shared memory


@ti.func
def add_products(sums: ti.template(), above: ti.template(), beside: ti.template(), down, across):
    """Adds to a thread's sums ``above[k, i] beside[k, j]``, i being its rows of the tile and j its columns."""
    for k in range(DEPTH):
        column = ti.Vector([beside[k * PITCH + across + c * SIDE] for c in ti.static(range(EACH))])
        for r in ti.static(range(EACH)):
            sums[r] = sums[r] + above[k * PITCH + down + r * SIDE] * column


@replayed
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
    ti.loop_config(block_dim=THREADS)
    for index in range((rows + TILE - 1) // TILE * ((outputs + TILE - 1) // TILE) * THREADS):
        above = ti.simt.block.SharedArray((DEPTH * PITCH,), ti.f32)
        beside = ti.simt.block.SharedArray((DEPTH * PITCH,), ti.f32)
        tiles, t = (outputs + TILE - 1) // TILE, index % THREADS
        top, left = index // THREADS // tiles * TILE, index // THREADS % tiles * TILE
        sums = [ti.Vector.zero(float, EACH) for _ in ti.static(range(EACH))]
        for step in range((inputs + DEPTH - 1) // DEPTH):
            for q in range(DEPTH * TILE // THREADS):
                n = q * THREADS + t
                i, k = n // DEPTH, n % DEPTH
                number = 0.0
                if top + i < rows and step * DEPTH + k < inputs:
                    number = x[x_row + top + i, x_column + step * DEPTH + k]
                above[k * PITCH + i] = number
                if output_stride == 1:
                    i, k = n % TILE, n // TILE
                number = 0.0
                if left + i < outputs and step * DEPTH + k < inputs:
                    number = weights[first + (step * DEPTH + k) * input_stride + (left + i) * output_stride, 0]
                beside[k * PITCH + i] = number
            ti.simt.block.sync()
            add_products(sums, above, beside, t // SIDE, t % SIDE)
            ti.simt.block.sync()
        for r in ti.static(range(EACH)):
            for c in ti.static(range(EACH)):
                i, j = top + t // SIDE + r * SIDE, left + t % SIDE + c * SIDE
                if i < rows and j < outputs:
                    y[y_row + i, y_column + j] = sums[r][c]
        if ti.static(has_biases or activation != LINEAR):
            for n in range(EACH * EACH):  # a loop at run time: activations sixty-four times over take long to compile
                i, j = top + t // SIDE + n // EACH * SIDE, left + t % SIDE + n % EACH * SIDE
                if i < rows and j < outputs:
                    total = y[y_row + i, y_column + j]
                    if ti.static(has_biases):
                        total += biases[first_bias + j, 0]
                    y[y_row + i, y_column + j] = activate(total, activation, beta)


@replayed
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
    ti.loop_config(block_dim=THREADS)
    for index in range(slices * ((inputs + TILE) // TILE) * ((outputs + TILE - 1) // TILE) * THREADS):
        above = ti.simt.block.SharedArray((DEPTH * PITCH,), ti.f32)
        beside = ti.simt.block.SharedArray((DEPTH * PITCH,), ti.f32)
        high, wide, t = (inputs + TILE) // TILE, (outputs + TILE - 1) // TILE, index % THREADS
        s, tile = index // THREADS // (high * wide), index // THREADS % (high * wide)
        top, left = tile // wide * TILE, tile % wide * TILE
        length = (rows + slices - 1) // slices
        end = ti.min((s + 1) * length, rows)
        sums = [ti.Vector.zero(float, EACH) for _ in ti.static(range(EACH))]
        for step in range((length + DEPTH - 1) // DEPTH):
            for q in range(DEPTH * TILE // THREADS):
                n = q * THREADS + t
                k, i = n % TILE, s * length + step * DEPTH + n // TILE
                number, other = 0.0, 0.0
                if i < end:
                    if top + k < inputs:
                        number = x[x_row + i, x_column + top + k]
                    elif top + k == inputs:
                        number = 1.0
                    if left + k < outputs:
                        other = g[g_row + i, g_column + left + k]
                above[n // TILE * PITCH + k] = number
                beside[n // TILE * PITCH + k] = other
            ti.simt.block.sync()
            add_products(sums, above, beside, t // SIDE, t % SIDE)
            ti.simt.block.sync()
        for r in ti.static(range(EACH)):
            for c in ti.static(range(EACH)):
                k, j = top + t // SIDE + r * SIDE, left + t % SIDE + c * SIDE
                if k <= inputs and j < outputs:
                    partials[(s * (inputs + 1) + k) * outputs + j] = sums[r][c]
