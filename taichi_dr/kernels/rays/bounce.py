"""Where rays go on from surfaces that reflect or refract, and how light comes back along them.

    L = emission + (1 - reflectivity) local + w L(next)      opaque: w = reflectivity, next is the mirror direction
    L = emission + w L(next)                                 refracting: see below
    L = what is behind everything                            where nothing is met

Emission is that of the outer side.  A surface with an index of refraction is clear: a ray goes on by reflection with
the probability F, Fresnel's share of unpolarised light, and by refraction (Snell) with 1 - F.  Which it is, is held
constant; with p the probability as a number, w = F/p or (1 - F)/(1 - p) is 1, but its derivative is not 0.

With the incident cosine c, eta the quotient of the indices before and behind, and s = sqrt(1 - eta^2 (1 - c^2)):

    mirror:    d' = d + 2 c n              refraction:  d' = eta d + (eta c - s) n
    F = (a^2 + b^2) / 2,   a = (eta c - s) / (eta c + s),   b = (eta s - c) / (eta s + c)

Source: Whitted, An improved illumination model for shaded display, 1980; Born and Wolf, Principles of Optics, 1.5.2.
"""

import taichi as ti

from taichi_dr.kernels.base.random import uniform
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.rays.surface import (
    EMISSION,
    GEOMETRIC,
    MATERIAL,
    MATERIALS,
    NORMAL,
    POSITION,
    REFLECTIVITY,
    REFRACTION,
    SEEN_ADJOINT,
    SIDE,
)
from taichi_dr.runtime import float_dtype

NUMBERS = 8  # random numbers of a path at each bounce
FORK = 2  # which of them chooses between reflection and refraction
ENDLESS = 1e30


def roundings():
    """Of a place's coordinates and its distance along a ray: how far off a surface rounding may have put it."""
    return 4e-6 if float_dtype() == ti.f32 else 1e-13


@ti.func
def clearance(position, t):
    """How far off a surface a ray from it begins, for it not to meet the surface itself by rounding."""
    largest = ti.max(ti.abs(position[0]), ti.abs(position[1]), ti.abs(position[2]))
    return ti.static(roundings()) * (largest + t)


@ti.func
def fresnel(c, eta):
    """(F, s, and the slopes of F by c, by s and by eta); F is 1, and its slopes 0, in total reflection."""
    share, slope_c, slope_s, slope_eta = 1.0, 0.0, 0.0, 0.0
    squared = 1.0 - eta * eta * (1.0 - c * c)
    s = 0.0
    if squared > 0.0:
        s = ti.sqrt(squared)
        across, along = eta * c + s, eta * s + c
        a, b = (eta * c - s) / across, (eta * s - c) / along
        share = 0.5 * (a * a + b * b)
        slope_c = a * 2.0 * eta * s / (across * across) - b * 2.0 * eta * s / (along * along)
        slope_s = -a * 2.0 * eta * c / (across * across) + b * 2.0 * eta * c / (along * along)
        slope_eta = a * 2.0 * c * s / (across * across) + b * 2.0 * s * c / (along * along)
    return share, s, slope_c, slope_s, slope_eta


@ti.func
def eta_of(index, side):
    """The quotient of the indices before and behind a surface."""
    return ti.select(side > 0.0, 1.0 / index, index)


@ti.func
def is_reflected(index, side, cosine, seed, path, bounce):
    """Whether a ray that meets a clear surface is reflected, not refracted."""
    share, _, _, _, _ = fresnel(cosine, eta_of(index, side))
    return uniform(seed, path, bounce * NUMBERS + FORK) < share


@replayed
@ti.kernel
def goes_on(what: Ints, objects: Ints, materials: Rows, count: ti.i32, keep: Ints):
    """Which rays go on, 1 or 0: those that meet what reflects or refracts."""
    for i in range(count):
        keep[i] = 0
        if what[i] >= 0:
            thing = objects[what[i]]
            if materials[thing, REFLECTIVITY] > 0.0 or materials[thing, REFRACTION] > 0.0:
                keep[i] = 1


@replayed
@ti.kernel
def go_on(
    parent: Ints,
    count: ti.i32,
    what: Ints,
    hits: Rows,
    directions: Rows,
    seen: Rows,
    path: Ints,
    objects: Ints,
    materials: Rows,
    seed: ti.i32,
    bounce: ti.i32,
    next_origins: Rows,
    next_directions: Rows,
    next_ends: Rows,
    next_path: Ints,
    weight: Rows,
):
    """Writes the rays that go on from rays ``parent`` (count,), and ``weight`` (count, 1)."""
    for j in range(count):
        i = parent[j]
        thing, direction, normal = objects[what[i]], row3(directions, i), get3(seen, i, NORMAL)
        cosine, index = -direction.dot(normal), materials[thing, REFRACTION]
        onward = direction + 2.0 * cosine * normal
        weight[j, 0] = materials[thing, REFLECTIVITY]
        if index > 0.0:
            weight[j, 0] = 1.0
            if not is_reflected(index, seen[i, SIDE], cosine, seed, path[i], bounce):
                eta = eta_of(index, seen[i, SIDE])
                _, s, _, _, _ = fresnel(cosine, eta)
                onward = eta * direction + (eta * cosine - s) * normal
        position, geometric = get3(seen, i, POSITION), get3(seen, i, GEOMETRIC)
        away = ti.select(onward.dot(geometric) >= 0.0, 1.0, -1.0) * clearance(position, hits[i, 0])
        for c in ti.static(range(3)):
            next_origins[j, c] = position[c] + away * geometric[c]
            next_directions[j, c] = onward[c]
        next_ends[j, 0], next_ends[j, 1], next_path[j] = 0.0, ENDLESS, path[i]


@replayed
@ti.kernel
def go_on_adjoint(
    parent: Ints,
    count: ti.i32,
    what: Ints,
    directions: Rows,
    seen: Rows,
    path: Ints,
    objects: Ints,
    materials: Rows,
    seed: ti.i32,
    bounce: ti.i32,
    next_origins_adjoint: Rows,
    next_directions_adjoint: Rows,
    weight_adjoint: Rows,
    directions_adjoint: Rows,
    seen_adjoint: Rows,
    back: Rows,
):
    """Adds to the adjoints of directions, of what is seen and of materials; each ray goes on by one at most."""
    for j in range(count):
        i = parent[j]
        thing, direction, normal = objects[what[i]], row3(directions, i), get3(seen, i, NORMAL)
        cosine, index = -direction.dot(normal), materials[thing, REFRACTION]
        g, g_weight = row3(next_directions_adjoint, j), weight_adjoint[j, 0]
        g_direction, g_normal, g_cosine = g, 2.0 * cosine * g, 2.0 * g.dot(normal)
        if index > 0.0:
            eta = eta_of(index, seen[i, SIDE])
            share, s, slope_c, slope_s, slope_eta = fresnel(cosine, eta)
            g_share = g_weight / ti.max(share, 1e-12)
            g_s, g_eta = 0.0, 0.0
            if not is_reflected(index, seen[i, SIDE], cosine, seed, path[i], bounce):
                g_share = -g_weight / ti.max(1.0 - share, 1e-12)
                g_direction, g_normal = eta * g, (eta * cosine - s) * g
                along = g.dot(normal)
                g_eta, g_cosine, g_s = g.dot(direction) + along * cosine, along * eta, -along
            g_s += g_share * slope_s
            g_cosine += g_share * slope_c
            g_eta += g_share * slope_eta
            if s > 1e-6:
                g_eta -= g_s * eta * (1.0 - cosine * cosine) / s
                g_cosine += g_s * eta * eta * cosine / s
            g_index = ti.select(seen[i, SIDE] > 0.0, -g_eta / (index * index), g_eta)
            back[i, MATERIAL + REFRACTION] = back[i, MATERIAL + REFRACTION] + g_index
        else:
            back[i, MATERIAL + REFLECTIVITY] = back[i, MATERIAL + REFLECTIVITY] + g_weight
        g_direction -= g_cosine * normal
        g_normal -= g_cosine * direction
        for c in ti.static(range(3)):
            directions_adjoint[i, c] = directions_adjoint[i, c] + g_direction[c]
            seen_adjoint[i, NORMAL + c] = seen_adjoint[i, NORMAL + c] + g_normal[c]
            seen_adjoint[i, POSITION + c] = seen_adjoint[i, POSITION + c] + next_origins_adjoint[j, c]


@ti.func
def own_share(thing, materials: ti.template()):
    """What of its own light an object shows: none if it is clear, else what it does not reflect."""
    return ti.select(materials[thing, REFRACTION] > 0.0, 0.0, 1.0 - materials[thing, REFLECTIVITY])


@replayed
@ti.kernel
def leave(
    what: Ints, seen: Rows, objects: Ints, materials: Rows, local: Rows, behind: Rows, count: ti.i32, radiance: Rows
):
    """Writes ``radiance`` (R, 3) without what comes along the next rays; ``behind`` (R, 3) where nothing is met."""
    for i in range(count):
        color = row3(behind, i)
        if what[i] >= 0:
            thing = objects[what[i]]
            color = own_share(thing, materials) * row3(local, i)
            if seen[i, SIDE] > 0.0:
                color += get3(materials, thing, EMISSION)
        for c in ti.static(range(3)):
            radiance[i, c] = color[c]


@replayed
@ti.kernel
def leave_adjoint(
    what: Ints,
    seen: Rows,
    objects: Ints,
    materials: Rows,
    local: Rows,
    count: ti.i32,
    radiance_adjoint: Rows,
    local_adjoint: Rows,
    behind_adjoint: Rows,
    origins_adjoint: Rows,
    directions_adjoint: Rows,
    seen_adjoint: Rows,
    back: Rows,
):
    """Writes the adjoints of ``local`` and ``behind`` and, of ``back``, what materials have of this.

    Sets those of rays and of what is seen to 0, for the stages behind it to add to.
    """
    for i in range(count):
        for c in ti.static(range(3)):
            origins_adjoint[i, c], directions_adjoint[i, c] = 0.0, 0.0
        for c in ti.static(range(SEEN_ADJOINT)):
            seen_adjoint[i, c] = 0.0
        for c in ti.static(range(MATERIALS)):
            back[i, MATERIAL + c] = 0.0
        g, by_local, by_behind = row3(radiance_adjoint, i), ti.Vector([0.0] * 3), row3(radiance_adjoint, i)
        if what[i] >= 0:
            thing = objects[what[i]]
            by_local, by_behind = own_share(thing, materials) * g, ti.Vector([0.0] * 3)
            if materials[thing, REFRACTION] <= 0.0 and materials[thing, REFLECTIVITY] > 0.0:
                back[i, MATERIAL + REFLECTIVITY] = -g.dot(row3(local, i))
            if seen[i, SIDE] > 0.0:
                for c in ti.static(range(3)):
                    back[i, MATERIAL + EMISSION + c] = g[c]
        for c in ti.static(range(3)):
            local_adjoint[i, c], behind_adjoint[i, c] = by_local[c], by_behind[c]


@replayed
@ti.kernel
def return_light(parent: Ints, weight: Rows, next_radiance: Rows, count: ti.i32, radiance: Rows):
    """Adds what comes along the next rays to the radiance along those that they come from."""
    for j in range(count):
        for c in ti.static(range(3)):
            radiance[parent[j], c] = radiance[parent[j], c] + weight[j, 0] * next_radiance[j, c]


@replayed
@ti.kernel
def return_light_adjoint(
    parent: Ints,
    weight: Rows,
    next_radiance: Rows,
    count: ti.i32,
    radiance_adjoint: Rows,
    weight_adjoint: Rows,
    next_radiance_adjoint: Rows,
):
    """Writes the adjoints of the weights and of the radiance along the next rays."""
    for j in range(count):
        g = row3(radiance_adjoint, parent[j])
        weight_adjoint[j, 0] = g.dot(row3(next_radiance, j))
        for c in ti.static(range(3)):
            next_radiance_adjoint[j, c] = weight[j, 0] * g[c]
