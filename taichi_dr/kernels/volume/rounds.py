"""Samples of rays, a few of each ray at a time: where what is in front hides the others, nothing is asked about them.

Samples are packed as in ``composite``: those of ray r are rows ``first[r]`` to ``first[r + 1]``, of all its samples or
of a round's.  Rounds together make what ``composite.composite`` makes of all samples at once.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.volume.composite import SEEN, add_samples, write_seen


@replayed
@ti.kernel
def begin(rays: ti.i32, through: Numbers, seen: Rows):
    """Writes what there is before the first round: ``through`` (R,) 1, ``seen`` (R, 5) 0."""
    for r in range(rays):
        through[r] = 1.0
        for c in ti.static(range(SEEN)):
            seen[r, c] = 0.0


@replayed
@ti.kernel
def count_next(first: Ints, rays: ti.i32, done: ti.i32, most: ti.i32, through: Numbers, tolerance: float, counts: Ints):
    """Writes ``counts`` (R,): up to ``most`` behind the first ``done`` samples, of rays that see on."""
    for r in range(rays):
        left = ti.min(ti.max(first[r + 1] - first[r] - done, 0), most)
        counts[r] = ti.select(through[r] > tolerance, left, 0)


@replayed
@ti.kernel
def take_next(
    first: Ints,
    rays: ti.i32,
    done: ti.i32,
    t: Numbers,
    lengths: Numbers,
    of_round: Ints,
    t_of_round: Numbers,
    lengths_of_round: Numbers,
):
    """Writes ``t`` and ``lengths`` of the samples that ``count_next`` counted, ``of_round`` being their ``first``."""
    for r in range(rays):
        behind = first[r] + done - of_round[r]
        for i in range(of_round[r], of_round[r + 1]):
            t_of_round[i], lengths_of_round[i] = t[behind + i], lengths[behind + i]


@replayed
@ti.kernel
def composite_next(
    first: Ints,
    t: Numbers,
    lengths: Numbers,
    values: Rows,
    rays: ti.i32,
    tolerance: float,
    through: Numbers,
    seen: Rows,
):
    """Goes on with ``through`` (R,) and ``seen`` (R, 5), as ``composite.composite`` does, over a round."""
    for r in range(rays):
        through[r], color, distance = add_samples(
            through[r], row3(seen, r), seen[r, 4], first[r], first[r + 1], t, lengths, values, tolerance
        )
        write_seen(seen, r, through[r], color, distance)
