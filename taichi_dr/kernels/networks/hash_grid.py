"""Multi-resolution hash grid: features of points from grids of several resolutions, side by side.

Level l of L has ``N_l = floor(N_min b^l)`` cells along each axis of the bounds, ``b = (N_max / N_min)^(1 / (L - 1))``,
and a table of F numbers for each of its points, i in {0 ... N_l}^3:

    features_l(p) = sum over the 8 corners i of p's cell:  w_i(p) table_l[row(i)],  w_i trilinear
    row(i) = i_x + (N_l + 1) (i_y + (N_l + 1) i_z)                      if the level's table has a row for every point
           = (i_x xor 2654435761 i_y xor 805459861 i_z) mod 2^k         otherwise

Outside the bounds, features are those at their nearest point.  Source: Mueller, Evans, Schied and Keller, Instant
Neural Graphics Primitives with a Multiresolution Hash Encoding, SIGGRAPH 2022, section 3.

No floating-point atomics: on CPUs every thread has levels of its own, whose rows nobody else adds to; on GPUs integers
are added up (``quantum``).  So the same numbers come out whatever the threads do.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import grain, is_serial, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Numbers, Rows
from taichi_dr.kernels.base.vectors import add_row3, row3
from taichi_dr.kernels.networks import hash_vectors
from taichi_dr.kernels.networks.hash_levels import POINTS_PER_TASK, PRIMES, mixed, read_level

SERIAL_POINTS = 1 << 8
CHUNKS = 256  # in which a GPU looks for the largest number
LOW_BITS = 10  # of a fixed-point number


@ti.func
def unit_place(p, box: ti.template()):
    """Where in the bounds p is, (0, 0, 0) to (1, 1, 1); outside of them, their nearest point."""
    u = ti.Vector([(p[k] - box[0, k]) * box[1, k] for k in ti.static(range(3))])
    return ti.min(ti.max(u, 0.0), 1.0)


@ti.func
def cell_of(u, cells):
    """The lowest corner of the cell around u, and the place in it, (0, 0, 0) there and (1, 1, 1) opposite."""
    q = u * cells
    cell = ti.min(ti.cast(q, ti.i32), cells - 1)
    return cell, q - cell


@ti.func
def corner_row(corner, level: ti.template()):
    """The row of the table of all levels that holds a level's point."""
    x, y, z = [ti.cast(corner[k], ti.u32) for k in ti.static(range(3))]
    points = ti.cast(level.cells + 1, ti.u32)
    hashed = (x ^ y * ti.u32(PRIMES[0]) ^ z * ti.u32(PRIMES[1])) & ti.cast(level.rows - 1, ti.u32)
    row = ti.select(
        level.is_hashed != 0, hashed, x + points * y + points * points * z
    )  # no branch: corners share terms
    return level.first + ti.cast(row, ti.i32)


@ti.func
def corner_weight(place, i: ti.template(), j: ti.template(), k: ti.template()):
    """Trilinear: the share of a cell's corner (i, j, k), each 0 or 1."""
    w = ti.static([1.0 - place, place])
    return w[i][0] * w[j][1] * w[k][2]


@ti.func
def corner_weight_slope(place, i: ti.template(), j: ti.template(), k: ti.template()):
    """The derivative of ``corner_weight`` by the place."""
    w, s = ti.static([1.0 - place, place]), ti.static([-1.0, 1.0])
    return ti.Vector([s[i] * w[j][1] * w[k][2], w[i][0] * s[j] * w[k][2], w[i][0] * w[j][1] * s[k]])


def encode(table, levels, box, points, features, count, width):
    """Writes ``features`` (count, L*F), level by level, of ``table`` (rows, F) at ``points`` (count, 3); F = ``width``.

    At a point of an unhashed level, its features are that point's row.
    """
    if hash_vectors.fits(width, features):
        hash_vectors.encode(table, levels, box, points, features, count, width)
        return
    step = POINTS_PER_TASK if on_cpu() else 1
    _encode(table, levels, box, points, features, count, step, width, is_serial(count, SERIAL_POINTS))


@replayed
@ti.kernel
def _encode(
    table: Rows,
    levels: IntRows,
    box: Rows,
    points: Rows,
    features: Rows,
    count: ti.i32,
    step: ti.i32,
    width: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for task in range((count + step - 1) // step * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            first = task // ti.static(grain()) * step
            for index in range(levels.shape[0]):
                level = ti.static(read_level(levels, index))
                for n in range(first, ti.min(first + step, count)):
                    value = sample(table, level, unit_place(row3(points, n), box), width)
                    for c in ti.static(range(width)):
                        features[n, index * width + c] = value[c]


@ti.func
def sample(table: ti.template(), level: ti.template(), u, width: ti.template()):
    """A level's features at u, a vector."""
    cell, place = cell_of(u, level.cells)
    value = ti.Vector([0.0 for _ in ti.static(range(width))])
    for i, j, k in ti.static(ti.ndrange(2, 2, 2)):
        row, weight = corner_row(cell + ti.Vector([i, j, k]), level), corner_weight(place, i, j, k)
        for c in ti.static(range(width)):
            value[c] += weight * table[row, c]
    return value


def encode_adjoint(table, levels, box, points, features_adjoint, points_adjoint, table_adjoint, count, width, buffers):
    """Adds to ``points_adjoint`` (count, 3) and ``table_adjoint``, unless None, what ``features_adjoint`` implies."""
    if table_adjoint is not None:
        where = levels, box, points, features_adjoint, table_adjoint
        if hash_vectors.fits(width, features_adjoint):
            hash_vectors.add_to_levels(*where, count, width)
        elif on_cpu():
            _add_to_levels(*where, count, width)
        else:
            parts = buffers.zeroed("hash_grid_parts", (table.shape[0], 2 * width), ti.i32)
            _add_integers(*where, parts, buffers.get("hash_grid_largest", (CHUNKS + 1,)), count, width)
    if points_adjoint is not None:
        _add_to_points(table, levels, box, points, features_adjoint, points_adjoint, count, width)


@replayed
@ti.kernel
def _add_to_levels(
    levels: IntRows,
    box: Rows,
    points: Rows,
    features_adjoint: Rows,
    table_adjoint: Rows,
    count: ti.i32,
    width: ti.template(),
):
    for task in range(levels.shape[0] * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            index = mixed(task // ti.static(grain()), levels.shape[0])
            level = ti.static(read_level(levels, index))
            for n in range(count):
                cell, place = cell_of(unit_place(row3(points, n), box), level.cells)
                g = ti.Vector([features_adjoint[n, index * width + c] for c in ti.static(range(width))])
                for i, j, k in ti.static(ti.ndrange(2, 2, 2)):
                    row, weight = corner_row(cell + ti.Vector([i, j, k]), level), corner_weight(place, i, j, k)
                    for c in ti.static(range(width)):
                        table_adjoint[row, c] = table_adjoint[row, c] + weight * g[c]  # `+=` would be an atomic add


@replayed
@ti.kernel
def _add_integers(
    levels: IntRows,
    box: Rows,
    points: Rows,
    features_adjoint: Rows,
    table_adjoint: Rows,
    parts: IntRows,
    largest: Numbers,
    count: ti.i32,
    width: ti.template(),
):
    for chunk in range(CHUNKS):
        most = 0.0
        for n in range(chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS):
            for c in range(features_adjoint.shape[1]):
                most = ti.max(most, ti.abs(features_adjoint[n, c]))
        largest[chunk] = most
    for _ in range(1):
        most = 0.0
        for chunk in range(CHUNKS):
            most = ti.max(most, largest[chunk])
        largest[CHUNKS] = quantum(most, count)
    for task in range(count * levels.shape[0]):
        n, index = task // levels.shape[0], task % levels.shape[0]
        if largest[CHUNKS] > 0.0:
            level = ti.static(read_level(levels, index))
            cell, place = cell_of(unit_place(row3(points, n), box), level.cells)
            for i, j, k in ti.static(ti.ndrange(2, 2, 2)):
                row, weight = corner_row(cell + ti.Vector([i, j, k]), level), corner_weight(place, i, j, k)
                for c in ti.static(range(width)):
                    high, low = fixed_point(weight * features_adjoint[n, index * width + c], largest[CHUNKS])
                    parts[row, 2 * c] += high
                    parts[row, 2 * c + 1] += low
    for row in range(table_adjoint.shape[0]):
        for c in ti.static(range(width)):
            total = parts[row, 2 * c] + parts[row, 2 * c + 1] * ti.static(2.0**-LOW_BITS)
            table_adjoint[row, c] = table_adjoint[row, c] + total * largest[CHUNKS]


@ti.func
def quantum(most, count):
    """What an integer's unit is worth, where ``count`` numbers of at most ``most`` fit into 2^30 units.

    A sample's weights in a level add up to 1, so that is all that can come together in a row.
    """
    return most * (ti.cast(count, float) * ti.static(2.0**-30))


@ti.func
def fixed_point(value, unit):
    """Two integers: ``value = unit (high + 2^-LOW_BITS low)``, to half a unit of low."""
    q = value / unit
    high = ti.floor(q)
    return ti.cast(high, ti.i32), ti.cast((q - high) * ti.static(2.0**LOW_BITS) + 0.5, ti.i32)


@replayed
@ti.kernel
def _add_to_points(
    table: Rows,
    levels: IntRows,
    box: Rows,
    points: Rows,
    features_adjoint: Rows,
    points_adjoint: Rows,
    count: ti.i32,
    width: ti.template(),
):
    for n in range(count):
        p = row3(points, n)
        u = unit_place(p, box)
        u_adjoint = ti.Vector([0.0, 0.0, 0.0])
        for index in range(levels.shape[0]):
            level = ti.static(read_level(levels, index))
            cell, place = cell_of(u, level.cells)
            for i, j, k in ti.static(ti.ndrange(2, 2, 2)):
                row, along = corner_row(cell + ti.Vector([i, j, k]), level), 0.0
                for c in ti.static(range(width)):
                    along += features_adjoint[n, index * width + c] * table[row, c]
                u_adjoint += along * level.cells * corner_weight_slope(place, i, j, k)
        for k in ti.static(range(3)):
            inside = (p[k] - box[0, k]) * box[1, k] == u[k]
            u_adjoint[k] = ti.select(inside, u_adjoint[k] * box[1, k], 0.0)
        add_row3(points_adjoint, n, 0, u_adjoint)
