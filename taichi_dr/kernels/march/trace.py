"""Sphere tracing, packet by packet: how far each pixel's ray gets before it meets or grazes the surface.

    t <- t + |f(o + t d)|

until f is below a fraction of the pixel's footprint w at t.  Most rays end there: one more evaluation, a little deeper,
shows that the surface covers the whole pixel (``OPAQUE``).  Rays that come near the surface and leave, or go through
less than half a pixel of it, have a silhouette: ``BAND``, for ``layers`` to look at one by one.

A coarse pass sends a cone through every block of pixels and stops where the surface may be inside of it; all rays of
the block start there.  Steps may be longer than the distance where that is exact, as long as the balls around their two
ends touch: ``|f_previous| + |f| >= step``; else the ray goes back.

Sources: Hart, Sphere tracing, 1996; Keinert et al., Enhanced Sphere Tracing, 2014 (over-relaxation).
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.camera.pack import F
from taichi_dr.kernels.camera.rays import Eye, footprint, ray_components
from taichi_dr.kernels.march.bounds import NEVER, Bounds, interval
from taichi_dr.kernels.march.evaluate import value_at
from taichi_dr.kernels.march.settings import BAND, BROKEN, CUT, MISS, OPAQUE, Distance, March, Met
from taichi_dr.kernels.screen.pixels import Screen, pixel_size

BLOCK = 8  # pixels along the side of a block whose rays share a start
CLOSE = 0.02  # pixels: nearer is there
LEAST = 0.75  # pixels: the shortest step
PATIENCE = 8  # evaluations within the band: those who need more graze the surface
BAND_REACH = 0.71  # of its width: half of a diagonal edge's ramp
MARGIN = 0.25  # pixels beside the band that are looked at with it: values between samples are not known
SPREAD = 1.0 + (1.5 + 2.0 * MARGIN) / BLOCK  # of a block's cone: with the band, and some more


class Ray(NamedTuple):
    """A ray, or a packet of them: ``origin`` and unit ``direction`` of three components each, ``cosine`` of the angle
    to the viewing axis; at t a pixel is ``constant + slope t`` wide.
    """

    origin: Any
    direction: Any
    cosine: Any
    constant: Any
    slope: Any


@simd
@replayed
@ti.kernel
def trace(
    func: ti.template(),
    lanes: ti.template(),
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    scale: float,
    band: float,
    near: float,
    far: float,
    limit: ti.i32,
    relaxation: float,
    start: Numbers,
    status: Ints,
    t: Numbers,
    evaluations: Ints,
):
    """``march_cones``, then ``march_packets``, for a user's function ``func``."""
    distance = ti.static(Distance(value_at, func, lanes))
    march = ti.static(March(scale, band, near, far, limit, relaxation))
    eye, bounds = ti.static(Eye(camera, orthographic), Bounds(numbers, is_ball))
    screen, met = ti.static(Screen(width, height), Met(status, t, evaluations))
    march_cones(distance, eye, bounds, screen, march, start)
    march_packets(distance, eye, bounds, screen, march, start, met)


@ti.func
def march_packets(
    distance: ti.template(),
    eye: ti.template(),
    bounds: ti.template(),
    screen: ti.template(),
    march: ti.template(),
    start: ti.template(),
    met: ti.template(),
):
    """Writes what the ray of every pixel meets into ``met``; ``start`` (V*blocks,) is of ``march_cones``."""
    lanes, cols = ti.static(distance.lanes, packet_columns(distance.lanes))
    rows = ti.static(lanes // cols)
    across, down = (screen.width + cols - 1) // cols, (screen.height + rows - 1) // rows
    for packet in range(eye.camera.shape[0] * across * down):
        view = packet // (across * down)
        inside = packet - view * across * down
        row, col = inside // across * rows, inside % across * cols
        first = start[block_of(view, row, col, screen)]
        if first < NEVER:
            x, y = middles(row, col, screen, 1, lanes, cols)
            ox, oy, oz, dx, dy, dz, cosine = ray_components(eye, view, x, y)
            constant, slope = footprint(eye, view, cosine, pixel_size(screen))
            ray = ti.static(Ray((ox, oy, oz), (dx, dy, dz), cosine, constant, slope))
            status, t, evaluations = _march_packet(first, ray, distance, bounds, march)
            for lane in ti.static(range(lanes)):
                values = lane_of(status, lane, lanes), lane_of(t, lane, lanes), lane_of(evaluations, lane, lanes)
                _write(met, view, row + lane // cols, col + lane % cols, screen, *values)
        else:
            for r, c in ti.ndrange((row, ti.min(row + rows, screen.height)), (col, ti.min(col + cols, screen.width))):
                _write(met, view, r, c, screen, MISS, 0.0, 0.0)


@ti.func
def _march_packet(first, ray: ti.template(), distance: ti.template(), bounds: ti.template(), march: ti.template()):
    """(status, t, evaluations) of the rays of a packet, which may begin at ``first``; all of them numbers."""
    zero = 0.0 * ray.cosine
    entry, leave = interval(ray.origin, ray.direction, bounds)
    t = higher(higher(entry, march.near / ray.cosine), first + zero)
    leave = lower(leave, march.far / ray.cosine)
    alive = ti.select(t < leave, 1.0, 0.0)
    status, evaluations, within, entered = zero + MISS, zero, zero, t
    previous, value, step, patience = zero + NEVER, zero, zero + 1.0, zero + PATIENCE
    total, longer, further = zero, zero, zero + march.relaxation - 1.0
    for _ in range(march.limit):
        if not any_lane(alive, distance.lanes):
            break
        h = signed_distance(t, ray, distance, march)
        w = ray.constant + ray.slope * t
        evaluations += alive
        total += ti.select(alive > 0.0, h, zero)  # NaN once one of them is
        here = ti.select(h < (BAND_REACH * march.width + MARGIN) * w, 1.0, 0.0)
        # a longer step whose ends' balls do not touch, or that ends near the surface, was too long: back
        back = alive * longer * higher(here, ti.select(ti.abs(h) + previous < step, 1.0, 0.0))
        t = t - back * (step - previous)
        further = further * (1.0 - back)
        going = alive * (1.0 - back)
        entered = ti.select(going * (here - within) > 0.0, t, entered)
        there = going * ti.select(h < CLOSE * w, 1.0, 0.0)
        patience = patience - here
        passed = going * ti.select(within - here > 0.0, 1.0, ti.select(patience > 0.0, 0.0, 1.0))
        value = ti.select(there > 0.0, h, value)
        status = ti.select(passed > 0.0, zero + BAND, status)
        status = ti.select(there > 0.0, zero + OPAQUE, status)
        ended = higher(there, passed)
        alive, going = alive * (1.0 - ended), going * (1.0 - ended)
        within = ti.select(going > 0.0, here, within)
        previous = ti.select(going > 0.0, h, previous)
        step = ti.select(going > 0.0, higher(h + h * further * (1.0 - here), LEAST * w), step)
        longer = ti.select(going * further * (1.0 - here) > 0.0, 1.0, 0.0)
        t = t + going * step
        gone = going * ti.select(t > leave, 1.0, 0.0)
        status = ti.select(gone * within > 0.0, zero + BAND, status)
        alive = alive * (1.0 - gone)
    status = ti.select(alive > 0.0, zero + BAND, status)
    entered = ti.select(alive * (1.0 - within) > 0.0, t, entered)
    w = ray.constant + ray.slope * t
    closing = higher(lower((previous - value) / step, 1.0), 0.05)  # how fast the ray came closer: the cosine there
    cut = ti.select(previous < NEVER, 0.0, 1.0)
    surface = t + (1.0 - cut) * higher(lower(value / closing, w), -step)
    if any_lane(ti.select(status == OPAQUE, 1.0, 0.0), distance.lanes):
        deeper = surface + (BAND_REACH * march.width + MARGIN) * w / higher(closing, 0.15)
        h = signed_distance(deeper, ray, distance, march)
        evaluations += ti.select(status == OPAQUE, 1.0, 0.0)
        thin = ti.select(h > -BAND_REACH * march.width * w, 1.0, 0.0) + ti.select(deeper > leave, 1.0, 0.0)
        opaque = ti.select(thin > 0.0, zero + BAND, zero + OPAQUE)
        opaque = ti.select(cut > 0.0, zero + CUT, opaque)
        status = ti.select(status == OPAQUE, opaque, status)
    status = ti.select(ti.math.isnan(total), zero + BROKEN, status)
    return status, ti.select(status == BAND, entered, surface), evaluations


@ti.func
def march_cones(
    distance: ti.template(),
    eye: ti.template(),
    bounds: ti.template(),
    screen: ti.template(),
    march: ti.template(),
    start: ti.template(),
):
    """Writes into ``start`` (V*blocks,) how far all rays of each block of pixels may go at once, NEVER if to the end.

    The rays of a block are within ``spread t`` of its middle one at t; where the surface is further from that one by
    more, none of them has met it.
    """
    lanes, cols = ti.static(distance.lanes, packet_columns(distance.lanes))
    rows = ti.static(lanes // cols)
    across, down = blocks(screen.width), blocks(screen.height)
    wide, high = (across + cols - 1) // cols, (down + rows - 1) // rows
    for packet in range(eye.camera.shape[0] * wide * high):
        view = packet // (wide * high)
        inside = packet - view * wide * high
        row, col = inside // wide * rows, inside % wide * cols
        x, y = middles(row, col, screen, BLOCK, lanes, cols)
        ox, oy, oz, dx, dy, dz, cosine = ray_components(eye, view, x, y)
        # half a block's diagonal, and what the focal lengths differ
        lens = ti.min(eye.camera[view, F], eye.camera[view, F + 1])
        constant, slope = 0.71 * BLOCK * pixel_size(screen) / lens + 0.0 * cosine, 0.0 * cosine
        if ti.static(not eye.orthographic):
            constant, slope = slope, constant
        ray = ti.static(Ray((ox, oy, oz), (dx, dy, dz), cosine, constant, slope))
        t = _march_cone(ray, distance, bounds, march)
        for lane in ti.static(range(lanes)):
            r, c = row + lane // cols, col + lane % cols
            if r < down and c < across:
                start[(view * down + r) * across + c] = lane_of(t, lane, lanes)


@ti.func
def _march_cone(ray: ti.template(), distance: ti.template(), bounds: ti.template(), march: ti.template()):
    """How far the rays of a cone may go; at t they are within ``constant + slope t`` of its middle.

    That leaves them outside of every band, so that they see all of it.
    """
    zero = 0.0 * ray.cosine
    t, leave = around(ray, bounds)
    t = higher(t - ray.constant, zero + march.near)
    leave = lower(leave + ray.constant, march.far / ray.cosine * (1.0 + ray.slope))
    alive = ti.select(t < leave, 1.0, 0.0)
    for _ in range(march.limit):
        if not any_lane(alive, distance.lanes):
            break
        reach = (ray.constant + ray.slope * t) * (SPREAD + 0.2 * march.width)
        free = signed_distance(t, ray, distance, march) - reach
        alive = alive * ti.select(free > 0.1 * reach, 1.0, 0.0)
        step = free / (1.0 + ray.slope * (SPREAD + 0.2 * march.width))
        t = ti.select(alive > 0.0, t + step, t)  # free may be NaN
        alive = alive * ti.select(t < leave, 1.0, 0.0)
    return ti.select(t < leave, t, zero + NEVER)


@ti.func
def around(ray: ti.template(), bounds: ti.template()):
    """An interval (from, to) outside of which no ray from this origin is within the bounds."""
    square, radius = 0.0 * ray.cosine, 0.0
    for k in ti.static(range(3)):
        center = bounds.numbers[k]
        if ti.static(not bounds.is_ball):
            center = 0.5 * (bounds.numbers[k] + bounds.numbers[3 + k])
            half = 0.5 * (bounds.numbers[3 + k] - bounds.numbers[k])
            radius += half * half
        offset = ray.origin[k] - center
        square += offset * offset
    if ti.static(bounds.is_ball):
        radius = bounds.numbers[3]
    else:
        radius = ti.sqrt(radius)
    middle = ti.sqrt(square)
    return middle - radius, middle + radius


def packet_columns(lanes):
    """Pixels side by side in a packet."""
    return {1: 1, 8: 4, 16: 4, 32: 8}[lanes]


@ti.func
def any_lane(mask, lanes: ti.template()):
    """Whether a number, or one lane of a packet, is positive."""
    if ti.static(lanes == 1):
        return mask > 0.0
    else:
        return mask.sum() > 0.0


@ti.func
def lane_of(value, lane: ti.template(), lanes: ti.template()):
    """One lane of a packet, or the number that there is."""
    if ti.static(lanes == 1):
        return value
    else:
        return value[lane]


@ti.func
def blocks(pixels):
    """Blocks along a side of so many pixels."""
    return (pixels + BLOCK - 1) // BLOCK


@ti.func
def block_of(view, row, col, screen: ti.template()):
    """Number of the block of a pixel."""
    return (view * blocks(screen.height) + row // BLOCK) * blocks(screen.width) + col // BLOCK


@ti.func
def middles(row, col, screen: ti.template(), size: ti.template(), lanes: ti.template(), cols: ti.template()):
    """Screen positions of the middles of a packet of squares, ``size`` pixels wide, of which the first is this one.

    What would be beyond the last row or column of squares is in it.
    """
    wide, high = (screen.width + size - 1) // size, (screen.height + size - 1) // size
    inverse = 1.0 / ti.cast(ti.min(screen.width, screen.height), float)
    if ti.static(lanes == 1):
        return _middle(col, size, screen.width) * inverse, -_middle(row, size, screen.height) * inverse
    else:
        x = ti.Vector(
            [_middle(ti.min(col + lane % cols, wide - 1), size, screen.width) for lane in ti.static(range(lanes))]
        )
        y = ti.Vector(
            [-_middle(ti.min(row + lane // cols, high - 1), size, screen.height) for lane in ti.static(range(lanes))]
        )
        return x * inverse, y * inverse


@ti.func
def _middle(index, size: ti.template(), pixels):
    return ti.cast((2 * index + 1) * size - pixels, float)


@ti.func
def _write(met: ti.template(), view, row, col, screen: ti.template(), status, t, evaluations):
    """Writes what a pixel's ray meets; lanes beyond the image have the rays of its last pixels, see ``middles``."""
    pixel = (view * screen.height + ti.min(row, screen.height - 1)) * screen.width + ti.min(col, screen.width - 1)
    met.status[pixel] = ti.cast(status, ti.i32)
    met.t[pixel] = t
    met.evaluations[pixel] = ti.cast(evaluations, ti.i32)


@ti.func
def signed_distance(t, ray: ti.template(), distance: ti.template(), march: ti.template()):
    """The scaled value at t along a ray."""
    x = ray.origin[0] + t * ray.direction[0]
    y = ray.origin[1] + t * ray.direction[1]
    z = ray.origin[2] + t * ray.direction[2]
    return distance.at(x, y, z, ti.static(distance)) * march.scale
