"""A user's radiance field along rays in one kernel: evaluated, added up, and not evaluated where enough has been seen.

What ``sample.place_evenly``, ``evaluate.evaluate_samples`` and ``composite.composite`` do one after the other, without
an array of samples: for pictures.  The way back needs one, and goes the other way.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Ints, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.march.packets import samples_at
from taichi_dr.kernels.march.point import as_vector
from taichi_dr.kernels.volume.evaluate import is_sample
from taichi_dr.kernels.volume.sample import offset_of


@simd
@replayed
@ti.kernel
def see_evenly(
    func: ti.template(),
    lanes: ti.template(),
    origins: Rows,
    directions: Rows,
    ends: Rows,
    pixel: Ints,
    rays: ti.i32,
    samples: ti.i32,
    stratified: ti.template(),
    seed: ti.i32,
    tolerance: float,
    seen: Rows,
) -> ti.i32:
    """Writes ``seen`` (R, 5); returns of how many samples the density or the colour is none."""
    wrong = 0
    for r in range(rays):
        origin, direction = row3(origins, r), row3(directions, r)
        entry, length = ends[r, 0], (ends[r, 1] - ends[r, 0]) / samples
        red, green, blue, distance, through, k = 0.0, 0.0, 0.0, 0.0, 1.0, 0
        bad = 0  # counted here: Vulkan leaves rays out where an inner loop adds to what a kernel returns
        while k < samples and through > tolerance:
            if ti.static(lanes == 1):
                t = entry + (k + offset_of(pixel, r, k, stratified, seed)) * length
                value = as_vector(func(origin + t * direction, direction), 4)
                behind = through * ti.exp(-value[0] * length)
                weight = through - behind
                red, green, blue = red + weight * value[1], green + weight * value[2], blue + weight * value[3]
                distance, through = distance + weight * t, behind
                if not is_sample(value[0], value[1] + value[2] + value[3]):
                    bad += 1
            else:
                t = ti.Vector([0.0 for _ in ti.static(range(lanes))])
                for lane in ti.static(range(lanes)):
                    t[lane] = entry + (k + lane + offset_of(pixel, r, k + lane, stratified, seed)) * length
                x, y, z = origin.x + t * direction.x, origin.y + t * direction.y, origin.z + t * direction.z
                dx, dy, dz = 0.0 * t + direction.x, 0.0 * t + direction.y, 0.0 * t + direction.z
                sigma, r_color, g_color, b_color = samples_at(func, x, y, z, dx, dy, dz)
                thickness, sums = sigma * length, r_color + g_color + b_color
                for lane in ti.static(range(lanes)):
                    if k + lane < samples and through > tolerance:
                        behind = through * ti.exp(-thickness[lane])
                        weight = through - behind
                        red, green = red + weight * r_color[lane], green + weight * g_color[lane]
                        blue, distance = blue + weight * b_color[lane], distance + weight * t[lane]
                        through = behind
                        if not is_sample(sigma[lane], sums[lane]):
                            bad += 1
            k += lanes
        if bad > 0:
            wrong += bad
        seen[r, 0], seen[r, 1], seen[r, 2], seen[r, 3], seen[r, 4] = red, green, blue, 1.0 - through, distance
    return wrong
