"""Rays that graze the surface, one by one: every layer of it that they touch, and how close they come.

A layer is a stretch of the ray on which the surface is within the silhouettes' band.  It has a point of closest
approach (the least value in the stretch, inside the surface if the ray enters it) and a point that is seen: where the
ray enters, or the closest one where it does not.  A ray that goes deeper than the band ends in a layer that covers its
pixel (and has no closest point); else it goes on, through thin edges and past near misses, to what is behind.
"""

import math

import taichi as ti

from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.camera.rays import Eye, footprint, ray_components
from taichi_dr.kernels.march.bounds import NEVER, Bounds, interval
from taichi_dr.kernels.march.evaluate import value_at
from taichi_dr.kernels.march.settings import LAYERS, Distance, Layers, March
from taichi_dr.kernels.march.stretch import Stretch, close, ends_before, entry, note
from taichi_dr.kernels.march.trace import BAND_REACH, MARGIN, Ray, signed_distance
from taichi_dr.kernels.screen.pixels import Screen, pixel_center, pixel_size

LEAST = 1.0  # pixels: the shortest step; what is thinner is between three samples, and found there
GOLDEN = 0.6180339887498949
FINE = 56  # the closest point is found to this part of the samples' distance; then by a parabola, through values
WIDE = 3  # samples apart, which are further apart than single precision can tell equal
ROUND = 0.1  # pixels: the same for samples taken one by one


@ti.kernel
def follow(
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
    t: Numbers,
    evaluations: Ints,
    grazing: Ints,
    grazing_count: ti.i32,
    surface: Numbers,
    closest: Numbers,
    count: Ints,
):
    """``follow_rays`` for a user's function ``func``."""
    distance = ti.static(Distance(value_at, func, lanes))
    march = ti.static(March(scale, band, near, far, limit, relaxation))
    eye, bounds, screen = ti.static(Eye(camera, orthographic), Bounds(numbers, is_ball), Screen(width, height))
    layers = ti.static(Layers(surface, closest, count))
    follow_rays(distance, eye, bounds, screen, march, t, evaluations, grazing, grazing_count, layers)


@ti.func
def follow_rays(
    distance: ti.template(),
    eye: ti.template(),
    bounds: ti.template(),
    screen: ti.template(),
    march: ti.template(),
    start: ti.template(),
    evaluations: ti.template(),
    grazing: ti.template(),
    grazing_count,
    layers: ti.template(),
):
    """Writes the layers of the ``grazing`` pixels' rays, from ``start[pixel]`` on; adds to ``evaluations[pixel]``."""
    for i in range(grazing_count):
        pixel = grazing[i]
        view = pixel // (screen.width * screen.height)
        inside = pixel - view * screen.width * screen.height
        x, y = pixel_center(inside // screen.width, inside % screen.width, screen)
        ox, oy, oz, dx, dy, dz, cosine = ray_components(eye, view, x, y)
        constant, slope = footprint(eye, view, cosine, pixel_size(screen))
        ray = ti.static(Ray((ox, oy, oz), (dx, dy, dz), cosine, constant, slope))
        found, taken = _follow(i, start[pixel], ray, distance, bounds, march, layers)
        layers.count[i] = found
        evaluations[pixel] = evaluations[pixel] + taken


@ti.func
def _follow(
    i,
    start,
    ray: ti.template(),
    distance: ti.template(),
    bounds: ti.template(),
    march: ti.template(),
    layers: ti.template(),
):
    """Writes the layers of one ray into the rows of ray i; returns their number and that of evaluations."""
    _, leave = interval(ray.origin, ray.direction, bounds)
    leave = ti.min(leave, march.far / ray.cosine)
    found, taken, t = 0, 0, start
    lowest, low, h_low, high, highest = NEVER, start, NEVER, start, -NEVER
    crossing, outside, h_outside, t_before, h_before = NEVER, start, NEVER, start, NEVER
    stretch = ti.static(
        Stretch(lowest, low, h_low, high, highest, crossing, outside, h_outside, t_before, h_before),
    )
    while t <= leave and found < LAYERS and taken < 4 * march.limit:
        least = LEAST * (ray.constant + ray.slope * t)
        count = 1
        values = _one_sample(t, ray, distance, march)
        if ti.static(distance.lanes > 1):
            if values[0] < distance.lanes * least:
                count = distance.lanes
                values = signed_distance(_samples(t, least, distance.lanes), ray, distance, march)
        taken += 1
        for k in range(count):
            if t <= leave and found < LAYERS:
                h, w = sample_of(values, k, distance.lanes), ray.constant + ray.slope * t
                reach = (BAND_REACH * march.width + MARGIN) * w
                if ends_before(h, w, reach, stretch):
                    close(t, stretch)
                    taken += _find_closest(i * LAYERS + found, stretch, ray, distance, march, layers)
                    found += 1
                if h < reach and found < LAYERS:
                    note(t, h, stretch)
                    if h < -reach:
                        layers.surface[i * LAYERS + found] = crossing
                        layers.closest[i * LAYERS + found] = NEVER
                        found += 1
                        lowest = NEVER
                        leave = -1.0  # nothing is seen behind
                t_before, h_before = t, h
                t += ti.select(k + 1 < count, least, ti.max(ti.abs(h), least))
    if lowest < NEVER and found < LAYERS:
        close(leave, stretch)
        taken += _find_closest(i * LAYERS + found, stretch, ray, distance, march, layers)
        found += 1
    return found, taken


@ti.func
def _one_sample(t, ray: ti.template(), distance: ti.template(), march: ti.template()):
    """The distance at t, as lane 0 of a packet where there are packets."""
    single = ti.static(Distance(distance.at, distance.data, 1))
    if ti.static(distance.lanes == 1):
        return signed_distance(t, ray, single, march)
    else:
        values = ti.Vector([0.0 for _ in ti.static(range(distance.lanes))])
        values[0] = signed_distance(t, ray, single, march)
        return values


@ti.func
def _samples(start, step, lanes: ti.template()):
    """As many numbers as there are lanes from ``start`` on."""
    if ti.static(lanes == 1):
        return start
    else:
        return start + step * ti.Vector([float(lane) for lane in ti.static(range(lanes))])


@ti.func
def sample_of(values, k, lanes: ti.template()):
    """Lane k of a packet, or the number that there is."""
    if ti.static(lanes == 1):
        return values
    else:
        return values[k]


@ti.func
def _find_closest(
    row,
    stretch: ti.template(),
    ray: ti.template(),
    distance: ti.template(),
    march: ti.template(),
    layers: ti.template(),
):
    """Writes the layer of a stretch that is closed; returns the evaluations that it took."""
    closest, h, taken = 0.0, 0.0, 0
    if ti.static(distance.lanes == 1):
        closest, h, taken = _golden(stretch.low, stretch.high, ray, distance, march)
    else:
        closest, h, taken = _sampled(stretch.low, stretch.high, ray, distance, march)
    layers.closest[row] = closest
    layers.surface[row] = entry(closest, h, stretch.crossing, stretch.outside, stretch.h_outside)
    return taken


@ti.func
def _sampled(low, high, ray: ti.template(), distance: ti.template(), march: ti.template()):
    """Where the distance along a ray is least, a packet of samples at a time; how much, and the evaluations."""
    lanes, rounds = ti.static(distance.lanes, math.ceil(math.log(FINE) / math.log(0.5 * (distance.lanes - 1))))
    a, b, closest, lowest = low, high, low, 0.0
    for _ in range(rounds):
        step = (b - a) / (lanes - 1)
        values = signed_distance(_samples(a, step, lanes), ray, distance, march)
        at = 0
        for k in range(1, lanes):
            if values[k] < values[at]:
                at = k
        closest, lowest = a + at * step, values[at]
        if WIDE <= at and at < lanes - WIDE:
            closest += WIDE * step * _vertex(values[at - WIDE], values[at], values[at + WIDE])
        a, b = ti.max(closest - step, a), ti.min(closest + step, b)
    return closest, lowest, rounds


@ti.func
def _vertex(before, here, after):
    """Where the parabola through three values, of which the middle one is the least, has its own: from -1/2 to 1/2."""
    bend = ti.max(before - 2.0 * here + after, 1e-30)
    return ti.min(ti.max(0.5 * (before - after) / bend, -0.5), 0.5)


@ti.func
def _golden(low, high, ray: ti.template(), distance: ti.template(), march: ti.template()):
    """The same by golden section, one sample at a time."""
    a, b = low, high
    left, right = b - GOLDEN * (b - a), a + GOLDEN * (b - a)
    h_left, h_right = signed_distance(left, ray, distance, march), signed_distance(right, ray, distance, march)
    sections = ti.static(math.ceil(math.log(FINE) / -math.log(GOLDEN)))
    for _ in range(sections):
        if h_left < h_right:
            b, right, h_right = right, left, h_left
            left = b - GOLDEN * (b - a)
            h_left = signed_distance(left, ray, distance, march)
        else:
            a, left, h_left = left, right, h_right
            right = a + GOLDEN * (b - a)
            h_right = signed_distance(right, ray, distance, march)
    middle = 0.5 * (a + b)
    half = ROUND * (ray.constant + ray.slope * middle)
    before, after = (
        signed_distance(middle - half, ray, distance, march),
        signed_distance(middle + half, ray, distance, march),
    )
    h = signed_distance(middle, ray, distance, march)
    return middle + half * _vertex(before, h, after), h, sections + 5
