"""A face that lies wholly before the near plane, at a packet of pixels: distance and interpolation, and their adjoints.

The distance from edge k is ``s^2 + past^2``: s the distance from its line, ``past`` how far the position along it lies
past its ends.  Both are linear in (x, y) with coefficients from the face's record.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.soft.face_records import (
    DEPTH,
    HALF,
    INVERSE_AREA,
    INVERSE_W,
    LINES,
    MIDDLE,
    REACH,
    SECOND_C,
    SLOPE,
    XY,
    corner_numbers,
)
from taichi_dr.kernels.soft.modes import DISTANCE_BARYCENTRIC
from taichi_dr.kernels.soft.packets import pinned
from taichi_dr.kernels.soft.pair import Pair, depth_at, normalized_adjoint, total_of
from taichi_dr.kernels.soft.sums import add_row, row_total


class Reach(NamedTuple):
    """Of each edge of a whole face: its unit normal (a, b), inward, and ``cull`` (see ``REACH``)."""

    edges: Any


class WholeFace(NamedTuple):
    """The numbers of a whole face that its pairs share, read from its record once.

    ``lines``: ``MIDDLE``, ``HALF`` and ``SLOPE`` of each edge; ``second_c``: the constant of the second edge.
    """

    origin: Any
    reach: Any
    lines: Any
    second_c: Any
    inverse_w: Any
    inverse_area: Any
    depth: Any


class WholeRow(NamedTuple):
    """What the packets of a row of pixels share with a ``WholeFace``: of each edge the parts of the distance from its
    line and of the position along it that depend on y alone.
    """

    face: Any
    s: Any
    along: Any


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
def load_reach(records: ti.template(), item):
    """The ``Reach`` of a record."""
    edges = ti.Vector([records[item, REACH + n] for n in ti.static(range(9))])
    return ti.static(Reach(edges))


@ti.func
def out_of_reach(reach: ti.template(), x, y):
    """Whether a packet centred at (x, y) lies wholly beyond the reach of one of a face's edges."""
    within = reach.edges[0] * x + reach.edges[1] * y - reach.edges[2]
    for k in ti.static(range(1, 3)):
        within = lower(within, reach.edges[3 * k] * x + reach.edges[3 * k + 1] * y - reach.edges[3 * k + 2])
    return within < 0.0


@ti.func
def load_whole(records: ti.template(), item, reach: ti.template()):
    """The ``WholeFace`` of a record."""
    origin = ti.Vector([records[item, XY], records[item, XY + 1]])
    lines = ti.Vector([records[item, LINES + n] for n in ti.static(range(9))])
    second_c = records[item, SECOND_C]
    inverse_w = corner_numbers(records, item, INVERSE_W)
    inverse_area = records[item, INVERSE_AREA]
    depth = corner_numbers(records, item, DEPTH)
    return ti.static(WholeFace(origin, reach, lines, second_c, inverse_w, inverse_area, depth))


@ti.func
def _normal(face: ti.template(), edge: ti.template()):
    """Unit normal of an edge, inward."""
    return face.reach.edges[3 * edge], face.reach.edges[3 * edge + 1]


@ti.func
def whole_row(face: ti.template(), y, packets: ti.template()):
    """The ``WholeRow`` of the pixels at y."""
    ry = y - face.origin[1]
    s0, along0 = _edge_row(face, 0, ry, packets)
    s1, along1 = _edge_row(face, 1, ry, packets)
    s2, along2 = _edge_row(face, 2, ry, packets)
    return ti.static(WholeRow(face, (s0, s1, s2), (along0, along1, along2)))


@ti.func
def _edge_row(face: ti.template(), k: ti.template(), ry, packets: ti.template()):
    a, b = _normal(face, k)
    s = b * ry
    if ti.static(k == 1):
        s += face.second_c
    return pinned(s, packets), pinned(face.lines[3 * k + MIDDLE] - a * ry, packets)


@ti.func
def whole_distance(row: ti.template(), x):
    """The ``WholeDistance`` of the pixels at x in a row."""
    rx = x - row.face.origin[0]
    s0, along0, past0 = _edge_distance(row, 0, rx)
    s1, along1, past1 = _edge_distance(row, 1, rx)
    s2, along2, past2 = _edge_distance(row, 2, rx)
    squared0, squared1, squared2 = s0 * s0 + past0 * past0, s1 * s1 + past1 * past1, s2 * s2 + past2 * past2
    along, past, squared = (along0, along1, along2), (past0, past1, past2), (squared0, squared1, squared2)
    return ti.static(WholeDistance(row.face, (s0, s1, s2), along, past, squared))


@ti.func
def _edge_distance(row: ti.template(), k: ti.template(), rx):
    a, b = _normal(row.face, k)
    s, t = a * rx + row.s[k], b * rx + row.along[k]
    half = row.face.lines[3 * k + HALF]
    along = lower(higher(t, -half), half)
    return s, along, t - along


@ti.func
def screen_barycentric(distance: ti.template(), corner: ti.template()):
    """``w_k``: the distance from the edge opposite, times that edge's length / (2 |area|)."""
    edge = ti.static((corner + 1) % 3)
    length = 2.0 * distance.face.lines[3 * edge + HALF]
    return distance.s[edge] * (length * ti.abs(distance.face.inverse_area))


@ti.func
def screen_barycentric_gradient(face: ti.template(), corner: ti.template()):
    """``dw_k / d(x, y)``: the unit normal of the edge opposite, inward, times that edge's length / (2 |area|)."""
    edge = ti.static((corner + 1) % 3)
    scale = 2.0 * face.lines[3 * edge + HALF] * ti.abs(face.inverse_area)
    a, b = _normal(face, edge)
    return a * scale, b * scale


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
def clipped_barycentric(distance: ti.template(), corner: ti.template()):
    """``q_k = clamp(w_k, 0, 1) / W_k``, without w_k itself.  Ends in a selection: nothing to fuse with what follows."""
    edge = ti.static((corner + 1) % 3)
    q = distance.s[edge] * distance.face.lines[3 * edge + SLOPE]
    return lower(higher(q, 0.0), distance.face.inverse_w[corner])


@ti.func
def clipped_barycentric_adjoint(w, face: ti.template(), corner: ti.template(), adjoint):
    """Adjoint of w_k from that of q_k: divided by W_k where ``0 < w_k < 1``, else 0."""
    return ti.select(lower(w, 1.0 - w) > 0.0, adjoint, 0.0) * face.inverse_w[corner]


@ti.func
def whole_pair(distance: ti.template(), softness: ti.template(), modes: ti.template(), packets: ti.template()):
    """The ``Pair`` of a whole face: ``p_k = q_k / sum q``, ``q_k = clamp(w_k, 0, 1) / W_k``."""
    squared, inside = squared_and_inside(distance, modes)
    q0, q1, q2 = clipped_barycentric(distance, 0), clipped_barycentric(distance, 1), clipped_barycentric(distance, 2)
    q = ti.static((q0, q1, q2))
    r = 1.0 / total_of(q, packets)
    p0, p1, p2 = q0 * r, q1 * r, q2 * r
    z = depth_at(q, r, distance.face.depth, packets)
    seen = lower(higher(inside, softness.tau - squared), lower(z - softness.near, softness.far - z))
    return ti.static(Pair(squared, inside, seen, (p0, p1, p2), r, z, distance.face.depth, distance))


@ti.func
def nearest_of_whole(distance: ti.template()):
    """The vector (dx, dy) from the nearest point of the boundary to the pixel, and that point's barycentrics (3).

    On edge k it is ``s n + past m``, n the normal and m the direction along; its parameter t is 0 at corner k, 1 at the
    next.
    """
    zero = 0.0 * distance.s[0]
    a0, b0 = _normal(distance.face, 0)
    a1, b1 = _normal(distance.face, 1)
    a2, b2 = _normal(distance.face, 2)
    second = distance.squared[1] < distance.squared[0]
    third = distance.squared[2] < lower(distance.squared[0], distance.squared[1])
    s = _of_nearest(second, third, distance.s[0], distance.s[1], distance.s[2])
    past = _of_nearest(second, third, distance.past[0], distance.past[1], distance.past[2])
    along = _of_nearest(second, third, distance.along[0], distance.along[1], distance.along[2])
    sign = ti.select(distance.face.inverse_area > 0.0, 0.5, -0.5)
    onward = [sign / distance.face.lines[3 * k + HALF] + zero for k in ti.static(range(3))]
    a = _of_nearest(second, third, a0 + zero, a1 + zero, a2 + zero)
    b = _of_nearest(second, third, b0 + zero, b1 + zero, b2 + zero)
    t = along * _of_nearest(second, third, *onward) + 0.5
    p0 = _of_nearest(second, third, 1.0 - t, zero, t)
    p1 = _of_nearest(second, third, t, 1.0 - t, zero)
    return s * a + past * b, s * b - past * a, p0, p1, 1.0 - p0 - p1


@ti.func
def _of_nearest(second, third, of_first, of_second, of_third):
    """That of the nearest edge: the third one, else the second one if that is nearer than the first."""
    return ti.select(third, of_third, ti.select(second, of_second, of_first))


@ti.func
def squared_distance_adjoint(dx, dy, squared_adjoint):
    """Adjoint of the vector d from the nearest point of the boundary (euclidean distance): ``d(d.d) = 2 d``."""
    return 2.0 * squared_adjoint * dx, 2.0 * squared_adjoint * dy


@ti.func
def squared_smallest_adjoint(w, smallest, squared_adjoint):
    """Adjoint of a screen barycentric w (barycentric distance): ``d(m^2) = 2 m`` where w is the smallest, m, else 0."""
    return ti.select(w == smallest, 2.0 * squared_adjoint * smallest, 0.0)


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
    g = [clipped_barycentric_adjoint(w[k], face, k, f[k] * pair.r) for k in ti.static(range(3))]
    dx, dy, b0, b1, b2 = nearest_of_whole(distance)
    fx, fy = squared_distance_adjoint(dx, dy, squared_adjoint)
    if ti.static(modes.distance == DISTANCE_BARYCENTRIC):
        fx, fy = 0.0 * dx, 0.0 * dy
        smallest = lower(w[0], lower(w[1], w[2]))
        for k in ti.static(range(3)):
            g[k] += squared_smallest_adjoint(w[k], smallest, squared_adjoint)
    w0x, w0y = screen_barycentric_gradient(face, 0)
    w1x, w1y = screen_barycentric_gradient(face, 1)
    gx = (g[0] - g[2]) * w0x + (g[1] - g[2]) * w1x
    gy = (g[0] - g[2]) * w0y + (g[1] - g[2]) * w1y
    b = ti.static((b0, b1, b2))
    for k in ti.static(range(3)):
        add_row(sums, sums.geometry + W + k, pair.p[k] * f[k])
    for k in ti.static(range(3)):
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
