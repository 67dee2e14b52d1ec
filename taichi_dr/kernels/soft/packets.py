"""Packets of pixels: how an image is cut into them, their lanes, and numbers that are rounded alike everywhere.

Everything about a packet is a vector with one lane per pixel: 4 x 4 or 4 x 2 pixels on a CPU, which are SIMD registers,
and a single pixel on a GPU, from the same source.  Masks are numbers, positive where true: booleans of lanes do not
become SIMD code.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower

MAX_LANES = 16
TILE = 16  # pixels along the side of a tile


class Packets(NamedTuple):
    """The packets of an image of this size, their columns and rows in ``shape``.

    ``double``: whether numbers are in double precision.  ``offsets``: the array of ``lane_offsets``, ``zero``: the bits
    of the zero (``zero_bits``); only for what needs them.
    """

    width: Any
    height: Any
    shape: Any
    double: Any
    offsets: Any = None
    zero: Any = None

    lanes = property(lambda self: self.shape[0] * self.shape[1])
    across = property(lambda self: TILE // self.shape[0])
    per_tile = property(lambda self: TILE * TILE // self.lanes)


def lane_offsets(shape):
    """Twice the column, then twice the row of every lane of a packet, each padded to MAX_LANES; then a zero.

    Kernels read them from memory: known to the compiler, equal lanes would be computed once and shuffled about, and
    the zero would be left out.
    """
    cols, lanes = shape[0], range(MAX_LANES)
    return *(2 * (lane % cols) for lane in lanes), *(2 * (lane // cols) for lane in lanes), 0


@ti.func
def zero_bits(offsets: ti.template()):
    """Zero, unknown to compilers: the bits of the last number of ``lane_offsets``, for ``pinned``."""
    return ti.bit_cast(ti.cast(offsets[2 * MAX_LANES], ti.f32), ti.i32)


@ti.func
def pinned(value, packets: ti.template()):
    """The same value, rounded to single precision here in whatever kernel it is computed.

    Compilers may reassociate sums, and leave out the rounding of a product that is added to something: in one kernel
    like this, in another like that.  An integer operation on the bits, whose outcome they cannot foresee, stops them.
    The forward and the adjoint must agree on the depth to the last bit, see ``depth_at``; in double precision they
    agree well enough without.
    """
    result = value
    if ti.static(not packets.double):
        result = ti.bit_cast(ti.bit_cast(value, ti.i32) ^ packets.zero, ti.f32)
    return result


@ti.func
def fill_lanes(value, lanes: ti.template()):
    """A packet with the same number in every lane."""
    return ti.Vector([value for _ in ti.static(range(lanes))])


@ti.func
def load_lanes(array: ti.template(), start, lanes: ti.template()):
    """A packet from consecutive elements."""
    return ti.Vector([array[start + lane] for lane in ti.static(range(lanes))])


@ti.func
def clamp01(x):
    """x cut off at 0 and at 1, lane by lane."""
    return lower(higher(x, 0.0), 1.0)


@ti.func
def exp_negative(x, double: ti.template()):
    """``exp(x)`` for x <= 0.

    In single precision a polynomial, relative error 1.2e-7 (Cephes ``expf``): ``ti.exp`` would be called lane by lane.
    Its terms are summed in pairs (Estrin), since faces wait for one another's.
    """
    result = x * 0.0
    if ti.static(double):
        result = ti.exp(higher(x, -700.0))
    else:
        bounded = higher(x, -80.0)
        power = ti.floor(bounded * 1.44269504 + 0.5)
        r = bounded - power * 0.693359375 + power * 2.12194440e-4
        square = r * r
        first, second = 4.1665795894e-2 + 8.3334519073e-3 * r, 1.3981999507e-3 + 1.9875691500e-4 * r
        p = 5.0000001201e-1 + 1.6666665459e-1 * r + square * (first + square * second)
        result = (p * square + (r + 1.0)) * ti.bit_cast((ti.cast(power, ti.i32) + 127) << 23, ti.f32)
    return result


@ti.func
def packet_x(col, packets: ti.template(), lanes: ti.template()):
    """Screen coordinate x of the pixel centres of a packet whose first pixel is in this column."""
    x = ti.cast(2 * col + 1 - packets.width, float) + load_lanes(packets.offsets, 0, lanes)
    return pinned(x * (1.0 / ti.min(packets.width, packets.height)), packets)


@ti.func
def packet_y(row, packets: ti.template(), lanes: ti.template()):
    """Screen coordinate y of the pixel centres of a packet whose first pixel is in this row."""
    y = ti.cast(packets.height - 2 * row - 1, float) - load_lanes(packets.offsets, MAX_LANES, lanes)
    return pinned(y * (1.0 / ti.min(packets.width, packets.height)), packets)


@ti.func
def packet_middle(row, col, packets: ti.template()):
    """Screen coordinates (x, y) of the middle of the packet whose first pixel is (row, col).

    From ``packet_x`` and ``packet_y`` it would take single lanes, which breaks up the SIMD code that made them.
    """
    scale = 1.0 / ti.min(packets.width, packets.height)
    x = ti.cast(2 * col + packets.shape[0] - packets.width, float) * scale
    return x, ti.cast(packets.height - 2 * row - packets.shape[1], float) * scale


@ti.func
def tiles(width, height):
    """Tiles of a view."""
    return ((width + TILE - 1) // TILE) * ((height + TILE - 1) // TILE)


@ti.func
def packet_pixel(packet, packets: ti.template()):
    """View and first pixel (row, col) of a packet; packets are counted view by view, tile by tile, row by row."""
    tiles_x, tiles_y = (packets.width + TILE - 1) // TILE, (packets.height + TILE - 1) // TILE
    tile, inner = packet // ti.static(packets.per_tile), packet % ti.static(packets.per_tile)
    view = tile // (tiles_x * tiles_y)
    corner = tile - view * tiles_x * tiles_y
    row = corner // tiles_x * TILE + inner // ti.static(packets.across) * packets.shape[1]
    col = corner % tiles_x * TILE + inner % ti.static(packets.across) * packets.shape[0]
    return view, row, col


@ti.func
def pixel_of_lane(view, row, col, lane, packets: ti.template()):
    """Index of a pixel of the packet whose first pixel is (row, col); -1 beyond the image."""
    pixel_row, pixel_col = row + lane // packets.shape[0], col + lane % packets.shape[0]
    pixel = (view * packets.height + pixel_row) * packets.width + pixel_col
    if pixel_row >= packets.height or pixel_col >= packets.width:
        pixel = -1
    return pixel


@ti.func
def packet_at(view, row, col, packets: ti.template()):
    """Index of the packet that the pixel (row, col) is in."""
    tiles_x, tiles_y = (packets.width + TILE - 1) // TILE, (packets.height + TILE - 1) // TILE
    tile = (view * tiles_y + row // TILE) * tiles_x + col // TILE
    inner = row % TILE // packets.shape[1] * ti.static(packets.across) + col % TILE // packets.shape[0]
    return tile * ti.static(packets.per_tile) + inner
