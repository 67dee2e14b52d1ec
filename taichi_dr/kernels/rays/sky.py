"""Light of an environment on what rays see: a direction for every ray, and whether that is free.

    local += albedo / pi L(w) max(n.w, 0) V / p(w)

Directions w are chosen by turns where the environment is bright and where the surface receives much (by the cosine to
its normal), which half of a pixel's samples is which being random; p is the mean of both densities (the balance
heuristic).  Directions, p and V are held constant.

Source: Veach and Guibas, Optimally combining sampling techniques for Monte Carlo rendering, 1995.
"""

import taichi as ti

from taichi_dr.kernels.base.random import spread_pair, uniform
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.rays.bounce import ENDLESS, clearance
from taichi_dr.kernels.rays.surface import ALBEDO, GEOMETRIC, LIFT, NORMAL, POSITION, is_before, takes_light
from taichi_dr.kernels.rays.triangle import across
from taichi_dr.kernels.shading.environment_samples import density_at, sample_environment

TURN = 1 << 18  # the dimension of random numbers that says whose turn it is


@ti.func
def around_normal(normal, r1, r2):
    """A unit direction with the density cosine / pi."""
    p, q = across(normal)
    sine, angle = ti.sqrt(r1), 2.0 * ti.math.pi * r2
    return sine * ti.cos(angle) * p + sine * ti.sin(angle) * q + ti.sqrt(ti.max(1.0 - r1, 0.0)) * normal


@replayed
@ti.kernel
def aim_up(
    what: Ints,
    hits: Rows,
    seen: Rows,
    path: Ints,
    count: ti.i32,
    rows: Rows,
    columns: Rows,
    seed: ti.i32,
    samples: ti.i32,
    dimension: ti.i32,
    origins: Rows,
    directions: Rows,
    ends: Rows,
    inverse: Numbers,
):
    """Writes rays to the environment, and 1 / p of their directions; of what they cannot light, rays without length."""
    for i in range(count):
        origin, direction, last, weight = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 1.0]), -1.0, 0.0
        if what[i] >= 0:
            position, geometric, normal = get3(seen, i, POSITION), get3(seen, i, GEOMETRIC), get3(seen, i, NORMAL)
            r1, r2 = spread_pair(seed, path[i], samples, dimension)
            first = ti.cast(uniform(seed, path[i] // samples, TURN + dimension) < 0.5, ti.i32)
            direction = around_normal(normal, r1, r2)
            if (path[i] % samples + first) % 2 == 1:
                direction, _ = sample_environment(rows, columns, r1, r2)
            cosine = ti.max(normal.dot(direction), 0.0)
            if is_before(seen, i, direction):
                weight = 2.0 / (cosine / ti.math.pi + density_at(rows, columns, direction))
                origin = position + geometric * (clearance(position, hits[i, 0]) + seen[i, LIFT])
                last = ENDLESS
        for c in ti.static(range(3)):
            origins[i, c], directions[i, c] = origin[c], direction[c]
        ends[i, 0], ends[i, 1], inverse[i] = 0.0, last, weight


@replayed
@ti.kernel
def shine_down(
    what: Ints,
    seen: Rows,
    count: ti.i32,
    objects: Ints,
    materials: Rows,
    directions: Rows,
    inverse: Numbers,
    arriving: Rows,
    met: IntRows,
    local: Rows,
):
    """Adds to ``local`` (R, 3) of the environment's radiance ``arriving`` (R, 3)."""
    for i in range(count):
        if what[i] >= 0 and met[0, i] == 0 and takes_light(objects[what[i]], materials):
            share = ti.max(get3(seen, i, NORMAL).dot(row3(directions, i)), 0.0) * inverse[i] / ti.math.pi
            for c in ti.static(range(3)):
                local[i, c] = local[i, c] + seen[i, ALBEDO + c] * arriving[i, c] * share


@replayed
@ti.kernel
def shine_down_adjoint(
    what: Ints,
    seen: Rows,
    count: ti.i32,
    objects: Ints,
    materials: Rows,
    directions: Rows,
    inverse: Numbers,
    arriving: Rows,
    met: IntRows,
    local_adjoint: Rows,
    seen_adjoint: Rows,
    arriving_adjoint: Rows,
):
    """Adds to the adjoint of what is seen; writes that of the radiance."""
    for i in range(count):
        by_arriving = ti.Vector([0.0, 0.0, 0.0])
        if what[i] >= 0 and met[0, i] == 0 and takes_light(objects[what[i]], materials):
            g, albedo, light = row3(local_adjoint, i), get3(seen, i, ALBEDO), row3(arriving, i)
            direction = row3(directions, i)
            cosine = get3(seen, i, NORMAL).dot(direction)
            if cosine > 0.0:
                scale = inverse[i] / ti.math.pi
                by_arriving = g * albedo * cosine * scale
                g_cosine = (g * albedo).dot(light) * scale
                for c in ti.static(range(3)):
                    seen_adjoint[i, ALBEDO + c] = seen_adjoint[i, ALBEDO + c] + g[c] * light[c] * cosine * scale
                    seen_adjoint[i, NORMAL + c] = seen_adjoint[i, NORMAL + c] + g_cosine * direction[c]
        for c in ti.static(range(3)):
            arriving_adjoint[i, c] = by_arriving[c]
