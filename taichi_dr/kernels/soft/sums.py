"""What a face sums up over its packets in the adjoint: rows of one packet each.

A row is a vector, and rows are a list.  For packets of one pixel they are the numbers of one vector, which stays in
memory: that saves time to compile (of the pixels of cut faces 2.5 s became 0.9 s).
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.soft.packets import fill_lanes

# Rows: three for the depths of the corners, three for each attribute, then `Sums.geometry` and the following.
SUM_DEPTH, SUM_ATTRIBUTE = 0, 3


class Sums(NamedTuple):
    """``rows``: those of ``zero_rows``; ``geometry``: the first row that belongs to the shape of the face."""

    rows: Any
    lanes: Any
    geometry: Any


@ti.func
def zero_rows(count: ti.template(), lanes: ti.template()):
    """``count`` rows of zeros."""
    if ti.static(lanes == 1):
        return fill_lanes(0.0, count)
    return [fill_lanes(0.0, lanes) for _ in ti.static(range(count))]


@ti.func
def add_row(sums: ti.template(), row: ti.template(), value):
    """Adds a packet to a row."""
    if ti.static(sums.lanes == 1):
        sums.rows[row] += value[0]
    else:
        sums.rows[row] += value


@ti.func
def row_total(sums: ti.template(), row: ti.template()):
    """The sum of a row over its lanes."""
    if ti.static(sums.lanes == 1):
        return sums.rows[row]
    return sums.rows[row].sum()
