"""Where every ray comes closest to the surface, hit or not: for losses on silhouettes that pull from any distance.

A ray that enters the surface goes on to the deepest point before it comes out again; another one has its closest point
where |f| is least on its way through the bounds, or past them.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.camera.rays import Eye, footprint, ray_components
from taichi_dr.kernels.march.bounds import NEVER, Bounds, interval, past_middle
from taichi_dr.kernels.march.evaluate import value_at
from taichi_dr.kernels.march.settings import Distance, March
from taichi_dr.kernels.march.trace import Ray, any_lane, lane_of, middles, packet_columns, signed_distance
from taichi_dr.kernels.screen.pixels import Screen, pixel_size

LEAST = 1.0  # pixels: the shortest step
HALVINGS = 7  # of the step around the closest sample; then the vertex of a parabola


@simd
@replayed
@ti.kernel
def approach(
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
):
    """``approach_packets`` for a user's function ``func``."""
    distance = ti.static(Distance(value_at, func, lanes))
    march = ti.static(March(scale, band, near, far, limit, relaxation))
    eye, bounds, screen = ti.static(Eye(camera, orthographic), Bounds(numbers, is_ball), Screen(width, height))
    approach_packets(distance, eye, bounds, screen, march, t)


@ti.func
def approach_packets(
    distance: ti.template(),
    eye: ti.template(),
    bounds: ti.template(),
    screen: ti.template(),
    march: ti.template(),
    closest: ti.template(),
):
    """Writes into ``closest`` (V*H*W,) where on its ray each pixel comes closest."""
    lanes, cols = ti.static(distance.lanes, packet_columns(distance.lanes))
    rows = ti.static(lanes // cols)
    across, down = (screen.width + cols - 1) // cols, (screen.height + rows - 1) // rows
    for packet in range(eye.camera.shape[0] * across * down):
        view = packet // (across * down)
        inside = packet - view * across * down
        row, col = inside // across * rows, inside % across * cols
        x, y = middles(row, col, screen, 1, lanes, cols)
        ox, oy, oz, dx, dy, dz, cosine = ray_components(eye, view, x, y)
        constant, slope = footprint(eye, view, cosine, pixel_size(screen))
        ray = ti.static(Ray((ox, oy, oz), (dx, dy, dz), cosine, constant, slope))
        t = _approach_packet(ray, distance, bounds, march)
        for lane in ti.static(range(lanes)):
            r, c = row + lane // cols, col + lane % cols
            if r < screen.height and c < screen.width:
                closest[(view * screen.height + r) * screen.width + c] = lane_of(t, lane, lanes)


@ti.func
def _approach_packet(ray: ti.template(), distance: ti.template(), bounds: ti.template(), march: ti.template()):
    zero = 0.0 * ray.cosine
    entry, leave = interval(ray.origin, ray.direction, bounds)
    past = higher(past_middle(ray.origin, ray.direction, bounds), march.near / ray.cosine)
    meets = ti.select(entry < leave, 1.0, 0.0)
    t = ti.select(meets > 0.0, higher(entry, march.near / ray.cosine), past)
    leave = lower(leave, march.far / ray.cosine)
    best, least, around, before = t, zero + NEVER, zero, zero
    alive, inside = ti.select(t < leave, meets, 0.0), zero
    for _ in range(march.limit):
        if not any_lane(alive, distance.lanes):
            break
        h = signed_distance(t, ray, distance, march)
        out = alive * inside * ti.select(h > 0.0, 1.0, 0.0)
        step = higher(ti.abs(h), LEAST * (ray.constant + ray.slope * t))
        nearer = alive * (1.0 - out) * ti.select(h < least, 1.0, 0.0)
        best, least = ti.select(nearer > 0.0, t, best), ti.select(nearer > 0.0, h, least)
        around = ti.select(nearer > 0.0, higher(step, before), around)
        inside = higher(inside, alive * ti.select(h < 0.0, 1.0, 0.0))
        alive = alive * (1.0 - out)
        t, before = t + alive * step, step
        alive = alive * ti.select(t < leave, 1.0, 0.0)
    for _ in range(HALVINGS):
        around = 0.5 * around
        for side in ti.static((-1.0, 1.0)):
            h = signed_distance(best + side * around, ray, distance, march)
            nearer = ti.select(h < least, 1.0, 0.0)
            best = ti.select(nearer > 0.0, best + side * around, best)
            least = ti.select(nearer > 0.0, h, least)
    before = signed_distance(best - around, ray, distance, march)
    after = signed_distance(best + around, ray, distance, march)
    bend = higher(before - 2.0 * least + after, 1e-30)
    return best + around * higher(lower(0.5 * (before - after) / bend, 0.5), -0.5)
