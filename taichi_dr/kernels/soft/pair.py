"""What set-up, forward and adjoint of the soft rasterizer share: modes, layouts, packets and the geometry of a pair.

A *pair* is a packet of pixels and a face.  Everything about a packet is a vector with one lane per pixel: 4 x 2 pixels
on a CPU, which become SIMD registers, and a single pixel on a GPU, from the same source.
"""

import math

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower

ALPHA_PRODUCT, ALPHA_SUM, ALPHA_HARD = range(3)
COLOR_SOFTMAX, COLOR_HARD = range(2)
DISTANCE_EUCLIDEAN, DISTANCE_BARYCENTRIC, DISTANCE_HARD = range(3)

MAX_LANES = 16
TILE = 16  # pixels along the side of a tile
COVERAGE_CUTOFF = math.log(1.0 / 1e-4 - 1.0)  # faces with |x| beyond it outside are skipped: coverage below 1e-4
BACKGROUND_EXPONENT = 1e-3  # the background's share of the softmax is exp(this / gamma)


def lane_offsets(shape):
    """Twice the column, then twice the row of every lane of a packet, each padded to MAX_LANES.

    Kernels read them from memory: known to the compiler, equal lanes would be computed once and shuffled about.
    """
    cols = shape[0]
    return [2 * (lane % cols) for lane in range(MAX_LANES)] + [2 * (lane // cols) for lane in range(MAX_LANES)]


# A face's kind: absent, whole, or cut by the near plane.  A cut face has one corner before the plane (kind CUT_TO_ONE
# + that corner) or one behind it (kind CUT_TO_TWO + that corner).
ABSENT, WHOLE, CUT_TO_ONE, CUT_TO_TWO = 0, 1, 2, 5

# Columns of a face's record.  XY is three corners, or four corners of a cut face's polygon (columns 0-7).
XY = 0
INVERSE_W = 8  # 1/W of the corners
INVERSE_AREA = 11
INVERSE_LENGTH2 = 12  # 1/|edge|^2, 0 for an edge without length; three, or four of a cut face's polygon
CULL = 16  # three planes (a, b, c): a packet centred at (x, y) with a x + b y + c > 0 is out of the face's reach
PLANE = 16  # of a cut face instead: three homogeneous edge functions
DEPTH = 25
ATTRIBUTE = 28


@ti.func
def fill_lanes(value, lanes: ti.template()):
    """A packet with the same number in every lane."""
    return ti.Vector([value for _ in ti.static(range(lanes))])


@ti.func
def load_lanes(array: ti.template(), start, lanes: ti.template()):
    """A packet from consecutive elements."""
    return ti.Vector([array[start + lane] for lane in ti.static(range(lanes))])


@ti.func
def load_row(rows: ti.template(), row: ti.template(), lanes: ti.template()):
    """Packet number ``row`` of a vector of packets; see ``store_row``."""
    return ti.Vector([rows[row * lanes + lane] for lane in ti.static(range(lanes))])


@ti.func
def store_row(rows: ti.template(), row: ti.template(), value, lanes: ti.template()):
    """Writes packet number ``row`` of a local vector of packets, one behind the other.

    Such a vector must stay in memory: LLVM's vectoriser starts from stores to consecutive addresses, and finds nothing
    to start from when it holds the lanes in registers (measured: the adjoint 4 times slower).  A loop that updates one
    therefore contains a store at an index that the compiler does not know, in a branch that is never taken.
    """
    for lane in ti.static(range(lanes)):
        rows[row * lanes + lane] = value[lane]


@ti.func
def clamp01(x):
    """x cut off at 0 and at 1, lane by lane."""
    return lower(higher(x, 0.0), 1.0)


@ti.func
def exp_negative(x, double: ti.template()):
    """``exp(x)`` for x <= 0.

    In single precision a polynomial, relative error 1e-7 (Cephes ``expf``): ``ti.exp`` would be called lane by lane.
    """
    result = x * 0.0
    if ti.static(double):
        result = ti.exp(higher(x, -700.0))
    else:
        bounded = higher(x, -80.0)
        power = ti.floor(bounded * 1.44269504 + 0.5)
        r = bounded - power * 0.693359375 + power * 2.12194440e-4
        p = 1.9875691500e-4 * r + 1.3981999507e-3
        p = p * r + 8.3334519073e-3
        p = p * r + 4.1665795894e-2
        p = p * r + 1.6666665459e-1
        p = p * r + 5.0000001201e-1
        p = p * r * r + r + 1.0
        result = p * ti.bit_cast((ti.cast(power, ti.i32) + 127) << 23, ti.f32)
    return result


@ti.func
def packet_centers(row, col, width, height, offsets: ti.template(), lanes: ti.template()):
    """Screen coordinates (x, y) of the pixel centres of the packet whose first pixel is (row, col).

    ``offsets``: see ``lane_offsets``.
    """
    scale = 1.0 / ti.min(width, height)
    x0 = ti.cast(2 * col + 1 - width, float)
    y0 = ti.cast(height - 2 * row - 1, float)
    x = (x0 + load_lanes(offsets, 0, lanes)) * scale
    y = (y0 - load_lanes(offsets, MAX_LANES, lanes)) * scale
    return x, y


@ti.func
def packet_middle(row, col, width, height, shape: ti.template()):
    """Screen coordinates (x, y) of the middle of the packet whose first pixel is (row, col).

    From ``packet_centers`` it would take single lanes, which breaks up the SIMD code that made them.
    """
    scale = 1.0 / ti.min(width, height)
    return ti.cast(2 * col + shape[0] - width, float) * scale, ti.cast(height - 2 * row - shape[1], float) * scale


@ti.func
def tiles(width, height):
    """Tiles of a view."""
    return ((width + TILE - 1) // TILE) * ((height + TILE - 1) // TILE)


@ti.func
def packet_pixel(packet, width, height, shape: ti.template()):
    """View and first pixel (row, col) of a packet; packets are counted view by view, tile by tile, row by row."""
    tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    across = ti.static(TILE // shape[0])
    per_tile = ti.static(across * (TILE // shape[1]))
    tile, inner = packet // per_tile, packet % per_tile
    view = tile // (tiles_x * tiles_y)
    corner = tile - view * tiles_x * tiles_y
    row = corner // tiles_x * TILE + inner // across * shape[1]
    col = corner % tiles_x * TILE + inner % across * shape[0]
    return view, row, col


@ti.func
def packet_at(view, row, col, width, height, shape: ti.template()):
    """Index of the packet whose first pixel is (row, col)."""
    tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    across = ti.static(TILE // shape[0])
    per_tile = ti.static(across * (TILE // shape[1]))
    tile = (view * tiles_y + row // TILE) * tiles_x + col // TILE
    return tile * per_tile + row % TILE // shape[1] * across + col % TILE // shape[0]


@ti.func
def out_of_reach(records: ti.template(), item, x, y):
    """Whether a packet centred at (x, y) lies wholly beyond one of a whole face's three cull planes."""
    beyond = records[item, CULL] * x + records[item, CULL + 1] * y + records[item, CULL + 2]
    for k in ti.static(range(1, 3)):
        plane = records[item, CULL + 3 * k] * x + records[item, CULL + 3 * k + 1] * y + records[item, CULL + 3 * k + 2]
        beyond = higher(beyond, plane)
    return beyond > 0.0


@ti.func
def segment(x, y, ax, ay, ex, ey, inverse_length2):
    """Nearest point of the segment from (ax, ay) along (ex, ey): its parameter t and the vector from it to (x, y)."""
    rx, ry = x - ax, y - ay
    t = clamp01((rx * ex + ry * ey) * inverse_length2)
    return t, rx - t * ex, ry - t * ey


@ti.func
def whole_face(records: ti.template(), item, x, y):
    """Barycentrics of a whole face at the pixels, and the nearest point of its boundary.

    Masks are numbers, positive where true: booleans of lanes do not become SIMD code.

    Returns the screen barycentrics ``w`` (3), the vector (dx, dy) from the nearest boundary point to the pixel and that
    point's barycentrics ``b`` (3).
    """
    x0, y0 = records[item, XY], records[item, XY + 1]
    x1, y1 = records[item, XY + 2], records[item, XY + 3]
    x2, y2 = records[item, XY + 4], records[item, XY + 5]
    ia = records[item, INVERSE_AREA]
    w0 = ((x2 - x1) * ia) * (y - y1) - ((y2 - y1) * ia) * (x - x1)
    w1 = ((x0 - x2) * ia) * (y - y2) - ((y0 - y2) * ia) * (x - x2)
    w2 = ((x1 - x0) * ia) * (y - y0) - ((y1 - y0) * ia) * (x - x0)
    t0, dx0, dy0 = segment(x, y, x0, y0, x1 - x0, y1 - y0, records[item, INVERSE_LENGTH2])
    t1, dx1, dy1 = segment(x, y, x1, y1, x2 - x1, y2 - y1, records[item, INVERSE_LENGTH2 + 1])
    t2, dx2, dy2 = segment(x, y, x2, y2, x0 - x2, y0 - y2, records[item, INVERSE_LENGTH2 + 2])
    squared0 = dx0 * dx0 + dy0 * dy0
    squared1 = dx1 * dx1 + dy1 * dy1
    squared2 = dx2 * dx2 + dy2 * dy2
    second = squared1 < squared0
    third = squared2 < lower(squared0, squared1)
    dx = ti.select(third, dx2, ti.select(second, dx1, dx0))
    dy = ti.select(third, dy2, ti.select(second, dy1, dy0))
    b0 = ti.select(third, t2, ti.select(second, 0.0 * t0, 1.0 - t0))
    b1 = ti.select(third, 0.0 * t0, ti.select(second, 1.0 - t1, t0))
    return w0, w1, w2, dx, dy, b0, b1, 1.0 - b0 - b1


@ti.func
def coverage(x, inside, double: ti.template()):
    """``sigmoid(s x)`` and ``sigmoid(-s x)`` without cancellation, x >= 0, s = 1 inside and -1 outside."""
    e = exp_negative(-x, double)
    large = 1.0 / (1.0 + e)
    small = e * large
    return ti.select(inside > 0.0, large, small), ti.select(inside > 0.0, small, large)


@ti.func
def corner_numbers(records: ti.template(), item, column: ti.template()):
    """The numbers of the three corners of a face from ``column`` of its record on."""
    return ti.Vector([records[item, column + k] for k in ti.static(range(3))])


@ti.func
def interpolation(inverse_w, w0, w1, w2):
    """Perspective-correct barycentrics from clipped screen barycentrics, and the normaliser.

    ``p_k = q_k / s``, ``q_k = clamp(w_k, 0, 1) / W_k``, ``s = sum q_k``; returns ``p`` (3) and ``1 / s``.
    """
    q0, q1, q2 = clamp01(w0) * inverse_w[0], clamp01(w1) * inverse_w[1], clamp01(w2) * inverse_w[2]
    r = 1.0 / (q0 + q1 + q2)
    return q0 * r, q1 * r, q2 * r, r


@ti.func
def whole_interpolation(records: ti.template(), item, w0, w1, w2):
    """``interpolation`` of a whole face."""
    return interpolation(corner_numbers(records, item, INVERSE_W), w0, w1, w2)


@ti.func
def whole_squared_distance(dx, dy, w0, w1, w2, distance: ti.template()):
    """Squared distance in the unit of the mode (see ``soft``), and the smallest barycentric: inside where positive."""
    smallest = lower(w0, lower(w1, w2))
    squared = dx * dx + dy * dy
    if ti.static(distance == DISTANCE_BARYCENTRIC):
        squared = smallest * smallest
    return squared, smallest


@ti.func
def cut_face(records: ti.template(), item, x, y):
    """A cut face at the pixels: nearest boundary point of its polygon, and interpolation in the plane of the triangle.

    Returns a number that is positive inside, the vector (dx, dy) from the nearest boundary point to the pixel, the side
    of the polygon it lies on (float) and its parameter t there, the homogeneous edge functions ``u`` (3) and
    ``r = 1 / sum max(u_k, 0)``; r is 0 where no point of the plane before the camera is seen.
    """
    area = 0.0
    for k in ti.static(range(4)):
        j = ti.static((k + 1) % 4)
        area += records[item, XY + 2 * k] * records[item, XY + 2 * j + 1]
        area -= records[item, XY + 2 * j] * records[item, XY + 2 * k + 1]
    sign = ti.select(area > 0.0, 1.0, -1.0)
    lowest, squared, nearest_x, nearest_y = x * 0.0 + 1.0, x * 0.0 + 1e30, x * 0.0, x * 0.0
    nearest_side, nearest_t = x * 0.0, x * 0.0
    for k in ti.static(range(4)):
        j = ti.static((k + 1) % 4)
        ax, ay = records[item, XY + 2 * k], records[item, XY + 2 * k + 1]
        ex, ey = records[item, XY + 2 * j] - ax, records[item, XY + 2 * j + 1] - ay
        lowest = ti.min(lowest, (ex * (y - ay) - ey * (x - ax)) * sign)
        t, dx, dy = segment(x, y, ax, ay, ex, ey, records[item, INVERSE_LENGTH2 + k])
        nearer = dx * dx + dy * dy < squared
        squared = ti.min(squared, dx * dx + dy * dy)
        nearest_x, nearest_y = ti.select(nearer, dx, nearest_x), ti.select(nearer, dy, nearest_y)
        nearest_side, nearest_t = ti.select(nearer, 1.0 * k, nearest_side), ti.select(nearer, t, nearest_t)
    u0, u1, u2 = (
        edge_function(records, item, 0, x, y),
        edge_function(records, item, 1, x, y),
        edge_function(records, item, 2, x, y),
    )
    s = ti.max(u0, 0.0) + ti.max(u1, 0.0) + ti.max(u2, 0.0)
    r = ti.select(s > 1e-30, 1.0 / ti.max(s, 1e-30), 0.0)
    return lowest + 1e-30, nearest_x, nearest_y, nearest_side, nearest_t, u0, u1, u2, r


@ti.func
def edge_function(records: ti.template(), item, k: ti.template(), x, y):
    """``n_k . (x, y, 1)`` of a cut face."""
    return records[item, PLANE + 3 * k] * x + records[item, PLANE + 3 * k + 1] * y + records[item, PLANE + 3 * k + 2]


@ti.func
def combined(numbers, p0, p1, p2):
    """``sum p_k numbers_k``."""
    return numbers[0] * p0 + numbers[1] * p1 + numbers[2] * p2


@ti.func
def mix(records: ti.template(), item, column: ti.template(), p0, p1, p2):
    """``combined`` of the three numbers of a record from ``column`` on."""
    return combined(corner_numbers(records, item, column), p0, p1, p2)
