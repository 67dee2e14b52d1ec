"""A stretch of a ray on which the surface is within the silhouettes' band, sample by sample: what makes a layer.

It begins with a sample that is within the band's reach, and ends before one that is not, or when the surface comes
close once more after it was further away: an arm in front of a body, or another one beside it, has a silhouette of its
own.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.march.bounds import NEVER

PROMINENT = 0.1  # pixels that the surface has to be further away between two layers than at both


class Stretch(NamedTuple):
    """The state of a stretch: numbers that samples change.

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
    """Whether a stretch ends before a sample of distance h, where a pixel is w wide and the band reaches so far."""
    again = stretch.highest > ti.max(stretch.lowest, h, 0.0) + PROMINENT * w
    return (stretch.lowest < NEVER) & (again | (h >= reach))


@ti.func
def note(t, h, stretch: ti.template()):
    """Takes a sample within reach into a stretch, which begins here if there is none."""
    if stretch.lowest == NEVER:
        stretch.crossing, stretch.h_outside = NEVER, NEVER
    if h < stretch.lowest:
        stretch.lowest, stretch.highest = h, -NEVER
        stretch.low, stretch.h_low, stretch.high = stretch.t_before, stretch.h_before, t
    else:
        if stretch.highest == -NEVER:
            stretch.high = t
        stretch.highest = ti.max(stretch.highest, h)
    if h <= 0.0 and stretch.crossing == NEVER:
        stretch.crossing = t
        if stretch.h_before < NEVER:
            stretch.crossing = t + h * (t - stretch.t_before) / (stretch.h_before - h)
            stretch.outside, stretch.h_outside = stretch.t_before, stretch.h_before


@ti.func
def close(end, stretch: ti.template()):
    """Ends a stretch: its closest point is between ``low`` and ``high`` then.

    ``end``: up to where on the ray the surface may come closer still.
    """
    if stretch.highest == -NEVER:
        stretch.high = end
    if stretch.crossing == NEVER:
        stretch.outside, stretch.h_outside = stretch.low, stretch.h_low
    stretch.lowest, stretch.highest = NEVER, -NEVER


@ti.func
def entry(closest, h, crossing, outside, h_outside):
    """Where a ray enters a layer; its closest point, with the distance h, where it does not.

    On the parabola with its vertex there, through the last sample outside: rays that graze would take many steps.
    """
    t = crossing
    if h < 0.0 and h_outside < NEVER:
        t = closest - (closest - outside) * ti.sqrt(h / (h - h_outside))
    return ti.min(t, closest)
