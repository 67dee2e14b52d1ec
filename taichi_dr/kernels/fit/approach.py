"""Where rays come closest to the surface of a grid of distances, and where they meet it first.  Without gradients."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows, VectorVolume
from taichi_dr.kernels.fit.rays import interpolate, ray_in_cells

NOWHERE = -1.0
DEEP = 3.0
"""Pixels: a ray that is to meet the surface and is as deep inside need not be followed farther."""
STEP, TRUST = 0.5, 0.8
"""The least step in cells; the part of a distance that a step is."""


@replayed
@ti.kernel
def approach(
    distances: VectorVolume,
    views: Rows,
    pixels: Ints,
    wanted: Ints,
    closest: Numbers,
    met: Numbers,
    width: int,
    height: int,
    lower_x: float,
    lower_y: float,
    lower_z: float,
    spacing: float,
):
    """Writes the depths ``closest`` (B,), where a ray has its least distance in pixels, and ``met`` (B,).

    ``distances`` (X, Y, Z, 1), ``views`` (V, 16), ``pixels`` (B,); ``wanted`` (B,) is 1 for rays that are to meet the
    surface: those are followed to ``DEEP`` pixels within it.  ``NOWHERE`` where a ray misses the grid, or the surface.
    """
    lower = ti.Vector([lower_x, lower_y, lower_z])
    for i in pixels:
        origin, direction, focal = ray_in_cells(views, pixels[i], width, height, lower, spacing)
        t, last = 1e-3 * spacing, 1e30
        for axis in ti.static(range(3)):
            inverse = 1.0 / (direction[axis] if ti.abs(direction[axis]) > 1e-9 else 1e-9)
            first, second = -origin[axis] * inverse, (distances.shape[axis] - 1 - origin[axis]) * inverse
            t, last = ti.max(t, ti.min(first, second)), ti.min(last, ti.max(first, second))
        closest[i], met[i] = NOWHERE, NOWHERE
        step = 1.0 / direction.norm()
        least, t_least, before, t_before = 1e30, NOWHERE, 0.0, t
        while t < last:
            f = interpolate(distances, origin + t * direction, 0)
            depth_inside = f * focal / t
            if depth_inside < least:
                least, t_least = depth_inside, t
            if f <= 0 and met[i] == NOWHERE:
                met[i] = t_before + (t - t_before) * before / ti.max(before - f, 1e-20)
            if wanted[i] == 1 and depth_inside < -DEEP:
                break
            before, t_before = f, t
            t += ti.max(STEP, TRUST * ti.abs(f) / spacing) * step
        if t_least > 0:
            closest[i] = _refined(distances, origin, direction, t_least, STEP * step)


@ti.func
def _refined(distances: ti.template(), origin, direction, t, step):
    """Where ``f / t`` is least near t: that of the parabola through three samples."""
    low = interpolate(distances, origin + (t - step) * direction, 0) / (t - step)
    middle = interpolate(distances, origin + t * direction, 0) / t
    high = interpolate(distances, origin + (t + step) * direction, 0) / (t + step)
    bend = low - 2.0 * middle + high
    shift = 0.0
    if bend > 1e-12:
        shift = ti.math.clamp(0.5 * (low - high) / bend, -1.0, 1.0)
    return t + shift * step
