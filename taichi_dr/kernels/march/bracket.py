"""The closest point of a ray in a stretch of it, by values at a quarter, a half and three quarters of that: its probes.

The stretch is halved around the lowest of them until the values follow a parabola with its vertex among them: when that
through the probes before has foretold those of now.  Its lowest point is the closest one then.

All functions take numbers, or packets of them, and change the state that they are given.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower

PROBES = 3
NARROWINGS = 10  # at most: two pixels become 0.002
SMOOTH = 0.01  # pixels: a parabola that foretells the probes this well is good enough


class Bracket(NamedTuple):
    """The state of a stretch that is narrowed: where it begins, and a quarter of its length.

    Of the one before: the values at its probes, ``shift`` from its middle to that of now, in quarters of it, and
    ``known``: 0 if there was none.
    """

    low: Any
    quarter: Any
    known: Any
    shift: Any
    first: Any
    second: Any
    third: Any


@ti.func
def narrow_bracket(first, second, third, tolerance, bracket: ti.template()):
    """Halves a bracket around its lowest probe, unless that is the middle one and all were foretold: returns 1 then."""
    good = _foretells(-0.5, first, tolerance, bracket) * _foretells(0.0, second, tolerance, bracket)
    good = good * _foretells(0.5, third, tolerance, bracket) * bracket.known
    good = good * ti.select(second > lower(first, third), 0.0, 1.0)
    best = ti.select(second < first, 1.0, 0.0)
    best = ti.select(third < lower(first, second), 2.0, best)
    bracket.low = ti.select(good > 0.0, bracket.low, bracket.low + best * bracket.quarter)
    bracket.quarter = ti.select(good > 0.0, bracket.quarter, 0.5 * bracket.quarter)
    bracket.known, bracket.shift = 0.0 * good + 1.0, best - 1.0
    bracket.first, bracket.second, bracket.third = first, second, third
    return good


@ti.func
def _foretells(x, value, tolerance, bracket: ti.template()):
    """1 if the parabola through the probes before has this value, x of its quarters from the middle of now; else 0."""
    at = x + bracket.shift
    bend = bracket.first - 2.0 * bracket.second + bracket.third
    foretold = bracket.second + at * (0.5 * (bracket.third - bracket.first) + 0.5 * at * bend)
    return ti.select(ti.abs(foretold - value) < tolerance, 1.0, 0.0)


@ti.func
def lowest_in(first, second, third, bracket: ti.template()):
    """Where the parabola through the values at a bracket's probes is lowest in it."""
    bend, slope = first - 2.0 * second + third, 0.5 * (first - third)
    end = ti.select(slope > 0.0, 2.0, ti.select(slope < 0.0, -2.0, 0.0))
    at = ti.select(bend > 0.0, slope / ti.select(bend > 0.0, bend, 1.0), end)
    return bracket.low + bracket.quarter * (2.0 + higher(lower(at, 2.0), -2.0))
