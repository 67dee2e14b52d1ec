"""Adjoint of the soft rasterizer: face by face, each gathering what its pixels pass back.

With ``w_j`` the weight of face j in a pixel, ``v_j = sum_c dL/dI_c C_jc + dL/dZ z_j``, ``v`` the same of the blended
pixel, ``x_j = +-d^2/sigma`` and ``e_j = -k z_j`` the two exponents::

    dL/de_j = w_j (v_j - v)          dL/dx_j = (1 - D_j) dL/de_j + dL/dA T D_j          dL/dC_jc = w_j dL/dI_c

from there through the interpolation and the distance to the corners.  The derivative of a squared distance is that of
the distance to the nearest point held fixed in the segment, ``d(d^2)/dp_k = -2 b_k (x - nearest point)``, ``b_k`` its
barycentrics; that of the barycentrics ``w`` is ``dw_m/dp_k = -w_k grad w_m``.  Everything sums in registers over the
packets of a face and is written once, so that no sum depends on the order of threads.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.views import rows_per_view, view_of
from taichi_dr.kernels.soft.pair import (
    ABSENT,
    ALPHA_HARD,
    ALPHA_SUM,
    ATTRIBUTE,
    COLOR_HARD,
    DEPTH,
    DISTANCE_BARYCENTRIC,
    DISTANCE_HARD,
    INVERSE_AREA,
    INVERSE_W,
    WHOLE,
    XY,
    coverage,
    exp_negative,
    fill_lanes,
    load_lanes,
    load_row,
    mix,
    out_of_reach,
    packet_at,
    packet_centers,
    packet_middle,
    store_row,
    whole_face,
    whole_interpolation,
    whole_squared_distance,
)
from taichi_dr.kernels.soft.pixel_adjoints import PACKED, PIXEL_ALPHA, PIXEL_DEPTH, PIXEL_MEAN, PIXEL_REFERENCE

SUM_POSITION, SUM_W, SUM_DEPTH, SUM_ATTRIBUTE = 0, 6, 9, 12  # rows of a face's sums, negated for position and W


@ti.func
def add_row(sums: ti.template(), row: ti.template(), value, lanes: ti.template()):
    """Adds to packet number ``row`` of a vector of packets; see ``store_row``."""
    store_row(sums, row, load_row(sums, row, lanes) + value, lanes)


@ti.func
def _total(sums: ti.template(), row: ti.template(), lanes: ti.template()):
    return load_row(sums, row, lanes).sum()


@ti.kernel
def soft_adjoint(
    records: ti.types.ndarray(ndim=2),
    kinds: ti.types.ndarray(dtype=ti.i32, ndim=1),
    boxes: ti.types.ndarray(dtype=ti.i32, ndim=2),
    packed: ti.types.ndarray(ndim=1),
    corner_adjoint: ti.types.ndarray(ndim=2),
    offsets: ti.types.ndarray(ndim=1),
    views: ti.i32,
    bands: ti.i32,
    near: float,
    far: float,
    sigma: float,
    gamma: float,
    tau: float,
    width: ti.i32,
    height: ti.i32,
    count: ti.template(),
    modes: ti.template(),
    packed_rows: ti.template(),
    shape: ti.template(),
    double: ti.template(),
):
    """Writes ``corner_adjoint (bands*V*F*3, 4 + C)``: adjoints of X, Y, W, depth and the attributes of every corner of
    every face but the cut ones.  Band b takes every ``bands``-th row of packets of a face, starting at its b-th.
    """
    lanes = ti.static(shape[0] * shape[1])
    for index in range(bands * kinds.shape[0]):
        band = view_of(index, kinds.shape[0])
        item = index - band * kinds.shape[0]
        faces = rows_per_view(kinds, views)
        view = view_of(item, faces)
        face = item - view * faces
        kind = kinds[item]
        if kind == ABSENT:
            for corner, column in ti.static(ti.ndrange(3, 4 + count)):
                corner_adjoint[3 * index + corner, column] = 0.0
        elif kind == WHOLE:
            k = 1.0 / (gamma * (far - near))
            sums = ti.Vector([0.0 for _ in ti.static(range((SUM_ATTRIBUTE + 3 * count) * lanes))])
            col0, col1 = boxes[item, 0] // shape[0], boxes[item, 2] // shape[0] + 1
            row0, row1 = boxes[item, 1] // shape[1] + band, boxes[item, 3] // shape[1] + 1
            for step in range((row1 - row0 + bands - 1) // bands):
                row = (row0 + step * bands) * shape[1]
                for packet_col in range(col0, col1):
                    col = packet_col * shape[0]
                    middle_x, middle_y = packet_middle(row, col, width, height, shape)
                    if not out_of_reach(records, item, middle_x, middle_y):
                        x, y = packet_centers(row, col, width, height, offsets, lanes)
                        at = packet_at(view, row, col, width, height, shape) * (packed_rows * lanes)
                        if ti.static(lanes > 1):
                            if bands < 0:  # never: see store_row
                                sums[row] = 0.0
                        w0, w1, w2, dx, dy, b0, b1, b2 = whole_face(records, item, x, y)
                        squared, inside = whole_squared_distance(dx, dy, w0, w1, w2, modes[2])
                        p0, p1, p2, r = whole_interpolation(records, item, w0, w1, w2)
                        z = mix(records, item, DEPTH, p0, p1, p2)
                        seen = lower(higher(inside, tau - squared), lower(z - near, far - z))

                        weight, x_adjoint, z_adjoint, h0, h1, h2 = pair_adjoint(
                            records,
                            packed,
                            item,
                            face,
                            at,
                            squared,
                            inside,
                            seen,
                            p0,
                            p1,
                            p2,
                            z,
                            1.0 + 0.0 * z,
                            k,
                            sigma,
                            count,
                            modes,
                            lanes,
                            lanes,
                            double,
                        )
                        for c in ti.static(range(count)):
                            share = weight * load_lanes(packed, at + (PACKED + c) * lanes, lanes)
                            add_row(sums, SUM_ATTRIBUTE + 3 * c, p0 * share, lanes)
                            add_row(sums, SUM_ATTRIBUTE + 3 * c + 1, p1 * share, lanes)
                            add_row(sums, SUM_ATTRIBUTE + 3 * c + 2, p2 * share, lanes)
                        add_whole_face(
                            sums,
                            records,
                            item,
                            [w0, w1, w2],
                            [dx, dy],
                            [b0, b1, b2],
                            [p0, p1, p2],
                            r,
                            inside,
                            x_adjoint,
                            z_adjoint,
                            [h0, h1, h2],
                            sigma,
                            modes,
                            lanes,
                        )
            write_whole_face(sums, records, item, corner_adjoint, 3 * index, count, lanes)


@ti.func
def add_whole_face(
    sums: ti.template(),
    records: ti.template(),
    item,
    w: ti.template(),
    d: ti.template(),
    b: ti.template(),
    p: ti.template(),
    r,
    inside,
    x_adjoint,
    z_adjoint,
    h: ti.template(),
    sigma,
    modes: ti.template(),
    lanes: ti.template(),
):
    """Adds to the sums what a packet passes back through depth, interpolation and distance.

    Lists of packets: ``w``, ``d``, ``b`` of ``whole_face``, ``p`` of ``whole_interpolation`` and its adjoint ``h``.
    """
    ia = records[item, INVERSE_AREA]
    x0, y0 = records[item, XY], records[item, XY + 1]
    x1, y1 = records[item, XY + 2], records[item, XY + 3]
    x2, y2 = records[item, XY + 4], records[item, XY + 5]
    add_row(sums, SUM_DEPTH + 0, p[0] * z_adjoint, lanes)
    add_row(sums, SUM_DEPTH + 1, p[1] * z_adjoint, lanes)
    add_row(sums, SUM_DEPTH + 2, p[2] * z_adjoint, lanes)

    mean = p[0] * h[0] + p[1] * h[1] + p[2] * h[2]
    f0, f1, f2 = h[0] - mean, h[1] - mean, h[2] - mean
    add_row(sums, SUM_W + 0, p[0] * f0, lanes)
    add_row(sums, SUM_W + 1, p[1] * f1, lanes)
    add_row(sums, SUM_W + 2, p[2] * f2, lanes)
    g0 = ti.select(lower(w[0], 1.0 - w[0]) > 0.0, f0 * r, 0.0) * records[item, INVERSE_W]
    g1 = ti.select(lower(w[1], 1.0 - w[1]) > 0.0, f1 * r, 0.0) * records[item, INVERSE_W + 1]
    g2 = ti.select(lower(w[2], 1.0 - w[2]) > 0.0, f2 * r, 0.0) * records[item, INVERSE_W + 2]
    fx, fy = fill_lanes(0.0, lanes), fill_lanes(0.0, lanes)
    slope = (2.0 / sigma) * ti.select(inside > 0.0, x_adjoint, -x_adjoint)
    if ti.static(modes[2] == DISTANCE_BARYCENTRIC):
        smallest = lower(w[0], lower(w[1], w[2]))
        slope *= smallest
        g0 += ti.select(w[0] == smallest, slope, 0.0)
        g1 += ti.select(w[1] == smallest, slope, 0.0)
        g2 += ti.select(w[2] == smallest, slope, 0.0)
    else:
        fx, fy = slope * d[0], slope * d[1]
    g0, g1 = (g0 - g2) * ia, (g1 - g2) * ia
    gx = -g0 * (y2 - y1) - g1 * (y0 - y2)
    gy = g0 * (x2 - x1) + g1 * (x0 - x2)
    add_row(sums, SUM_POSITION + 0, b[0] * fx + w[0] * gx, lanes)
    add_row(sums, SUM_POSITION + 1, b[0] * fy + w[0] * gy, lanes)
    add_row(sums, SUM_POSITION + 2, b[1] * fx + w[1] * gx, lanes)
    add_row(sums, SUM_POSITION + 3, b[1] * fy + w[1] * gy, lanes)
    add_row(sums, SUM_POSITION + 4, b[2] * fx + w[2] * gx, lanes)
    add_row(sums, SUM_POSITION + 5, b[2] * fy + w[2] * gy, lanes)


@ti.func
def write_whole_face(
    sums: ti.template(),
    records: ti.template(),
    item,
    corner_adjoint: ti.template(),
    base,
    count: ti.template(),
    lanes: ti.template(),
):
    """Writes the sums of a whole face as the adjoints of its corners, rows ``base`` to ``base + 2``."""
    for corner in ti.static(range(3)):
        to_clip = -records[item, INVERSE_W + corner]
        gx = _total(sums, SUM_POSITION + 2 * corner, lanes)
        gy = _total(sums, SUM_POSITION + 2 * corner + 1, lanes)
        px, py = records[item, XY + 2 * corner], records[item, XY + 2 * corner + 1]
        corner_adjoint[base + corner, 0] = gx * to_clip
        corner_adjoint[base + corner, 1] = gy * to_clip
        corner_adjoint[base + corner, 2] = (_total(sums, SUM_W + corner, lanes) - gx * px - gy * py) * to_clip
        corner_adjoint[base + corner, 3] = _total(sums, SUM_DEPTH + corner, lanes)
        for c in ti.static(range(count)):
            corner_adjoint[base + corner, 4 + c] = _total(sums, SUM_ATTRIBUTE + 3 * c + corner, lanes)


@ti.func
def pair_adjoint(
    records: ti.template(),
    packed: ti.template(),
    item,
    face,
    at,
    squared,
    inside,
    seen,
    p0,
    p1,
    p2,
    z,
    sloped,
    k,
    sigma,
    count: ti.template(),
    modes: ti.template(),
    lanes: ti.template(),
    stride: ti.template(),
    double: ti.template(),
):
    """Of a packet and a face: weight / S, adjoints of x and z, and of the interpolation's ``p`` (3).

    ``sloped``: where z is the interpolated depth, not the near plane's.
    """
    cover, uncover, weight = pair_weight(
        packed, face, at, squared, inside, seen, z, k, sigma, modes, lanes, stride, double
    )
    value = 0.0 * z
    if ti.static(modes[1] != COLOR_HARD):
        for c in ti.static(range(count)):
            factor = load_lanes(packed, at + (PACKED + c) * stride, lanes)
            value += factor * mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2)
    x_adjoint, z_adjoint = pair_exponents(packed, at, z, sloped, value, cover, uncover, weight, k, modes, lanes, stride)
    h0, h1, h2 = (
        z_adjoint * records[item, DEPTH],
        z_adjoint * records[item, DEPTH + 1],
        z_adjoint * records[item, DEPTH + 2],
    )
    for c in ti.static(range(count)):
        share = weight * load_lanes(packed, at + (PACKED + c) * stride, lanes)
        h0 += share * records[item, ATTRIBUTE + 3 * c]
        h1 += share * records[item, ATTRIBUTE + 3 * c + 1]
        h2 += share * records[item, ATTRIBUTE + 3 * c + 2]
    return weight, x_adjoint, z_adjoint, h0, h1, h2


@ti.func
def pair_weight(
    packed: ti.template(),
    face,
    at,
    squared,
    inside,
    seen,
    z,
    k,
    sigma,
    modes: ti.template(),
    lanes: ti.template(),
    stride: ti.template(),
    double: ti.template(),
):
    """Coverage, its complement, and the weight times S: the factors in ``packed`` are divided by S."""
    cover = ti.select(inside > 0.0, 1.0 + 0.0 * squared, 0.0)
    uncover = 1.0 - cover
    if ti.static(modes[2] != DISTANCE_HARD):
        cover, uncover = coverage(squared * (1.0 / sigma), inside, double)
    cover = ti.select(seen > 0.0, cover, 0.0)
    reference = load_lanes(packed, at + PIXEL_REFERENCE * stride, lanes)
    weight = 0.0 * z
    if ti.static(modes[1] == COLOR_HARD):
        weight = ti.select(reference == ti.cast(face, float), 1.0 + 0.0 * z, 0.0)
    else:
        weight = cover * exp_negative(-ti.abs(reference - z) * k, double)
    return cover, uncover, weight


@ti.func
def pair_exponents(
    packed: ti.template(),
    at,
    z,
    sloped,
    value,
    cover,
    uncover,
    weight,
    k,
    modes: ti.template(),
    lanes: ti.template(),
    stride: ti.template(),
):
    """Adjoints of x and z, where ``value`` is ``sum_c dL/dI_c C_jc / S`` of the face's colour."""
    depth_factor = load_lanes(packed, at + PIXEL_DEPTH * stride, lanes)
    x_adjoint, z_adjoint = 0.0 * z, weight * depth_factor
    if ti.static(modes[1] != COLOR_HARD):
        mean = load_lanes(packed, at + PIXEL_MEAN * stride, lanes)
        exponent_adjoint = weight * (value + depth_factor * z - mean)
        z_adjoint = weight * depth_factor - k * exponent_adjoint
        x_adjoint = uncover * exponent_adjoint
    if ti.static(modes[0] != ALPHA_HARD):
        alpha_part = cover * load_lanes(packed, at + PIXEL_ALPHA * stride, lanes)
        if ti.static(modes[0] == ALPHA_SUM):
            alpha_part *= uncover
        x_adjoint += alpha_part
    return x_adjoint, ti.select(sloped > 0.0, z_adjoint, 0.0)
