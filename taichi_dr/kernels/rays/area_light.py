"""Light of rectangles and spheres that shine, on what rays see: a sample of the light for every ray.

    local += albedo / pi radiance max(n.D, 0) / |D| W V

with the light's point l, seen from x in D = l - x, and its solid angle W of ``light_samples``; V = 1 where nothing is
in between.  The samples of a pixel are spread evenly over the light.  What is blocked is held constant.

``partials`` (12, C): adjoints of the light's nine numbers and of its radiance, a column for every part of the rays.
"""

import taichi as ti

from taichi_dr.kernels.base.random import spread_pair
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit
from taichi_dr.kernels.rays.bounce import clearance, roundings
from taichi_dr.kernels.rays.light_samples import sample_light, sample_light_adjoint
from taichi_dr.kernels.rays.solids import COLUMNS
from taichi_dr.kernels.rays.surface import ALBEDO, GEOMETRIC, LIFT, NORMAL, POSITION, is_before, takes_light

RADIANCE = COLUMNS
PARTIALS = COLUMNS + 3
SHORT = 16.0  # roundings that a shadow ray ends before its light


@replayed
@ti.kernel
def aim_at(
    what: Ints,
    hits: Rows,
    seen: Rows,
    path: Ints,
    count: ti.i32,
    solids: Rows,
    kinds: Ints,
    solid: ti.i32,
    seed: ti.i32,
    samples: ti.i32,
    dimension: ti.i32,
    origins: Rows,
    directions: Rows,
    ends: Rows,
):
    """Writes the shadow rays to points of a light; of what they cannot light, rays that end before they begin."""
    for i in range(count):
        origin, direction, last = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 1.0]), -1.0
        if what[i] >= 0:
            position, geometric = get3(seen, i, POSITION), get3(seen, i, GEOMETRIC)
            r1, r2 = spread_pair(seed, path[i], samples, dimension)
            point, solid_angle = sample_light(kinds[solid], solid, solids, r1, r2, position)
            toward = point - position
            if solid_angle > 0.0 and is_before(seen, i, toward):
                origin = position + geometric * (clearance(position, hits[i, 0]) + seen[i, LIFT])
                direction = unit(point - origin)
                last = (point - origin).norm() * ti.static(1.0 - SHORT * roundings())
        for c in ti.static(range(3)):
            origins[i, c], directions[i, c] = origin[c], direction[c]
        ends[i, 0], ends[i, 1] = 0.0, last


@replayed
@ti.kernel
def shine(
    what: Ints,
    seen: Rows,
    path: Ints,
    count: ti.i32,
    objects: Ints,
    materials: Rows,
    solids: Rows,
    kinds: Ints,
    solid: ti.i32,
    radiance: Rows,
    seed: ti.i32,
    samples: ti.i32,
    dimension: ti.i32,
    met: IntRows,
    row: ti.i32,
    local: Rows,
):
    """Adds the light's part to ``local`` (R, 3); ``radiance`` (1, 3)."""
    for i in range(count):
        if what[i] >= 0 and met[row, i] == 0 and takes_light(objects[what[i]], materials):
            position, normal = get3(seen, i, POSITION), get3(seen, i, NORMAL)
            r1, r2 = spread_pair(seed, path[i], samples, dimension)
            point, solid_angle = sample_light(kinds[solid], solid, solids, r1, r2, position)
            toward = point - position
            cosine = unit(toward).dot(normal)
            if is_before(seen, i, toward):
                arriving = cosine * solid_angle / ti.math.pi
                for c in ti.static(range(3)):
                    local[i, c] = local[i, c] + seen[i, ALBEDO + c] * radiance[0, c] * arriving


@replayed
@ti.kernel
def shine_adjoint(
    what: Ints,
    seen: Rows,
    path: Ints,
    count: ti.i32,
    objects: Ints,
    materials: Rows,
    solids: Rows,
    kinds: Ints,
    solid: ti.i32,
    radiance: Rows,
    seed: ti.i32,
    samples: ti.i32,
    dimension: ti.i32,
    met: IntRows,
    row: ti.i32,
    local_adjoint: Rows,
    seen_adjoint: Rows,
    partials: Rows,
):
    """Adds to the adjoints of what is seen and, column by column, to those of the light."""
    for column in range(partials.shape[1]):
        size = (count + partials.shape[1] - 1) // partials.shape[1]
        total, bright = ti.Vector([0.0] * COLUMNS), ti.Vector([0.0, 0.0, 0.0])
        for i in range(column * size, ti.min((column + 1) * size, count)):
            g = row3(local_adjoint, i)
            if what[i] >= 0 and met[row, i] == 0 and g.any() and takes_light(objects[what[i]], materials):
                position, normal, albedo = get3(seen, i, POSITION), get3(seen, i, NORMAL), get3(seen, i, ALBEDO)
                r1, r2 = spread_pair(seed, path[i], samples, dimension)
                point, solid_angle = sample_light(kinds[solid], solid, solids, r1, r2, position)
                toward = point - position
                light = unit(toward)
                cosine = light.dot(normal)
                if is_before(seen, i, toward):
                    arriving = cosine * solid_angle / ti.math.pi
                    bright += g * albedo * arriving
                    g_arriving = (g * albedo).dot(row3(radiance, 0)) / ti.math.pi
                    g_cosine = g_arriving * solid_angle
                    g_toward = (normal - cosine * light) * (g_cosine / toward.norm())
                    by_place, by_solid = sample_light_adjoint(
                        kinds[solid], solid, solids, r1, r2, position, g_toward, g_arriving * cosine
                    )
                    total += by_solid
                    for c in ti.static(range(3)):
                        of_albedo = g[c] * radiance[0, c] * arriving
                        seen_adjoint[i, ALBEDO + c] = seen_adjoint[i, ALBEDO + c] + of_albedo
                        seen_adjoint[i, NORMAL + c] = seen_adjoint[i, NORMAL + c] + g_cosine * light[c]
                        of_place = by_place[c] - g_toward[c]
                        seen_adjoint[i, POSITION + c] = seen_adjoint[i, POSITION + c] + of_place
        for c in ti.static(range(COLUMNS)):
            partials[c, column] = partials[c, column] + total[c]
        for c in ti.static(range(3)):
            partials[RADIANCE + c, column] = partials[RADIANCE + c, column] + bright[c]
