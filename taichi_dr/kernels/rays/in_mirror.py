"""Rays of mirrored cameras, and what they meet by way of the mirror."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Rows
from taichi_dr.kernels.base.vectors import row3

BLOCKED, NOT_YET = 0, -1


@replayed
@ti.kernel
def look_by_mirror(mirror: Rows, count: ti.i32, origins: Rows, directions: Rows):
    """Turns rays of a mirrored camera into those of the real one, in place; ``mirror`` (2, 3): point, unit normal."""
    for i in range(count):
        point, normal = row3(mirror, 0), row3(mirror, 1)
        origin, direction = row3(origins, i), row3(directions, i)
        origin -= 2.0 * normal.dot(origin - point) * normal
        direction -= 2.0 * normal.dot(direction) * normal
        for c in ti.static(range(3)):
            origins[i, c], directions[i, c] = origin[c], direction[c]


@replayed
@ti.kernel
def look_into_mirror(what: Ints, count: ti.i32, mirror: ti.i32, seen: Ints, hits: Rows):
    """Writes, of pairs of rays that both meet the mirror first, that they meet nothing in it (``follow`` adds what they
    do); of others, that something is at t = 0, before everything.
    """
    for i in range(count):
        first = i // 2 * 2
        seen[i], hits[i, 0] = BLOCKED, 0.0
        if what[first] == mirror and what[first + 1] == mirror:
            seen[i] = NOT_YET


@replayed
@ti.kernel
def follow(parent: Ints, count: ti.i32, what: Ints, hits: Rows, hits_before: Rows, seen: Ints, distances: Rows):
    """Writes what rays meet behind the mirror, and how far from their origin by way of it."""
    for j in range(count):
        i = parent[j]
        if seen[i] == NOT_YET and what[j] >= 0:
            seen[i], distances[i, 0] = what[j], hits_before[i, 0] + hits[j, 0]
