"""A stretch of a ray on which the surface is within the silhouettes' band, sample by sample: what makes a layer.

It begins with a sample that is within the band's reach, and ends before one that is not, or when the surface comes
close once more after it was further away: an arm in front of a body, or another one beside it, has a silhouette of its
own.

All functions take numbers, or packets of them, and change the state that they are given.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.march.bounds import NEVER

PROMINENT = 0.1  # pixels that the surface has to be further away between two layers than at both


class Stretch(NamedTuple):
    """The state of a stretch: variables that samples change.

    ``lowest``: the least distance, ``NEVER`` outside of stretches; ``low``, ``high``: where the samples next to it are,
    with ``h_low`` at the first; ``highest``: the largest distance after it, ``-NEVER`` as long as there is none.
    ``crossing``: where the surface was crossed, between samples, ``NEVER`` if it was not; ``outside``, ``h_outside``:
    the sample before that, ``h_outside = NEVER`` where there is none.  ``t_before``, ``h_before``: the latest sample.
    """

    lowest: Any
    low: Any
    h_low: Any
    high: Any
    highest: Any
    crossing: Any
    outside: Any
    h_outside: Any
    t_before: Any
    h_before: Any


@ti.func
def ends_before(h, w, reach, stretch: ti.template()):
    """1 if a stretch ends before a sample of distance h, where a pixel is w wide; 0 if not."""
    hidden = higher(higher(stretch.lowest, h), 0.0) + PROMINENT * w
    ends = ti.select(stretch.highest > hidden, 1.0, ti.select(h >= reach, 1.0, 0.0))
    return ti.select(stretch.lowest < NEVER, ends, 0.0)


@ti.func
def note(t, h, inside, stretch: ti.template()):
    """Takes a sample within reach (where ``inside`` is 1) into a stretch, which begins here if there is none."""
    begins = ti.select(stretch.lowest < NEVER, 0.0, inside)
    stretch.crossing = ti.select(begins > 0.0, NEVER, stretch.crossing)
    stretch.h_outside = ti.select(begins > 0.0, NEVER, stretch.h_outside)
    least = ti.select(h < stretch.lowest, inside, 0.0)
    later = inside - least
    stretch.high = ti.select(ti.select(stretch.highest > -NEVER, 0.0, later) + least > 0.0, t, stretch.high)
    stretch.highest = ti.select(later > 0.0, higher(stretch.highest, h), stretch.highest)
    stretch.highest = ti.select(least > 0.0, -NEVER, stretch.highest)
    stretch.lowest = ti.select(least > 0.0, h, stretch.lowest)
    stretch.low = ti.select(least > 0.0, stretch.t_before, stretch.low)
    stretch.h_low = ti.select(least > 0.0, stretch.h_before, stretch.h_low)
    crosses = ti.select(h <= 0.0, ti.select(stretch.crossing < NEVER, 0.0, inside), 0.0)
    known = ti.select(stretch.h_before < NEVER, crosses, 0.0)
    back = ti.select(known > 0.0, h * (t - stretch.t_before) / ti.select(known > 0.0, stretch.h_before - h, 1.0), 0.0)
    stretch.crossing = ti.select(crosses > 0.0, t + back, stretch.crossing)
    stretch.outside = ti.select(known > 0.0, stretch.t_before, stretch.outside)
    stretch.h_outside = ti.select(known > 0.0, stretch.h_before, stretch.h_outside)


@ti.func
def close(end, ends, stretch: ti.template()):
    """Ends a stretch (where ``ends`` is 1): its closest point is between ``low`` and ``high`` then.

    ``end``: up to where on the ray the surface may come closer still.
    """
    stretch.high = ti.select(ti.select(stretch.highest > -NEVER, 0.0, ends) > 0.0, end, stretch.high)
    uncrossed = ti.select(stretch.crossing < NEVER, 0.0, ends)
    stretch.outside = ti.select(uncrossed > 0.0, stretch.low, stretch.outside)
    stretch.h_outside = ti.select(uncrossed > 0.0, stretch.h_low, stretch.h_outside)
    stretch.lowest = ti.select(ends > 0.0, NEVER, stretch.lowest)
    stretch.highest = ti.select(ends > 0.0, -NEVER, stretch.highest)


@ti.func
def entry(closest, h, crossing, outside, h_outside):
    """Where a ray enters a layer; its closest point, with the distance h, where it does not.

    On the parabola with its vertex there, through the last sample outside: rays that graze would take many steps.
    """
    enters = ti.select(h < 0.0, ti.select(h_outside < NEVER, 1.0, 0.0), 0.0)
    part = ti.select(enters > 0.0, h / ti.select(enters > 0.0, h - h_outside, 1.0), 0.0)
    return lower(ti.select(enters > 0.0, closest - (closest - outside) * ti.sqrt(part), crossing), closest)
