"""Light of ambient, directional, point and spot lights on what rays see, with shadows.

    local = albedo (ambient + sum of color_k max(n.l_k, 0) V_k) + specular sum of color_k max(n.h_k, 0)^shininess V_k

as ``shading.light`` has it without shadows, with e = -d towards where the ray comes from, color_k with the share that a
spot light sends there, and V_k = 1 where the light is not blocked.  What is blocked is held constant here: how it
changes is the boundary's part of the gradient.

What is shown without light has an ambient light of 1, and no other.

``met`` (L, R): 1 where the shadow ray of light k meets something.  ``partials`` (light_rows L, C): adjoints of colour
and vector of each light, a column for every part of the rays.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit, unit_adjoint
from taichi_dr.kernels.rays.bounce import ENDLESS, clearance, roundings
from taichi_dr.kernels.rays.surface import (
    ALBEDO,
    GEOMETRIC,
    LIFT,
    MATERIAL,
    NORMAL,
    POSITION,
    REFRACTION,
    SHININESS,
    SPECULAR,
    UNLIT,
    is_before,
)
from taichi_dr.kernels.shading.light import (
    AMBIENT,
    POINT,
    SPOT,
    VECTOR,
    LightSums,
    cone_share,
    cone_share_adjoint,
    light_rows,
    towards_light,
)


@replayed
@ti.kernel
def aim(
    what: Ints,
    hits: Rows,
    seen: Rows,
    count: ti.i32,
    kind: Ints,
    vector: Rows,
    light: ti.i32,
    origins: Rows,
    directions: Rows,
    ends: Rows,
):
    """Writes the shadow rays to a light; of what it cannot light, rays that end before they begin."""
    for i in range(count):
        origin, direction, last = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 1.0]), -1.0
        if what[i] >= 0:
            position, geometric = get3(seen, i, POSITION), get3(seen, i, GEOMETRIC)
            toward = towards_light(kind[light], row3(vector, light), position)
            if is_before(seen, i, toward) and is_reached(kind[light], vector, light, toward):
                origin = position + geometric * (clearance(position, hits[i, 0]) + seen[i, LIFT])
                toward = towards_light(kind[light], row3(vector, light), origin)
                direction, last = unit(toward), ENDLESS
                if kind[light] >= POINT:
                    last = toward.norm()
        for c in ti.static(range(3)):
            origins[i, c], directions[i, c] = origin[c], direction[c]
        ends[i, 0], ends[i, 1] = 0.0, last


@replayed
@ti.kernel
def aim_from(
    what: Ints,
    hits: Rows,
    seen: Rows,
    count: ti.i32,
    kind: Ints,
    vector: Rows,
    light: ti.i32,
    lanes: ti.template(),
    eye: Rows,
    origins: Rows,
    directions: Rows,
    ends: Rows,
):
    """``aim`` of a point or spot light, with rays that begin there, ``eye`` (1, 3), and so go in packets of ``lanes``.

    Of what the light cannot light, rays go the way of another one of their packet.
    """
    for packet in range(count // lanes):
        place = row3(vector, light)
        some = ti.Vector([0.0, 0.0, 1.0])
        for i in range(packet * lanes, (packet + 1) * lanes):
            last = -1.0
            direction = ti.Vector([0.0, 0.0, 0.0])
            if what[i] >= 0:
                position, geometric = get3(seen, i, POSITION), get3(seen, i, GEOMETRIC)
                toward = place - position
                if is_before(seen, i, toward) and is_reached(kind[light], vector, light, toward):
                    way = position + geometric * (clearance(position, hits[i, 0]) + seen[i, LIFT]) - place
                    direction, last = unit(way), way.norm() * ti.static(1.0 - roundings())
                    some = direction
            ends[i, 0], ends[i, 1] = 0.0, last
            for c in ti.static(range(3)):
                origins[i, c], directions[i, c] = place[c], direction[c]
        for i in range(packet * lanes, (packet + 1) * lanes):
            if ends[i, 1] < 0.0:
                for c in ti.static(range(3)):
                    directions[i, c] = some[c]
        if packet == 0:
            for c in ti.static(range(3)):
                eye[0, c] = place[c]


@ti.func
def is_reached(kind, vector: ti.template(), k, toward):
    """Whether light k shines to where ``toward`` is the way to it: into its cone, if it is a spot light."""
    reached = True
    if kind == SPOT:
        reached = cone_share(kind, vector, k, unit(toward)) > 0.0
    return reached


@replayed
@ti.kernel
def shade(
    what: Ints,
    directions: Rows,
    seen: Rows,
    count: ti.i32,
    objects: Ints,
    materials: Rows,
    kind: Ints,
    color: Rows,
    vector: Rows,
    met: IntRows,
    local: Rows,
):
    """Writes ``local`` (R, 3)."""
    for i in range(count):
        result = ti.Vector([0.0, 0.0, 0.0])
        if what[i] >= 0 and materials[objects[what[i]], REFRACTION] <= 0.0:
            thing = objects[what[i]]
            position, normal = get3(seen, i, POSITION), get3(seen, i, NORMAL)
            irradiance, highlight = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
            lit = materials[thing, UNLIT] <= 0.0
            for k in range(kind.shape[0]):
                if kind[k] == AMBIENT:
                    irradiance += ti.select(lit, row3(color, k), 1.0)
                elif lit and met[k, i] == 0:
                    light = unit(towards_light(kind[k], row3(vector, k), position))
                    cosine = light.dot(normal)
                    if is_before(seen, i, light):
                        bright = row3(color, k) * cone_share(kind[k], vector, k, light)
                        irradiance += bright * cosine
                        reflected = normal.dot(unit(light - row3(directions, i)))
                        if materials[thing, SPECULAR] > 0.0 and reflected > 0.0:
                            highlight += bright * (
                                materials[thing, SPECULAR] * reflected ** materials[thing, SHININESS]
                            )
            result = get3(seen, i, ALBEDO) * irradiance + highlight
        for c in ti.static(range(3)):
            local[i, c] = result[c]


@replayed
@ti.kernel
def shade_adjoint(
    what: Ints,
    directions: Rows,
    seen: Rows,
    count: ti.i32,
    objects: Ints,
    materials: Rows,
    kind: Ints,
    color: Rows,
    vector: Rows,
    met: IntRows,
    local_adjoint: Rows,
    directions_adjoint: Rows,
    seen_adjoint: Rows,
    back: Rows,
    partials: Rows,
):
    """Adds to the adjoints of directions, of what is seen, of materials and, column by column, of the lights."""
    for column in range(partials.shape[1]):
        size = (count + partials.shape[1] - 1) // partials.shape[1]
        sums = ti.static(LightSums(partials, column))
        for i in range(column * size, ti.min((column + 1) * size, count)):
            if what[i] >= 0 and materials[objects[what[i]], REFRACTION] <= 0.0:
                thing, g = objects[what[i]], row3(local_adjoint, i)
                position, normal = get3(seen, i, POSITION), get3(seen, i, NORMAL)
                specular, shininess = materials[thing, SPECULAR], materials[thing, SHININESS]
                g_irradiance, irradiance = g * get3(seen, i, ALBEDO), ti.Vector([0.0, 0.0, 0.0])
                g_position, g_normal = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
                lit = materials[thing, UNLIT] <= 0.0
                g_direction, g_specular, g_shininess = ti.Vector([0.0, 0.0, 0.0]), 0.0, 0.0
                for k in range(kind.shape[0]):
                    g_color, g_toward = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
                    if kind[k] == AMBIENT:
                        irradiance += ti.select(lit, row3(color, k), 1.0)
                        g_color = ti.select(lit, g_irradiance, 0.0)
                    elif lit and met[k, i] == 0:
                        toward = towards_light(kind[k], row3(vector, k), position)
                        light = unit(toward)
                        cosine = light.dot(normal)
                        if is_before(seen, i, light):
                            share = cone_share(kind[k], vector, k, light)
                            irradiance += row3(color, k) * (share * cosine)
                            g_color = g_irradiance * cosine
                            g_cosine = g_irradiance.dot(row3(color, k)) * share
                            g_normal += light * g_cosine
                            g_light = normal * g_cosine
                            half = light - row3(directions, i)
                            reflected = normal.dot(unit(half))
                            if reflected > 0.0 and specular > 0.0:
                                power = reflected**shininess
                                bright = g.dot(row3(color, k)) * share
                                g_specular += bright * power
                                g_color += g * (specular * power)
                                g_shininess += bright * specular * power * ti.log(reflected)
                                slope = bright * specular * shininess * power / reflected
                                g_normal += unit(half) * slope
                                g_half = unit_adjoint(half, normal * slope)
                                g_light += g_half
                                g_direction -= g_half
                            if kind[k] == SPOT:
                                g_share = g_color.dot(row3(color, k))
                                g_light += cone_share_adjoint(vector, k, light, g_share, sums)
                                g_color *= share
                            g_toward = unit_adjoint(toward, g_light)
                            if kind[k] >= POINT:
                                g_position -= g_toward
                    if g_color.any() or g_toward.any():
                        for c in ti.static(range(3)):
                            row = light_rows(vector) * k + c
                            partials[row, column] = partials[row, column] + g_color[c]
                            partials[row + VECTOR, column] = partials[row + VECTOR, column] + g_toward[c]
                back[i, MATERIAL + SPECULAR] = back[i, MATERIAL + SPECULAR] + g_specular
                back[i, MATERIAL + SHININESS] = back[i, MATERIAL + SHININESS] + g_shininess
                for c in ti.static(range(3)):
                    seen_adjoint[i, ALBEDO + c] = seen_adjoint[i, ALBEDO + c] + g[c] * irradiance[c]
                    seen_adjoint[i, NORMAL + c] = seen_adjoint[i, NORMAL + c] + g_normal[c]
                    seen_adjoint[i, POSITION + c] = seen_adjoint[i, POSITION + c] + g_position[c]
                    directions_adjoint[i, c] = directions_adjoint[i, c] + g_direction[c]
