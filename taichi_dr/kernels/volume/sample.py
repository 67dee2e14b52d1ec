"""Samples along rays, packed ray by ray: where they are, and what moves them.

N samples of equal lengths divide a ray between its ends, each standing for its part of it:

    t_i = entry + (i + u_i) (exit - entry) / N,   length = (exit - entry) / N

with u = 1/2, or random where a ray is sampled by strata.

Where rays go far away, N samples divide them evenly in s between its values at the ends, s(t) being

    t / 2 scale  as far as ``scale``,   1 - scale / 2 t  beyond

so that as many parts as there are before ``scale`` are left for all that is behind (Barron et al., Mip-NeRF 360, 2022).
"""

import taichi as ti

from taichi_dr.kernels.base.random import uniform
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import row3


@replayed
@ti.kernel
def place_evenly(
    ends: Rows,
    pixel: Ints,
    rays: ti.i32,
    samples: ti.i32,
    stratified: ti.template(),
    seed: ti.i32,
    first: Ints,
    t: Numbers,
    lengths: Numbers,
):
    """Writes ``first`` (R+1,), ``t`` and ``lengths`` (R*samples,) of ``rays`` rays."""
    for r in range(rays):
        first[r] = r * samples
        if r == rays - 1:
            first[rays] = rays * samples
        entry, length = ends[r, 0], (ends[r, 1] - ends[r, 0]) / samples
        for k in range(samples):
            t[r * samples + k] = entry + (k + offset_of(pixel, r, k, stratified, seed)) * length
            lengths[r * samples + k] = length


@replayed
@ti.kernel
def place_evenly_adjoint(
    pixel: Ints,
    rays: ti.i32,
    samples: ti.i32,
    stratified: ti.template(),
    seed: ti.i32,
    t_adjoint: Numbers,
    lengths_adjoint: Numbers,
    ends_adjoint: Rows,
):
    """Adds to ``ends_adjoint`` (R, >= 2) what the adjoints of samples imply for where rays enter and leave."""
    for r in range(rays):
        entry, leave = 0.0, 0.0
        for k in range(samples):
            share = (k + offset_of(pixel, r, k, stratified, seed)) / samples
            of_length = lengths_adjoint[r * samples + k] / samples
            entry += t_adjoint[r * samples + k] * (1.0 - share) - of_length
            leave += t_adjoint[r * samples + k] * share + of_length
        ends_adjoint[r, 0] = ends_adjoint[r, 0] + entry
        ends_adjoint[r, 1] = ends_adjoint[r, 1] + leave


@ti.func
def to_share(t, scale):
    """s(t)."""
    return ti.select(t < scale, 0.5 * t / scale, 1.0 - 0.5 * scale / ti.max(t, scale))


@ti.func
def from_share(s, scale):
    """t of s(t) = s."""
    return ti.select(s < 0.5, 2.0 * scale * s, 0.5 * scale / (1.0 - ti.max(s, 0.5)))


@ti.func
def share_slope(t, scale):
    """ds/dt."""
    beyond = ti.max(t, scale)
    return ti.select(t < scale, 0.5 / scale, 0.5 * scale / (beyond * beyond))


@replayed
@ti.kernel
def place_far(
    ends: Rows,
    pixel: Ints,
    rays: ti.i32,
    samples: ti.i32,
    stratified: ti.template(),
    seed: ti.i32,
    scale: float,
    first: Ints,
    t: Numbers,
    lengths: Numbers,
):
    """Writes what ``place_evenly`` does, of parts that are even in s."""
    for r in range(rays):
        first[r] = r * samples
        if r == rays - 1:
            first[rays] = rays * samples
        entry, leave = to_share(ends[r, 0], scale), to_share(ends[r, 1], scale)
        part, begin = (leave - entry) / samples, ends[r, 0]
        for k in range(samples):
            t[r * samples + k] = from_share(entry + (k + offset_of(pixel, r, k, stratified, seed)) * part, scale)
            end = from_share(entry + (k + 1) * part, scale)
            lengths[r * samples + k] = end - begin
            begin = end


@replayed
@ti.kernel
def place_far_adjoint(
    ends: Rows,
    pixel: Ints,
    rays: ti.i32,
    samples: ti.i32,
    stratified: ti.template(),
    seed: ti.i32,
    scale: float,
    t: Numbers,
    t_adjoint: Numbers,
    lengths_adjoint: Numbers,
    ends_adjoint: Rows,
):
    """Adds to ``ends_adjoint`` (R, >= 2) what the adjoints of samples imply.

    With a_i = (i + u_i) / N: ``dt_i = ((1 - a_i) ds(entry) + a_i ds(exit)) / s'(t_i)``.
    """
    for r in range(rays):
        s0, s1 = to_share(ends[r, 0], scale), to_share(ends[r, 1], scale)
        entry, leave, before = 0.0, 0.0, 0.0
        for k in range(samples):
            i = r * samples + k
            share = (k + offset_of(pixel, r, k, stratified, seed)) / samples
            g = t_adjoint[i] / share_slope(t[i], scale)
            behind = 0.0
            if k < samples - 1:
                behind = lengths_adjoint[i + 1]
            border = (
                k + 1.0
            ) / samples  # between this part and the next: at the end of one, the beginning of the other
            of_border = (lengths_adjoint[i] - behind) / share_slope(from_share(s0 + border * (s1 - s0), scale), scale)
            entry += g * (1.0 - share) + of_border * (1.0 - border)
            leave += g * share + of_border * border
            if k == 0:
                before = lengths_adjoint[i]
        ends_adjoint[r, 0] = ends_adjoint[r, 0] + entry * share_slope(ends[r, 0], scale) - before
        ends_adjoint[r, 1] = ends_adjoint[r, 1] + leave * share_slope(ends[r, 1], scale)


@ti.func
def offset_of(pixel: ti.template(), ray, k, stratified: ti.template(), seed):
    """Where in its part of a ray sample k is, in [0, 1)."""
    offset = 0.5
    if ti.static(stratified):
        offset = uniform(seed, pixel[ray], k)
    return offset


@replayed
@ti.kernel
def place_points(
    origins: Rows, directions: Rows, rays: ti.i32, first: Ints, t: Numbers, points: Rows, point_directions: Rows
):
    """Writes ``points`` (P, 3), at t on their rays, and the rays' directions beside them."""
    for r in range(rays):
        origin, direction = row3(origins, r), row3(directions, r)
        for i in range(first[r], first[r + 1]):
            for k in ti.static(range(3)):
                points[i, k] = origin[k] + t[i] * direction[k]
                point_directions[i, k] = direction[k]


@replayed
@ti.kernel
def place_points_adjoint(
    directions: Rows,
    rays: ti.i32,
    first: Ints,
    t: Numbers,
    points_adjoint: Rows,
    point_directions_adjoint: Rows,
    t_adjoint: Numbers,
    origins_adjoint: Rows,
    directions_adjoint: Rows,
):
    """Adds to ``t_adjoint`` (P,); writes ``origins_adjoint``, ``directions_adjoint`` (R, 3)."""
    for r in range(rays):
        direction, origin_adjoint, direction_adjoint = row3(directions, r), ti.Vector([0.0] * 3), ti.Vector([0.0] * 3)
        for i in range(first[r], first[r + 1]):
            g = row3(points_adjoint, i)
            t_adjoint[i] = t_adjoint[i] + g.dot(direction)
            origin_adjoint += g
            direction_adjoint += t[i] * g + row3(point_directions_adjoint, i)
        for k in ti.static(range(3)):
            origins_adjoint[r, k], directions_adjoint[r, k] = origin_adjoint[k], direction_adjoint[k]
