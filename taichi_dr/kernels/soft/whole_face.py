"""A face that lies wholly before the near plane, at a packet of pixels: distance and interpolation, and their adjoints.

The distance from edge k is ``s^2 + past^2``: s the distance from its line, ``past`` how far the position along it lies
past its ends.  Both are linear in (x, y) with coefficients from the face's record (``LINES``).
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.soft.face_records import (
    CULL,
    DEPTH,
    INVERSE_AREA,
    INVERSE_W,
    LINE,
    LINE_A,
    LINE_B,
    LINE_C,
    LINE_HALF,
    LINE_MIDDLE,
    LINE_SLOPE,
    LINES,
    XY,
    corner_numbers,
)
from taichi_dr.kernels.soft.modes import DISTANCE_BARYCENTRIC
from taichi_dr.kernels.soft.packets import clamp01_slope, pinned
from taichi_dr.kernels.soft.pair import Pair, depth_at, normalized_adjoint, total_of
from taichi_dr.kernels.soft.sums import add_row, row_total


class WholeFace(NamedTuple):
    """The numbers of a whole face that its pairs share, read from its record once."""

    origin: Any
    lines: Any
    inverse_w: Any
    inverse_area: Any
    depth: Any


class WholeDistance(NamedTuple):
    """Of each edge of a ``WholeFace``: the distance from its line, the position along it from its middle, cut off at
    its ends, how far it is past them, and the squared distance.
    """

    face: Any
    s: Any
    along: Any
    past: Any
    squared: Any
    is_cut = False


@ti.func
def load_whole(records: ti.template(), item):
    """The ``WholeFace`` of a record."""
    origin = ti.Vector([records[item, XY], records[item, XY + 1]])
    lines = ti.Vector([records[item, LINES + n] for n in ti.static(range(3 * LINE))])
    inverse_w = corner_numbers(records, item, INVERSE_W)
    inverse_area = records[item, INVERSE_AREA]
    depth = corner_numbers(records, item, DEPTH)
    return ti.static(WholeFace(origin, lines, inverse_w, inverse_area, depth))


@ti.func
def out_of_reach(records: ti.template(), item, x, y):
    """Whether a packet centred at (x, y) lies wholly beyond the reach of one of a whole face's edges."""
    within = _above_cull(records, item, 0, x, y)
    for k in ti.static(range(1, 3)):
        within = lower(within, _above_cull(records, item, k, x, y))
    return within < 0.0


@ti.func
def _above_cull(records: ti.template(), item, k: ti.template(), x, y):
    line = ti.static(LINES + LINE * k)
    return records[item, line + LINE_A] * x + records[item, line + LINE_B] * y - records[item, CULL + k]


@ti.func
def whole_distance(face: ti.template(), x, y, packets: ti.template()):
    """The ``WholeDistance`` of the pixels at (x, y)."""
    rx, ry = x - face.origin[0], y - face.origin[1]
    s0, along0, past0 = _edge_distance(face.lines, 0, rx, ry, packets)
    s1, along1, past1 = _edge_distance(face.lines, 1, rx, ry, packets)
    s2, along2, past2 = _edge_distance(face.lines, 2, rx, ry, packets)
    squared0, squared1, squared2 = s0 * s0 + past0 * past0, s1 * s1 + past1 * past1, s2 * s2 + past2 * past2
    along, past, squared = (along0, along1, along2), (past0, past1, past2), (squared0, squared1, squared2)
    return ti.static(WholeDistance(face, (s0, s1, s2), along, past, squared))


@ti.func
def _edge_distance(lines: ti.template(), k: ti.template(), rx, ry, packets: ti.template()):
    a, b = lines[LINE * k + LINE_A], lines[LINE * k + LINE_B]
    s = a * rx + pinned(b * ry + lines[LINE * k + LINE_C], packets)
    t = b * rx + pinned(lines[LINE * k + LINE_MIDDLE] - a * ry, packets)
    half = lines[LINE * k + LINE_HALF]
    along = lower(higher(t, -half), half)
    return s, along, t - along


@ti.func
def screen_barycentric(distance: ti.template(), corner: ti.template()):
    """``w_k``: the distance from the edge opposite, times that edge's length / (2 |area|)."""
    edge = ti.static((corner + 1) % 3)
    length = 2.0 * distance.face.lines[LINE * edge + LINE_HALF]
    return distance.s[edge] * (length * ti.abs(distance.face.inverse_area))


@ti.func
def squared_and_inside(distance: ti.template(), modes: ti.template()):
    """Squared distance to the boundary in the unit of the mode, and a number that is positive inside.

    The squared screen distance to the nearest edge or, in the mode ``barycentric``, the square of the smallest screen
    barycentric.
    """
    squared = lower(distance.squared[0], lower(distance.squared[1], distance.squared[2]))
    inside = lower(distance.s[0], lower(distance.s[1], distance.s[2]))
    if ti.static(modes.distance == DISTANCE_BARYCENTRIC):
        inside = smallest_barycentric(distance)
        squared = inside * inside
    return squared, inside


@ti.func
def smallest_barycentric(distance: ti.template()):
    w0 = screen_barycentric(distance, 0)
    return lower(w0, lower(screen_barycentric(distance, 1), screen_barycentric(distance, 2)))


@ti.func
def _clipped(distance: ti.template(), corner: ti.template()):
    """``q_k = clamp(w_k, 0, 1) / W_k``, without w_k itself.  Ends in a selection: nothing to fuse with what follows."""
    edge = ti.static((corner + 1) % 3)
    q = distance.s[edge] * distance.face.lines[LINE * edge + LINE_SLOPE]
    return lower(higher(q, 0.0), distance.face.inverse_w[corner])


@ti.func
def whole_pair(distance: ti.template(), softness: ti.template(), modes: ti.template(), packets: ti.template()):
    """The ``Pair`` of a whole face: ``p_k = q_k / sum q``, ``q_k = clamp(w_k, 0, 1) / W_k``."""
    squared, inside = squared_and_inside(distance, modes)
    q0, q1, q2 = _clipped(distance, 0), _clipped(distance, 1), _clipped(distance, 2)
    q = ti.static((q0, q1, q2))
    r = pinned(1.0 / total_of(q, packets), packets)
    p0, p1, p2 = q0 * r, q1 * r, q2 * r
    z = depth_at(q, r, distance.face.depth, packets)
    seen = lower(higher(inside, softness.tau - squared), lower(z - softness.near, softness.far - z))
    return ti.static(Pair(squared, inside, seen, (p0, p1, p2), r, z, distance))


@ti.func
def nearest_of_whole(distance: ti.template()):
    """The vector (dx, dy) from the nearest point of the boundary to the pixel, and that point's barycentrics (3)."""
    dx0, dy0, t0 = _nearest_of_edge(distance, 0)
    dx1, dy1, t1 = _nearest_of_edge(distance, 1)
    dx2, dy2, t2 = _nearest_of_edge(distance, 2)
    second = distance.squared[1] < distance.squared[0]
    third = distance.squared[2] < lower(distance.squared[0], distance.squared[1])
    dx = ti.select(third, dx2, ti.select(second, dx1, dx0))
    dy = ti.select(third, dy2, ti.select(second, dy1, dy0))
    b0 = ti.select(third, t2, ti.select(second, 0.0 * t0, 1.0 - t0))
    b1 = ti.select(third, 0.0 * t0, ti.select(second, 1.0 - t1, t0))
    return dx, dy, b0, b1, 1.0 - b0 - b1


@ti.func
def _nearest_of_edge(distance: ti.template(), k: ti.template()):
    """The same for edge k, with the parameter of the nearest point: 0 at corner k, 1 at corner k + 1."""
    a, b = distance.face.lines[LINE * k + LINE_A], distance.face.lines[LINE * k + LINE_B]
    dx = distance.s[k] * a + distance.past[k] * b
    dy = distance.s[k] * b - distance.past[k] * a
    onward = ti.select(distance.face.inverse_area > 0.0, 0.5, -0.5) / distance.face.lines[LINE * k + LINE_HALF]
    return dx, dy, distance.along[k] * onward + 0.5


@ti.func
def barycentric_gradient(face: ti.template(), corner: ti.template()):
    """``dw_k / d(x, y)``: the unit normal of the edge opposite, inward, times that edge's length / (2 |area|)."""
    edge = ti.static((corner + 1) % 3)
    scale = 2.0 * face.lines[LINE * edge + LINE_HALF] * ti.abs(face.inverse_area)
    return face.lines[LINE * edge + LINE_A] * scale, face.lines[LINE * edge + LINE_B] * scale


# Rows of the sums behind `Sums.geometry`, negated: the adjoints of the corners' screen positions and of their W.
POSITION, W, WHOLE_ROWS = 0, 6, 9


@ti.func
def add_whole_adjoint(
    sums: ti.template(),
    pair: ti.template(),
    h: ti.template(),
    squared_adjoint,
    modes: ti.template(),
):
    """Adds what a packet passes back to the corners through interpolation and distance.

    ``h`` are the adjoints of p, ``squared_adjoint`` that of the squared distance.  The derivative of a squared distance
    is that of the distance to the nearest point held fixed in the boundary, ``d(d^2)/dX_k = -2 b_k (x - nearest)``,
    ``b_k`` its barycentrics; that of the barycentrics is ``dw_m/dX_k = -w_k grad w_m``; and ``dq_k/dW_k = -q_k / W_k``.
    """
    distance, face = ti.static(pair.distance, pair.distance.face)
    f = normalized_adjoint(pair.p, h)
    w = [screen_barycentric(distance, k) for k in ti.static(range(3))]
    g = [f[k] * pair.r * clamp01_slope(w[k]) * face.inverse_w[k] for k in ti.static(range(3))]
    dx, dy, b0, b1, b2 = nearest_of_whole(distance)
    fx, fy = 2.0 * squared_adjoint * dx, 2.0 * squared_adjoint * dy
    if ti.static(modes.distance == DISTANCE_BARYCENTRIC):
        fx, fy = 0.0 * dx, 0.0 * dy
        smallest = lower(w[0], lower(w[1], w[2]))
        for k in ti.static(range(3)):
            g[k] += ti.select(w[k] == smallest, 2.0 * squared_adjoint * smallest, 0.0)
    w0x, w0y = barycentric_gradient(face, 0)
    w1x, w1y = barycentric_gradient(face, 1)
    gx = (g[0] - g[2]) * w0x + (g[1] - g[2]) * w1x
    gy = (g[0] - g[2]) * w0y + (g[1] - g[2]) * w1y
    b = ti.static((b0, b1, b2))
    for k in ti.static(range(3)):
        add_row(sums, sums.geometry + W + k, pair.p[k] * f[k])
        add_row(sums, sums.geometry + POSITION + 2 * k, b[k] * fx + w[k] * gx)
        add_row(sums, sums.geometry + POSITION + 2 * k + 1, b[k] * fy + w[k] * gy)


@ti.func
def write_whole_adjoint(
    sums: ti.template(), face: ti.template(), records: ti.template(), item, out: ti.template(), base
):
    """Writes the sums of a whole face as the adjoints of X, Y and W of its corners, rows ``base`` to ``base + 2``."""
    for corner in ti.static(range(3)):
        to_clip = -face.inverse_w[corner]
        gx = row_total(sums, sums.geometry + POSITION + 2 * corner)
        gy = row_total(sums, sums.geometry + POSITION + 2 * corner + 1)
        px, py = records[item, XY + 2 * corner], records[item, XY + 2 * corner + 1]
        out[base + corner, 0] = gx * to_clip
        out[base + corner, 1] = gy * to_clip
        out[base + corner, 2] = (row_total(sums, sums.geometry + W + corner) - gx * px - gy * py) * to_clip
