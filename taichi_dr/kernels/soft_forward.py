"""Forward of the soft rasterizer: every pixel blends the faces of its tile in one walk, in registers.

Relative to the face or background of the largest exponent so far (depth ``reference``), so that nothing overflows:
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
    WHOLE,
    coverage,
    cut_face,
    exp_negative,
    fill_lanes,
    mix,
    out_of_reach,
    packet_centers,
    whole_face,
    whole_interpolation,
    whole_squared_distance,
)

STATE = 3  # numbers kept per pixel for the adjoint: reference, S, and the alpha's product or sum


@ti.kernel
def soft_forward(
    records: ti.types.ndarray(ndim=2),
    kinds: ti.types.ndarray(dtype=ti.i32, ndim=1),
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
    side: ti.template(),
    cut: ti.template(),
    double: ti.template(),
):
    """Blends the faces of every pixel.  ``modes``: (alpha, colour, distance); ``cut``: some face is cut.

    ``state`` holds, per packet, STATE numbers of side^2 lanes each.  The other arrays are those of ``SoftPass``.
    """
    tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    lanes = ti.static(side * side)
    across = ti.static(TILE // side)
    for packet in range(views * tiles_y * tiles_x * (across * across)):
        tile = packet // (across * across)
        inner = packet % (across * across)
        view = tile // (tiles_x * tiles_y)
        corner = tile - view * tiles_x * tiles_y
        row = corner // tiles_x * TILE + inner // across * side
        col = corner % tiles_x * TILE + inner % across * side
        x, y = packet_centers(row, col, width, height, side)
        center_x, center_y = 0.5 * (x[0] + x[lanes - 1]), 0.5 * (y[0] + y[lanes - 1])
        faces = kinds.shape[0] // views

        k = 1.0 / (gamma * (far - near))
        reference = fill_lanes(far - BACKGROUND_EXPONENT * (far - near), lanes)
        if ti.static(modes[1] == COLOR_HARD):
            reference = fill_lanes(far, lanes)
        total = fill_lanes(1.0, lanes)
        largest = fill_lanes(1.0, lanes)
        combined = fill_lanes(0.0, lanes)
        if ti.static(modes[0] == ALPHA_PRODUCT):
            combined += 1.0
        best = fill_lanes(-1, lanes)
        best0, best1, best2 = fill_lanes(0.0, lanes), fill_lanes(0.0, lanes), fill_lanes(0.0, lanes)
        depth_sum = fill_lanes(far, lanes)
        sums = [fill_lanes(background[c], lanes) for c in ti.static(range(count))]

        for entry in range(tile_start[tile], tile_start[tile + 1]):
            face = tile_faces[entry]
            item = view * faces + face
            near_packet = (
                boxes[item, 0] <= col + side - 1
                and boxes[item, 2] >= col
                and boxes[item, 1] <= row + side - 1
                and boxes[item, 3] >= row
            )
            if near_packet:
                kind = WHOLE
                if ti.static(cut):
                    kind = kinds[item]
                if kind != WHOLE or not out_of_reach(records, item, center_x, center_y):
                    squared, inside, p0, p1, p2, z = _pair(records, item, kind, x, y, near, modes, cut)
                    seen = (inside | (squared < tau)) & (z >= near) & (z <= far)
                    cover, uncover = ti.cast(inside, float), 1.0 - ti.cast(inside, float)
                    if ti.static(modes[2] != DISTANCE_HARD):
                        cover, uncover = coverage(squared / sigma, inside, double)
                    cover, uncover = ti.select(seen, cover, 0.0), ti.select(seen, uncover, 1.0)

                    if ti.static(modes[0] == ALPHA_PRODUCT):
                        combined *= uncover
                    elif ti.static(modes[0] == ALPHA_SUM):
                        combined += cover
                    else:
                        combined = ti.max(combined, ti.select(seen & inside, 1.0, 0.0))

                    if ti.static(modes[1] == COLOR_HARD):
                        nearer = seen & inside & (z < reference)
                        reference = ti.select(nearer, z, reference)
                        depth_sum = reference
                        best = ti.select(nearer, face, best)
                        best0, best1 = ti.select(nearer, p0, best0), ti.select(nearer, p1, best1)
                        best2 = ti.select(nearer, p2, best2)
                        for c in ti.static(range(count)):
                            value = mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2)
                            sums[c] = ti.select(nearer, value, sums[c])
                    else:
                        ahead = (reference - z) * k
                        e = exp_negative(-ti.abs(ahead), double)
                        keep = ti.select(seen & (ahead > 0.0), e, 1.0)
                        share = ti.select(ahead > 0.0, cover, cover * e)
                        reference = ti.select(seen, ti.min(reference, z), reference)
                        total = total * keep + share
                        largest *= keep
                        better = share > largest
                        largest = ti.max(share, largest)
                        best = ti.select(better, face, best)
                        best0, best1 = ti.select(better, p0, best0), ti.select(better, p1, best1)
                        best2 = ti.select(better, p2, best2)
                        depth_sum = depth_sum * keep + share * z
                        for c in ti.static(range(count)):
                            value = mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2)
                            sums[c] = sums[c] * keep + share * value

        inverse = 1.0 / total
        for lane in ti.static(range(lanes)):
            pixel_row, pixel_col = row + lane // side, col + lane % side
            slot = packet * (STATE * lanes) + lane
            state[slot] = reference[lane]
            state[slot + lanes] = total[lane]
            state[slot + 2 * lanes] = combined[lane]
            if pixel_row < height and pixel_col < width:
                pixel = (view * height + pixel_row) * width + pixel_col
                depth[pixel] = depth_sum[lane] * inverse[lane]
                face_id[pixel] = best[lane]
                barycentrics[pixel, 0] = best0[lane]
                barycentrics[pixel, 1] = best1[lane]
                barycentrics[pixel, 2] = best2[lane]
                for c in ti.static(range(count)):
                    image[pixel, c] = sums[c][lane] * inverse[lane]
                if ti.static(modes[0] == ALPHA_PRODUCT):
                    alpha[pixel] = 1.0 - combined[lane]
                else:
                    alpha[pixel] = ti.min(combined[lane], 1.0)


@ti.func
def _pair(records: ti.template(), item, kind, x, y, near, modes: ti.template(), cut: ti.template()):
    """Of a packet and a face: squared distance, inside, perspective-correct barycentrics (3), depth."""
    w0, w1, w2, dx, dy, _b0, _b1, _b2 = whole_face(records, item, x, y)
    squared, inside = whole_squared_distance(dx, dy, w0, w1, w2, modes[2])
    p0, p1, p2, _r = whole_interpolation(records, item, w0, w1, w2)
    z = mix(records, item, DEPTH, p0, p1, p2)
    if ti.static(cut):
        if kind != WHOLE:
            inside, dx, dy, _side, _t, p0, p1, p2, r = cut_face(records, item, x, y)
            squared = dx * dx + dy * dy
            p0, p1, p2 = ti.max(p0, 0.0) * r, ti.max(p1, 0.0) * r, ti.max(p2, 0.0) * r
            z = ti.select(r > 0.0, ti.max(mix(records, item, DEPTH, p0, p1, p2), near), near - 1.0)
    return squared, inside, p0, p1, p2, z
