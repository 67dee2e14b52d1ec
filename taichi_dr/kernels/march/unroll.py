"""How the end of a march changes with what the function depends on: its last steps, differentiated one by one.

The march ``t <- t + alpha f(o + t d)`` of K steps, with s = df/dt along the ray, has the derivative

    dt = sum_k alpha df_k prod_{j > k} (1 + alpha s_j)

by everything that f depends on.  With all steps it is that of the march itself; with the last ones only it is DIST's,
which leaves the products out where they are small; with many it becomes that of the implicit function theorem,
``-df / s``.

Source: Liu et al., DIST, 2020, section 3.3.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.camera.pack import W
from taichi_dr.kernels.camera.rays import Eye
from taichi_dr.kernels.march.bounds import Bounds, interval
from taichi_dr.kernels.march.rays import ray_of_row
from taichi_dr.kernels.screen.pixels import Screen


@replayed
@ti.kernel
def begin_march(
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    pixel: Ints,
    edge: Ints,
    shift: Rows,
    count: ti.i32,
    t: Numbers,
):
    """Writes ``t`` (count,): where the rays of rows enter the bounds."""
    eye, screen, bounds = ti.static(Eye(camera, orthographic), Screen(width, height), Bounds(numbers, is_ball))
    for i in range(count):
        view, origin, direction = ray_of_row(i, pixel, edge, shift, eye, screen)
        entry, _ = interval(origin, direction, bounds)
        cosine = -direction.dot(get3(camera, view, W))
        t[i] = ti.max(entry, near / cosine)


@replayed
@ti.kernel
def place_steps(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    pixel: Ints,
    edge: Ints,
    shift: Rows,
    t: Numbers,
    count: ti.i32,
    steps: ti.i32,
    offset: float,
    points: Rows,
):
    """Writes the points (steps count, 3) at ``t[k count + i] + offset`` on the rays of rows i."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for row in range(steps * count):
        _, origin, direction = ray_of_row(row % count, pixel, edge, shift, eye, screen)
        for c in ti.static(range(3)):
            points[row, c] = origin[c] + (t[row] + offset) * direction[c]


@replayed
@ti.kernel
def march_on(
    values: Rows, moves: Numbers, scale: float, count: ti.i32, slot: ti.i32, close: float, t: Numbers, trail: Numbers
) -> ti.i32:
    """A step of the rays whose ``moves`` is not 0; returns how many of them went further than ``close``.

    Keeps where it began in ``trail`` (K*count,), row ``slot``.
    """
    going = 0
    for i in range(count):
        trail[slot * count + i] = t[i]
        if moves[i] != 0.0:
            step = scale * values[i, 0]
            t[i] = t[i] + step
            if ti.abs(step) > close:
                ti.atomic_add(going, 1)
    return going


@replayed
@ti.kernel
def unroll_adjoint(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    pixel: Ints,
    edge: Ints,
    shift: Rows,
    count: ti.i32,
    scale: float,
    taken: ti.i32,
    terms: ti.i32,
    step: float,
    behind: Rows,
    before: Rows,
    moves: Numbers,
    points_adjoint: Rows,
    values_adjoint: Rows,
):
    """Writes ``values_adjoint`` (K*count, 1), that of f at the points of the trail, of the end points' adjoints.

    ``behind``, ``before`` (K*count, 1): values a ``step`` behind and in front of the trail's points, for the slopes.
    ``moves`` (count,): 0 where the surface moves no point.  ``taken``: steps that the march took; row
    ``(taken - 1) % terms`` of the trail is the last.
    """
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        _, _, direction = ray_of_row(i, pixel, edge, shift, eye, screen)
        adjoint = row3(points_adjoint, i).dot(direction)
        if moves[i] == 0.0:
            adjoint = 0.0
        for k in range(terms):
            row = (taken - 1 - k + terms) % terms * count + i
            values_adjoint[row, 0] = scale * adjoint
            adjoint *= 1.0 + scale * (behind[row, 0] - before[row, 0]) / (2.0 * step)


@replayed
@ti.kernel
def sum_steps(
    t: Numbers, steps_adjoint: Rows, count: ti.i32, steps: ti.i32, origin_adjoint: Rows, direction_adjoint: Rows
):
    """Adds up over the steps what the adjoints (steps count, 3) of points at t say of their rays, (count, 3) each."""
    for i in range(count):
        origin, direction = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
        for k in range(steps):
            g = row3(steps_adjoint, k * count + i)
            origin += g
            direction += t[k * count + i] * g
        for c in ti.static(range(3)):
            origin_adjoint[i, c], direction_adjoint[i, c] = origin[c], direction[c]
