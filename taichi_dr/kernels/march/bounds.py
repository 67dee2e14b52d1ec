"""Where a ray enters and leaves a box or a ball, and which side of it a point is on.

Bounds are six numbers of an array: the lower and the upper corner of a box; or the centre of a ball and its radius.
Sources: Kay and Kajiya, Ray Tracing Complex Scenes, 1986 (slabs); the quadratic equation (ball).
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.vectors import unit

NEVER = 1e30


class Bounds(NamedTuple):
    """``numbers`` (6,), and whether they are those of a ball (static)."""

    numbers: Any
    is_ball: Any


@ti.func
def interval(origin: ti.template(), direction: ti.template(), bounds: ti.template()):
    """(entry, exit) along a ray, entry > exit where it misses; ``origin`` and ``direction``: (x, y, z) of numbers or
    packets, the direction of unit length.  The entry is negative where the origin is inside.
    """
    entry, leave = origin[0] * 0.0 - NEVER, origin[0] * 0.0 + NEVER
    if ti.static(bounds.is_ball):
        half, offset = origin[0] * 0.0, origin[0] * 0.0 - bounds.numbers[3] * bounds.numbers[3]
        for k in ti.static(range(3)):
            q = origin[k] - bounds.numbers[k]
            half += q * direction[k]
            offset += q * q
        square = half * half - offset
        root = ti.sqrt(higher(square, 0.0))
        entry = ti.select(square > 0.0, -half - root, NEVER)
        leave = ti.select(square > 0.0, root - half, -NEVER)
    else:
        for k in ti.static(range(3)):
            inverse = 1.0 / ti.select(ti.abs(direction[k]) > 1e-12, direction[k], 1e-12)
            low, high = (bounds.numbers[k] - origin[k]) * inverse, (bounds.numbers[3 + k] - origin[k]) * inverse
            entry = higher(entry, lower(low, high))
            leave = lower(leave, higher(low, high))
    return entry, leave


@ti.func
def nearest_side(p, bounds: ti.template()):
    """(distance, unit normal) of the side of the bounds nearest to a point: a face of the box, or the sphere.

    Of the box from -1 to 1 and p = (0.9, 0, -0.2): 0.1 and (1, 0, 0).
    """
    distance, normal = NEVER, ti.Vector([0.0, 0.0, 0.0])
    if ti.static(bounds.is_ball):
        radial = p - ti.Vector([bounds.numbers[k] for k in ti.static(range(3))])
        distance, normal = ti.abs(radial.norm() - bounds.numbers[3]), unit(radial)
    else:
        for k in ti.static(range(3)):
            away = ti.min(ti.abs(p[k] - bounds.numbers[k]), ti.abs(p[k] - bounds.numbers[3 + k]))
            if away < distance:
                distance, normal = away, ti.Vector([ti.static(float(k == axis)) for axis in ti.static(range(3))])
    return distance, normal


@ti.func
def past_middle(origin: ti.template(), direction: ti.template(), bounds: ti.template()):
    """Where a ray passes the middle of the bounds; arguments as for ``interval``."""
    t = 0.0 * origin[0]
    for k in ti.static(range(3)):
        center = bounds.numbers[k]
        if ti.static(not bounds.is_ball):
            center = 0.5 * (bounds.numbers[k] + bounds.numbers[3 + k])
        t += (center - origin[k]) * direction[k]
    return t
