"""Rays that graze the surface, packet by packet: every layer of it that they touch, and how close they come.

A layer is a stretch of the ray on which the surface is within the silhouettes' band.  It has a point of closest
approach (the least value in the stretch, inside the surface if the ray enters it) and a point that is seen: where the
ray enters, or the closest one where it does not.  A ray that goes deeper than the band ends in a layer that covers its
pixel (and has no closest point); else it goes on, through thin edges and past near misses, to what is behind.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.launch import grain
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.camera.rays import Eye
from taichi_dr.kernels.march.bounds import NEVER, Bounds, interval
from taichi_dr.kernels.march.bracket import NARROWINGS, PROBES, SMOOTH, Bracket, lowest_in, narrow_bracket
from taichi_dr.kernels.march.evaluate import value_at
from taichi_dr.kernels.march.rays import pixel_ray
from taichi_dr.kernels.march.settings import LAYERS, Distance, Layers, March
from taichi_dr.kernels.march.stretch import Stretch, close, ends_before, entry, note
from taichi_dr.kernels.march.trace import BAND_REACH, MARGIN, Ray, any_lane, lane_of, signed_distance
from taichi_dr.kernels.screen.pixels import Screen

LEAST = 1.0  # pixels: the shortest step; what is thinner is between three samples, and found there


class Grazing(NamedTuple):
    """Rays that graze something: of which pixels, ``count`` of them; of all pixels, where to start, and evaluations."""

    pixel: Any
    count: Any
    start: Any
    evaluations: Any


@simd
@replayed
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
    lanes, grains = ti.static(distance.lanes, grain())
    for task in range((grazing_count + lanes - 1) // lanes * grains):
        if task % grains == 0:
            first = task // grains * lanes
            rays = ti.static(Grazing(grazing, grazing_count, start, evaluations))
            _follow_packet(first, rays, distance, eye, bounds, screen, march, layers)


@ti.func
def _follow_packet(
    first,
    rays: ti.template(),
    distance: ti.template(),
    eye: ti.template(),
    bounds: ti.template(),
    screen: ti.template(),
    march: ti.template(),
    layers: ti.template(),
):
    """Follows as many rays from ``first`` on as there are lanes, each until a layer ends: then all of these are closed,
    and their rays go on.
    """
    lanes = ti.static(distance.lanes)
    t, going, ox, oy, oz, dx, dy, dz, cosine, constant, slope = _load(first, rays, eye, screen, lanes)
    ray = ti.static(Ray((ox, oy, oz), (dx, dy, dz), cosine, constant, slope))
    _, leave = interval(ray.origin, ray.direction, bounds)
    leave = lower(leave, march.far / ray.cosine)
    zero = 0.0 * t
    going = ti.select(t <= leave, going, 0.0)
    found, taken = zero, zero
    lowest, low, h_low, high, highest = zero + NEVER, t, zero + NEVER, t, zero - NEVER
    crossing, outside, h_outside, t_before, h_before = zero + NEVER, t, zero + NEVER, t, zero + NEVER
    stretch = ti.static(
        Stretch(lowest, low, h_low, high, highest, crossing, outside, h_outside, t_before, h_before),
    )
    for _layer in range(LAYERS):
        again, closed, covered = zero, zero, zero
        for _step in range(4 * march.limit):
            if not any_lane(going, lanes):
                break
            h, w = signed_distance(t, ray, distance, march), ray.constant + ray.slope * t
            reach = (BAND_REACH * march.width + MARGIN) * w
            taken += going
            ended = going * ends_before(h, w, reach, stretch)
            close(t, ended, stretch)
            going = going - ended
            note(t, h, ti.select(h < reach, going, 0.0), stretch)
            opaque = ti.select(h < -reach, going, 0.0)
            going = going - opaque
            t_before, h_before = ti.select(going > 0.0, t, t_before), ti.select(going > 0.0, h, h_before)
            t += going * higher(ti.abs(h), LEAST * w)
            gone = ti.select(t > leave, going, 0.0)
            left = ti.select(lowest < NEVER, gone, 0.0)
            close(leave, left, stretch)
            going = going - gone
            again, closed, covered = again + ended, closed + ended + left, covered + opaque
        if any_lane(closed + covered, lanes):
            closest, h, more = _find_closest(stretch, closed, ray, distance, march)
            seen = entry(closest, h, crossing, outside, h_outside)
            seen = ti.select(covered > 0.0, crossing, seen)
            closest = ti.select(covered > 0.0, NEVER, closest)
            _write(first, closed + covered, found, seen, closest, layers, lanes)
            found, taken = found + closed + covered, taken + more
        going = again
    for lane in range(lanes):
        i = first + lane
        if i < rays.count:
            pixel = rays.pixel[i]
            layers.count[i] = ti.cast(lane_of(found, lane, lanes), ti.i32)
            rays.evaluations[pixel] = rays.evaluations[pixel] + ti.cast(lane_of(taken, lane, lanes), ti.i32)


@ti.func
def _load(first, rays: ti.template(), eye: ti.template(), screen: ti.template(), lanes: ti.template()):
    """Where the rays of a packet begin, 1 for those that there are, and the numbers of a ``Ray``."""
    if ti.static(lanes == 1):
        pixel = rays.pixel[first]
        ox, oy, oz, dx, dy, dz, cosine, constant, slope = pixel_ray(pixel, eye, screen)
        return rays.start[pixel], 1.0, ox, oy, oz, dx, dy, dz, cosine, constant, slope
    else:
        t = ti.Vector([0.0 for _ in ti.static(range(lanes))])
        going, ox, oy, oz, dx, dy, dz, cosine, constant, slope = t, t, t, t, t, t, t, t, t, t
        for lane in range(lanes):
            pixel = rays.pixel[ti.min(first + lane, rays.count - 1)]
            t[lane], going[lane] = rays.start[pixel], ti.select(first + lane < rays.count, 1.0, 0.0)
            numbers = pixel_ray(pixel, eye, screen)
            ox[lane], oy[lane], oz[lane] = numbers[0], numbers[1], numbers[2]
            dx[lane], dy[lane], dz[lane] = numbers[3], numbers[4], numbers[5]
            cosine[lane], constant[lane], slope[lane] = numbers[6], numbers[7], numbers[8]
        return t, going, ox, oy, oz, dx, dy, dz, cosine, constant, slope


@ti.func
def _write(first, ends, found, surface, closest, layers: ti.template(), lanes: ti.template()):
    """Writes the layers that end in a packet, after those that its rays have ``found``."""
    for lane in range(lanes):
        if lane_of(ends, lane, lanes) > 0.0:
            row = (first + lane) * LAYERS + ti.cast(lane_of(found, lane, lanes), ti.i32)
            layers.surface[row] = lane_of(surface, lane, lanes)
            layers.closest[row] = lane_of(closest, lane, lanes)


@ti.func
def _find_closest(stretch: ti.template(), going, ray: ti.template(), distance: ti.template(), march: ti.template()):
    """Where in stretches that are closed the distance is least; how much, and the evaluations that it took."""
    zero = 0.0 * going
    low, quarter, known, shift = stretch.low, 0.25 * (stretch.high - stretch.low), zero, zero
    before, middle, after = zero, zero, zero
    bracket = ti.static(Bracket(low, quarter, known, shift, before, middle, after))
    closest, least, taken = low, zero, zero
    for _ in range(NARROWINGS):
        if not any_lane(going, distance.lanes):
            break
        first, second, third = zero, zero, zero
        for probe in range(PROBES):
            first, second = second, third
            third = signed_distance(low + (probe + 1.0) * quarter, ray, distance, march)
        closest = ti.select(going > 0.0, lowest_in(first, second, third, bracket), closest)
        least = ti.select(going > 0.0, lower(lower(first, second), third), least)
        taken += PROBES * going
        tolerance = SMOOTH * (ray.constant + ray.slope * low)
        going = going * (1.0 - narrow_bracket(first, second, third, tolerance, bracket))
    return closest, least, taken
