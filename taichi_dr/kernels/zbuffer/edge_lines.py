"""Edge lines in integers: which pixel centres lie on the face's side of an edge, exactly.

Corners are snapped to a grid of 1/256 pixel, and an edge becomes the integers of ``E(col, row) = A col + B row + C``,
with the face on the side ``E >= 0``.  The two faces at an edge get lines that are negatives of each other bit for bit,
less one on the side that does not own pixels on the line (top-left rule), so a pixel beside a shared edge belongs to
exactly one of them.

A corner behind the camera or far outside the image cannot be snapped.  Its edges are taken as homogeneous lines, the
cross product of both ends' (X, Y, W), quantised once per edge; if one end can be snapped the line passes exactly
through it.  With signed lines the inside test needs no polygon clipping: points behind the camera satisfy no triple of
edges.
"""

from typing import Any, NamedTuple

import taichi as ti

SUBPIXELS = 256
GUARD_PIXELS = 8192.0  # corners up to here from the image's centre are snapped
LINE_SCALE = float(1 << 21)  # length of quantised homogeneous lines: E changes by less than 2^28 within a tile
FAR_LINE = 2.0**-36  # lines further away than 2^36 sub-pixels lose bits of A and B instead of overflowing C
LINE_LIMIT = 2.0**57
C_SHIFT = 24  # C is stored as C = high * 2^24 + low
RECORD_SHIFT = 4  # a face's lines start at item << 4: per edge A, B, high, low, and padding to a cache line
SMALLEST_W = 1e-20


class FaceEdge(NamedTuple):
    """An edge of a face."""

    item: Any  # (view, face)
    k: Any  # which of the three
    start: Any  # rows of its ends in ``clip``
    end: Any
    sign: Any  # 1 or -1, so that the face is inside


@ti.func
def snap_corner(snapped: ti.template(), clip: ti.template(), i, screen: ti.template()):
    """``snapped[i]``: column and row in sub-pixels from the image's centre, and 1 if they are valid."""
    side = ti.cast(ti.min(screen.width, screen.height), float)
    scale = 0.5 * SUBPIXELS * side
    w = clip[i, 2]
    valid = 0
    if w > SMALLEST_W and ti.max(ti.abs(clip[i, 0]), ti.abs(clip[i, 1])) * (0.5 * side) <= GUARD_PIXELS * w:
        valid = 1
        snapped[i, 0] = ti.floor(clip[i, 0] / w * scale + 0.5, ti.i32)
        snapped[i, 1] = ti.floor(-clip[i, 1] / w * scale + 0.5, ti.i32)
    snapped[i, 2] = valid


@ti.func
def top_left_rule(a, b):
    """Whether a face owns the pixel centres on its edge A col + B row + C = 0, the face being where that is positive.

    It owns those of its left edges (A > 0) and of its top edges (A = 0, B > 0): of the two faces at an edge, whose A
    and B are negatives of each other, exactly one does.
    """
    return a > 0 or (a == 0 and b > 0)


@ti.func
def _owned_constant(a, b, c, screen: ti.template()):
    """Moves the origin of A x + B y + C (sub-pixels from the image's centre) to pixel (0, 0), applies the top-left rule
    and divides by 256: for whole columns and rows ``E >= 0`` is the same as ``floor(C / 256) + A col + B row >= 0``."""
    half = SUBPIXELS // 2
    c0 = c + ti.cast(a, ti.i64) * (half - half * screen.width) + ti.cast(b, ti.i64) * (half - half * screen.height)
    if not top_left_rule(a, b):
        c0 -= 1
    return c0 >> 8


@ti.func
def _store_line(lines: ti.template(), item, k, a, b, c0):
    """Writes A, B and the constant of ``_owned_constant`` of edge k."""
    high = c0 >> C_SHIFT
    first = (item << RECORD_SHIFT) + 4 * k
    lines[first] = a
    lines[first + 1] = b
    lines[first + 2] = ti.cast(high, ti.i32)
    lines[first + 3] = ti.cast(c0 - (high << C_SHIFT), ti.i32)


@ti.func
def snapped_line(snapped: ti.template(), start, end, sign, screen: ti.template()):
    """A, B, C of an edge from row ``start`` to row ``end`` of ``snapped`` (V*N, 3): inside where
    ``A col + B row + C >= 0``."""
    xa, ya, xb, yb = snapped[start, 0], snapped[start, 1], snapped[end, 0], snapped[end, 1]
    c = (ti.cast(xa, ti.i64) * yb - ti.cast(ya, ti.i64) * xb) * sign
    a, b = (ya - yb) * sign, (xb - xa) * sign
    return a, b, _owned_constant(a, b, c, screen)


@ti.func
def edge_at(a, b, c, col, row):
    """A col + B row + C, an i64."""
    return ti.cast(a, ti.i64) * col + ti.cast(b, ti.i64) * row + c


@ti.func
def load_line(lines: ti.template(), item, k):
    """A, B, C of edge k of a face."""
    first = (item << RECORD_SHIFT) + 4 * k
    c = (ti.cast(lines[first + 2], ti.i64) << C_SHIFT) + lines[first + 3]
    return lines[first], lines[first + 1], c


@ti.func
def write_snapped_line(lines: ti.template(), edge: ti.template(), snapped: ti.template(), screen: ti.template()):
    """Writes the line of a ``FaceEdge`` whose ends are both snapped."""
    a, b, c = snapped_line(snapped, edge.start, edge.end, edge.sign, screen)
    _store_line(lines, edge.item, edge.k, a, b, c)


@ti.func
def write_line(
    lines: ti.template(), edge: ti.template(), clip: ti.template(), snapped: ti.template(), screen: ti.template()
):
    """The line of an edge of which an end may not be snapped; ends ordered by what they are, not by the face."""
    if snapped[edge.start, 2] + snapped[edge.end, 2] == 2:
        write_snapped_line(lines, edge, snapped, screen)
    else:
        p, q, sign = edge.start, edge.end, edge.sign
        if snapped[q, 2] == 1 or (snapped[p, 2] == 0 and precedes(clip, q, p)):
            p, q = q, p
            sign = -sign
        scale = 0.5 * SUBPIXELS * ti.cast(ti.min(screen.width, screen.height), float)
        xp, yp, wp = clip[p, 0] * scale, -clip[p, 1] * scale, clip[p, 2]
        xq, yq, wq = clip[q, 0] * scale, -clip[q, 1] * scale, clip[q, 2]
        fa, fb = yp * wq - wp * yq, wp * xq - xp * wq
        if snapped[p, 2] == 1:  # through it, but not turned by the snap, which a far corner's W would magnify
            a, b = _quantised(fa, fb, 0.0)
            a, b = a * sign, b * sign
            c = -(ti.cast(a, ti.i64) * snapped[p, 0] + ti.cast(b, ti.i64) * snapped[p, 1])
            _store_line(lines, edge.item, edge.k, a, b, _owned_constant(a, b, c, screen))
        else:
            fc = xp * yq - yp * xq
            a, b = _quantised(fa, fb, fc)
            size = ti.max(ti.abs(fa), ti.abs(fb), ti.abs(fc) * FAR_LINE)
            c = ti.cast(0, ti.i64)
            if size > 0.0:
                c = ti.cast(ti.math.clamp(fc * (LINE_SCALE / size), -LINE_LIMIT, LINE_LIMIT), ti.i64)
            a, b = a * sign, b * sign
            _store_line(lines, edge.item, edge.k, a, b, _owned_constant(a, b, c * sign, screen))


@ti.func
def precedes(clip: ti.template(), i, j):
    """An order of corners by position, the same for every face."""
    before = clip[i, 2] < clip[j, 2]
    if clip[i, 0] != clip[j, 0]:
        before = clip[i, 0] < clip[j, 0]
    elif clip[i, 1] != clip[j, 1]:
        before = clip[i, 1] < clip[j, 1]
    return before


@ti.func
def _quantised(a, b, c):
    """A and B of a line as integers of at most 2^21."""
    size = ti.max(ti.abs(a), ti.abs(b), ti.abs(c) * FAR_LINE)
    factor = 0.0
    if size > 0.0:
        factor = LINE_SCALE / size
    return ti.floor(a * factor + 0.5, ti.i32), ti.floor(b * factor + 0.5, ti.i32)
