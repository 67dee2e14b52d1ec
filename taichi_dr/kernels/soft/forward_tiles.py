"""Forward of the soft rasterizer on CPUs: one thread takes a tile at a time and blends its faces one after the other.

Only packets within a face's reach are visited, and what depends on the face alone is computed once for all of them.
The running sums of the tile's pixels stay in the first-level cache, in a block of scratch per worker.

Faces that face the camera come first.  What is seen from behind and lies so far behind them that its weight vanishes
(of a closed surface most of it) changes alpha alone, and is not interpolated.  Where two faces have exactly the same
depth the first one is remembered: here one that faces the camera, in ``soft_forward`` the one with the lower index.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.launch import GRAIN, cpu_threads
from taichi_dr.kernels.base.views import first_row
from taichi_dr.kernels.soft.blend import (
    BEST,
    BEST0,
    COLOR_SUM,
    COMBINED,
    DEPTH_SUM,
    NEGLIGIBLE_EXPONENT,
    STATE,
    TOTAL,
    alpha_of,
    blend_alpha,
    blend_color,
    blend_face,
    load_sum,
    start_blend,
)
from taichi_dr.kernels.soft.pair import (
    ATTRIBUTE,
    CULL,
    DEPTH,
    DISTANCE_BARYCENTRIC,
    INVERSE_AREA,
    INVERSE_W,
    TILE,
    XY,
    combined,
    corner_numbers,
    interpolation,
    out_of_reach,
    packet_centers,
    packet_middle,
    packet_pixel,
    tiles,
    whole_face,
    whole_squared_distance,
)


def scratch_shift(count, lanes):
    """Binary logarithm of the numbers that a packet takes in the scratch: ``COLOR_SUM + count`` rows of its lanes."""
    return ((COLOR_SUM + count) * lanes - 1).bit_length()


def scratch_packets(lanes):
    """Packets in the scratch of ``soft_forward_tiles``: a tile for each thread."""
    return cpu_threads() * TILE * TILE // lanes


@ti.kernel
def soft_forward_tiles(
    records: ti.types.ndarray(ndim=2),
    boxes: ti.types.ndarray(dtype=ti.i32, ndim=2),
    tile_start: ti.types.ndarray(dtype=ti.i32, ndim=1),
    tile_faces: ti.types.ndarray(dtype=ti.i32, ndim=1),
    background: ti.types.ndarray(ndim=1),
    image: ti.types.ndarray(ndim=2),
    alpha: ti.types.ndarray(ndim=1),
    depth: ti.types.ndarray(ndim=1),
    face_id: ti.types.ndarray(dtype=ti.i32, ndim=1),
    barycentrics: ti.types.ndarray(ndim=2),
    state: ti.types.ndarray(ndim=1),
    offsets: ti.types.ndarray(ndim=1),
    scratch: ti.types.ndarray(ndim=1),
    order: ti.types.ndarray(dtype=ti.i32, ndim=1),
    deepest: ti.types.ndarray(ndim=1),
    drawn: ti.types.ndarray(dtype=ti.i32, ndim=1),
    workers: ti.i32,
    views: ti.i32,
    near: float,
    far: float,
    sigma: float,
    gamma: float,
    tau: float,
    width: ti.i32,
    height: ti.i32,
    count: ti.template(),
    modes: ti.template(),
    shape: ti.template(),
    double: ti.template(),
):
    """``soft_forward``, face by face; ``order``: 0, 1, 2, ..., one for each packet of the scratch.

    ``deepest``: scratch, as long as ``order``.  ``drawn``: (1,) scratch, the number of tiles that are taken: each
    worker takes the next one.
    """
    lanes = ti.static(shape[0] * shape[1])
    per_tile = ti.static(TILE * TILE // lanes)
    across = ti.static(TILE // shape[0])
    shift = ti.static(scratch_shift(count, lanes))
    ti.loop_config(serialize=True)
    for _ in range(1):
        drawn[0] = 0
    for task in range(workers * GRAIN):
        if task % GRAIN != 0:
            continue
        total = views * tiles(width, height)
        worker = task // GRAIN
        tile = ti.atomic_add(drawn[0], 1)
        while tile < total:
            view, top, left = packet_pixel(tile * per_tile, width, height, shape)
            slots = 1  # packets of a tile without faces are all alike
            if tile_start[tile] < tile_start[tile + 1]:
                slots = per_tile
            for slot in range(worker * per_tile, worker * per_tile + slots):
                start_blend(scratch, order[slot] << shift, background, near, far, count, modes, lanes)
            k, sharpness = 1.0 / (gamma * (far - near)), 1.0 / sigma
            for side in range(2):
                for entry in range(tile_start[tile], tile_start[tile + 1]):
                    face = tile_faces[entry]
                    item = first_row(boxes, view, views) + face
                    if (records[item, INVERSE_AREA] > 0.0) != (side == 0):
                        continue
                    edges = whole_edges(records, item)
                    inverse_w = corner_numbers(records, item, INVERSE_W)
                    depths = corner_numbers(records, item, DEPTH)
                    colors = [corner_numbers(records, item, ATTRIBUTE + 3 * c) for c in ti.static(range(count))]
                    col0 = (ti.max(boxes[item, 0], left) - left) // shape[0]
                    row0 = (ti.max(boxes[item, 1], top) - top) // shape[1]
                    col1 = (ti.min(boxes[item, 2], left + (TILE - 1)) - left) // shape[0]
                    row1 = (ti.min(boxes[item, 3], top + (TILE - 1)) - top) // shape[1]
                    hiding_depth = _hiding_depth(depths, near, far, NEGLIGIBLE_EXPONENT / k)
                    for packet_row in range(row0, row1 + 1):
                        for packet_col in range(col0, col1 + 1):
                            row, col = top + packet_row * shape[1], left + packet_col * shape[0]
                            middle_x, middle_y = packet_middle(row, col, width, height, shape)
                            if out_of_reach(records, item, middle_x, middle_y):
                                continue
                            slot = worker * per_tile + packet_row * across + packet_col
                            first = order[slot] << shift
                            x, y = packet_centers(row, col, width, height, offsets, lanes)
                            squared, w0, w1, w2 = whole_distance(records, item, edges, x, y, modes[2])
                            inside = lower(w0, lower(w1, w2))
                            exponent = squared * sharpness
                            seen = higher(inside, tau - squared)
                            if side == 1 and deepest[slot] < hiding_depth:
                                blend_alpha(scratch, first, exponent, inside, seen, modes, lanes, double)
                            else:
                                p0, p1, p2, _r = interpolation(inverse_w, w0, w1, w2)
                                z = combined(depths, p0, p1, p2)
                                visible = lower(seen, lower(z - near, far - z))
                                p, numbers = (p0, p1, p2), (exponent, inside, visible)
                                keep, share = blend_face(scratch, first, face, *numbers, *p, z, k, modes, lanes, double)
                                for c in ti.static(range(count)):
                                    value = combined(colors[c], *p)
                                    blend_color(scratch, first, c, value, keep, share, modes, lanes)
                if side == 0:
                    for slot in range(worker * per_tile, worker * per_tile + slots):
                        deepest[slot] = _deepest_reference(scratch, order[slot] << shift, lanes)
            for inner in range(per_tile):
                first = order[worker * per_tile + ti.min(inner, slots - 1)] << shift
                packet = tile * per_tile + inner
                row, col = top + inner // across * shape[1], left + inner % across * shape[0]
                _write_packet(
                    scratch,
                    first,
                    image,
                    alpha,
                    depth,
                    face_id,
                    barycentrics,
                    state,
                    packet,
                    view,
                    row,
                    col,
                    width,
                    height,
                    count,
                    modes,
                    shape,
                )
            tile = ti.atomic_add(drawn[0], 1)


@ti.func
def _hiding_depth(depths, near, far, margin):
    """A packet whose references are all below this depth hides a face with these ``corner_numbers``.

    Below every reference if near or far cut the face: whether it is seen is then to be found out pixel by pixel.
    """
    nearest, farthest = ti.min(depths[0], depths[1], depths[2]), ti.max(depths[0], depths[1], depths[2])
    depth = nearest - margin
    if nearest < near or farthest > far:
        depth = near - margin
    return depth


@ti.func
def _deepest_reference(scratch: ti.template(), first, lanes: ti.template()):
    """The greatest of the references of a packet's pixels, which are their nearest depths so far."""
    depth = scratch[first]
    for lane in range(1, lanes):
        depth = ti.max(depth, scratch[first + lane])
    return depth


@ti.func
def _write_packet(
    scratch: ti.template(),
    first,
    image: ti.template(),
    alpha: ti.template(),
    depth: ti.template(),
    face_id: ti.template(),
    barycentrics: ti.template(),
    state: ti.template(),
    packet,
    view,
    row,
    col,
    width,
    height,
    count: ti.template(),
    modes: ti.template(),
    shape: ti.template(),
):
    """Writes the outputs of a packet and the state that the adjoint needs."""
    lanes = ti.static(shape[0] * shape[1])
    inverse = 1.0 / load_sum(scratch, first, TOTAL, lanes)
    for i in range(STATE * lanes):
        state[packet * (STATE * lanes) + i] = scratch[first + i]
    for lane in ti.static(range(lanes)):
        pixel_row, pixel_col = row + lane // shape[0], col + lane % shape[0]
        if pixel_row < height and pixel_col < width:
            pixel = (view * height + pixel_row) * width + pixel_col
            depth[pixel] = scratch[first | (DEPTH_SUM * lanes + lane)] * inverse[lane]
            face_id[pixel] = ti.cast(scratch[first | (BEST * lanes + lane)], ti.i32)
            alpha[pixel] = alpha_of(scratch[first | (COMBINED * lanes + lane)], modes)
            for corner in ti.static(range(3)):
                barycentrics[pixel, corner] = scratch[first | ((BEST0 + corner) * lanes + lane)]
            for c in ti.static(range(count)):
                image[pixel, c] = scratch[first | ((COLOR_SUM + c) * lanes + lane)] * inverse[lane]


@ti.func
def whole_edges(records: ti.template(), item):
    """The edges of a whole face as lines in (x, y) relative to its first corner.

    Eight numbers for each edge, from corner k to k + 1: the inward distance ``a x + b y + c``, the position along
    the edge from its middle ``d x + e y + f``, half its length, and its length / |area|, by which the distance becomes
    the screen barycentric of the corner opposite.
    """
    x0, y0 = records[item, XY], records[item, XY + 1]
    numbers = ti.Vector([0.0 for _ in ti.static(range(24))])
    for k in ti.static(range(3)):
        j = ti.static((k + 1) % 3)
        x, y = records[item, XY + 2 * k] - x0, records[item, XY + 2 * k + 1] - y0
        ex = records[item, XY + 2 * j] - records[item, XY + 2 * k]
        ey = records[item, XY + 2 * j + 1] - records[item, XY + 2 * k + 1]
        a, b = -records[item, CULL + 3 * k], -records[item, CULL + 3 * k + 1]
        length = ti.abs(ex * b - ey * a)
        numbers[8 * k] = a
        numbers[8 * k + 1] = b
        numbers[8 * k + 2] = -(a * x + b * y)
        numbers[8 * k + 3] = b
        numbers[8 * k + 4] = -a
        numbers[8 * k + 5] = -(b * (x + 0.5 * ex) - a * (y + 0.5 * ey))
        numbers[8 * k + 6] = 0.5 * length
        numbers[8 * k + 7] = length * ti.abs(records[item, INVERSE_AREA])
    return numbers


@ti.func
def whole_distance(records: ti.template(), item, edges, x, y, distance: ti.template()):
    """Squared distance of the pixels to a whole face's boundary, in the unit of the mode, and screen barycentrics (3).

    To edge k it is ``s^2 + max(|t| - h, 0)^2``, s the distance from its line, t the position along it from its middle
    and h half its length.
    """
    squared, w0, w1, w2 = 0.0 * x, 0.0 * x, 0.0 * x, 0.0 * x
    if ti.static(distance == DISTANCE_BARYCENTRIC):
        w0, w1, w2, _dx, _dy, _b0, _b1, _b2 = whole_face(records, item, x, y)
        squared, _ = whole_squared_distance(_dx, _dy, w0, w1, w2, distance)
    else:
        rx, ry = x - records[item, XY], y - records[item, XY + 1]
        s0, squared0 = _edge_distance(edges, 0, rx, ry)
        s1, squared1 = _edge_distance(edges, 1, rx, ry)
        s2, squared2 = _edge_distance(edges, 2, rx, ry)
        squared = lower(squared0, lower(squared1, squared2))
        w0, w1, w2 = s1 * edges[15], s2 * edges[23], s0 * edges[7]
    return squared, w0, w1, w2


@ti.func
def _edge_distance(edges, k: ti.template(), rx, ry):
    s = edges[8 * k] * rx + edges[8 * k + 1] * ry + edges[8 * k + 2]
    t = edges[8 * k + 3] * rx + edges[8 * k + 4] * ry + edges[8 * k + 5]
    beyond = higher(ti.abs(t) - edges[8 * k + 6], 0.0)
    return s, s * s + beyond * beyond
