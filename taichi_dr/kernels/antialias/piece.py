"""The piece of an edge within a pixel: the area of the pixel behind it, as the centre sees it, and its derivative.

With the pixel as the unit square around the origin, and R(theta) the way from there to its border, a piece that is seen
from the origin at distances r(theta) hides

    area = integral of (R^2 - r^2) / 2 dtheta = S(end) - S(start) - (start x end) / 2

where ``S`` is the area of the pixel between the x axis and a direction, counter-clockwise: an area that is negative
where the piece runs clockwise.  A polygon whose corners run counter-clockwise covers

    1 if the centre is inside, else 0, minus the areas of all pieces of its edges

of the pixel, exactly, whatever passes through it: corners, several edges, a sliver without the centre.  Each piece
counts by itself.

Points are clip coordinates (X, Y, W, depth), screen position (X / W, Y / W), or ``in_pixels``: (U, V, W), where
(U / W, V / W) are pixels from a centre.  They are divided only within the pixel: parts of an edge may be behind the
camera.
"""

import taichi as ti

from taichi_dr.kernels.screen.projected_mesh import clip_point

NOTHING = -1


@ti.func
def center_coordinate(index, axis: ti.template(), screen: ti.template()):
    """Screen coordinate (x on axis 0, y on axis 1) of the centre of a column or row."""
    offset = (2 * index + 1 - screen[axis]) / ti.cast(min(screen.width, screen.height), float)
    if ti.static(axis == 1):
        offset = -offset
    return offset


@ti.func
def center_of(row, col, screen: ti.template()):
    """Screen position of a pixel's centre."""
    return ti.Vector([center_coordinate(col, 0, screen), center_coordinate(row, 1, screen)])


@ti.func
def pixel_at(view, row, col, screen: ti.template()):
    """Number of a pixel, NOTHING outside the image."""
    pixel = NOTHING
    if 0 <= row < screen.height and 0 <= col < screen.width:
        pixel = (view * screen.height + row) * screen.width + col
    return pixel


@ti.func
def pixel_position(coordinate, axis: ti.template(), screen: ti.template()):
    """The inverse of `center_coordinate`: columns or rows from a screen coordinate; whole numbers are centres."""
    offset = coordinate * min(screen.width, screen.height)
    if ti.static(axis == 1):
        offset = -offset
    return 0.5 * (offset + screen[axis] - 1)


@ti.func
def in_pixels(point, center, screen: ti.template()):
    """(U, V, W) of a clip point: (U / W, V / W) is the way from a centre (x, y) of the screen, in pixels, y up."""
    scale = 0.5 * min(screen.width, screen.height)
    return ti.Vector([scale * (point[0] - center[0] * point[2]), scale * (point[1] - center[1] * point[2]), point[2]])


@ti.func
def edge_line(a, b):
    """L with ``L.(X, Y, W) = 0`` on the plane through the camera, a and b; positive to the left of a to b."""
    return ti.Vector([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


@ti.func
def side_of_line(line, point):
    """Positive on one side of ``edge_line``, negative on the other, for a point (X, Y, W, ...) before the camera."""
    return line[0] * point[0] + line[1] * point[1] + line[2] * point[2]


@ti.func
def at_point(face, first, point, mesh: ti.template()):
    """The least barycentric coordinate of a face at a point's place on the screen, and the depth of its plane there."""
    a, b, c = clip_point(mesh, first, face, 0), clip_point(mesh, first, face, 1), clip_point(mesh, first, face, 2)
    u, v, w = side_of_line(edge_line(b, c), point), side_of_line(edge_line(c, a), point), 0.0
    w = side_of_line(edge_line(a, b), point)
    total = u + v + w
    least, depth = -1.0, point[3]
    if total != 0.0:
        least, depth = min(u, v, w) / total, (u * a[3] + v * b[3] + w * c[3]) / total
        if total < 0.0:
            least = max(u, v, w) / total
    return least, depth


@ti.func
def more_vertical(a, b):
    """Whether edge ab is nearer to vertical than to horizontal on the screen."""
    line = edge_line(a, b)
    return ti.abs(line[0]) >= ti.abs(line[1])


@ti.func
def part_within(a, b, coordinate: ti.template(), part):
    """What of ``part`` (from, to) of a (U, V, W) to b lies within half a pixel of the centre in one coordinate."""
    begin, end = part[0], part[1]
    for sign in ti.static((-1, 1)):
        fa, fb = 0.5 * a[2] + sign * a[coordinate], 0.5 * b[2] + sign * b[coordinate]
        if fa < 0.0 and fb < 0.0:
            end = begin - 1.0
        elif fa < 0.0:
            begin = max(begin, fa / (fa - fb))
        elif fb < 0.0:
            end = min(end, fa / (fa - fb))
    return ti.Vector([begin, end])


@ti.func
def part_in_pixel(a, b):
    """The part (from, to) of a (U, V, W) to b, in [0, 1], within the pixel; to <= from if there is none."""
    part = ti.Vector([0.0, 1.0])
    return part_within(a, b, 1, part_within(a, b, 0, part))


@ti.func
def point_between(a, b, s):
    """(u, v) of ``a + s (b - a)``, points (U, V, W)."""
    point = a + s * (b - a)
    return ti.Vector([point[0], point[1]]) / point[2]


@ti.func
def sector(p):
    """S: the area of the pixel between the x axis and the direction of p, counter-clockwise, in [-1/8, 7/8]."""
    u, v = p[0], p[1]
    area = 0.0
    if ti.abs(u) >= ti.abs(v):
        area = ti.select(u > 0.0, 0.0, 0.5) + v / (8.0 * ti.select(u == 0.0, 1.0, u))
    else:
        area = ti.select(v > 0.0, 0.25, 0.75) - u / (8.0 * v)
    return area


@ti.func
def sector_gradient(p):
    """dS/dp."""
    u, v = p[0], p[1]
    gradient = ti.Vector([0.0, 0.0])
    grow = ti.max(1.0, (1.0 / 64.0) / ti.max(ti.abs(u), ti.max(ti.abs(v), 1e-30)))
    u, v = u * grow, v * grow
    if ti.abs(u) >= ti.abs(v):
        safe = ti.select(u == 0.0, 1.0, u)
        gradient = ti.Vector([-v / (8.0 * safe * safe), 1.0 / (8.0 * safe)])
    else:
        gradient = ti.Vector([-1.0 / (8.0 * v), u / (8.0 * v * v)])
    return gradient


@ti.func
def cross(p, q):
    """``p x q``: twice the area of the triangle (0, p, q), positive if it runs counter-clockwise."""
    return p[0] * q[1] - p[1] * q[0]


@ti.func
def sector_between(p, q):
    """``S(q) - S(p)`` the short way around, in [-1/2, 1/2], with the sign of ``p x q``."""
    turned = sector(q) - sector(p)
    turned -= ti.floor(turned + 0.5)
    if ti.abs(turned) > 0.25 and cross(p, q) != 0.0 and (turned > 0.0) != (cross(p, q) > 0.0):
        turned += ti.select(turned > 0.0, -1.0, 1.0)
    return turned


@ti.func
def area_behind(p, q):
    """The area of the pixel behind the piece from p to q; an edge along u = 1/4 upwards: 1/4."""
    return sector_between(p, q) - 0.5 * cross(p, q)


@ti.func
def area_behind_gradient(a, b, part):
    """d ``area_behind``/d(U, V, W) of a and of b, for the piece that is the ``part`` of the edge.

    The line sweeps ``-(dp x d) / 2`` at either end p, d from start to end of the piece; an end that is the edge's own
    also moves along, which adds ``-(dS - d theta r^2 / 2)`` at its start and the same with a plus at its end.
    """
    p, q = point_between(a, b, part[0]), point_between(a, b, part[1])
    d = q - p
    gradient = ti.Matrix([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    for k in ti.static(range(2)):
        s, end = part[k], ti.static((0, 1))[k]
        point = p if ti.static(k == 0) else q
        sweep = ti.Vector([d[1], -d[0], point[1] * d[0] - point[0] * d[1]]) / (a[2] + s * (b[2] - a[2]))
        for j in ti.static(range(3)):
            gradient[0, j] -= 0.5 * (1.0 - s) * sweep[j]
            gradient[1, j] -= 0.5 * s * sweep[j]
        if s == end:
            along = sector_gradient(point) - 0.5 * ti.Vector([-point[1], point[0]])
            w = a[2] if ti.static(k == 0) else b[2]
            for j in ti.static(range(2)):
                gradient[k, j] += ti.static((-1.0, 1.0))[k] * along[j] / w
    return gradient
