"""The z-test on CPUs: one thread takes a row of tiles at a time and draws their faces one after the other.

Faces are drawn in packets of 8 x 1 pixels, which become SIMD code.  Depths and faces of the tile being drawn stay in
the first-level cache, in a block of scratch per worker.  The outputs are written when a whole row of tiles is drawn,
in the order of memory: written tile by tile, every line of the image would start a cache miss of its own (measured: a
picture of 1024 x 1024 took 7 ms to write instead of 1.5).

Faces that face the camera come first.  Then the farthest pixel of every 8 x 8 block is found, and faces seen from
behind that lie beyond it (of a closed surface most of them) are left out.  So the edges of those seen from behind are
made here, of the few that are drawn.

Edge values are integers.  Those of simple faces are exact in single precision; for edges too long for that a packet
tests an equivalent function, the distance in columns from where the edge crosses the row, found by an integer division
per row.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.launch import GRAIN
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import IntRows, Ints, Numbers, Rows
from taichi_dr.kernels.screen.barycentric import positive_parts
from taichi_dr.kernels.screen.pixels import Screen, pixel_center, pixel_size
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh, first_vertex
from taichi_dr.kernels.screen.tile_bins import TileLists
from taichi_dr.kernels.zbuffer.edge_lines import edge_at, load_line
from taichi_dr.kernels.zbuffer.face_records import (
    EDGES,
    GREATEST,
    LEAST,
    LEFT,
    NEARNESS,
    PLANE_SHIFT,
    SIMPLE,
    UNBOUNDED,
    VAST,
    DepthTest,
    FaceRecords,
    nearness_range,
    plane_depth,
    write_edges,
)
from taichi_dr.kernels.zbuffer.resolve import Visible, mark_shown

TILE = 32
PACKET = 8
PACKET_SHIFT = 3
PACKETS = TILE // PACKET
BLOCKS = PACKETS * PACKETS  # of 8 x 8 pixels in a tile
SHORT_EDGE = 1 << 17  # |A| + |B| of edges whose values within a tile are exact in single precision
EDGE_LIMIT = 1 << 30  # an edge value beyond this keeps its sign in the whole tile
SHORT_LIMIT = 1 << 23  # the same for short edges


class TileScratch(NamedTuple):
    """What the workers draw into: each a row of tiles, TILE * TILE pixels per tile."""

    nearness: Any  # of every pixel
    face: Any  # that every pixel shows
    block_nearness: Any  # (workers * BLOCKS,): least nearness of the blocks of the tile being drawn
    lanes: Any  # 0, 1, 2, ... as floats
    order: Any  # 0, 1, 2, ...: packets


class Tile(NamedTuple):
    """The tile that a worker draws."""

    row: Any  # its first in the scratch
    left: Any  # its first column and row in the image
    top: Any
    worker: Any


class Span(NamedTuple):
    """One row of a tile."""

    view: Any
    row: Any
    left: Any  # its first column
    at: Any  # its first pixel in the scratch


@ti.func
def _load_edge(lines: ti.template(), item, k, col, row):
    """A, B, the value at a pixel, and 1 if the edge is too long for single precision.

    The value is limited to what an i32 (a float) holds together with its change within a tile.
    """
    a, b, c = load_line(lines, item, k)
    e = edge_at(a, b, c, col, row)
    long = ti.select(ti.abs(a) + ti.abs(b) >= SHORT_EDGE, 1, 0)
    limit = ti.cast(ti.select(long == 1, EDGE_LIMIT, SHORT_LIMIT), ti.i64)
    return a, b, ti.cast(ti.min(ti.max(e, -limit), limit), ti.i32), long


@ti.func
def _row_edge(a, e, long):
    """(slope, value) of a function of the column with the sign of e + a col, exact in single precision.

    That of a long edge is the distance in columns from where it crosses the row.
    """
    slope, value = ti.cast(a, float), ti.cast(e, float)
    if long == 1:
        slope, value = 0.0, ti.select(e >= 0, 1.0, -1.0)
        if a > 0:
            slope, value = 1.0, ti.cast(ti.math.clamp(_floor_div(e, a), -2 * TILE, 2 * TILE), float)
        elif a < 0:
            slope, value = -1.0, ti.cast(ti.math.clamp(_floor_div(e, -a), -2 * TILE, 2 * TILE), float)
    return slope, value


@ti.func
def _floor_div(e, a):
    """floor(e / a) for a > 0."""
    quotient = ti.raw_div(e, a)
    return quotient - ti.select(quotient * a > e, 1, 0)


@ti.func
def _draw_face(records: ti.template(), scratch: ti.template(), tile: ti.template(), item, face, farthest, nearest):
    """Draws one face into the scratch rows of a tile."""
    boxes, lines, planes = ti.static(records.boxes, records.lines, records.planes)
    row0, row1 = ti.max(boxes[item, 1], tile.top), ti.min(boxes[item, 3], tile.top + TILE - 1)
    packet0 = (ti.max(boxes[item, 0], tile.left) - tile.left) // PACKET
    packet1 = (ti.min(boxes[item, 2], tile.left + TILE - 1) - tile.left) // PACKET
    col0 = tile.left + packet0 * PACKET
    plane = item << PLANE_SHIFT
    i, j = ti.cast(col0 - boxes[item, 0], float), ti.cast(row0 - boxes[item, 1], float)
    step, step_row = planes[plane | (NEARNESS + 1)], planes[plane | (NEARNESS + 2)]
    start = planes[plane | NEARNESS] + step * i + step_row * j
    least, greatest = planes[plane | LEAST], planes[plane | GREATEST]
    lane = ti.Vector([scratch.lanes[i] for i in ti.static(range(PACKET))])
    scratch_row = tile.row + row0 - tile.top
    if planes[plane | SIMPLE] > 0.0:
        a0, b0 = planes[plane | (EDGES + 1)], planes[plane | (EDGES + 2)]
        a1, b1 = planes[plane | (EDGES + 4)], planes[plane | (EDGES + 5)]
        a2, b2 = planes[plane | (EDGES + 7)], planes[plane | (EDGES + 8)]
        e0 = planes[plane | EDGES] + a0 * i + b0 * j
        e1 = planes[plane | (EDGES + 3)] + a1 * i + b1 * j
        e2 = planes[plane | (EDGES + 6)] + a2 * i + b2 * j
        for packet in range(packet0, packet1 + 1):  # outside, because most faces have one packet and several rows
            column = lane + ti.cast((packet - packet0) * PACKET, float)
            line0, line1, line2 = a0 * column + e0, a1 * column + e1, a2 * column + e2
            line = step * column + start
            for row in range(row1 - row0 + 1):
                r = ti.cast(row, float)
                nearness = lower(higher(line + step_row * r, least), greatest)
                inside = lower(lower(line0 + b0 * r, line1 + b1 * r), line2 + b2 * r) >= 0.0
                nearness = ti.select(inside, nearness, -UNBOUNDED)
                first = scratch.order[(scratch_row + row) * PACKETS + packet] << PACKET_SHIFT
                _test_packet(scratch, first, face, nearness)
    else:
        a0, b0, e0, long0 = _load_edge(lines, item, 0, col0, row0)
        a1, b1, e1, long1 = _load_edge(lines, item, 1, col0, row0)
        a2, b2, e2, long2 = _load_edge(lines, item, 2, col0, row0)
        for packet in range(packet0, packet1 + 1):
            columns = (packet - packet0) * PACKET
            line = step * (lane + ti.cast(columns, float)) + start
            for row in range(row1 - row0 + 1):
                slope0, value0 = _row_edge(a0, e0 + b0 * row + a0 * columns, long0)
                slope1, value1 = _row_edge(a1, e1 + b1 * row + a1 * columns, long1)
                slope2, value2 = _row_edge(a2, e2 + b2 * row + a2 * columns, long2)
                nearness = lower(higher(line + step_row * ti.cast(row, float), least), greatest)
                edge0, edge1, edge2 = slope0 * lane + value0, slope1 * lane + value1, slope2 * lane + value2
                inside = lower(lower(edge0, edge1), edge2) >= 0.0
                nearness = ti.select(inside, nearness, -UNBOUNDED)
                nearness = ti.select(nearness >= farthest, nearness, -UNBOUNDED)
                nearness = ti.select(nearness <= nearest, nearness, -UNBOUNDED)
                first = scratch.order[(scratch_row + row) * PACKETS + packet] << PACKET_SHIFT
                _test_packet(scratch, first, face, nearness)


@ti.func
def _find_farthest(scratch: ti.template(), tile: ti.template()):
    """Writes the least nearness of each block of a tile; returns the tile's."""
    least_of_tile = UNBOUNDED
    for block in range(BLOCKS):
        start = tile.row + (block >> 2) * PACKET
        least = ti.Vector([UNBOUNDED for _ in ti.static(range(PACKET))])
        for row in range(PACKET):
            first = scratch.order[(start + row) * PACKETS + (block & 3)] << PACKET_SHIFT
            least = lower(least, ti.Vector([scratch.nearness[first | i] for i in ti.static(range(PACKET))]))
        scratch.block_nearness[tile.worker * BLOCKS + block] = least.min()
        least_of_tile = lower(least_of_tile, scratch.block_nearness[tile.worker * BLOCKS + block])
    return least_of_tile


@ti.func
def _farthest_behind(boxes: ti.template(), scratch: ti.template(), tile: ti.template(), item):
    """Least nearness of the blocks that a face may cover in a tile."""
    row0 = (ti.max(boxes[item, 1], tile.top) - tile.top) >> PACKET_SHIFT
    row1 = (ti.min(boxes[item, 3], tile.top + TILE - 1) - tile.top) >> PACKET_SHIFT
    col0 = (ti.max(boxes[item, 0], tile.left) - tile.left) >> PACKET_SHIFT
    col1 = (ti.min(boxes[item, 2], tile.left + TILE - 1) - tile.left) >> PACKET_SHIFT
    least = UNBOUNDED
    for row in range(row0, row1 + 1):
        for col in range(col0, col1 + 1):
            least = lower(least, scratch.block_nearness[tile.worker * BLOCKS + row * PACKETS + col])
    return least


@ti.func
def _test_packet(scratch: ti.template(), first, face, nearness):
    """The z-test of a packet of pixels, at ``first`` in the scratch."""
    old = ti.Vector([scratch.nearness[first | i] for i in ti.static(range(PACKET))])
    old_face = ti.Vector([scratch.face[first | i] for i in ti.static(range(PACKET))])
    shown = ti.select(nearness > old, face, old_face)
    nearest = ti.select(nearness > old, nearness, old)
    for i in ti.static(range(PACKET)):
        scratch.nearness[first | i] = nearest[i]
    for i in ti.static(range(PACKET)):
        scratch.face[first | i] = shown[i]


@ti.func
def _resolve_span(
    mesh: ti.template(),
    records: ti.template(),
    tile_face: ti.template(),
    visible: ti.template(),
    span: ti.template(),
    screen: ti.template(),
    test: ti.template(),
):
    """Outputs of one row of a tile, as resolve_pixel.

    Where a run of pixels with the same face begins its corners are read; along the run e of screen/barycentric.py
    changes by ``py x w`` times a pixel's width.
    """
    clip, faces = ti.static(mesh.clip, mesh.faces)
    first = first_vertex(mesh, span.view)
    start = (span.view * screen.height + span.row) * screen.width + span.left
    loaded, begin, vast = -1, 0, False
    corner_depth = ti.Vector([0.0, 0.0, 0.0])
    e, step = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
    for i in range(ti.min(TILE, screen.width - span.left)):
        shown = tile_face[span.at + i]
        z = test.far
        p = ti.Vector([0.0, 0.0, 0.0])
        if shown >= 0:
            if shown != loaded:
                loaded, begin = shown, i
                vast = records.flags[span.view * faces.shape[0] + shown] & VAST != 0
                mark_shown(records.flags, span.view * faces.shape[0] + shown)
                x, y = pixel_center(span.row, span.left + i, screen)
                px, py, w = e, e, e
                for k in ti.static(range(3)):
                    corner = first + faces[shown, k]
                    w[k], corner_depth[k] = clip[corner, 2], clip[corner, 3]
                    px[k] = clip[corner, 0] - x * w[k]
                    py[k] = clip[corner, 1] - y * w[k]
                e = px.cross(py)
                step = py.cross(w) * pixel_size(screen)
                if e.sum() < 0.0:
                    e, step = -e, -step
            p = positive_parts(e + step * ti.cast(i - begin, float))
            z = p.dot(corner_depth)
            if vast:
                z = plane_depth(records, span.view * faces.shape[0] + shown, span.row, span.left + i, test)
        visible.face_id[start + i] = shown
        visible.depth[start + i] = z
        for k in ti.static(range(3)):
            visible.barycentric[3 * (start + i) + k] = p[k]


@ti.func
def _clear_span(visible: ti.template(), start, count, far):
    """Outputs of pixels of a tile without faces; in packets where these are whole ones of the image."""
    if (start | count) & (PACKET - 1) == 0:
        for packet in range(start >> PACKET_SHIFT, (start + count) >> PACKET_SHIFT):
            for i in ti.static(range(PACKET)):
                visible.face_id[(packet << PACKET_SHIFT) | i] = -1
            for i in ti.static(range(PACKET)):
                visible.depth[(packet << PACKET_SHIFT) | i] = far
            for k in ti.static(range(3)):
                for i in ti.static(range(PACKET)):
                    visible.barycentric[((3 * packet + k) << PACKET_SHIFT) | i] = 0.0
    else:
        for pixel in range(start, start + count):
            visible.face_id[pixel] = -1
            visible.depth[pixel] = far
            for k in ti.static(range(3)):
                visible.barycentric[3 * pixel + k] = 0.0


@ti.func
def _write_left_edges(
    mesh: ti.template(),
    records: ti.template(),
    snapped: ti.template(),
    view,
    face,
    screen: ti.template(),
    test: ti.template(),
):
    """Writes the edges of a face seen from behind whose edges were LEFT; threads that meet here write the same."""
    first, item = first_vertex(mesh, view), view * mesh.faces.shape[0] + face
    corners = [first + mesh.faces[face, k] for k in ti.static(range(3))]
    row, col = records.boxes[item, 1], records.boxes[item, 0]
    write_edges(records, mesh.clip, snapped, corners, item, True, row, col, screen, test)


@ti.func
def _draw_tile(
    mesh: ti.template(),
    snapped: ti.template(),
    records: ti.template(),
    lists: ti.template(),
    scratch: ti.template(),
    tile: ti.template(),
    index,
    view,
    screen: ti.template(),
    test: ti.template(),
):
    """Draws the faces of tile ``index``.

    First those that face the camera; of the others, if there are any, those that are not all hidden.
    """
    farthest, nearest = nearness_range(test)
    if lists.start[index] < lists.start[index + 1]:
        for i in range(tile.row * TILE, (tile.row + TILE) * TILE):
            scratch.nearness[i] = -UNBOUNDED
            scratch.face[i] = -1
    hidden, backs, end = UNBOUNDED, 0, lists.start[index + 1]
    for side in range(2):
        for entry in range(lists.start[index], end):
            face = lists.faces[entry]
            item = view * mesh.faces.shape[0] + face
            back_nearness = records.back_nearness[item]
            drawn_now = back_nearness > hidden
            if side == 0:
                if back_nearness <= UNBOUNDED:
                    backs = 1
            else:
                drawn_now = drawn_now and back_nearness <= UNBOUNDED
                if drawn_now:
                    drawn_now = back_nearness > _farthest_behind(records.boxes, scratch, tile, item)
                if drawn_now and records.flags[item] & LEFT != 0:
                    _write_left_edges(mesh, records, snapped, view, face, screen, test)
            if drawn_now:
                _draw_face(records, scratch, tile, item, face, farthest, nearest)
        if backs == 0:
            end = lists.start[index]
        elif side == 0:
            hidden = _find_farthest(scratch, tile)


@simd
@replayed
@ti.kernel
def draw_tiles(
    clip: Rows,
    faces: IntRows,
    views: ti.i32,
    boxes: IntRows,
    lines: Ints,
    planes: Numbers,
    flags: Ints,
    back_nearness: Numbers,
    tile_start: Ints,
    tile_faces: Ints,
    snapped: IntRows,
    face_id: Ints,
    depth: Numbers,
    barycentric: Numbers,
    tile_nearness: Numbers,
    tile_face: Ints,
    block_nearness: Numbers,
    columns: Numbers,
    order: Ints,
    drawn: Ints,
    workers: ti.i32,
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    orthographic: ti.i32,
    serial: ti.template(),
    lanes: ti.template(),
):
    """Draws a ``ProjectedMesh`` from its records and lists into ``Visible``.

    ``drawn``: (1,) scratch, the number of rows of tiles that are taken: each worker takes the next one.
    """
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
    records = ti.static(FaceRecords(boxes, lines, planes, flags, back_nearness))
    lists, visible = ti.static(TileLists(tile_start, tile_faces), Visible(face_id, depth, barycentric))
    scratch = ti.static(TileScratch(tile_nearness, tile_face, block_nearness, columns, order))
    test = ti.static(DepthTest(near, far, orthographic))
    ti.loop_config(serialize=True)
    for _ in range(1):
        drawn[0] = 0
    ti.loop_config(serialize=serial)
    for task in range(workers * GRAIN):
        if task % GRAIN != 0:
            continue
        tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
        worker = task // GRAIN
        strip = ti.atomic_add(drawn[0], 1)
        while strip < views * tiles_y:
            view = strip // tiles_y
            top = (strip - view * tiles_y) * TILE
            for tile_col in range(tiles_x):
                row, left = (worker * tiles_x + tile_col) * TILE, tile_col * TILE
                tile = ti.static(Tile(row, left, top, worker))
                index = strip * tiles_x + tile_col
                _draw_tile(mesh, snapped, records, lists, scratch, tile, index, view, screen, test)
            for row in range(top, ti.min(top + TILE, height)):
                for tile_col in range(tiles_x):
                    index, left = strip * tiles_x + tile_col, tile_col * TILE
                    if tile_start[index] < tile_start[index + 1]:
                        at = ((worker * tiles_x + tile_col) * TILE + row - top) * TILE
                        span = ti.static(Span(view, row, left, at))
                        _resolve_span(mesh, records, tile_face, visible, span, screen, test)
                    else:
                        start = (view * height + row) * width + left
                        _clear_span(visible, start, ti.min(TILE, width - left), far)
            strip = ti.atomic_add(drawn[0], 1)
