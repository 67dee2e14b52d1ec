"""Adjoint of the soft rasterizer for the faces that the near plane cuts; launched only where there are some.

The distance is to the polygon in front of the plane, whose corners on the plane move with the edges they lie on;
depth and attributes come from the plane of the whole triangle, through
``u_k = n_k . (x, y, 1)``, ``n_k = +-P_{k+1} x P_{k+2}``.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.soft.adjoint import pair_adjoint
from taichi_dr.kernels.soft.face_records import cut_corners, cut_parameter
from taichi_dr.kernels.soft.pair import CUT_TO_ONE, DEPTH, cut_face, fill_lanes, mix, packet_at, packet_centers
from taichi_dr.kernels.soft.pixel_adjoints import PACKED


@ti.kernel
def soft_adjoint_cut(
    clip: ti.types.ndarray(ndim=2),
    faces: ti.types.ndarray(dtype=ti.i32, ndim=2),
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
    """Writes the rows of ``corner_adjoint`` (see ``soft_adjoint``) that belong to cut faces."""
    stride = ti.static(shape[0] * shape[1])
    for index in range(bands * kinds.shape[0]):
        band, item = index // kinds.shape[0], index % kinds.shape[0]
        view, face = item // faces.shape[0], item % faces.shape[0]
        if kinds[item] >= CUT_TO_ONE:
            k = 1.0 / (gamma * (far - near))
            polygon = [fill_lanes(0.0, 1) for _ in ti.static(range(8))]
            planes = [fill_lanes(0.0, 1) for _ in ti.static(range(9))]
            depths = [fill_lanes(0.0, 1) for _ in ti.static(range(3))]
            attributes = [fill_lanes(0.0, 1) for _ in ti.static(range(3 * count))]
            row0, row1 = boxes[item, 1] + band, boxes[item, 3] + 1
            for step in range((row1 - row0 + bands - 1) // bands):
                row = row0 + step * bands
                for col in range(boxes[item, 0], boxes[item, 2] + 1):
                    x, y = packet_centers(row, col, width, height, offsets, 1)
                    packet = packet_at(view, row, col, width, height, shape)
                    at = packet * (packed_rows * stride) + row % shape[1] * shape[0] + col % shape[0]
                    inside, dx, dy, nearest, t, u0, u1, u2, r = cut_face(records, item, x, y)
                    squared = dx * dx + dy * dy
                    p0, p1, p2 = ti.max(u0, 0.0) * r, ti.max(u1, 0.0) * r, ti.max(u2, 0.0) * r
                    plane_z = mix(records, item, DEPTH, p0, p1, p2)
                    z = ti.max(plane_z, near)
                    seen = lower(higher(inside, tau - squared), lower(r, far - z))
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
                        plane_z - near,
                        k,
                        sigma,
                        count,
                        modes,
                        1,
                        stride,
                        double,
                    )
                    for c in ti.static(range(count)):
                        share = weight * packed[at + (PACKED + c) * stride]
                        attributes[3 * c] += p0 * share
                        attributes[3 * c + 1] += p1 * share
                        attributes[3 * c + 2] += p2 * share
                    add_cut_face(
                        planes,
                        polygon,
                        depths,
                        [x, y],
                        [dx, dy],
                        nearest,
                        t,
                        [u0, u1, u2],
                        [p0, p1, p2],
                        r,
                        inside,
                        x_adjoint,
                        z_adjoint,
                        [h0, h1, h2],
                        sigma,
                    )
            write_cut_face(
                clip,
                faces,
                view,
                views,
                face,
                kinds[item],
                near,
                planes,
                polygon,
                depths,
                attributes,
                corner_adjoint,
                3 * index,
                count,
            )


@ti.func
def add_cut_face(
    planes: ti.template(),
    polygon: ti.template(),
    depths: ti.template(),
    at: ti.template(),
    d: ti.template(),
    nearest,
    t,
    u: ti.template(),
    p: ti.template(),
    r,
    inside,
    x_adjoint,
    z_adjoint,
    h: ti.template(),
    sigma,
):
    """Adds to the sums what the pixel ``at`` passes back through depth, interpolation and distance.

    ``d``, ``nearest``, ``t``, ``u``, ``r``: see ``cut_face``; ``p``: barycentrics, ``h``: their adjoints; lists.
    """
    mean = p[0] * h[0] + p[1] * h[1] + p[2] * h[2]
    for k in ti.static(range(3)):
        depths[k] += p[k] * z_adjoint
        g = ti.select(u[k] > 0.0, (h[k] - mean) * r, 0.0)
        planes[3 * k] += g * at[0]
        planes[3 * k + 1] += g * at[1]
        planes[3 * k + 2] += g
    slope = (-2.0 / sigma) * ti.select(inside > 0.0, x_adjoint, -x_adjoint)
    for corner in ti.static(range(4)):
        before = ti.static((corner + 3) % 4)
        share = ti.select(nearest == 1.0 * corner, 1.0 - t, ti.select(nearest == 1.0 * before, t, 0.0))
        polygon[2 * corner] += slope * share * d[0]
        polygon[2 * corner + 1] += slope * share * d[1]


@ti.func
def write_cut_face(
    clip: ti.template(),
    faces: ti.template(),
    view,
    views,
    face,
    kind,
    near,
    planes: ti.template(),
    polygon: ti.template(),
    depths: ti.template(),
    attributes: ti.template(),
    corner_adjoint: ti.template(),
    base,
    count: ti.template(),
):
    """Writes the sums of a cut face as the adjoints of its corners, rows ``base`` to ``base + 2``."""
    for corner in ti.static(range(3)):
        for column in ti.static(range(3)):
            corner_adjoint[base + corner, column] = 0.0
        corner_adjoint[base + corner, 3] = depths[corner].sum()
        for c in ti.static(range(count)):
            corner_adjoint[base + corner, 4 + c] = attributes[3 * c + corner].sum()
    rows = clip.shape[0] // views * view + ti.Vector([faces[face, c] for c in ti.static(range(3))])
    _planes_to_corners(clip, rows, planes, corner_adjoint, base)
    one, odd, second, third = cut_corners(kind)
    points = [ti.Vector([polygon[2 * c].sum(), polygon[2 * c + 1].sum()]) for c in ti.static(range(4))]
    if one:
        _corner_adjoint(clip, faces, view, views, face, odd, points[0], corner_adjoint, base)
        _edge_adjoint(clip, faces, view, views, face, odd, second, near, points[1], corner_adjoint, base)
        together = points[2] + points[3]
        _edge_adjoint(clip, faces, view, views, face, third, odd, near, together, corner_adjoint, base)
    else:
        _corner_adjoint(clip, faces, view, views, face, second, points[0], corner_adjoint, base)
        _corner_adjoint(clip, faces, view, views, face, third, points[1], corner_adjoint, base)
        _edge_adjoint(clip, faces, view, views, face, third, odd, near, points[2], corner_adjoint, base)
        _edge_adjoint(clip, faces, view, views, face, odd, second, near, points[3], corner_adjoint, base)


@ti.func
def _planes_to_corners(clip: ti.template(), rows, planes: ti.template(), out: ti.template(), base):
    """``n_k = s P_{k+1} x P_{k+2}``: adjoints ``P_{k+1} += s P_{k+2} x g_k`` and ``P_{k+2} += s g_k x P_{k+1}``."""
    p = [ti.Vector([clip[rows[c], j] for j in ti.static(range(3))]) for c in ti.static(range(3))]
    sign = ti.select(p[0].dot(p[1].cross(p[2])) > 0.0, 1.0, -1.0)
    for k in ti.static(range(3)):
        after, last = ti.static((k + 1) % 3, (k + 2) % 3)
        g = sign * ti.Vector([planes[3 * k].sum(), planes[3 * k + 1].sum(), planes[3 * k + 2].sum()])
        to_after, to_last = p[last].cross(g), g.cross(p[after])
        for j in ti.static(range(3)):
            out[base + after, j] += to_after[j]
            out[base + last, j] += to_last[j]


@ti.func
def _row(clip: ti.template(), faces: ti.template(), view, views, face, corner):
    return clip.shape[0] // views * view + faces[face, corner]


@ti.func
def _corner_adjoint(clip: ti.template(), faces: ti.template(), view, views, face, corner, g, out: ti.template(), base):
    """Adjoint of a corner's screen position (X/W, Y/W), added to its row of ``out``."""
    row = _row(clip, faces, view, views, face, corner)
    w = clip[row, 2]
    out[base + corner, 0] += g[0] / w
    out[base + corner, 1] += g[1] / w
    out[base + corner, 2] -= (g[0] * clip[row, 0] + g[1] * clip[row, 1]) / (w * w)


@ti.func
def _edge_adjoint(
    clip: ti.template(), faces: ti.template(), view, views, face, a, b, near, g, out: ti.template(), base
):
    """Adjoint of the screen position where the edge from corner a to corner b meets depth = near.

    ``Q = P_a + t (P_b - P_a)``, ``t = (near - d_a) / (d_b - d_a)``, so ``dt/dd_a = -(1 - t) / (d_b - d_a)`` and
    ``dt/dd_b = -t / (d_b - d_a)``.
    """
    ra, rb = _row(clip, faces, view, views, face, a), _row(clip, faces, view, views, face, b)
    t = cut_parameter(clip, ra, rb, near)
    q = ti.Vector([clip[ra, j] + t * (clip[rb, j] - clip[ra, j]) for j in ti.static(range(3))])
    to_q = ti.Vector([g[0], g[1], -(g[0] * q[0] + g[1] * q[1]) / q[2]]) / q[2]
    to_t = 0.0
    for j in ti.static(range(3)):
        out[base + a, j] += (1.0 - t) * to_q[j]
        out[base + b, j] += t * to_q[j]
        to_t += to_q[j] * (clip[rb, j] - clip[ra, j])
    slope = to_t / (clip[rb, 3] - clip[ra, 3])
    out[base + a, 3] -= (1.0 - t) * slope
    out[base + b, 3] -= t * slope
