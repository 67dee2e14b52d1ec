"""Points where rays meet a surface: where exactly, and what moves them.

At t0 marching has found |f| small.  A step of Newton's method gives the point itself,

    t = t0 - f / s,   s = df/dt,

with f and s as mean and difference of the values a little behind and in front of t0; and, with t0 and s held constant,
its derivative by everything that f depends on: ``dt = -df / s``, the implicit function theorem.  Rays that graze have a
small s; it counts as at least ``STEEP``, so that no derivative explodes.

Source: Liu et al., DIST, 2020, section 3.3; Yariv et al., Multiview Neural Surface Reconstruction, 2020 (implicit).
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.camera.pack import W
from taichi_dr.kernels.camera.rays import Eye, ray_components
from taichi_dr.kernels.march.bounds import Bounds, interval
from taichi_dr.kernels.march.evaluate import value_at
from taichi_dr.kernels.march.rays import STEEP, ray_of_row, shift_of
from taichi_dr.kernels.march.rows import FIXED, passes_by, rows_of
from taichi_dr.kernels.march.settings import Distance
from taichi_dr.kernels.march.trace import any_lane, lane_of
from taichi_dr.kernels.screen.pixels import Screen, pixel_center

CLOSE = 0.02  # of the step of slopes: a point that moves less than that has its slope


class RayRows(NamedTuple):
    """What says where on which ray a row is: arrays of ``rows.Rows``."""

    first: Any
    pixel: Any
    t: Any
    edge: Any
    edge_t: Any
    shift: Any


@replayed
@ti.kernel
def place_rows(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    pixel: Ints,
    edge: Ints,
    shift: Rows,
    t: Numbers,
    count: ti.i32,
    step: float,
    points: Rows,
):
    """Writes the points a ``step`` behind t on the rays of rows, then those in front of it: (2 count, 3)."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        _, origin, direction = ray_of_row(i, pixel, edge, shift, eye, screen)
        for k in ti.static(range(3)):
            points[i, k] = origin[k] + (t[i] + step) * direction[k]
            points[count + i, k] = origin[k] + (t[i] - step) * direction[k]


@replayed
@ti.kernel
def find_slopes(
    t: Numbers,
    edge: Ints,
    edge_t: Numbers,
    count: ti.i32,
    step: float,
    values: Rows,
    inverse: Numbers,
):
    """Writes ``inverse`` (count,): 1/s, from ``values`` (2 count, 1) at the points of ``place_rows``.

    It is 0 where the surface does not move the point along its ray.
    """
    for i in range(count):
        inverse[i] = 0.0
        if _moves(i, t, edge, edge_t):
            inverse[i] = 1.0 / ti.min((values[i, 0] - values[count + i, 0]) / (2.0 * step), -STEEP)


@replayed
@ti.kernel
def converge(
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    pixel: Ints,
    edge: Ints,
    shift: Rows,
    t: Numbers,
    count: ti.i32,
    values: Rows,
    points: Rows,
    inverse: Numbers,
):
    """A step of Newton's method: moves t and the first ``count`` points to where the surface is.

    Not out of the bounds, nor in front of near or behind far: what they cut off stays there, and ``inverse`` is 0.
    """
    eye, screen, bounds = ti.static(Eye(camera, orthographic), Screen(width, height), Bounds(numbers, is_ball))
    for i in range(count):
        view, origin, direction = ray_of_row(i, pixel, edge, shift, eye, screen)
        cosine = -get3(camera, view, W).dot(direction)
        there = t[i] - 0.5 * (values[i, 0] + values[count + i, 0]) * inverse[i]
        t[i] = _within(there, origin, direction, bounds, near / cosine, far / cosine)
        inverse[i] = ti.select(t[i] == there, inverse[i], 0.0)
        for k in ti.static(range(3)):
            points[i, k] = origin[k] + t[i] * direction[k]


@replayed
@ti.kernel
def converge_adjoint(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    pixel: Ints,
    edge: Ints,
    shift: Rows,
    count: ti.i32,
    inverse: Numbers,
    points_adjoint: Rows,
    values_adjoint: Rows,
):
    """Writes ``values_adjoint`` (count, 1), what the points' adjoints imply for f at the points: ``dp = -d df / s``."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        _, _, direction = ray_of_row(i, pixel, edge, shift, eye, screen)
        values_adjoint[i, 0] = -row3(points_adjoint, i).dot(direction) * inverse[i]


@simd
@replayed
@ti.kernel
def find_surface(
    func: ti.template(),
    lanes: ti.template(),
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    first: Ints,
    pixel: Ints,
    t: Numbers,
    edge: Ints,
    edge_t: Numbers,
    shift: Rows,
    columns: ti.i32,
    nearby: float,
    step: float,
    rounds: ti.i32,
    sides: ti.i32,
    points: Rows,
    inverse: Numbers,
    gradient: Rows,
):
    """What ``place_rows``, ``find_slopes`` and ``converge`` do, and the gradient by a tetrahedron.

    For a user's function, in packets of rows: at most ``rounds`` times, until none of a packet's points moves further
    than ``CLOSE``.  ``sides``: 2, which compilers must not know: they would write the
    function's code six times instead of twice, and take as long.
    """
    eye, screen, bounds = ti.static(Eye(camera, orthographic), Screen(width, height), Bounds(numbers, is_ball))
    rows = ti.static(RayRows(first, pixel, t, edge, edge_t, shift))
    for column in range(camera.shape[0] * columns):
        view, start, end = rows_of(column, first, width * height, columns)
        for packet in range((end - start + lanes - 1) // lanes):
            begin = start + packet * lanes
            x, y, at, moves = _load(rows, begin, end, view * width * height, screen, lanes)
            ox, oy, oz, dx, dy, dz, cosine = ray_components(eye, view, x, y)
            slope = 0.0 * at - 1.0
            for _round in range(rounds):
                rise, mean = 0.0 * at, 0.0 * at
                for side in range(sides):
                    sign = 1.0 - 2.0 * side
                    there = at + sign * nearby
                    value = _value(func, lanes, ox + there * dx, oy + there * dy, oz + there * dz)
                    rise, mean = rise + sign * value, mean + 0.5 * value
                slope = lower(rise / (2.0 * nearby), -STEEP)
                move = moves * mean / slope
                at -= move
                if not any_lane(ti.select(ti.abs(move) > CLOSE * nearby, 1.0, 0.0), lanes):
                    break
            there = at
            at = _within(there, (ox, oy, oz), (dx, dy, dz), bounds, near / cosine, far / cosine)
            moves = ti.select(at == there, moves, 0.0 * moves)
            px, py, pz = ox + at * dx, oy + at * dy, oz + at * dz
            gx, gy, gz = 0.0 * at, 0.0 * at, 0.0 * at
            for corner in range(2 * sides):
                sx = ti.select(corner == 0 or corner == 3, 1.0, -1.0)
                sy = ti.select(corner >= 2, 1.0, -1.0)
                sz = ti.select(corner == 1 or corner == 3, 1.0, -1.0)
                value = _value(func, lanes, px + sx * step, py + sy * step, pz + sz * step) * (0.25 / step)
                gx, gy, gz = gx + sx * value, gy + sy * value, gz + sz * value
            slope = moves / slope
            for lane in ti.static(range(lanes)):
                i = ti.min(begin + lane, end - 1)  # the last packet's lanes beyond the end are its last row once more
                t[i], inverse[i] = lane_of(at, lane, lanes), lane_of(slope, lane, lanes)
                points[i, 0], gradient[i, 0] = lane_of(px, lane, lanes), lane_of(gx, lane, lanes)
                points[i, 1], gradient[i, 1] = lane_of(py, lane, lanes), lane_of(gy, lane, lanes)
                points[i, 2], gradient[i, 2] = lane_of(pz, lane, lanes), lane_of(gz, lane, lanes)


@ti.func
def _within(t, origin: ti.template(), direction: ti.template(), bounds: ti.template(), nearest, furthest):
    """t, or the end that is nearer of where a ray is within the bounds and between two places."""
    entry, leave = interval(origin, direction, bounds)
    entry, leave = higher(entry, nearest), lower(leave, furthest)
    return ti.select(entry < leave, higher(lower(t, leave), entry), t)


@ti.func
def _value(func: ti.template(), lanes: ti.template(), x, y, z):
    return value_at(x, y, z, ti.static(Distance(value_at, func, lanes)))


@ti.func
def _load(rows: ti.template(), begin, end, corner, screen: ti.template(), lanes: ti.template()):
    """Screen positions of a packet of rows, where they are on their rays, and 1 where that moves, else 0.

    ``corner``: the first pixel of their view.
    """
    if ti.static(lanes == 1):
        return _load_row(rows, begin, corner, screen)
    else:
        x = ti.Vector([0.0 for _ in ti.static(range(lanes))])
        y, t, moves = 0.0 * x, 0.0 * x, 0.0 * x
        for lane in ti.static(range(lanes)):
            i = ti.min(begin + lane, end - 1)
            x[lane], y[lane], t[lane], moves[lane] = _load_row(rows, i, corner, screen)
        return x, y, t, moves


@ti.func
def _load_row(rows: ti.template(), i, corner, screen: ti.template()):
    inside = rows.pixel[i] - corner
    row = inside // screen.width
    x, y = pixel_center(row, inside - row * screen.width, screen)
    right, up = shift_of(rows.edge[i], rows.shift)
    return x + right, y + up, rows.t[i], ti.select(_moves(i, rows.t, rows.edge, rows.edge_t), 1.0, 0.0)


@ti.func
def _moves(i, t: ti.template(), edge: ti.template(), edge_t: ti.template()):
    """Whether the surface moves the point of a row along its ray.

    Not where it begins with the bounds, nor where a ray passes by.
    """
    return (edge[i] != FIXED) & (passes_by(i, t, edge, edge_t) == 0)
