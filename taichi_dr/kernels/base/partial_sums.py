"""Sums over all points of a view in a fixed order: no atomics, so they do not depend on the order of the threads.

An array of partial sums is (rows, columns): a row for each number that is summed, and for each view
``chunks_of(points)`` columns.  Each chunk of ``CHUNK`` points sums its own into a column that one thread owns; then
groups of ``GROUP`` columns are added up (``sum_group``, in place), then the groups (``sum_groups``).
"""

import taichi as ti

CHUNK = 64  # points per column: enough columns to fill a GPU, few enough to add up quickly
GROUP = 64  # columns added up by one thread


def chunks_of(points):
    """Number of columns of a view with this many points."""
    return max(1, -(-points // CHUNK))


@ti.func
def groups_of(chunks):
    """Number of groups of a view with this many columns."""
    return (chunks + GROUP - 1) // GROUP


@ti.func
def clear_column(array: ti.template(), column):
    """Sets a column to zero, for the one thread that owns it."""
    for row in range(array.shape[0]):
        array[row, column] = 0.0


@ti.func
def add_column3(array: ti.template(), first, column, value):
    """Adds a 3-vector to rows first .. first + 2 of a column, for the one thread that owns it (no atomic add)."""
    for c in ti.static(range(3)):
        array[first + c, column] = array[first + c, column] + value[c]


@ti.func
def sum_group(partials: ti.template(), row, view, group, chunks):
    """Adds the columns of one group of a view up, into the first of them."""
    first = view * chunks + group * GROUP
    total = 0.0
    for column in range(first, ti.min(first + GROUP, (view + 1) * chunks)):
        total += partials[row, column]
    partials[row, first] = total


@ti.func
def sum_groups(partials: ti.template(), row, view, views, chunks):
    """Sum of a row over ``views`` views from ``view`` on, once their groups are added up."""
    groups = groups_of(chunks)
    total = 0.0
    for g in range(views * groups):
        total += partials[row, (view + g // groups) * chunks + g % groups * GROUP]
    return total
