"""Forward of the soft rasterizer: every pixel blends the faces of its tile in one walk, in registers.

``soft_forward`` is the GPU's; ``soft_tiles`` does the same on a CPU, face by face.
"""

import taichi as ti

from taichi_dr.kernels.soft_blend import (
    BEST,
    BEST0,
    COLOR_SUM,
    COMBINED,
    DEPTH_SUM,
    STATE,
    TOTAL,
    alpha_of,
    blend_color,
    blend_face,
    finish_pixel,
    resume_pixel,
    start_blend,
)
from taichi_dr.kernels.soft_math import (
    ATTRIBUTE,
    DEPTH,
    TILE,
    cut_face,
    higher,
    load_row,
    lower,
    mix,
    out_of_reach,
    packet_centers,
    packet_middle,
    packet_pixel,
    tiles,
    whole_face,
    whole_interpolation,
    whole_squared_distance,
)


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
    """Blends the whole faces of every pixel.  ``modes``: (alpha, colour, distance); ``shape``: that of a packet.

    ``state`` holds, per packet, STATE numbers of all lanes each.  The other arrays are those of ``SoftPass``.
    """
    lanes = ti.static(shape[0] * shape[1])
    per_tile = ti.static(TILE * TILE // lanes)
    for packet in range(views * tiles(width, height) * per_tile):
        view, row, col = packet_pixel(packet, width, height, shape)
        faces = boxes.shape[0] // views
        x, y = packet_centers(row, col, width, height, offsets, lanes)
        middle_x, middle_y = packet_middle(row, col, width, height, shape)
        blend = ti.Vector([0.0 for _ in ti.static(range((COLOR_SUM + count) * lanes))])
        start_blend(blend, 0, background, near, far, count, modes, lanes)
        for entry in range(tile_start[packet // per_tile], tile_start[packet // per_tile + 1]):
            face = tile_faces[entry]
            item = view * faces + face
            outside = (col + (shape[0] - 1) - boxes[item, 0]) | (boxes[item, 2] - col)  # negative if either is
            outside |= (row + (shape[1] - 1) - boxes[item, 1]) | (boxes[item, 3] - row)
            if outside >= 0:
                if not out_of_reach(records, item, middle_x, middle_y):
                    if ti.static(lanes > 1):
                        if face < 0:  # never: see store_row
                            blend[item] = 0.0
                    w0, w1, w2, dx, dy, _b0, _b1, _b2 = whole_face(records, item, x, y)
                    squared, inside = whole_squared_distance(dx, dy, w0, w1, w2, modes[2])
                    p0, p1, p2, _r = whole_interpolation(records, item, w0, w1, w2)
                    z = mix(records, item, DEPTH, p0, p1, p2)
                    seen = lower(higher(inside, tau - squared), lower(z - near, far - z))
                    k = 1.0 / (gamma * (far - near))
                    keep, share = blend_face(
                        blend, 0, face, squared / sigma, inside, seen, p0, p1, p2, z, k, modes, lanes, double
                    )
                    for c in ti.static(range(count)):
                        value = mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2)
                        blend_color(blend, 0, c, value, keep, share, modes, lanes)
        inverse = 1.0 / load_row(blend, TOTAL, lanes)
        for kept in ti.static(range(STATE)):
            for lane in ti.static(range(lanes)):
                state[packet * (STATE * lanes) + kept * lanes + lane] = blend[(kept) * lanes + lane]
        for lane in ti.static(range(lanes)):
            pixel_row, pixel_col = row + lane // shape[0], col + lane % shape[0]
            if pixel_row < height and pixel_col < width:
                pixel = (view * height + pixel_row) * width + pixel_col
                depth[pixel] = blend[(DEPTH_SUM) * lanes + lane] * inverse[lane]
                face_id[pixel] = ti.cast(blend[(BEST) * lanes + lane], ti.i32)
                for corner in ti.static(range(3)):
                    barycentrics[pixel, corner] = blend[(BEST0 + corner) * lanes + lane]
                for c in ti.static(range(count)):
                    image[pixel, c] = blend[(COLOR_SUM + c) * lanes + lane] * inverse[lane]
                alpha[pixel] = alpha_of(blend[(COMBINED) * lanes + lane], modes)


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
                    keep, share = blend_face(
                        blend, 0, face, squared / sigma, inside, seen, p0, p1, p2, z, k, modes, 1, double
                    )
                    for c in ti.static(range(count)):
                        value = mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2)
                        blend_color(blend, 0, c, value, keep, share, modes, 1)
            finish_pixel(blend, image, alpha, depth, face_id, barycentrics, state, pixel, at, count, modes, lanes)
