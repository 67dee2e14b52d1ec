"""The z-test on CPUs: one thread takes a row of tiles at a time and draws their faces one after the other.

Faces are drawn in packets of 8 × 1 pixels, which become SIMD code.  Depths and faces of the tile being drawn stay in
the first-level cache, in a block of scratch per worker.  The outputs are written when a whole row of tiles is drawn,
in the order of memory: written tile by tile, every line of the image would start a cache miss of its own (measured: a
picture of 1024² took 7 ms to write instead of 1.5).

Faces that face the camera come first.  Then the farthest pixel of every 8 × 8 block is found, and faces seen from
behind that lie beyond it (of a closed surface most of them) are left out.

Edge values are integers.  Those of simple faces are exact in single precision; for edges too long for that a packet
tests an equivalent function, the distance in columns from where the edge crosses the row, found by an integer division
per row.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.launch import GRAIN
from taichi_dr.kernels.base.views import first_row
from taichi_dr.kernels.screen.barycentric import pixel_center, positive_parts
from taichi_dr.kernels.zbuffer.edge_lines import edge_at, load_line
from taichi_dr.kernels.zbuffer.face_records import (
    EDGES,
    GREATEST,
    LEAST,
    NEARNESS,
    PLANE_SHIFT,
    SIMPLE,
    UNBOUNDED,
    Float2,
    Int2,
    nearness_range,
)
from taichi_dr.kernels.zbuffer.resolve import Float1, Int1, mark_shown

TILE = 32
PACKET = 8
PACKET_SHIFT = 3
PACKETS = TILE // PACKET
BLOCKS = PACKETS * PACKETS  # of 8 × 8 pixels in a tile
SHORT_EDGE = 1 << 17  # |A| + |B| of edges whose values within a tile are exact in single precision
EDGE_LIMIT = 1 << 30  # an edge value beyond this keeps its sign in the whole tile
SHORT_LIMIT = 1 << 23  # the same for short edges


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
def _draw_face(
    boxes: ti.template(),
    lines: ti.template(),
    planes: ti.template(),
    tile_nearness: ti.template(),
    tile_face: ti.template(),
    lanes: ti.template(),
    order: ti.template(),
    item,
    face,
    scratch_row,
    left,
    top,
    farthest,
    nearest,
):
    """Draws one face into the scratch rows of the tile at pixel (left, top)."""
    row0, row1 = ti.max(boxes[item, 1], top), ti.min(boxes[item, 3], top + TILE - 1)
    packet0 = (ti.max(boxes[item, 0], left) - left) // PACKET
    packet1 = (ti.min(boxes[item, 2], left + TILE - 1) - left) // PACKET
    col0 = left + packet0 * PACKET
    plane = item << PLANE_SHIFT
    i, j = ti.cast(col0 - boxes[item, 0], float), ti.cast(row0 - boxes[item, 1], float)
    step, step_row = planes[plane | (NEARNESS + 1)], planes[plane | (NEARNESS + 2)]
    start = planes[plane | NEARNESS] + step * i + step_row * j
    least, greatest = planes[plane | LEAST], planes[plane | GREATEST]
    lane = ti.Vector([lanes[i] for i in ti.static(range(PACKET))])
    scratch = scratch_row + row0 - top
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
                first = order[(scratch + row) * PACKETS + packet] << PACKET_SHIFT
                _test_packet(tile_nearness, tile_face, first, face, nearness)
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
                first = order[(scratch + row) * PACKETS + packet] << PACKET_SHIFT
                _test_packet(tile_nearness, tile_face, first, face, nearness)


@ti.func
def _find_farthest(
    tile_nearness: ti.template(), block_nearness: ti.template(), order: ti.template(), scratch_row, worker
):
    """Writes the least nearness of each block of the tile that begins at ``scratch_row``; returns the tile's."""
    least_of_tile = UNBOUNDED
    for block in range(BLOCKS):
        start = scratch_row + (block >> 2) * PACKET
        least = ti.Vector([UNBOUNDED for _ in ti.static(range(PACKET))])
        for row in range(PACKET):
            first = order[(start + row) * PACKETS + (block & 3)] << PACKET_SHIFT
            least = lower(least, ti.Vector([tile_nearness[first | i] for i in ti.static(range(PACKET))]))
        block_nearness[worker * BLOCKS + block] = least.min()
        least_of_tile = lower(least_of_tile, block_nearness[worker * BLOCKS + block])
    return least_of_tile


@ti.func
def _farthest_behind(boxes: ti.template(), block_nearness: ti.template(), item, worker, left, top):
    """Least nearness of the blocks that a face may cover in the tile at pixel (left, top)."""
    row0 = (ti.max(boxes[item, 1], top) - top) >> PACKET_SHIFT
    row1 = (ti.min(boxes[item, 3], top + TILE - 1) - top) >> PACKET_SHIFT
    col0 = (ti.max(boxes[item, 0], left) - left) >> PACKET_SHIFT
    col1 = (ti.min(boxes[item, 2], left + TILE - 1) - left) >> PACKET_SHIFT
    least = UNBOUNDED
    for row in range(row0, row1 + 1):
        for col in range(col0, col1 + 1):
            least = lower(least, block_nearness[worker * BLOCKS + row * PACKETS + col])
    return least


@ti.func
def _test_packet(tile_nearness: ti.template(), tile_face: ti.template(), first, face, nearness):
    """The z-test of a packet of pixels, at ``first`` in the scratch."""
    old = ti.Vector([tile_nearness[first | i] for i in ti.static(range(PACKET))])
    old_face = ti.Vector([tile_face[first | i] for i in ti.static(range(PACKET))])
    shown = ti.select(nearness > old, face, old_face)
    nearest = ti.select(nearness > old, nearness, old)
    for i in ti.static(range(PACKET)):
        tile_nearness[first | i] = nearest[i]
    for i in ti.static(range(PACKET)):
        tile_face[first | i] = shown[i]


@ti.func
def _resolve_span(
    clip: ti.template(),
    faces: ti.template(),
    flags: ti.template(),
    tile_face: ti.template(),
    face_id: ti.template(),
    depth: ti.template(),
    barycentric: ti.template(),
    view,
    row,
    left,
    at,
    views,
    width,
    height,
    far,
):
    """Outputs of one row of a tile, as resolve_pixel.

    Where a run of pixels with the same face begins its corners are read; along the run e of kernels/barycentric.py
    changes by ``py x w`` times a pixel's width.
    """
    first = first_row(clip, view, views)
    start = (view * height + row) * width + left
    loaded, begin = -1, 0
    corner_depth = ti.Vector([0.0, 0.0, 0.0])
    e, step = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
    for i in range(ti.min(TILE, width - left)):
        shown = tile_face[at + i]
        z = far
        p = ti.Vector([0.0, 0.0, 0.0])
        if shown >= 0:
            if shown != loaded:
                loaded, begin = shown, i
                mark_shown(flags, view * faces.shape[0] + shown)
                x, y = pixel_center(row, left + i, width, height)
                px, py, w = e, e, e
                for k in ti.static(range(3)):
                    corner = first + faces[shown, k]
                    w[k], corner_depth[k] = clip[corner, 2], clip[corner, 3]
                    px[k] = clip[corner, 0] - x * w[k]
                    py[k] = clip[corner, 1] - y * w[k]
                e = px.cross(py)
                step = py.cross(w) * (2.0 / ti.cast(ti.min(width, height), float))
                if e.sum() < 0.0:
                    e, step = -e, -step
            p = positive_parts(e + step * ti.cast(i - begin, float))
            z = p.dot(corner_depth)
        face_id[start + i] = shown
        depth[start + i] = z
        for k in ti.static(range(3)):
            barycentric[start + i, k] = p[k]


@ti.func
def _clear_span(face_id: ti.template(), depth: ti.template(), barycentric: ti.template(), start, count, far):
    """Outputs of pixels of a tile without faces."""
    for pixel in range(start, start + count):
        face_id[pixel] = -1
        depth[pixel] = far
        for k in ti.static(range(3)):
            barycentric[pixel, k] = 0.0


@ti.kernel
def draw_tiles(
    clip: Float2,
    faces: Int2,
    boxes: Int2,
    lines: Int1,
    planes: Float1,
    flags: Int1,
    tile_start: Int1,
    tile_faces: Int1,
    back_nearness: Float1,
    tile_nearness: Float1,
    tile_face: Int1,
    lanes: Float1,
    order: Int1,
    block_nearness: Float1,
    drawn: Int1,
    face_id: Int1,
    depth: Float1,
    barycentric: Float2,
    workers: ti.i32,
    views: ti.i32,
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    orthographic: ti.i32,
    serial: ti.template(),
):
    """``tile_nearness``, ``tile_face``: scratch of ``workers`` rows of tiles; ``lanes``, ``order``: 0, 1, 2, ...;
    ``block_nearness``: scratch of ``workers * BLOCKS``.

    ``drawn``: (1,) scratch, the number of rows of tiles that are taken: each worker takes the next one.
    """
    ti.loop_config(serialize=True)
    for _ in range(1):
        drawn[0] = 0
    ti.loop_config(serialize=serial)
    for task in range(workers * GRAIN):
        if task % GRAIN != 0:
            continue
        tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
        farthest, nearest = nearness_range(near, far, orthographic)
        worker = task // GRAIN
        strip = ti.atomic_add(drawn[0], 1)
        while strip < views * tiles_y:
            view = strip // tiles_y
            top = (strip - view * tiles_y) * TILE
            for tile_col in range(tiles_x):
                tile = strip * tiles_x + tile_col
                scratch_row = (worker * tiles_x + tile_col) * TILE
                if tile_start[tile] < tile_start[tile + 1]:
                    for i in range(scratch_row * TILE, (scratch_row + TILE) * TILE):
                        tile_nearness[i] = -UNBOUNDED
                        tile_face[i] = -1
                # First those that face the camera; of the others, if there are any, those that are not all hidden.
                hidden, backs, end = UNBOUNDED, 0, tile_start[tile + 1]
                for side in range(2):
                    for entry in range(tile_start[tile], end):
                        face = tile_faces[entry]
                        item = view * faces.shape[0] + face
                        drawn_now = back_nearness[item] > hidden
                        if side == 0:
                            if back_nearness[item] <= UNBOUNDED:
                                backs = 1
                        else:
                            drawn_now = drawn_now and back_nearness[item] <= UNBOUNDED
                            if drawn_now:
                                behind = _farthest_behind(boxes, block_nearness, item, worker, tile_col * TILE, top)
                                drawn_now = back_nearness[item] > behind
                        if drawn_now:
                            _draw_face(
                                boxes,
                                lines,
                                planes,
                                tile_nearness,
                                tile_face,
                                lanes,
                                order,
                                item,
                                face,
                                scratch_row,
                                tile_col * TILE,
                                top,
                                farthest,
                                nearest,
                            )
                    if backs == 0:
                        end = tile_start[tile]
                    elif side == 0:
                        hidden = _find_farthest(tile_nearness, block_nearness, order, scratch_row, worker)
            for row in range(top, ti.min(top + TILE, height)):
                for tile_col in range(tiles_x):
                    tile, left = strip * tiles_x + tile_col, tile_col * TILE
                    if tile_start[tile] < tile_start[tile + 1]:
                        at = ((worker * tiles_x + tile_col) * TILE + row - top) * TILE
                        _resolve_span(
                            clip,
                            faces,
                            flags,
                            tile_face,
                            face_id,
                            depth,
                            barycentric,
                            view,
                            row,
                            left,
                            at,
                            views,
                            width,
                            height,
                            far,
                        )
                    else:
                        start = (view * height + row) * width + left
                        _clear_span(face_id, depth, barycentric, start, ti.min(TILE, width - left), far)
            strip = ti.atomic_add(drawn[0], 1)
