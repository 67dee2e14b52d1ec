"""Where rays meet the surface of a signed distance, step by step, and how that place moves.

A ray steps by the distance that the function promises to be free, whichever side it is on, but by ``LEAST near`` at
least, and has met the surface where the function changes its sign; a ray that begins on the surface has to leave it
first.  Then the place is found by the secant and by Newton's method along the ray, whose slope s is a central
difference.  With df how the function's parameters change its value,

    dp = do + t dd + d dt,    dt = -(df + grad f.(do + t dd)) / s

and so, of an adjoint g of p,

    f_adjoint = -(d.g) / s,    q = g + grad f f_adjoint:    o += q,    d += t q

Sources: Hart, Sphere tracing, 1996; Liu et al., DIST, 2020 (the implicit function theorem).
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit, unit_adjoint
from taichi_dr.kernels.march.bounds import Bounds, interval
from taichi_dr.kernels.rays.surface import ALBEDO, GEOMETRIC, LIFT, NORMAL, POSITION, SIDE, TINT

FLAT = 1e-4  # slope along a ray below which it counts as that steep
LEAST = 4.0  # steps, in units of ``near``, that are taken at least
LEAVING, FREE, MET = range(3)
"""State of a ray: it began on the surface, is away from it, has met it."""


@ti.func
def steep(slope):
    """A slope, no closer to 0 than ``FLAT``."""
    return ti.select(slope < 0.0, ti.min(slope, -FLAT), ti.max(slope, FLAT))


@replayed
@ti.kernel
def enter(
    origins: Rows,
    directions: Rows,
    ends: Rows,
    what: Ints,
    hits: Rows,
    count: ti.i32,
    numbers: Numbers,
    is_ball: ti.template(),
    state: Ints,
    before: Numbers,
    t: Numbers,
    last: Numbers,
    keep: Ints,
):
    """Where rays begin to step, and where they end: at the bounds, or at what they are known to meet."""
    bounds = ti.static(Bounds(numbers, is_ball))
    for i in range(count):
        o, d = row3(origins, i), row3(directions, i)
        first, end = interval((o[0], o[1], o[2]), (d[0], d[1], d[2]), bounds)
        last[i] = ti.min(end, ends[i, 1])
        if what[i] >= 0:
            last[i] = ti.min(last[i], hits[i, 0])
        t[i], state[i], before[i] = ti.max(first, ends[i, 0]), LEAVING, 0.0
        keep[i] = 1 if t[i] < last[i] else 0


@replayed
@ti.kernel
def place(active: Ints, count: ti.i32, origins: Rows, directions: Rows, t: Numbers, points: Rows):
    """Writes the points (count, 3) where active rays are."""
    for j in range(count):
        i = active[j]
        for c in ti.static(range(3)):
            points[j, c] = origins[i, c] + t[i] * directions[i, c]


@replayed
@ti.kernel
def advance(
    active: Ints,
    count: ti.i32,
    values: Rows,
    scale: float,
    near: float,
    state: Ints,
    before: Numbers,
    t: Numbers,
    last: Numbers,
    keep: Ints,
):
    """A step of every active ray; ``keep`` (count,) of those that go on; ``before`` (R,): the value a step ago."""
    for j in range(count):
        i, value = active[j], values[j, 0]
        step, back = ti.max(ti.abs(value) * scale, LEAST * near), ti.max(ti.abs(before[i]) * scale, LEAST * near)
        keep[j] = 1
        if state[i] == FREE and value * before[i] <= 0.0:
            state[i], keep[j] = MET, 0
            t[i] -= back * value / (value - before[i])
            if t[i] >= last[i]:
                state[i] = FREE
        else:
            if ti.abs(value) > near:
                state[i] = FREE
            # a step over the end may go through the surface just before it
            if t[i] >= last[i]:
                keep[j] = 0
            before[i] = value
            t[i] += step


@replayed
@ti.kernel
def is_there(state: Ints, count: ti.i32, keep: Ints):
    """Which rays have met the surface."""
    for i in range(count):
        keep[i] = 1 if state[i] == MET else 0


@replayed
@ti.kernel
def place_beside(active: Ints, count: ti.i32, origins: Rows, directions: Rows, t: Numbers, nearby: float, points: Rows):
    """Writes ``points`` (3 count, 3): of each active ray where it is, and ``nearby`` before and behind that."""
    for j in range(count):
        i = active[j]
        for c in ti.static(range(3)):
            points[3 * j, c] = origins[i, c] + t[i] * directions[i, c]
            points[3 * j + 1, c] = origins[i, c] + (t[i] - nearby) * directions[i, c]
            points[3 * j + 2, c] = origins[i, c] + (t[i] + nearby) * directions[i, c]


@replayed
@ti.kernel
def polish(active: Ints, count: ti.i32, values: Rows, nearby: float, near: float, t: Numbers, slopes: Numbers):
    """A step of Newton's method along every active ray, by twice ``near`` at most; writes ``slopes`` (count,)."""
    for j in range(count):
        slopes[j] = steep((values[3 * j + 2, 0] - values[3 * j + 1, 0]) / (2.0 * nearby))
        step = values[3 * j, 0] / slopes[j]
        t[active[j]] -= ti.max(ti.min(step, 2.0 * near), -2.0 * near)


@replayed
@ti.kernel
def arrive(active: Ints, count: ti.i32, code: ti.i32, t: Numbers, what: Ints, hits: Rows):
    """Writes what active rays meet, and where."""
    for j in range(count):
        i = active[j]
        what[i] = code
        hits[i, 0], hits[i, 1], hits[i, 2] = t[i], 0.0, 0.0


@replayed
@ti.kernel
def block(active: Ints, count: ti.i32, met: Ints):
    """Sets ``met`` of active rays to 1."""
    for j in range(count):
        met[active[j]] = 1


@replayed
@ti.kernel
def is_code(what: Ints, count: ti.i32, code: ti.i32, keep: Ints):
    """Which rays meet the thing of that code."""
    for i in range(count):
        keep[i] = 1 if what[i] == code else 0


@replayed
@ti.kernel
def place_hits(active: Ints, count: ti.i32, origins: Rows, directions: Rows, hits: Rows, points: Rows):
    """Writes the points (count, 3) where active rays meet something."""
    for j in range(count):
        i = active[j]
        for c in ti.static(range(3)):
            points[j, c] = origins[i, c] + hits[i, 0] * directions[i, c]


@replayed
@ti.kernel
def see(
    active: Ints,
    count: ti.i32,
    directions: Rows,
    points: Rows,
    gradients: Rows,
    colors: Rows,
    thing: ti.i32,
    materials: Rows,
    seen: Rows,
):
    """``surface.see`` of rays that meet a signed distance."""
    for j in range(count):
        i, outward = active[j], unit(row3(gradients, j))
        side = ti.select(outward.dot(row3(directions, i)) > 0.0, -1.0, 1.0)
        seen[i, SIDE], seen[i, LIFT] = side, 0.0
        for c in ti.static(range(3)):
            seen[i, POSITION + c], seen[i, NORMAL + c] = points[j, c], outward[c] * side
            seen[i, GEOMETRIC + c], seen[i, ALBEDO + c] = outward[c] * side, colors[j, c] * materials[thing, TINT + c]


@replayed
@ti.kernel
def see_adjoint(
    active: Ints,
    count: ti.i32,
    gradients: Rows,
    colors: Rows,
    thing: ti.i32,
    materials: Rows,
    seen: Rows,
    seen_adjoint: Rows,
    points_adjoint: Rows,
    gradients_adjoint: Rows,
    colors_adjoint: Rows,
):
    """Writes the adjoints of points, gradients and colours; leaves that of the albedo alone for ``surface``."""
    for j in range(count):
        i = active[j]
        g = unit_adjoint(row3(gradients, j), get3(seen_adjoint, i, NORMAL) * seen[i, SIDE])
        for c in ti.static(range(3)):
            points_adjoint[j, c], gradients_adjoint[j, c] = seen_adjoint[i, POSITION + c], g[c]
            colors_adjoint[j, c] = seen_adjoint[i, ALBEDO + c] * materials[thing, TINT + c]
            seen_adjoint[i, ALBEDO + c] = seen_adjoint[i, ALBEDO + c] * colors[j, c]
            seen_adjoint[i, POSITION + c], seen_adjoint[i, NORMAL + c] = 0.0, 0.0


@replayed
@ti.kernel
def arrive_adjoint(
    active: Ints, count: ti.i32, directions: Rows, slopes: Numbers, points_adjoint: Rows, values_adjoint: Rows
):
    """Writes the adjoint of the function's value at each point."""
    for j in range(count):
        values_adjoint[j, 0] = -row3(directions, active[j]).dot(row3(points_adjoint, j)) / slopes[j]


@replayed
@ti.kernel
def add_to_rays(
    active: Ints, count: ti.i32, hits: Rows, points_adjoint: Rows, origins_adjoint: Rows, directions_adjoint: Rows
):
    """Adds the adjoints of points with t held to those of their rays."""
    for j in range(count):
        i = active[j]
        for c in ti.static(range(3)):
            origins_adjoint[i, c] = origins_adjoint[i, c] + points_adjoint[j, c]
            directions_adjoint[i, c] = directions_adjoint[i, c] + hits[i, 0] * points_adjoint[j, c]


@replayed
@ti.kernel
def copy_t(active: Ints, count: ti.i32, hits: Rows, t: Numbers):
    """``t[i] = hits[i, 0]`` of active rays."""
    for j in range(count):
        t[active[j]] = hits[active[j], 0]
