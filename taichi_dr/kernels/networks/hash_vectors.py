"""The hash grid of ``hash_grid`` on CPUs, in single precision, where a point's numbers are whole vectors.

What is read and added to is a vector at a time, and what the eight corners of a cell have in common is computed once:
half the time of number by number.  Places are numbers here, not vectors, whose types are changed lane by lane.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import grain, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import IntRows, Rows
from taichi_dr.kernels.networks.hash_levels import POINTS_PER_TASK, PRIMES, mixed, read_level
from taichi_dr.runtime import float_dtype

LANES = 4
Vector = ti.types.vector(LANES, ti.f32)
Vectors = ti.types.ndarray(Vector, 1)


def fits(width, features):
    """Whether a table of so many numbers a row is for these kernels, and the array of features (N, C)."""
    return on_cpu() and float_dtype() == ti.f32 and width % LANES == features.shape[1] % LANES == 0


def encode(table, levels, box, points, features, count, width):
    """As ``hash_grid.encode``."""
    arrays = _vectors(table), levels, box, points, _vectors(features)
    _encode(*arrays, features.shape[1] // LANES, count, POINTS_PER_TASK, width // LANES, LANES)


def add_to_levels(levels, box, points, features_adjoint, table_adjoint, count, width):
    """Adds to ``table_adjoint`` what ``features_adjoint`` implies, as ``hash_grid.encode_adjoint`` does."""
    arrays = _vectors(table_adjoint), levels, box, points, _vectors(features_adjoint)
    _add_to_levels(*arrays, features_adjoint.shape[1] // LANES, count, width // LANES, LANES)


def _vectors(array):
    """The numbers of an array (rows, C) as a NumPy array of vectors."""
    return array.memory().reshape(-1, LANES)


@simd
@replayed
@ti.kernel
def _encode(
    table: Vectors,
    levels: IntRows,
    box: Rows,
    points: Rows,
    features: Vectors,
    stride: ti.i32,
    count: ti.i32,
    step: ti.i32,
    vectors: ti.template(),
    lanes: ti.template(),
):
    for task in range((count + step - 1) // step * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            first = task // ti.static(grain()) * step
            for index in range(levels.shape[0]):
                level = ti.static(read_level(levels, index))
                for n in range(first, ti.min(first + step, count)):
                    visit(n, level, table, box, points, features, n * stride + index * vectors, vectors, False)


@simd
@replayed
@ti.kernel
def _add_to_levels(
    table: Vectors,
    levels: IntRows,
    box: Rows,
    points: Rows,
    features: Vectors,
    stride: ti.i32,
    count: ti.i32,
    vectors: ti.template(),
    lanes: ti.template(),
):
    for task in range(levels.shape[0] * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            index = mixed(task // ti.static(grain()), levels.shape[0])
            level = ti.static(read_level(levels, index))
            for n in range(count):
                visit(n, level, table, box, points, features, n * stride + index * vectors, vectors, True)


@ti.func
def along_axis(points: ti.template(), n, axis: ti.template(), box: ti.template(), cells):
    """The lower corner of the cell that point n is in, and the place in the cell, on one axis."""
    u = ti.min(ti.max((points[n, axis] - box[0, axis]) * box[1, axis], 0.0), 1.0) * ti.cast(cells, ti.f32)
    cell = ti.min(ti.cast(u, ti.i32), cells - 1)
    return cell, u - ti.cast(cell, ti.f32)


@ti.func
def visit(
    n,
    level: ti.template(),
    table: ti.template(),
    box: ti.template(),
    points: ti.template(),
    features: ti.template(),
    at,
    vectors: ti.template(),
    adds: ti.template(),
):
    """Writes the features of a level at point n, or adds what they imply, being adjoints, to ``table``."""
    if level.is_hashed != 0:
        visit_corners(n, level, table, box, points, features, at, vectors, adds, True)
    else:
        visit_corners(n, level, table, box, points, features, at, vectors, adds, False)


@ti.func
def visit_corners(
    n,
    level: ti.template(),
    table: ti.template(),
    box: ti.template(),
    points: ti.template(),
    features: ti.template(),
    at,
    vectors: ti.template(),
    adds: ti.template(),
    hashed: ti.template(),
):
    """``visit`` of a level whose points share rows, or of one whose points do not."""
    x, u = along_axis(points, n, 0, box, level.cells)
    y, v = along_axis(points, n, 1, box, level.cells)
    z, w = along_axis(points, n, 2, box, level.cells)
    side = ti.cast(level.cells + 1, ti.u32)
    down, deep = side, side * side
    if ti.static(hashed):
        down, deep = ti.u32(PRIMES[0]), ti.u32(PRIMES[1])
    across = ti.static([ti.cast(x, ti.u32), ti.cast(x + 1, ti.u32)])
    below = ti.static([ti.cast(y, ti.u32) * down, ti.cast(y + 1, ti.u32) * down])
    behind = ti.static([ti.cast(z, ti.u32) * deep, ti.cast(z + 1, ti.u32) * deep])
    shares = ti.static([1.0 - u, u]), ti.static([1.0 - v, v]), ti.static([1.0 - w, w])
    numbers = [Vector(0.0) for _ in ti.static(range(vectors))]
    if ti.static(adds):
        for c in ti.static(range(vectors)):
            numbers[c] = features[at + c]
    for i, j, k in ti.static(ti.ndrange(2, 2, 2)):
        row = across[i] + below[j] + behind[k]
        if ti.static(hashed):
            row = (across[i] ^ below[j] ^ behind[k]) & ti.cast(level.rows - 1, ti.u32)
        weight = shares[0][i] * shares[1][j] * shares[2][k]
        for c in ti.static(range(vectors)):
            place = (level.first + ti.cast(row, ti.i32)) * vectors + c
            if ti.static(adds):
                table[place] = table[place] + numbers[c] * weight
            else:
                numbers[c] = numbers[c] + table[place] * weight
    if ti.static(not adds):
        for c in ti.static(range(vectors)):
            features[at + c] = numbers[c]
