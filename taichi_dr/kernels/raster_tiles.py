"""The z-test on CPUs: one thread takes a tile at a time and draws its faces one after the other.

Faces are drawn in packets of 8 × 1 pixels, which become SIMD code.  Depths and faces of the tile being drawn stay in
the first-level cache, in a block of scratch per worker.

Edge values are integers that single precision holds exactly.  For edges too long for that a packet tests an equivalent
function, the distance in columns from where the edge crosses the row, found by an integer division per row.
"""

import taichi as ti

from taichi_dr.kernels.barycentric import normalize_edges, pixel_center
from taichi_dr.kernels.edge_lines import C_SHIFT, RECORD_SHIFT
from taichi_dr.kernels.raster_resolve import TINY, Float1, Int1
from taichi_dr.kernels.raster_setup import PLANE_SHIFT, UNBOUNDED, Float2, Int2

TILE = 32
PACKET = 8
PACKET_SHIFT = 3
PACKETS = TILE // PACKET
WORKERS = 32
SCRATCH = WORKERS * TILE * TILE  # entries of tile_depth and of tile_face
SHORT_EDGE = 1 << 17  # |A| + |B| of edges whose values within a tile are exact in single precision
EDGE_LIMIT = 1 << 30  # an edge value beyond this keeps its sign in the whole tile
SHORT_LIMIT = 1 << 23  # the same for short edges


@ti.func
def _load_edge(lines: ti.template(), item, k, col, row):
    """A, B, the value at a pixel, and 1 if the edge is too long for single precision.

    The value is limited to what an i32 (a float) holds together with its change within a tile.
    """
    first = item << RECORD_SHIFT
    a, b = lines[first | (4 * k)], lines[first | (4 * k + 1)]
    c = (ti.cast(lines[first | (4 * k + 2)], ti.i64) << C_SHIFT) + lines[first | (4 * k + 3)]
    e = ti.cast(a, ti.i64) * col + ti.cast(b, ti.i64) * row + c
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
    tile_depth: ti.template(),
    tile_face: ti.template(),
    lanes: ti.template(),
    order: ti.template(),
    item,
    face,
    first_row,
    left,
    top,
    near,
    far,
):
    """Draws one face into the scratch rows of the tile at pixel (left, top)."""
    row0, row1 = ti.max(boxes[item, 1], top), ti.min(boxes[item, 3], top + TILE - 1)
    packet0 = (ti.max(boxes[item, 0], left) - left) // PACKET
    packet1 = (ti.min(boxes[item, 2], left + TILE - 1) - left) // PACKET
    col0 = left + packet0 * PACKET
    a0, b0, e0, long0 = _load_edge(lines, item, 0, col0, row0)
    a1, b1, e1, long1 = _load_edge(lines, item, 1, col0, row0)
    a2, b2, e2, long2 = _load_edge(lines, item, 2, col0, row0)
    plane = item << PLANE_SHIFT
    d_col, d_row, n_col, n_row = planes[plane | 1], planes[plane | 2], planes[plane | 4], planes[plane | 5]
    i, j = col0 - boxes[item, 0], row0 - boxes[item, 1]
    d0 = planes[plane] + d_col * i + d_row * j
    n0 = planes[plane | 3] + n_col * i + n_row * j
    least, greatest = planes[plane | 6], planes[plane | 7]
    lane = ti.Vector([lanes[i] for i in ti.static(range(PACKET))])
    for packet in range(packet0, packet1 + 1):  # outside, because most faces have one packet and several rows
        columns = (packet - packet0) * PACKET
        shift = ti.cast(columns, float)
        for row in range(row1 - row0 + 1):
            slope0, value0 = _row_edge(a0, e0 + b0 * row + a0 * columns, long0)
            slope1, value1 = _row_edge(a1, e1 + b1 * row + a1 * columns, long1)
            slope2, value2 = _row_edge(a2, e2 + b2 * row + a2 * columns, long2)
            edge0, edge1, edge2 = slope0 * lane + value0, slope1 * lane + value1, slope2 * lane + value2
            d = d_col * lane + (d0 + d_row * row + d_col * shift)
            n = n_col * lane + (n0 + n_row * row + n_col * shift)
            # ti.min and ti.max would check for NaN as well
            z = n / ti.select(d > TINY, d, TINY)
            z = ti.select(z > least, z, least)
            z = ti.select(z < greatest, z, greatest)
            inside = ti.select(edge0 < edge1, edge0, edge1)
            inside = ti.select(inside < edge2, inside, edge2)
            z = ti.select(inside >= 0.0, z, UNBOUNDED)
            z = ti.select(z >= near, z, UNBOUNDED)
            z = ti.select(z <= far, z, UNBOUNDED)
            # through a table, or LLVM forgets that the index is a multiple of PACKET and splits the loads and stores
            first = (first_row * PACKETS + order[(row0 - top + row) * PACKETS + packet]) << PACKET_SHIFT
            old = ti.Vector([tile_depth[first | i] for i in ti.static(range(PACKET))])
            old_face = ti.Vector([tile_face[first | i] for i in ti.static(range(PACKET))])
            shown = ti.select(z < old, face, old_face)
            nearest = ti.select(z < old, z, old)
            for i in ti.static(range(PACKET)):
                tile_depth[first | i] = nearest[i]
            for i in ti.static(range(PACKET)):
                tile_face[first | i] = shown[i]


@ti.func
def _resolve_row(
    clip: ti.template(),
    faces: ti.template(),
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
    """Outputs of one row of a tile, as resolve_pixel; corners are read once per run of pixels with the same face."""
    first = view * (clip.shape[0] // views)
    start = (view * height + row) * width + left
    loaded = -1
    x_corner, w = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
    py, corner_depth = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
    for i in range(ti.min(TILE, width - left)):
        shown = tile_face[at + i]
        z = far
        p = ti.Vector([0.0, 0.0, 0.0])
        if shown >= 0:
            x, y = pixel_center(row, left + i, width, height)
            if shown != loaded:
                loaded = shown
                for k in ti.static(range(3)):
                    corner = first + faces[shown, k]
                    x_corner[k], w[k], corner_depth[k] = clip[corner, 0], clip[corner, 2], clip[corner, 3]
                    py[k] = clip[corner, 1] - y * clip[corner, 2]
            p, _ = normalize_edges((x_corner - x * w).cross(py))
            z = p.dot(corner_depth)
        face_id[start + i] = shown
        depth[start + i] = z
        for k in ti.static(range(3)):
            barycentric[start + i, k] = p[k]


@ti.kernel
def draw_tiles(
    clip: Float2,
    faces: Int2,
    boxes: Int2,
    lines: Int1,
    planes: Float1,
    tile_start: Int1,
    tile_faces: Int1,
    tile_depth: Float1,
    tile_face: Int1,
    lanes: Float1,
    order: Int1,
    face_id: Int1,
    depth: Float1,
    barycentric: Float2,
    views: ti.i32,
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
):
    """``tile_depth``, ``tile_face``: scratch of SCRATCH entries; ``lanes``, ``order``: 0, 1, 2, ..."""
    for worker in range(WORKERS):
        tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
        first_row = worker * TILE
        for turn in range((views * tiles_x * tiles_y - worker + WORKERS - 1) // WORKERS):
            tile = turn * WORKERS + worker
            view = tile // (tiles_x * tiles_y)
            top = (tile // tiles_x - view * tiles_y) * TILE
            left = tile % tiles_x * TILE
            for i in range(first_row * TILE, (first_row + TILE) * TILE):
                tile_depth[i] = UNBOUNDED
                tile_face[i] = -1
            for entry in range(tile_start[tile], tile_start[tile + 1]):
                face = tile_faces[entry]
                item = view * faces.shape[0] + face
                _draw_face(
                    boxes,
                    lines,
                    planes,
                    tile_depth,
                    tile_face,
                    lanes,
                    order,
                    item,
                    face,
                    first_row,
                    left,
                    top,
                    near,
                    far,
                )
            for row in range(top, ti.min(top + TILE, height)):
                at = (first_row + row - top) * TILE
                _resolve_row(
                    clip, faces, tile_face, face_id, depth, barycentric, view, row, left, at, views, width, height, far
                )  # fmt: skip
