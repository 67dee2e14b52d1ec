"""A face that the near plane cuts, at a pixel: distance and interpolation, and their adjoints.

The distance is to the polygon in front of the plane, whose corners on the plane move with the edges they lie on; depth
and attributes come from the plane of the whole triangle, through
``u_k = n_k . (x, y, 1)``, ``n_k = +-P_{k+1} x P_{k+2}``.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.soft.face_records import (
    DEPTH,
    INVERSE_LENGTH2,
    PLANE,
    XY,
    corner_numbers,
    cut_corners,
    cut_parameter,
    pick,
)
from taichi_dr.kernels.soft.packets import clamp01, pinned
from taichi_dr.kernels.soft.pair import Pair, depth_at, normalized_adjoint, total_of
from taichi_dr.kernels.soft.sums import add_row, row_total


class CutDistance(NamedTuple):
    """The nearest point of the polygon: the vector ``d`` (2) from it to the pixel, the side it lies on (a float) and
    its parameter ``t`` there; the homogeneous edge functions ``u`` (3); and ``sloped``, positive where the depth is the
    interpolated one, not the near plane's.
    """

    d: Any
    side: Any
    t: Any
    u: Any
    sloped: Any
    is_cut = True


@ti.func
def cut_pair(records: ti.template(), item, x, y, softness: ti.template(), packets: ti.template()):
    """The ``Pair`` of a cut face: ``p_k = max(u_k, 0) / sum max(u_j, 0)``, ``z = max(sum p_k depth_k, near)``.

    ``r`` is 0 where no point of the plane before the camera is seen.
    """
    inside, dx, dy, side, t = _nearest_of_polygon(records, item, x, y, packets)
    squared = dx * dx + dy * dy
    u0, u1, u2 = (
        _edge_function(records, item, 0, x, y, packets),
        _edge_function(records, item, 1, x, y, packets),
        _edge_function(records, item, 2, x, y, packets),
    )
    q0, q1, q2 = higher(u0, 0.0), higher(u1, 0.0), higher(u2, 0.0)
    q = ti.static((q0, q1, q2))
    s = total_of(q, packets)
    r = pinned(ti.select(s > 1e-30, 1.0 / ti.max(s, 1e-30), 0.0), packets)
    p0, p1, p2 = q0 * r, q1 * r, q2 * r
    depth = corner_numbers(records, item, DEPTH)
    plane_z = depth_at(q, r, depth, packets)
    z = higher(plane_z, softness.near)
    seen = lower(higher(inside, softness.tau - squared), lower(r, softness.far - z))
    sloped = plane_z - softness.near
    distance = ti.static(CutDistance((dx, dy), side, t, (u0, u1, u2), sloped))
    return ti.static(Pair(squared, inside, seen, (p0, p1, p2), r, z, depth, distance))


@ti.func
def _nearest_of_polygon(records: ti.template(), item, x, y, packets: ti.template()):
    """A number that is positive inside, the vector from the nearest point, its side and its parameter there."""
    sign = ti.select(_polygon_area(records, item) > 0.0, 1.0, -1.0)
    lowest, squared, nearest_x, nearest_y = x * 0.0 + 1.0, x * 0.0 + 1e30, x * 0.0, x * 0.0
    side, nearest_t = x * 0.0, x * 0.0
    for k in ti.static(range(4)):
        j = ti.static((k + 1) % 4)
        ax, ay = records[item, XY + 2 * k], records[item, XY + 2 * k + 1]
        ex, ey = records[item, XY + 2 * j] - ax, records[item, XY + 2 * j + 1] - ay
        rx, ry = x - ax, y - ay
        lowest = ti.min(lowest, (ex * ry - ey * rx) * sign)
        t = clamp01((pinned(rx * ex, packets) + ry * ey) * records[item, INVERSE_LENGTH2 + k])
        dx, dy = rx - t * ex, ry - t * ey
        nearer = dx * dx + dy * dy < squared
        squared = ti.min(squared, dx * dx + dy * dy)
        nearest_x, nearest_y = ti.select(nearer, dx, nearest_x), ti.select(nearer, dy, nearest_y)
        side, nearest_t = ti.select(nearer, 1.0 * k, side), ti.select(nearer, t, nearest_t)
    return lowest + 1e-30, nearest_x, nearest_y, side, nearest_t


@ti.func
def _polygon_area(records: ti.template(), item):
    """Twice the signed area of a cut face's polygon."""
    area = 0.0
    for k in ti.static(range(4)):
        j = ti.static((k + 1) % 4)
        area += records[item, XY + 2 * k] * records[item, XY + 2 * j + 1]
        area -= records[item, XY + 2 * j] * records[item, XY + 2 * k + 1]
    return area


@ti.func
def _edge_function(records: ti.template(), item, k: ti.template(), x, y, packets: ti.template()):
    """``n_k . (x, y, 1)``."""
    line = ti.static(PLANE + 3 * k)
    return records[item, line] * x + pinned(records[item, line + 1] * y + records[item, line + 2], packets)


# Rows of the sums behind `Sums.geometry`: the adjoints of the planes n_k and of the polygon's corners.
PLANES, POLYGON, CUT_ROWS = 0, 9, 17


@ti.func
def add_cut_adjoint(sums: ti.template(), pair: ti.template(), x, y, h: ti.template(), squared_adjoint):
    """Adds what the pixel at (x, y) passes back through interpolation and distance.

    ``h`` are the adjoints of p, ``squared_adjoint`` that of the squared distance: ``d(d^2)/dA = -2 (1 - t) d`` of the
    corner A before the nearest point and ``-2 t d`` of the corner behind it; ``dq_k/dn_k = (x, y, 1)`` where u_k > 0.
    """
    distance = ti.static(pair.distance)
    f = normalized_adjoint(pair.p, h)
    for k in ti.static(range(3)):
        g = ti.select(distance.u[k] > 0.0, f[k] * pair.r, 0.0)
        add_row(sums, sums.geometry + PLANES + 3 * k, g * x)
        add_row(sums, sums.geometry + PLANES + 3 * k + 1, g * y)
        add_row(sums, sums.geometry + PLANES + 3 * k + 2, g)
    for corner in ti.static(range(4)):
        before = ti.static((corner + 3) % 4)
        behind = ti.select(distance.side == 1.0 * before, distance.t, 0.0)
        share = ti.select(distance.side == 1.0 * corner, 1.0 - distance.t, behind)
        add_row(sums, sums.geometry + POLYGON + 2 * corner, -2.0 * squared_adjoint * share * distance.d[0])
        add_row(sums, sums.geometry + POLYGON + 2 * corner + 1, -2.0 * squared_adjoint * share * distance.d[1])


class CutCorners(NamedTuple):
    """The corners of a cut face: the rows (3) of the array ``clip``, the near depth, and the rows of ``out`` from
    ``base`` on, where the adjoints go.
    """

    clip: Any
    rows: Any
    near: Any
    out: Any
    base: Any


@ti.func
def write_cut_adjoint(sums: ti.template(), corners: ti.template(), kind):
    """Writes the sums of a cut face as the adjoints of X, Y and W of its corners; adds to that of their depth."""
    for corner in ti.static(range(3)):
        for column in ti.static(range(3)):
            corners.out[corners.base + corner, column] = 0.0
    _planes_adjoint(corners, sums)
    one, odd, second, third = cut_corners(kind)
    first_row = ti.static(sums.geometry + POLYGON)
    points = [
        ti.Vector([row_total(sums, first_row + 2 * c), row_total(sums, first_row + 2 * c + 1)])
        for c in ti.static(range(4))
    ]
    if one:
        _corner_adjoint(corners, odd, points[0])
        _edge_adjoint(corners, odd, second, points[1])
        _edge_adjoint(corners, third, odd, points[2] + points[3])
    else:
        _corner_adjoint(corners, second, points[0])
        _corner_adjoint(corners, third, points[1])
        _edge_adjoint(corners, third, odd, points[2])
        _edge_adjoint(corners, odd, second, points[3])


@ti.func
def _planes_adjoint(corners: ti.template(), sums: ti.template()):
    """``n_k = s P_{k+1} x P_{k+2}``: adjoints ``P_{k+1} += s P_{k+2} x g_k`` and ``P_{k+2} += s g_k x P_{k+1}``."""
    p = [ti.Vector([corners.clip[corners.rows[c], j] for j in ti.static(range(3))]) for c in ti.static(range(3))]
    sign = ti.select(p[0].dot(p[1].cross(p[2])) > 0.0, 1.0, -1.0)
    for k in ti.static(range(3)):
        after, last = ti.static((k + 1) % 3, (k + 2) % 3)
        row = ti.static(sums.geometry + PLANES + 3 * k)
        g = sign * ti.Vector([row_total(sums, row), row_total(sums, row + 1), row_total(sums, row + 2)])
        to_after, to_last = p[last].cross(g), g.cross(p[after])
        for j in ti.static(range(3)):
            corners.out[corners.base + after, j] += to_after[j]
            corners.out[corners.base + last, j] += to_last[j]


@ti.func
def _corner_adjoint(corners: ti.template(), corner, g):
    """Adjoint of a corner's screen position (X/W, Y/W), added to its row."""
    row = pick(corners.rows, corner)
    w = corners.clip[row, 2]
    corners.out[corners.base + corner, 0] += g[0] / w
    corners.out[corners.base + corner, 1] += g[1] / w
    corners.out[corners.base + corner, 2] -= (g[0] * corners.clip[row, 0] + g[1] * corners.clip[row, 1]) / (w * w)


@ti.func
def _edge_adjoint(corners: ti.template(), a, b, g):
    """Adjoint of the screen position where the edge from corner a to corner b meets depth = near.

    ``Q = P_a + t (P_b - P_a)``, ``t = (near - d_a) / (d_b - d_a)``, so ``dt/dd_a = -(1 - t) / (d_b - d_a)`` and
    ``dt/dd_b = -t / (d_b - d_a)``.
    """
    clip, out = ti.static(corners.clip, corners.out)
    base = corners.base
    ra, rb = pick(corners.rows, a), pick(corners.rows, b)
    t = cut_parameter(clip, ra, rb, corners.near)
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
