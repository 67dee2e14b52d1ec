"""Forward of the soft rasterizer: every pixel blends the faces of its tile in one walk, in registers.

Everything is relative to the nearest depth so far (``REFERENCE``, first the background's), so that nothing overflows:
``S = sum D_j exp((reference - z_j) k)``, ``k = 1 / (gamma (far - near))``, and likewise the sums of colours and depths.
"""

import taichi as ti

from taichi_dr.kernels.soft_math import (
    ALPHA_PRODUCT,
    ALPHA_SUM,
    ATTRIBUTE,
    BACKGROUND_EXPONENT,
    COLOR_HARD,
    DEPTH,
    DISTANCE_HARD,
    TILE,
    coverage,
    cut_face,
    exp_negative,
    fill_lanes,
    higher,
    load_row,
    lower,
    mix,
    out_of_reach,
    packet_centers,
    packet_pixel,
    store_row,
    tiles,
    whole_face,
    whole_interpolation,
    whole_squared_distance,
)

# The running state of a pixel; the first STATE numbers are kept for the adjoint, the colour sums follow.
STATE = 4
REFERENCE, TOTAL, COMBINED, LARGEST, DEPTH_SUM, BEST, BEST0, BEST1, BEST2, COLOR_SUM = range(10)


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
        center_x, center_y = 0.5 * (x[0] + x[lanes - 1]), 0.5 * (y[0] + y[lanes - 1])
        blend = ti.Vector([0.0 for _ in ti.static(range((COLOR_SUM + count) * lanes))])
        start_blend(blend, background, near, far, count, modes, lanes)
        for entry in range(tile_start[packet // per_tile], tile_start[packet // per_tile + 1]):
            face = tile_faces[entry]
            item = view * faces + face
            outside = (col + (shape[0] - 1) - boxes[item, 0]) | (boxes[item, 2] - col)  # negative if either is
            outside |= (row + (shape[1] - 1) - boxes[item, 1]) | (boxes[item, 3] - row)
            if outside >= 0:
                if not out_of_reach(records, item, center_x, center_y):
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
                        blend, face, squared / sigma, inside, seen, p0, p1, p2, z, k, modes, lanes, double
                    )
                    for c in ti.static(range(count)):
                        value = mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2)
                        blend_color(blend, c, value, keep, share, modes, lanes)
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
                alpha[pixel] = _alpha(blend[(COMBINED) * lanes + lane], modes)


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
                        blend, face, squared / sigma, inside, seen, p0, p1, p2, z, k, modes, 1, double
                    )
                    for c in ti.static(range(count)):
                        value = mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2)
                        blend_color(blend, c, value, keep, share, modes, 1)
            finish_pixel(blend, image, alpha, depth, face_id, barycentrics, state, pixel, at, count, modes, lanes)


@ti.func
def resume_pixel(
    blend: ti.template(),
    image: ti.template(),
    depth: ti.template(),
    face_id: ti.template(),
    barycentrics: ti.template(),
    state: ti.template(),
    pixel,
    at,
    count: ti.template(),
    stride: ti.template(),
):
    """Restores what ``finish_pixel`` wrote; the pixel's state begins at ``at``, its numbers ``stride`` apart."""
    for kept in ti.static(range(STATE)):
        blend[kept] = state[at + kept * stride]
    blend[DEPTH_SUM] = depth[pixel] * blend[TOTAL]
    blend[BEST] = ti.cast(face_id[pixel], float)
    for corner in ti.static(range(3)):
        blend[BEST0 + corner] = barycentrics[pixel, corner]
    for c in ti.static(range(count)):
        blend[COLOR_SUM + c] = image[pixel, c] * blend[TOTAL]


@ti.func
def finish_pixel(
    blend: ti.template(),
    image: ti.template(),
    alpha: ti.template(),
    depth: ti.template(),
    face_id: ti.template(),
    barycentrics: ti.template(),
    state: ti.template(),
    pixel,
    at,
    count: ti.template(),
    modes: ti.template(),
    stride: ti.template(),
):
    """Writes the outputs of a pixel and the state that the adjoint needs."""
    for kept in ti.static(range(STATE)):
        state[at + kept * stride] = blend[kept]
    depth[pixel] = blend[DEPTH_SUM] / blend[TOTAL]
    face_id[pixel] = ti.cast(blend[BEST], ti.i32)
    for corner in ti.static(range(3)):
        barycentrics[pixel, corner] = blend[BEST0 + corner]
    for c in ti.static(range(count)):
        image[pixel, c] = blend[COLOR_SUM + c] / blend[TOTAL]
    alpha[pixel] = _alpha(blend[COMBINED], modes)


@ti.func
def start_blend(
    blend: ti.template(),
    background: ti.template(),
    near,
    far,
    count: ti.template(),
    modes: ti.template(),
    lanes: ti.template(),
):
    """The background alone: weight 1 at its own depth."""
    reference = far
    if ti.static(modes[1] != COLOR_HARD):
        reference -= BACKGROUND_EXPONENT * (far - near)
    store_row(blend, REFERENCE, fill_lanes(reference, lanes), lanes)
    store_row(blend, TOTAL, fill_lanes(1.0, lanes), lanes)
    store_row(blend, LARGEST, fill_lanes(1.0, lanes), lanes)
    store_row(blend, BEST, fill_lanes(-1.0, lanes), lanes)
    store_row(blend, DEPTH_SUM, fill_lanes(far, lanes), lanes)
    if ti.static(modes[0] == ALPHA_PRODUCT):
        store_row(blend, COMBINED, fill_lanes(1.0, lanes), lanes)
    for c in ti.static(range(count)):
        store_row(blend, COLOR_SUM + c, fill_lanes(background[c], lanes), lanes)


@ti.func
def _alpha(combined, modes: ti.template()):
    result = ti.min(combined, 1.0)
    if ti.static(modes[0] == ALPHA_PRODUCT):
        result = 1.0 - combined
    return result


@ti.func
def blend_face(
    blend: ti.template(),
    face,
    x,
    inside,
    seen,
    p0,
    p1,
    p2,
    z,
    k,
    modes: ti.template(),
    lanes: ti.template(),
    double: ti.template(),
):
    """Blends one face into everything of a packet but its colours; ``x`` is the coverage's exponent without its sign.

    Returns the factor of the colours so far and the face's own share, for ``blend_color``.  Under COLOR_HARD the share
    says by its sign whether the face replaces what is there.
    """
    cover, uncover = ti.select(inside > 0.0, 1.0 + 0.0 * x, 0.0), ti.select(inside > 0.0, 0.0 * x, 1.0)
    if ti.static(modes[2] != DISTANCE_HARD):
        cover, uncover = coverage(x, inside, double)
    cover = ti.select(seen > 0.0, cover, 0.0)
    if ti.static(modes[0] == ALPHA_PRODUCT):
        store_row(blend, COMBINED, load_row(blend, COMBINED, lanes) * (ti.select(seen > 0.0, uncover, 1.0)), lanes)
    elif ti.static(modes[0] == ALPHA_SUM):
        store_row(blend, COMBINED, load_row(blend, COMBINED, lanes) + cover, lanes)
    else:
        store_row(blend, COMBINED, ti.select(lower(seen, inside) > 0.0, 1.0, load_row(blend, COMBINED, lanes)), lanes)

    keep, share = 0.0 * x, 0.0 * x
    if ti.static(modes[1] == COLOR_HARD):
        share = lower(lower(seen, inside), load_row(blend, REFERENCE, lanes) - z)
        store_row(blend, REFERENCE, ti.select(share > 0.0, z, load_row(blend, REFERENCE, lanes)), lanes)
        store_row(blend, DEPTH_SUM, load_row(blend, REFERENCE, lanes), lanes)
        _remember(blend, share, face, p0, p1, p2, lanes)
    else:
        ahead = (load_row(blend, REFERENCE, lanes) - z) * k
        e = exp_negative(-ti.abs(ahead), double)
        keep = ti.select(lower(seen, ahead) > 0.0, e, 1.0)
        share = ti.select(ahead > 0.0, cover, cover * e)
        store_row(
            blend,
            REFERENCE,
            ti.select(seen > 0.0, lower(load_row(blend, REFERENCE, lanes), z), load_row(blend, REFERENCE, lanes)),
            lanes,
        )
        store_row(blend, TOTAL, load_row(blend, TOTAL, lanes) * keep + share, lanes)
        store_row(blend, LARGEST, load_row(blend, LARGEST, lanes) * keep, lanes)
        _remember(blend, share - load_row(blend, LARGEST, lanes), face, p0, p1, p2, lanes)
        store_row(blend, LARGEST, higher(share, load_row(blend, LARGEST, lanes)), lanes)
        store_row(blend, DEPTH_SUM, load_row(blend, DEPTH_SUM, lanes) * keep + share * z, lanes)
    return keep, share


@ti.func
def blend_color(blend: ti.template(), c: ti.template(), value, keep, share, modes: ti.template(), lanes: ti.template()):
    """Blends a face's ``value`` into channel c; ``keep`` and ``share`` are those of ``blend_face``."""
    before = load_row(blend, COLOR_SUM + c, lanes)
    if ti.static(modes[1] == COLOR_HARD):
        store_row(blend, COLOR_SUM + c, ti.select(share > 0.0, value, before), lanes)
    else:
        store_row(blend, COLOR_SUM + c, before * keep + share * value, lanes)


@ti.func
def _remember(blend: ti.template(), better, face, p0, p1, p2, lanes: ti.template()):
    """Takes down the face where ``better`` is positive; as a number, exact up to 2^24 faces."""
    store_row(
        blend,
        BEST,
        ti.select(better > 0.0, fill_lanes(ti.cast(face, float), lanes), load_row(blend, BEST, lanes)),
        lanes,
    )
    store_row(blend, BEST0, ti.select(better > 0.0, p0, load_row(blend, BEST0, lanes)), lanes)
    store_row(blend, BEST1, ti.select(better > 0.0, p1, load_row(blend, BEST1, lanes)), lanes)
    store_row(blend, BEST2, ti.select(better > 0.0, p2, load_row(blend, BEST2, lanes)), lanes)
