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
    mix,
    out_of_reach,
    packet_centers,
    packet_pixel,
    whole_face,
    whole_interpolation,
    whole_squared_distance,
)

# The running state of a pixel; the first STATE numbers are kept for the adjoint, the colour sums follow.
STATE = 4
REFERENCE, TOTAL, COMBINED, LARGEST, DEPTH_SUM, BEST0, BEST1, BEST2, COLOR_SUM = range(9)


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
    for packet in range(state.shape[0] // (STATE * lanes)):
        view, row, col = packet_pixel(packet, width, height, shape)
        faces = boxes.shape[0] // views
        x, y = packet_centers(row, col, width, height, shape)
        center_x, center_y = 0.5 * (x[0] + x[lanes - 1]), 0.5 * (y[0] + y[lanes - 1])
        best = fill_lanes(-1, lanes)
        blend = [fill_lanes(0.0, lanes) for _ in ti.static(range(COLOR_SUM + count))]
        _start(blend, background, near, far, count, modes)
        for entry in range(tile_start[packet // per_tile], tile_start[packet // per_tile + 1]):
            face = tile_faces[entry]
            item = view * faces + face
            if (
                boxes[item, 0] < col + shape[0]
                and boxes[item, 2] >= col
                and boxes[item, 1] < row + shape[1]
                and boxes[item, 3] >= row
            ):
                if not out_of_reach(records, item, center_x, center_y):
                    w0, w1, w2, dx, dy, _b0, _b1, _b2 = whole_face(records, item, x, y)
                    squared, inside = whole_squared_distance(dx, dy, w0, w1, w2, modes[2])
                    p0, p1, p2, _r = whole_interpolation(records, item, w0, w1, w2)
                    z = mix(records, item, DEPTH, p0, p1, p2)
                    seen = (inside | (squared < tau)) & (z >= near) & (z <= far)
                    _add_face(
                        blend,
                        best,
                        records,
                        item,
                        face,
                        squared / sigma,
                        inside,
                        seen,
                        p0,
                        p1,
                        p2,
                        z,
                        1.0 / (gamma * (far - near)),
                        count,
                        modes,
                        double,
                    )
        inverse = 1.0 / blend[TOTAL]
        for lane in ti.static(range(lanes)):
            for kept in ti.static(range(STATE)):
                state[packet * (STATE * lanes) + kept * lanes + lane] = blend[kept][lane]
            pixel_row, pixel_col = row + lane // shape[0], col + lane % shape[0]
            if pixel_row < height and pixel_col < width:
                pixel = (view * height + pixel_row) * width + pixel_col
                depth[pixel] = blend[DEPTH_SUM][lane] * inverse[lane]
                face_id[pixel] = best[lane]
                for corner in ti.static(range(3)):
                    barycentrics[pixel, corner] = blend[BEST0 + corner][lane]
                for c in ti.static(range(count)):
                    image[pixel, c] = blend[COLOR_SUM + c][lane] * inverse[lane]
                alpha[pixel] = _alpha(blend[COMBINED][lane], modes)


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
    for slot in range(state.shape[0] // STATE):
        packet, lane = slot // lanes, slot % lanes
        view, row, col = packet_pixel(packet, width, height, shape)
        row, col = row + lane // shape[0], col + lane % shape[0]
        first, last = tile_start[packet // per_tile], tile_start[packet // per_tile + 1]
        if first < last and row < height and col < width:
            faces = boxes.shape[0] // views
            pixel = (view * height + row) * width + col
            at = packet * (STATE * lanes) + lane
            x, y = packet_centers(row, col, width, height, ti.static((1, 1)))
            best = fill_lanes(face_id[pixel], 1)
            blend = [fill_lanes(0.0, 1) for _ in ti.static(range(COLOR_SUM + count))]
            for kept in ti.static(range(STATE)):
                blend[kept][0] = state[at + kept * lanes]
            blend[DEPTH_SUM][0] = depth[pixel] * blend[TOTAL][0]
            for corner in ti.static(range(3)):
                blend[BEST0 + corner][0] = barycentrics[pixel, corner]
            for c in ti.static(range(count)):
                blend[COLOR_SUM + c][0] = image[pixel, c] * blend[TOTAL][0]
            for entry in range(first, last):
                face = tile_faces[entry]
                item = view * faces + face
                if boxes[item, 0] <= col <= boxes[item, 2] and boxes[item, 1] <= row <= boxes[item, 3]:
                    inside, dx, dy, _side, _t, u0, u1, u2, r = cut_face(records, item, x, y)
                    squared = dx * dx + dy * dy
                    p0, p1, p2 = ti.max(u0, 0.0) * r, ti.max(u1, 0.0) * r, ti.max(u2, 0.0) * r
                    z = ti.max(mix(records, item, DEPTH, p0, p1, p2), near)
                    seen = (inside | (squared < tau)) & (r > 0.0) & (z <= far)
                    _add_face(
                        blend,
                        best,
                        records,
                        item,
                        face,
                        squared / sigma,
                        inside,
                        seen,
                        p0,
                        p1,
                        p2,
                        z,
                        1.0 / (gamma * (far - near)),
                        count,
                        modes,
                        double,
                    )
            for kept in ti.static(range(STATE)):
                state[at + kept * lanes] = blend[kept][0]
            depth[pixel] = blend[DEPTH_SUM][0] / blend[TOTAL][0]
            face_id[pixel] = best[0]
            for corner in ti.static(range(3)):
                barycentrics[pixel, corner] = blend[BEST0 + corner][0]
            for c in ti.static(range(count)):
                image[pixel, c] = blend[COLOR_SUM + c][0] / blend[TOTAL][0]
            alpha[pixel] = _alpha(blend[COMBINED][0], modes)


@ti.func
def _start(blend: ti.template(), background: ti.template(), near, far, count: ti.template(), modes: ti.template()):
    """The background alone: weight 1 at its own depth."""
    blend[REFERENCE] += far
    if ti.static(modes[1] != COLOR_HARD):
        blend[REFERENCE] -= BACKGROUND_EXPONENT * (far - near)
    blend[TOTAL] += 1.0
    blend[LARGEST] += 1.0
    blend[DEPTH_SUM] += far
    if ti.static(modes[0] == ALPHA_PRODUCT):
        blend[COMBINED] += 1.0
    for c in ti.static(range(count)):
        blend[COLOR_SUM + c] += background[c]


@ti.func
def _alpha(combined, modes: ti.template()):
    result = ti.min(combined, 1.0)
    if ti.static(modes[0] == ALPHA_PRODUCT):
        result = 1.0 - combined
    return result


@ti.func
def _add_face(
    blend: ti.template(),
    best: ti.template(),
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
    """Blends one face into a packet; ``x`` is the coverage's exponent without its sign."""
    cover, uncover = ti.select(inside, 1.0 + 0.0 * x, 0.0), ti.select(inside, 0.0 * x, 1.0)
    if ti.static(modes[2] != DISTANCE_HARD):
        cover, uncover = coverage(x, inside, double)
    cover = ti.select(seen, cover, 0.0)
    if ti.static(modes[0] == ALPHA_PRODUCT):
        blend[COMBINED] *= ti.select(seen, uncover, 1.0)
    elif ti.static(modes[0] == ALPHA_SUM):
        blend[COMBINED] += cover
    else:
        blend[COMBINED] = ti.select(seen & inside, 1.0, blend[COMBINED])

    if ti.static(modes[1] == COLOR_HARD):
        better = seen & inside & (z < blend[REFERENCE])
        blend[REFERENCE] = ti.select(better, z, blend[REFERENCE])
        blend[DEPTH_SUM] = blend[REFERENCE]
        _remember(blend, best, better, face, p0, p1, p2)
        for c in ti.static(range(count)):
            value = mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2)
            blend[COLOR_SUM + c] = ti.select(better, value, blend[COLOR_SUM + c])
    else:
        ahead = (blend[REFERENCE] - z) * k
        e = exp_negative(-ti.abs(ahead), double)
        keep = ti.select(seen & (ahead > 0.0), e, 1.0)
        share = ti.select(ahead > 0.0, cover, cover * e)
        blend[REFERENCE] = ti.select(seen, ti.min(blend[REFERENCE], z), blend[REFERENCE])
        blend[TOTAL] = blend[TOTAL] * keep + share
        blend[LARGEST] *= keep
        better = share > blend[LARGEST]
        blend[LARGEST] = ti.max(share, blend[LARGEST])
        _remember(blend, best, better, face, p0, p1, p2)
        blend[DEPTH_SUM] = blend[DEPTH_SUM] * keep + share * z
        for c in ti.static(range(count)):
            value = mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2)
            blend[COLOR_SUM + c] = blend[COLOR_SUM + c] * keep + share * value


@ti.func
def _remember(blend: ti.template(), best: ti.template(), better, face, p0, p1, p2):
    best = ti.select(better, face, best)
    blend[BEST0] = ti.select(better, p0, blend[BEST0])
    blend[BEST1] = ti.select(better, p1, blend[BEST1])
    blend[BEST2] = ti.select(better, p2, blend[BEST2])
