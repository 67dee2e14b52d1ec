"""Whose row is it, in an array with equally many rows for each of several views (or meshes)?

Without dividing where there is but one, the most common case: an integer division takes as long as twenty additions,
and compilers do not move it out of a loop that writes to arrays.
"""

from typing import Any, NamedTuple

import taichi as ti


class ShownMeshes(NamedTuple):
    """Which mesh each view shows, and which views show each mesh."""

    view_mesh: Any  # (V,) i32
    of_mesh: Any  # ``gather.Adjacency`` of meshes and views


@ti.func
def rows_per_view(array: ti.template(), views):
    """Rows of each view."""
    rows = array.shape[0]
    if views > 1:
        rows = rows // views
    return rows


@ti.func
def first_row(array: ti.template(), view, views):
    """First row of a view."""
    row = 0
    if view > 0:
        row = view * (array.shape[0] // views)
    return row


@ti.func
def view_of(row, rows):
    """The view that a row belongs to: ``row // rows``, with ``rows`` rows of each view."""
    view = 0
    if row >= rows:
        view = row // rows
    return view
