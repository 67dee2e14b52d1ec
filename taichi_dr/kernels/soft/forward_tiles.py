"""Forward of the soft rasterizer on CPUs, face by face: a thread takes a tile at a time and blends its faces in turn.

Only packets within a face's reach are visited, and what depends on the face alone is computed once for all of them.
The running sums of the tile's pixels stay in the first-level cache, in a block of scratch per worker.

Faces that face the camera come first.  What is seen from behind and lies so far behind them that its weight vanishes
(of a closed surface most of it) changes alpha alone, and is not interpolated.  Where two faces have exactly the same
depth the first one is remembered: here one that faces the camera, in ``soft_forward`` the one with the lower index.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher
from taichi_dr.kernels.base.launch import GRAIN, cpu_threads
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.views import first_row
from taichi_dr.kernels.soft.blend import (
    COLOR_SUM,
    DEPTH_SUM,
    NEGLIGIBLE_EXPONENT,
    STATE,
    TOTAL,
    Blend,
    Outputs,
    blend_alpha,
    blend_color,
    blend_face,
    lane_of,
    load_sum,
    start_blend,
    write_undivided,
)
from taichi_dr.kernels.soft.face_records import INVERSE_AREA, BinnedFaces, load_attributes
from taichi_dr.kernels.soft.modes import Softness
from taichi_dr.kernels.soft.packets import (
    TILE,
    Packets,
    packet_middle,
    packet_pixel,
    packet_x,
    packet_y,
    pixel_of_lane,
    tiles,
    zero_bits,
)
from taichi_dr.kernels.soft.pair import combined
from taichi_dr.kernels.soft.whole_face import (
    load_reach,
    load_whole,
    out_of_reach,
    squared_and_inside,
    whole_distance,
    whole_pair,
    whole_row,
)


class Scratch(NamedTuple):
    """Blocks of packets: the running sums of packet ``slot`` begin at ``order[slot] << shift`` in ``sums``, and the
    greatest of its pixels' references is ``deepest[slot]``.  ``order`` counts 0, 1, ...
    """

    sums: Any
    order: Any
    deepest: Any
    shift: Any


class ScratchTile(NamedTuple):
    """A tile, its view and first pixel, and the first of its slots in the scratch."""

    index: Any
    view: Any
    top: Any
    left: Any
    slot: Any


def scratch_shift(count, lanes):
    """Binary logarithm of the numbers that a packet takes in the scratch: ``COLOR_SUM + count`` rows of its lanes."""
    return ((COLOR_SUM + count) * lanes - 1).bit_length()


def scratch_packets(lanes):
    """Packets in the scratch of ``soft_forward_tiles``: a tile for each thread."""
    return cpu_threads() * TILE * TILE // lanes


@simd
@replayed
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
    scratch_sums: ti.types.ndarray(ndim=1),
    order: ti.types.ndarray(dtype=ti.i32, ndim=1),
    deepest: ti.types.ndarray(ndim=1),
    drawn: ti.types.ndarray(dtype=ti.i32, ndim=1),
    workers: ti.i32,
    views: ti.i32,
    near: float,
    far: float,
    k: float,
    sharpness: float,
    tau: float,
    width: ti.i32,
    height: ti.i32,
    count: ti.template(),
    modes: ti.template(),
    shape: ti.template(),
    double: ti.template(),
    lanes: ti.template(),
):
    """``soft_forward`` of the whole faces for packets of several pixels, ``lanes`` of them.

    Each of ``workers`` threads draws the next tile from the counter ``drawn``.
    """
    ti.loop_config(serialize=True)
    for _ in range(1):
        drawn[0] = 0
    for task in range(workers * GRAIN):
        if task % GRAIN == 0:
            binned = ti.static(BinnedFaces(records, boxes, tile_start, tile_faces, views))
            outputs = ti.static(Outputs(image, alpha, depth, face_id, barycentrics, state))
            softness = ti.static(Softness(near, far, k, sharpness, tau))
            zero = zero_bits(offsets)
            packets = ti.static(Packets(width, height, shape, double, offsets, zero))
            shift = ti.static(scratch_shift(count, packets.lanes))
            scratch = ti.static(Scratch(scratch_sums, order, deepest, shift))
            slot = task // GRAIN * ti.static(packets.per_tile)
            index = ti.atomic_add(drawn[0], 1)
            while index < views * tiles(width, height):
                view, top, left = packet_pixel(index * ti.static(packets.per_tile), packets)
                tile = ti.static(ScratchTile(index, view, top, left, slot))
                slots = 1  # packets of a tile without faces are all alike
                if tile_start[index] < tile_start[index + 1]:
                    slots = packets.per_tile
                for used in range(slot, slot + slots):
                    start_blend(_blend_of(scratch, used, packets), background, count, softness, modes)
                _blend_sides(tile, slots, binned, scratch, packets, softness, modes, count)
                _write_tile(tile, slots, scratch, outputs, packets, modes, count)
                index = ti.atomic_add(drawn[0], 1)


@ti.func
def _blend_of(scratch: ti.template(), slot, packets: ti.template()):
    """The ``Blend`` of a packet of the scratch."""
    first = scratch.order[slot] << scratch.shift
    return ti.static(Blend(scratch.sums, first, packets.lanes, packets.double))


@ti.func
def _blend_sides(
    tile: ti.template(),
    slots,
    binned: ti.template(),
    scratch: ti.template(),
    packets: ti.template(),
    softness: ti.template(),
    modes: ti.template(),
    count: ti.template(),
):
    """Blends the faces of a tile; ``slots``: of the scratch that are in use."""
    for side in range(2):
        _blend_side(side, tile, binned, scratch, packets, softness, modes, count)
        if side == 0:
            for used in range(tile.slot, tile.slot + slots):
                scratch.deepest[used] = _deepest_reference(_blend_of(scratch, used, packets))


@ti.func
def _blend_side(
    side,
    tile: ti.template(),
    binned: ti.template(),
    scratch: ti.template(),
    packets: ti.template(),
    softness: ti.template(),
    modes: ti.template(),
    count: ti.template(),
):
    """Blends the faces of a tile that face the camera (side 0) or those seen from behind (side 1)."""
    for entry in range(binned.start[tile.index], binned.start[tile.index + 1]):
        face = binned.faces[entry]
        item = first_row(binned.boxes, tile.view, binned.views) + face
        if ti.select(binned.records[item, INVERSE_AREA] > 0.0, 0, 1) == side:
            reach = ti.static(load_reach(binned.records, item))
            whole = ti.static(load_whole(binned.records, item, reach))
            colors = load_attributes(binned.records, item, count)
            hidden_below = -1e30
            if side == 1:
                hidden_below = _hiding_depth(whole.depth, softness)
            col0, col1 = _packet_range(binned.boxes, item, 0, tile.left, packets.shape[0])
            row0, row1 = _packet_range(binned.boxes, item, 1, tile.top, packets.shape[1])
            for packet_row in range(row0, row1):
                y = packet_y(tile.top + packet_row * packets.shape[1], packets, packets.lanes)
                line = ti.static(whole_row(whole, y, packets))
                for packet_col in range(col0, col1):
                    row, col = tile.top + packet_row * packets.shape[1], tile.left + packet_col * packets.shape[0]
                    middle_x, middle_y = packet_middle(row, col, packets)
                    if not out_of_reach(reach, middle_x, middle_y):
                        slot = tile.slot + packet_row * packets.across + packet_col
                        hidden = scratch.deepest[slot] < hidden_below
                        x = packet_x(col, packets, packets.lanes)
                        distance = ti.static(whole_distance(line, x))
                        blend = ti.static(_blend_of(scratch, slot, packets))
                        _blend_packet(blend, face, distance, hidden, colors, softness, modes, packets)


@ti.func
def _packet_range(boxes: ti.template(), item, axis: ti.template(), start, size: ti.template()):
    """The packets of a tile that a face's box touches, across (axis 0) or down (1); the tile begins at ``start``."""
    first = (ti.max(boxes[item, axis], start) - start) // size
    last = (ti.min(boxes[item, 2 + axis], start + (TILE - 1)) - start) // size
    return first, last + 1


@ti.func
def _blend_packet(
    blend: ti.template(),
    face,
    distance: ti.template(),
    hidden,
    colors: ti.template(),
    softness: ti.template(),
    modes: ti.template(),
    packets: ti.template(),
):
    """Blends one face into a packet; into its alpha alone where the face is hidden."""
    if hidden:
        squared, inside = squared_and_inside(distance, modes)
        seen = higher(inside, softness.tau - squared)
        blend_alpha(blend, squared, inside, seen, softness.sharpness, modes)
    else:
        pair = ti.static(whole_pair(distance, softness, modes, packets))
        keep, share = blend_face(blend, face, pair, softness, modes)
        for c in ti.static(range(len(colors))):
            blend_color(blend, c, combined(colors[c], pair.p), keep, share, modes)


@ti.func
def _hiding_depth(depths, softness: ti.template()):
    """A packet whose references are all below this depth hides a face with these depths of its corners.

    Below every reference if near or far cut the face: whether it is seen is then to be found out pixel by pixel.
    """
    nearest, farthest = ti.min(depths[0], depths[1], depths[2]), ti.max(depths[0], depths[1], depths[2])
    margin = NEGLIGIBLE_EXPONENT / softness.k
    depth = nearest - margin
    if nearest < softness.near or farthest > softness.far:
        depth = softness.near - margin
    return depth


@ti.func
def _deepest_reference(blend: ti.template()):
    """The greatest of the references of a packet's pixels, which are their nearest depths so far."""
    depth = blend.rows[blend.first]
    for lane in range(1, blend.lanes):
        depth = ti.max(depth, blend.rows[blend.first + lane])
    return depth


@ti.func
def _write_tile(
    tile: ti.template(),
    slots,
    scratch: ti.template(),
    outputs: ti.template(),
    packets: ti.template(),
    modes: ti.template(),
    count: ti.template(),
):
    """Writes the outputs of a tile and the state that the adjoint needs; ``slots``: of the scratch that are in use."""
    for inner in range(packets.per_tile):
        blend = ti.static(_blend_of(scratch, tile.slot + ti.min(inner, slots - 1), packets))
        row = tile.top + inner // packets.across * packets.shape[1]
        col = tile.left + inner % packets.across * packets.shape[0]
        packet = tile.index * packets.per_tile + inner
        inverse = 1.0 / load_sum(blend, TOTAL)
        for i in range(STATE * packets.lanes):
            outputs.state[packet * (STATE * packets.lanes) + i] = blend.rows[blend.first + i]
        for lane in ti.static(range(packets.lanes)):
            pixel = pixel_of_lane(tile.view, row, col, lane, packets)
            if pixel >= 0:
                outputs.depth[pixel] = lane_of(blend, DEPTH_SUM, lane) * inverse[lane]
                for c in ti.static(range(count)):
                    outputs.image[pixel, c] = lane_of(blend, COLOR_SUM + c, lane) * inverse[lane]
                write_undivided(blend, lane, outputs, pixel, modes)
