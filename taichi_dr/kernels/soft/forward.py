"""Forward of the soft rasterizer: every pixel blends the faces of its tile in one walk, in registers.

``soft_forward`` is the GPU's; ``soft_tiles`` does the same on a CPU, face by face.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.soft.blend import (
    COLOR_SUM,
    STATE,
    blend_color,
    blend_face,
    finish_pixel,
    resume_pixel,
    start_blend,
)
from taichi_dr.kernels.soft.pair import (
    ATTRIBUTE,
    DEPTH,
    TILE,
    cut_face,
    mix,
    out_of_reach,
    packet_centers,
    packet_pixel,
    tiles,
    whole_face,
    whole_interpolation,
    whole_squared_distance,
)


@ti.func
def _blend_pixel(
    blend: ti.template(),
    records: ti.template(),
    item,
    face,
    x,
    inside,
    seen,
    p0,
    p1,
    p2,
    z,
    k,
    count: ti.template(),
    modes: ti.template(),
    double: ti.template(),
):
    """Blends one face into a pixel, colours and all; the numbers are those of ``blend_face``."""
    keep, share = blend_face(blend, 0, face, x, inside, seen, p0, p1, p2, z, k, modes, 1, double)
    for c in ti.static(range(count)):
        value = mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2)
        blend_color(blend, 0, c, value, keep, share, modes, 1)


@ti.kernel
def soft_forward(
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
    """Blends the whole faces of every pixel.  ``modes``: (alpha, colour, distance); packets are single pixels.

    ``state`` holds STATE numbers per pixel.  The other arrays are those of ``SoftPass``.
    """
    per_tile = ti.static(TILE * TILE)
    for packet in range(views * tiles(width, height) * per_tile):
        view, row, col = packet_pixel(packet, width, height, shape)
        if row < height and col < width:
            faces = boxes.shape[0] // views
            pixel = (view * height + row) * width + col
            x, y = packet_centers(row, col, width, height, offsets, 1)
            blend = ti.Vector([0.0 for _ in ti.static(range(COLOR_SUM + count))])
            start_blend(blend, 0, background, near, far, count, modes, 1)
            for entry in range(tile_start[packet // per_tile], tile_start[packet // per_tile + 1]):
                face = tile_faces[entry]
                item = view * faces + face
                if boxes[item, 0] <= col <= boxes[item, 2] and boxes[item, 1] <= row <= boxes[item, 3]:
                    if not out_of_reach(records, item, x[0], y[0]):
                        w0, w1, w2, dx, dy, _b0, _b1, _b2 = whole_face(records, item, x, y)
                        squared, inside = whole_squared_distance(dx, dy, w0, w1, w2, modes[2])
                        p0, p1, p2, _r = whole_interpolation(records, item, w0, w1, w2)
                        z = mix(records, item, DEPTH, p0, p1, p2)
                        seen = lower(higher(inside, tau - squared), lower(z - near, far - z))
                        k = 1.0 / (gamma * (far - near))
                        p, numbers = (p0, p1, p2), (squared / sigma, inside, seen)
                        _blend_pixel(blend, records, item, face, *numbers, *p, z, k, count, modes, double)
            finish_pixel(
                blend, image, alpha, depth, face_id, barycentrics, state, pixel, packet * STATE, count, modes, 1
            )


@ti.kernel
def soft_forward_cut(
    records: ti.types.ndarray(ndim=2),
    boxes: ti.types.ndarray(dtype=ti.i32, ndim=2),
    tile_start: ti.types.ndarray(dtype=ti.i32, ndim=1),
    tile_faces: ti.types.ndarray(dtype=ti.i32, ndim=1),
    image: ti.types.ndarray(ndim=2),
    alpha: ti.types.ndarray(ndim=1),
    depth: ti.types.ndarray(ndim=1),
    face_id: ti.types.ndarray(dtype=ti.i32, ndim=1),
    barycentrics: ti.types.ndarray(ndim=2),
    state: ti.types.ndarray(ndim=1),
    offsets: ti.types.ndarray(ndim=1),
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
    """Goes on where ``soft_forward`` ended, with the faces that the near plane cuts; a pixel at a time."""
    lanes = ti.static(shape[0] * shape[1])
    per_tile = ti.static(TILE * TILE // lanes)
    for slot in range(views * tiles(width, height) * (TILE * TILE)):
        packet, lane = slot // lanes, slot % lanes
        view, row, col = packet_pixel(packet, width, height, shape)
        row, col = row + lane // shape[0], col + lane % shape[0]
        first, last = tile_start[packet // per_tile], tile_start[packet // per_tile + 1]
        if first < last and row < height and col < width:
            faces = boxes.shape[0] // views
            pixel = (view * height + row) * width + col
            at = packet * (STATE * lanes) + lane
            x, y = packet_centers(row, col, width, height, offsets, 1)
            blend = ti.Vector([0.0 for _ in ti.static(range(COLOR_SUM + count))])
            resume_pixel(blend, image, depth, face_id, barycentrics, state, pixel, at, count, lanes)
            for entry in range(first, last):
                face = tile_faces[entry]
                item = view * faces + face
                if boxes[item, 0] <= col <= boxes[item, 2] and boxes[item, 1] <= row <= boxes[item, 3]:
                    inside, dx, dy, _side, _t, u0, u1, u2, r = cut_face(records, item, x, y)
                    squared = dx * dx + dy * dy
                    p0, p1, p2 = ti.max(u0, 0.0) * r, ti.max(u1, 0.0) * r, ti.max(u2, 0.0) * r
                    z = ti.max(mix(records, item, DEPTH, p0, p1, p2), near)
                    seen = lower(higher(inside, tau - squared), lower(r, far - z))
                    k = 1.0 / (gamma * (far - near))
                    p, numbers = (p0, p1, p2), (squared / sigma, inside, seen)
                    _blend_pixel(blend, records, item, face, *numbers, *p, z, k, count, modes, double)
            finish_pixel(blend, image, alpha, depth, face_id, barycentrics, state, pixel, at, count, modes, lanes)
