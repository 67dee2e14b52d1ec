"""Rays that graze the surface, one by one: every layer of it that they touch, and how close they come.

A layer is a stretch of the ray on which the surface is within the silhouettes' band.  It has a point of closest
approach (the least value in the stretch, inside the surface if the ray enters it) and a point that is seen: where the
ray enters, or the closest one where it does not.  A ray that goes deeper than the band ends in a layer that covers its
pixel (and has no closest point); else it goes on, through thin edges and past near misses, to what is behind.
"""

import taichi as ti

from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.camera.rays import Eye, footprint, ray_components
from taichi_dr.kernels.march.bounds import NEVER, Bounds, interval
from taichi_dr.kernels.march.evaluate import value_at
from taichi_dr.kernels.march.settings import LAYERS, Distance, Layers, March
from taichi_dr.kernels.march.trace import BAND_REACH, MARGIN, Ray, signed_distance
from taichi_dr.kernels.screen.pixels import Screen, pixel_center, pixel_size

LEAST = 1.0  # pixels: the shortest step; what is thinner is between three samples, and found there
GOLDEN = 0.6180339887498949
SECTIONS = 10  # of the golden section: 1.5 pixels become 0.01
SMOOTH = 0.01  # pixels: a parabola through three samples that foretells a fourth this well is good enough


@ti.kernel
def follow(
    func: ti.template(),
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
    distance = ti.static(Distance(value_at, func, 1))
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
    found, taken, within, rising = 0, 0, 0, 0
    t, t_before, h_before = start, start, NEVER
    lowest, t_lowest, low, high, crossing = 0.0, 0.0, 0.0, 0.0, NEVER
    while t <= leave and found < LAYERS and taken < 4 * march.limit:
        h = signed_distance(t, ray, distance, march)
        w = ray.constant + ray.slope * t
        taken += 1
        is_near = h < (BAND_REACH * march.width + MARGIN) * w
        if is_near and (within == 0 or h < lowest):
            lowest, t_lowest, low, high, rising = h, t, t_before, t, 0
        elif within == 1 and rising == 0:
            high, rising = t, 1
        if is_near and within == 0:
            within, crossing = 1, NEVER
        if is_near and h <= 0.0 and crossing == NEVER:
            crossing = t
            if h_before < NEVER:
                crossing = t + h * (t - t_before) / (h_before - h)
        if is_near and h < -(BAND_REACH * march.width + MARGIN) * w:
            layers.surface[i * LAYERS + found] = crossing
            layers.closest[i * LAYERS + found] = NEVER
            found += 1
            within = 0
            break
        if not is_near and within == 1:
            taken += _close(i * LAYERS + found, low, high, crossing, ray, distance, march, layers)
            found += 1
            within = 0
        t_before, h_before = t, h
        t += ti.max(ti.abs(h), LEAST * w)
    if within == 1 and found < LAYERS:
        taken += _close(i * LAYERS + found, low, ti.max(high, t_lowest), crossing, ray, distance, march, layers)
        found += 1
    return found, taken


@ti.func
def _close(
    row,
    low,
    high,
    crossing,
    ray: ti.template(),
    distance: ti.template(),
    march: ti.template(),
    layers: ti.template(),
):
    """Writes a layer whose closest point is between ``low`` and ``high``; returns the evaluations that it took."""
    middle = 0.5 * (low + high)
    h_low = signed_distance(low, ray, distance, march)
    h_middle = signed_distance(middle, ray, distance, march)
    h_high = signed_distance(high, ray, distance, march)
    bend = h_low - 2.0 * h_middle + h_high
    half = 0.5 * (high - low)
    closest, taken, smooth = middle, 4, 0
    if bend > 0.0:
        shift = ti.min(ti.max(0.5 * (h_low - h_high) / bend, -1.0), 1.0)
        closest = middle + shift * half
        expected = h_middle + shift * (0.5 * (h_high - h_low) + 0.5 * shift * bend)
        h = signed_distance(closest, ray, distance, march)
        if ti.abs(h - expected) < SMOOTH * (ray.constant + ray.slope * closest):
            smooth = 1
    if smooth == 0:
        closest = _least(low, high, ray, distance, march)
        taken += SECTIONS + 2
    layers.closest[row] = closest
    layers.surface[row] = ti.min(crossing, closest)
    return taken


@ti.func
def _least(low, high, ray: ti.template(), distance: ti.template(), march: ti.template()):
    """Where the distance along a ray is least, by golden section."""
    a, b = low, high
    left, right = b - GOLDEN * (b - a), a + GOLDEN * (b - a)
    h_left, h_right = signed_distance(left, ray, distance, march), signed_distance(right, ray, distance, march)
    for _ in range(SECTIONS):
        if h_left < h_right:
            b, right, h_right = right, left, h_left
            left = b - GOLDEN * (b - a)
            h_left = signed_distance(left, ray, distance, march)
        else:
            a, left, h_left = left, right, h_right
            right = a + GOLDEN * (b - a)
            h_right = signed_distance(right, ray, distance, march)
    return 0.5 * (a + b)
