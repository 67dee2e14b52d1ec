"""Where an edge crosses the lines through pixel centres, and the derivatives of that.

A pair is two neighbouring pixels: (row, col), (row, col + 1) on axis 0, (row, col), (row + 1, col) on axis 1.  A *line*
is the row or column of pixel centres that the pair lies on; ``size`` is (width, height).  Points are clip coordinates
(X, Y, W, depth), screen position (X / W, Y / W), and are never divided: a part of an edge may be behind the camera.
"""

import taichi as ti

SNAP = 1 / 200  # pixels: the rasterizer rounds corners to 1/256, so it may see an edge on the other side of a centre


@ti.func
def center_coordinate(index, axis: ti.template(), screen: ti.template()):
    """Screen coordinate (x on axis 0, y on axis 1) of the centre of a column or row."""
    offset = (2 * index + 1 - screen[axis]) / ti.cast(min(screen.width, screen.height), float)
    if ti.static(axis == 1):
        offset = -offset
    return offset


@ti.func
def pixel_position(coordinate, axis: ti.template(), screen: ti.template()):
    """The inverse of `center_coordinate`: columns or rows from a screen coordinate; whole numbers are centres."""
    offset = coordinate * min(screen.width, screen.height)
    if ti.static(axis == 1):
        offset = -offset
    return 0.5 * (offset + screen[axis] - 1)


@ti.func
def edge_line(a, b):
    """L with ``L.(X, Y, W) = 0`` on the plane through the camera, a and b."""
    return ti.Vector([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


@ti.func
def side_of_line(line, point):
    """Positive on one side of ``edge_line``, negative on the other, for a point (X, Y, W, ...) before the camera."""
    return line[0] * point[0] + line[1] * point[1] + line[2] * point[2]


@ti.func
def more_vertical(a, b):
    """Whether edge ab is nearer to vertical than to horizontal on the screen."""
    line = edge_line(a, b)
    return ti.abs(line[0]) >= ti.abs(line[1])


@ti.func
def edge_crossing(a, b, along, across, axis: ti.template()):
    """Where edge ab meets the pixel line at `across`: position relative to `along` on that line as (numerator, W)."""
    fa = a[1 - axis] - across * a[2]
    fb = b[1 - axis] - across * b[2]
    numerator = (a[axis] - along * a[2]) * fb - (b[axis] - along * b[2]) * fa
    return ti.Vector([numerator, a[2] * fb - b[2] * fa, fb - fa, fa])


@ti.func
def pair_fraction(a, b, along, across, screen: ti.template(), axis: ti.template()):
    """t: the crossing's distance from the pair's first pixel, in pixels."""
    crossing = edge_crossing(a, b, along, across, axis)
    t = 0.5 * min(screen.width, screen.height) * crossing[0] / crossing[1]
    if ti.static(axis == 1):
        t = -t
    return t


@ti.func
def lines_crossed(a, b, near, screen: ti.template(), axis: ti.template()):
    """First and last pixel line that the part of edge ab beyond the near plane may cross; an empty range if none."""
    first, last = 0, -1
    if max(a[3], b[3]) >= near:
        p, q = a, b
        if a[3] < near:
            p = a + (near - a[3]) / (b[3] - a[3]) * (b - a)
        if b[3] < near:
            q = b + (near - b[3]) / (a[3] - b[3]) * (a - b)
        u = pixel_position(p[1 - axis] / p[2], 1 - axis, screen)
        v = pixel_position(q[1 - axis] / q[2], 1 - axis, screen)
        slack = 0.01  # rounding; whether a line is crossed is decided exactly afterwards
        first = ti.cast(ti.ceil(max(min(u, v) - slack, 0.0)), ti.i32)
        last = ti.cast(ti.floor(min(max(u, v) + slack, screen[1 - axis] - 1.0)), ti.i32)
    return first, last


@ti.func
def crossing_position(a, b, index, near, screen: ti.template(), axis: ti.template()):
    """Where along line `index` edge ab crosses it, in pixels, or -1; and the crossing's depth."""
    position, depth = -1.0, 0.0
    crossing = edge_crossing(a, b, 0.0, center_coordinate(index, 1 - axis, screen), axis)
    fa, fb = crossing[3], crossing[2] + crossing[3]
    if (fa < 0.0) != (fb < 0.0):
        depth = (a[3] * fb - b[3] * fa) / crossing[2]
        if depth >= near:
            position = pixel_position(crossing[0] / crossing[1], axis, screen)
            if position >= screen[axis] - 1:
                position = -1.0
    return position, depth


@ti.func
def crossed_pairs(position, screen: ti.template(), axis: ti.template()):
    """First pixel of the pair around a position, and of the next pair if the position is that of a centre."""
    pair = ti.cast(position, ti.i32)
    nearest = ti.cast(position + 0.5, ti.i32)
    other = pair
    if ti.abs(position - nearest) < SNAP:
        other = 2 * nearest - 1 - pair
        if other < 0 or other >= screen[axis] - 1:
            other = pair
    return pair, other


@ti.func
def pair_fraction_gradient(a, b, along, across, screen: ti.template(), axis: ti.template()):
    """dt/d(X, Y, W) of a and of b, for the t of `pair_fraction`."""
    crossing = edge_crossing(a, b, along, across, axis)
    fa, fb = crossing[3], crossing[2] + crossing[3]
    distance = crossing[0] / crossing[1]
    scale = 0.5 * min(screen.width, screen.height) / crossing[1]
    if ti.static(axis == 1):
        scale = -scale
    # With P = A - along W and f = F - across W: distance = (Pa fb - Pb fa) / (Wa fb - Wb fa).
    to_a = scale * (distance * b[2] - (b[axis] - along * b[2]))
    to_b = scale * ((a[axis] - along * a[2]) - distance * a[2])
    gradient = ti.Matrix([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    gradient[0, axis], gradient[1, axis] = scale * fb, -scale * fa
    gradient[0, 1 - axis], gradient[1, 1 - axis] = to_a, to_b
    gradient[0, 2] = -scale * fb * (distance + along) - across * to_a
    gradient[1, 2] = scale * fa * (distance + along) - across * to_b
    return gradient
