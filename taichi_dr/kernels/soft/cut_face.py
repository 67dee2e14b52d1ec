"""A face that the near plane cuts, or a vast one, at a pixel: distance and interpolation, and their adjoints.

The distance is to the polygon in front of the plane, whose corners on the plane move with the edges they lie on; depth
and attributes come from the plane of the whole triangle, as ``cut_records`` has it.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.soft.cut_records import (
    DENOMINATOR,
    NUMERATOR,
    SIDE_COLUMNS,
    SIDES,
    WEIGHTS,
    cut_point,
)
from taichi_dr.kernels.soft.face_records import DEPTH, corner_numbers
from taichi_dr.kernels.soft.packets import clamp01, pinned
from taichi_dr.kernels.soft.pair import Pair, combined, normalized_adjoint, total_of
from taichi_dr.kernels.soft.sums import add_row, row_total


class CutDistance(NamedTuple):
    """The nearest point of the polygon: the vector ``d`` (2) from it to the pixel, the side it lies on (a float) and
    its parameter ``t`` there; the weights ``v`` (3) of the corners; and ``sloped``, positive where the depth is the
    interpolated one, not the near plane's.
    """

    d: Any
    side: Any
    t: Any
    v: Any
    sloped: Any
    is_cut = True


@ti.func
def cut_pair(records: ti.template(), item, x, y, softness: ti.template(), packets: ti.template()):
    """The ``Pair`` of a cut face: ``p_k = q_k / sum q``, ``q_k = max(v_k, 0)``, ``z = max(sum p_k depth_k, near)``.

    Depth is ``sum q_k depth_k / sum q_k`` with both sums taken from the face's plane where no weight is cut off:
    ``sum q_k = denominator . r + sum max(-v_k, 0)``, and the like.  ``r`` is 0 where no point of the plane before the
    camera is seen.
    """
    s0, along0 = _at_side(records, item, 0, x, y, packets)
    s1, along1 = _at_side(records, item, 1, x, y, packets)
    s2, along2 = _at_side(records, item, 2, x, y, packets)
    s3, along3 = _at_side(records, item, 3, x, y, packets)
    inside = lower(lower(s0, s1), lower(s2, s3)) + 1e-30
    dx, dy, side, t = _nearest_of_sides(records, item, ti.static((s0, s1, s2, s3)), (along0, along1, along2, along3))
    squared = dx * dx + dy * dy
    weights = corner_numbers(records, item, WEIGHTS)
    v0, v1, v2 = weights[0] * s1, weights[1] * s2, weights[2] * s0
    q0, q1, q2 = higher(v0, 0.0), higher(v1, 0.0), higher(v2, 0.0)
    q = ti.static((q0, q1, q2))
    total = total_of(q, packets)
    r = pinned(ti.select(total > 1e-30, 1.0 / ti.max(total, 1e-30), 0.0), packets)
    p0, p1, p2 = q0 * r, q1 * r, q2 * r
    depth = corner_numbers(records, item, DEPTH)
    plane_z = _plane_depth(records, item, ti.static((v0, v1, v2)), x, y, depth, packets)
    z = higher(plane_z, softness.near)
    seen = lower(higher(inside, softness.tau - squared), lower(r, softness.far - z))
    sloped = plane_z - softness.near
    distance = ti.static(CutDistance((dx, dy), side, t, (v0, v1, v2), sloped))
    return ti.static(Pair(squared, inside, seen, (p0, p1, p2), r, z, depth, distance))


@ti.func
def _at_side(records: ti.template(), item, k: ti.template(), x, y, packets: ti.template()):
    """The distance from the line of side k, positive inside, and the position along it."""
    first = ti.static(SIDES + SIDE_COLUMNS * k)
    a, b = records[item, first], records[item, first + 1]
    return a * x + pinned(b * y + records[item, first + 2], packets), b * x - a * y


@ti.func
def _nearest_of_sides(records: ti.template(), item, s: ti.template(), along: ti.template()):
    """The vector from the nearest point of the polygon's boundary, its side, and its parameter there."""
    smallest, nearest_x, nearest_y = 0.0 * s[0] + 1e38, 0.0 * s[0], 0.0 * s[0]
    side, nearest_t = 0.0 * s[0], 0.0 * s[0]
    for k in ti.static(range(4)):
        first = ti.static(SIDES + SIDE_COLUMNS * k)
        a, b = records[item, first], records[item, first + 1]
        start, end = records[item, first + 3], records[item, first + 4]
        past = along[k] - lower(higher(along[k], ti.min(start, end)), ti.max(start, end))
        squared = s[k] * s[k] + past * past
        nearer = squared < smallest
        smallest = ti.select(nearer, squared, smallest)
        nearest_x = ti.select(nearer, s[k] * a + past * b, nearest_x)
        nearest_y = ti.select(nearer, s[k] * b - past * a, nearest_y)
        side = ti.select(nearer, 1.0 * k, side)
        extent = ti.select(end == start, 1.0, end - start)
        nearest_t = ti.select(nearer, clamp01((along[k] - start) / extent), nearest_t)
    return nearest_x, nearest_y, side, nearest_t


@ti.func
def _plane_depth(records: ti.template(), item, v: ti.template(), x, y, depth, packets: ti.template()):
    """Depth, rounded alike everywhere (``pair.depth_at``); at most that of the farthest corner."""
    above, below = (
        _line_at(records, item, NUMERATOR, x, y, packets),
        _line_at(records, item, DENOMINATOR, x, y, packets),
    )
    for k in ti.static(range(3)):
        excess = pinned(higher(-v[k], 0.0), packets)
        above = pinned(above + pinned(excess * depth[k], packets), packets)
        below = pinned(below + excess, packets)
    return pinned(lower(above / higher(below, 1e-30), ti.max(depth[0], depth[1], depth[2])), packets)


@ti.func
def _line_at(records: ti.template(), item, first: ti.template(), x, y, packets: ti.template()):
    """``l . (x, y, 1)`` of the three numbers from column ``first`` on."""
    return pinned(
        records[item, first] * x + pinned(records[item, first + 1] * y + records[item, first + 2], packets), packets
    )


# Rows of the sums behind `Sums.geometry`: the adjoints of the planes n_k, times det, and of both ends of every side.
PLANES, ENDS, CUT_ROWS = 0, 9, 25


@ti.func
def add_cut_adjoint(sums: ti.template(), pair: ti.template(), x, y, h: ti.template(), z_adjoint, squared_adjoint):
    """Adds what the pixel at (x, y) passes back through interpolation and distance.

    ``h`` are the adjoints of p, depth's part ``z_adjoint depth_k`` included: it is meant with the depth z of the plane
    in the world, ``z_adjoint (depth_k - z)`` of q_k / r.  ``squared_adjoint`` is that of the squared distance:
    ``d(d^2)/dA = -2 (1 - t) d`` of the side's end A before the nearest point and ``-2 t d`` of the end behind it.
    ``dq_k/dn_k = (x, y, 1) / det`` where v_k > 0; that v_k has det in it changes no p.
    """
    distance = ti.static(pair.distance)
    f = normalized_adjoint(pair.p, h)
    mean = z_adjoint * (combined(pair.depth, pair.p) - pair.z)
    for k in ti.static(range(3)):
        g = ti.select(distance.v[k] > 0.0, (f[k] + mean) * pair.r, 0.0)
        add_row(sums, sums.geometry + PLANES + 3 * k, g * x)
        add_row(sums, sums.geometry + PLANES + 3 * k + 1, g * y)
        add_row(sums, sums.geometry + PLANES + 3 * k + 2, g)
    for k in ti.static(range(4)):
        to_end = ti.select(distance.side == 1.0 * k, -2.0 * squared_adjoint, 0.0)
        for c in ti.static(range(2)):
            add_row(sums, sums.geometry + ENDS + 4 * k + c, to_end * (1.0 - distance.t) * distance.d[c])
            add_row(sums, sums.geometry + ENDS + 4 * k + 2 + c, to_end * distance.t * distance.d[c])


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
def write_cut_adjoint(sums: ti.template(), corners: ti.template(), inverse_determinant):
    """Writes the sums of a cut face as the adjoints of X, Y and W of its corners; adds to that of their depth."""
    for corner in ti.static(range(3)):
        for column in ti.static(range(3)):
            corners.out[corners.base + corner, column] = 0.0
    _planes_adjoint(corners, sums, inverse_determinant)
    clip = ti.static(corners.clip)
    first_cut, second_cut, crossed = _end_sum(sums, 3, 0), _end_sum(sums, 3, 1), 0
    for k in ti.static(range(3)):
        following = ti.static((k + 1) % 3)
        start, end = _end_sum(sums, k, 0), _end_sum(sums, k, 1)
        start_seen = clip[corners.rows[k], 3] >= corners.near
        end_seen = clip[corners.rows[following], 3] >= corners.near
        if start_seen:
            _corner_adjoint(corners, k, start)
        if end_seen:
            _corner_adjoint(corners, following, end)
        if start_seen != end_seen:
            at_cut = first_cut
            if crossed == 1:
                at_cut = second_cut
            crossed += 1
            if start_seen:
                _cut_adjoint(corners, k, following, at_cut + end)
            else:
                _cut_adjoint(corners, following, k, at_cut + start)


@ti.func
def _end_sum(sums: ti.template(), side: ti.template(), end: ti.template()):
    """The adjoint of an end of a side: 0 the start, 1 the end."""
    row = ti.static(sums.geometry + ENDS + 4 * side + 2 * end)
    return ti.Vector([row_total(sums, row), row_total(sums, row + 1)])


@ti.func
def _planes_adjoint(corners: ti.template(), sums: ti.template(), inverse_determinant):
    """``n_k = P_{k+1} x P_{k+2}``: adjoints ``P_{k+1} += P_{k+2} x g_k`` and ``P_{k+2} += g_k x P_{k+1}``."""
    p = [ti.Vector([corners.clip[corners.rows[c], j] for j in ti.static(range(3))]) for c in ti.static(range(3))]
    for k in ti.static(range(3)):
        after, last = ti.static((k + 1) % 3, (k + 2) % 3)
        row = ti.static(sums.geometry + PLANES + 3 * k)
        g = inverse_determinant * ti.Vector([row_total(sums, row), row_total(sums, row + 1), row_total(sums, row + 2)])
        to_after, to_last = p[last].cross(g), g.cross(p[after])
        for j in ti.static(range(3)):
            corners.out[corners.base + after, j] += to_after[j]
            corners.out[corners.base + last, j] += to_last[j]


@ti.func
def _corner_adjoint(corners: ti.template(), corner: ti.template(), g):
    """Adjoint of a corner's screen position (X/W, Y/W), added to its row."""
    row = corners.rows[corner]
    w = corners.clip[row, 2]
    corners.out[corners.base + corner, 0] += g[0] / w
    corners.out[corners.base + corner, 1] += g[1] / w
    corners.out[corners.base + corner, 2] -= (g[0] * corners.clip[row, 0] + g[1] * corners.clip[row, 1]) / (w * w)


@ti.func
def _cut_adjoint(corners: ti.template(), front: ti.template(), behind: ti.template(), g):
    """Adjoint of the screen position where the edge from corner ``front`` to corner ``behind`` meets depth = near.

    ``Q = P_a + t (P_b - P_a)``, ``t = (near - d_a) / (d_b - d_a)``, so ``dt/dd_a = -(1 - t) / (d_b - d_a)`` and
    ``dt/dd_b = -t / (d_b - d_a)``.
    """
    clip, out = ti.static(corners.clip, corners.out)
    base = corners.base
    ra, rb = corners.rows[front], corners.rows[behind]
    q, t = cut_point(clip, ra, rb, corners.near)
    to_q = ti.Vector([g[0], g[1], -(g[0] * q[0] + g[1] * q[1]) / q[2]]) / q[2]
    to_t = 0.0
    for j in ti.static(range(3)):
        out[base + front, j] += (1.0 - t) * to_q[j]
        out[base + behind, j] += t * to_q[j]
        to_t += to_q[j] * (clip[rb, j] - clip[ra, j])
    slope = to_t / (clip[rb, 3] - clip[ra, 3])
    out[base + front, 3] -= (1.0 - t) * slope
    out[base + behind, 3] -= t * slope
