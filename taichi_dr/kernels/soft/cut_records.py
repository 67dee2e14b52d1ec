"""Set-up of faces that are cut, or vast: the polygon that is seen of a face, its corners' weights and its depth.

With P_k = (X, Y, W) of the corners, ``det = P_0 . P_1 x P_2`` and r = (x, y, 1), the point of the face's plane at
(x, y) is made of the corners by

    v_k = n_k . r / det,  n_k = P_{k+1} x P_{k+2}:   perspective-correct barycentrics  v_k / sum v
    depth = numerator . r / denominator . r,   numerator = sum n_k depth_k / det,  denominator = sum n_k / det

whatever the signs of the W.  The numerator is 1 in a perspective view, where W is the depth, and the denominator is 1
in an orthographic one: the other of the two comes from the plane in the world where that is given.  Of corners that are
millions of units away the n_k are right to a millionth of their own size, and their sum is a millionth of it.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.camera.planes import nearness_plane, principal_point, world_determinant
from taichi_dr.kernels.zbuffer.edge_lines import precedes

# Columns of a cut face's record.  A polygon has four sides: what is seen of the edges, side k from corner k to corner
# k + 1, and the near plane's.  Of each side its unit normal (a, b), inward, and c: ``a x + b y + c`` is the distance
# from its line; and the positions of its ends along it, ``b x - a y``, first the one nearer to corner k.
SIDES, SIDE_COLUMNS, NEAR_SIDE = 0, 5, 3
WEIGHTS = 20  # of each corner: v_k, divided by the distance from the side opposite
NUMERATOR, DENOMINATOR = 23, 26
INVERSE_DETERMINANT = 29

NOWHERE = 1e15  # where the ends of a side are that is not seen
FAR_LINE = 1e-12  # a line more than 1 / this from the middle of the image counts as that far
SMALLEST_DETERMINANT = 1e-20
SMALLEST_LENGTH = 1e-30


class PlacedFace(NamedTuple):
    """A face in a view, ``rows`` (3) being its corners in ``World.vertices``; read if ``in_world`` is 1."""

    world: Any
    view: Any
    rows: Any
    in_world: Any
    orthographic: Any


@ti.func
def pick(v, k):
    """``v[k]`` of a vector of three, k in [0, 3)."""
    return ti.select(k == 0, v[0], ti.select(k == 1, v[1], v[2]))


@ti.func
def cut_point(clip: ti.template(), front, behind, near):
    """(X, Y, W) where the edge from row ``front`` of ``clip``, with depth >= near, to row ``behind`` is at depth near;
    and how far along the edge that is, 0 at the front, 1 behind.
    """
    t = (near - clip[front, 3]) / (clip[behind, 3] - clip[front, 3])
    q = ti.Vector([clip[front, c] + t * (clip[behind, c] - clip[front, c]) for c in ti.static(range(3))])
    if clip[front, 2] == clip[front, 3] and clip[behind, 2] == clip[behind, 3]:
        q[2] = near  # W is the depth
    return q, t


@ti.func
def setup_cut(clip: ti.template(), corner, placed: ti.template(), records: ti.template(), item, near):
    """Writes the screen-space part of the record of the face with the rows ``corner`` of ``clip``, a ``PlacedFace``.

    Returns whether the face has an area, and the bounds (xmin, xmax, ymin, ymax) of its polygon.
    """
    low, high = ti.Vector([NOWHERE, NOWHERE]), ti.Vector([-NOWHERE, -NOWHERE])
    determinant = _determinant(clip, corner)
    if placed.in_world != 0:
        determinant = world_determinant(placed.world, placed.view, placed.rows, placed.orthographic)
    solid = ti.abs(determinant) > SMALLEST_DETERMINANT
    if solid:
        inverse = 1.0 / determinant
        records[item, INVERSE_DETERMINANT] = inverse
        numerator, denominator = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
        first_cut, second_cut, crossed = ti.Vector([0.0, 0.0]), ti.Vector([0.0, 0.0]), 0
        for k in range(3):  # one copy of the code, so that the faces at an edge have the same line
            start, end = pick(corner, k), pick(corner, (k + 1) % 3)
            opposite = (k + 2) % 3
            line = _line_of_edge(clip, start, end) * inverse
            numerator += line * clip[pick(corner, opposite), 3]
            denominator += line
            from_point, to_point = ti.Vector([NOWHERE, NOWHERE]), ti.Vector([NOWHERE, NOWHERE])
            start_seen, end_seen = clip[start, 3] >= near, clip[end, 3] >= near
            seen = start_seen or end_seen
            if seen:
                from_point, to_point = _end(clip, start, end, near), _end(clip, end, start, near)
                low, high = ti.min(low, from_point, to_point), ti.max(high, from_point, to_point)
            if start_seen != end_seen:
                at = from_point
                if start_seen:
                    at = to_point
                if crossed == 0:
                    first_cut = at
                else:
                    second_cut = at
                crossed += 1
            records[item, WEIGHTS + opposite] = _write_side(records, item, k, line, from_point, to_point, seen)
        if placed.in_world != 0:
            numerator, denominator = ti.Vector([0.0, 0.0, 1.0]), _plane(placed)
            if placed.orthographic != 0:
                numerator, denominator = -denominator, numerator
        for c in ti.static(range(3)):
            records[item, NUMERATOR + c] = numerator[c]
            records[item, DENOMINATOR + c] = denominator[c]
        near_line, is_cut = ti.Vector([0.0, 0.0, 1.0]), crossed == 2
        if is_cut:
            near_line = numerator - near * denominator
        _write_side(records, item, NEAR_SIDE, near_line, first_cut, second_cut, is_cut)
    return solid, low[0], high[0], low[1], high[1]


@ti.func
def _determinant(clip: ti.template(), corner):
    """``P_0 . P_1 x P_2`` of the rows ``corner``."""
    return row3(clip, corner[0]).dot(row3(clip, corner[1]).cross(row3(clip, corner[2])))


@ti.func
def _line_of_edge(clip: ti.template(), start, end):
    """``P_start x P_end``: the same bits, but for the sign, whichever end comes first."""
    a, b, sign = start, end, 1.0
    if precedes(clip, end, start):
        a, b, sign = end, start, -1.0
    return sign * row3(clip, a).cross(row3(clip, b))


@ti.func
def _end(clip: ti.template(), corner, other, near):
    """Screen position of the end at ``corner`` of what is seen of an edge."""
    p = row3(clip, corner)
    if clip[corner, 3] < near:
        p, _ = cut_point(clip, other, corner, near)
    return ti.Vector([p[0], p[1]]) / p[2]


@ti.func
def _plane(placed: ti.template()):
    """``nearness_plane`` as a vector l: nearness is l . (x, y, 1)."""
    line, divisor = nearness_plane(placed.world, placed.view, placed.rows, placed.orthographic)
    px, py = principal_point(placed.world, placed.view)
    return ti.Vector([line[0], line[1], line[2] - px * line[0] - py * line[1]]) / divisor


@ti.func
def _write_side(records: ti.template(), item, k, line, start, end, seen):
    """Writes a side: ``line . (x, y, 1)``, positive inside, and its ends on the screen; returns what the line was
    divided by, the length of its normal.
    """
    length = ti.max(ti.sqrt(line[0] * line[0] + line[1] * line[1]), FAR_LINE * ti.abs(line[2]), SMALLEST_LENGTH)
    a, b, c = line[0] / length, line[1] / length, line[2] / length
    first = SIDES + SIDE_COLUMNS * k
    records[item, first], records[item, first + 1], records[item, first + 2] = a, b, c
    records[item, first + 3] = ti.select(seen, b * start[0] - a * start[1], NOWHERE)
    records[item, first + 4] = ti.select(seen, b * end[0] - a * end[1], NOWHERE)
    return length
