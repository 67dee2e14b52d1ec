"""Nodes beside a surface: the distances and the closest points that the values of a grid tell.

An edge of the grid with a change of sign crosses the surface at ``t = |f_p| / (|f_p| + |f_q|)``, where the gradient is
``f_q - f_p`` along the edge and, across it, the central differences of both ends, interpolated to t.  A node's stretch
is the mean of ``1 / |gradient|`` over its crossings, its distance ``|f_p|`` times that.  Both ends of an edge count the
same crossing, and stretches are averaged over neighbours across the surface: so the ratio of both ends, which is where
the surface is, stays.  All lengths are in cells.

Sources: Russo and Smereka, A remark on computing distance functions, 2000 (anchors below the size of a cell); Hartmann
et al., Differential equation based constrained reinitialization, 2008 (the ratio of both ends is kept).
"""

import taichi as ti

from taichi_dr.kernels.base.types import VectorVolume, Volume
from taichi_dr.kernels.distance.closest_points import FAR, FIXED, write_closest

TINY = 1e-30


@ti.kernel
def measure(values: Volume, closest: VectorVolume, stretch: Volume) -> int:
    """Writes the ``stretch`` (X, Y, Z) of nodes with a neighbour of the other sign, 0 elsewhere; returns their number.

    The first three columns of their rows of ``closest`` become the direction that the values grow in.
    """
    count = 0
    for i, j, k in stretch:
        p = ti.Vector([i, j, k])
        total, crossings, direction = 0.0, 0, ti.Vector([0.0, 0.0, 0.0])
        for axis in ti.static(range(3)):
            for side in ti.static((-1, 1)):
                q = neighbour(p, axis, side)
                if crosses(values, p, q):
                    gradient = gradient_at_crossing(values, p, q, axis)
                    inverse = 1.0 / ti.max(gradient.norm(), TINY)
                    total += inverse
                    direction += inverse * gradient
                    crossings += 1
        stretch[p] = total / ti.max(crossings, 1)
        write_closest(closest, p, direction / ti.max(direction.norm(), TINY), FAR)
        count += crossings > 0
    return count


@ti.kernel
def average(values: Volume, stretch: Volume, averaged: Volume):
    """Writes the mean of every node's stretch and the mean stretch of its neighbours across the surface."""
    for i, j, k in stretch:
        p = ti.Vector([i, j, k])
        total, crossings = 0.0, 0
        for axis in ti.static(range(3)):
            for side in ti.static((-1, 1)):
                q = neighbour(p, axis, side)
                if crosses(values, p, q):
                    total += stretch[q]
                    crossings += 1
        averaged[p] = 0.5 * (stretch[p] + total / ti.max(crossings, 1))


@ti.kernel
def anchor(values: Volume, stretch: Volume, closest: VectorVolume, distance: Volume, cap: float):
    """Writes ``distance``, at most ``cap``, and the closest points, as ``FIXED``, of nodes with a ``stretch``."""
    for i, j, k in distance:
        p = ti.Vector([i, j, k])
        if stretch[p] > 0:
            d = ti.min(ti.abs(values[p]) * stretch[p], cap)
            distance[p] = d
            away = ti.Vector([closest[i, j, k, c] for c in ti.static(range(3))])
            write_closest(closest, p, p - ti.select(values[p] < 0, -d, d) * away, FIXED)


@ti.kernel
def continue_upwind(closest: VectorVolume, distance: Volume):
    """Begins the rows of nodes beside ``FIXED`` ones: ``upwind`` from those, which is exact for a plane.

    Closest points alone, about a cell apart, would make such distances too large by up to 0.4 cells.
    """
    for i, j, k in distance:
        if closest[i, j, k, 3] != FIXED:
            p = ti.Vector([i, j, k])
            near, way = ti.Vector([FAR, FAR, FAR]), ti.Vector([0.0, 0.0, 0.0])
            for axis in ti.static(range(3)):
                for side in ti.static((-1, 1)):
                    q = neighbour(p, axis, side)
                    if 0 <= q[axis] and q[axis] < distance.shape[axis]:
                        if closest[q[0], q[1], q[2], 3] == FIXED and distance[q] < near[axis]:
                            near[axis], way[axis] = distance[q], side
            if near.min() < FAR:
                d = upwind(near)
                gradient = ti.max(d - near, 0.0) * way
                write_closest(closest, p, p + d * gradient / gradient.norm(), d * d)


@ti.func
def upwind(near):
    """The distance d with ``sum_a max(d - near_a, 0)^2 = 1``; ``near`` is the nearer neighbour along each axis.

    ``near = (0, 0, 0)`` gives ``1 / sqrt(3)``, ``(0, 5, 5)`` gives 1.  Source: Rouy and Tourin 1992.
    """
    low, high = near.min(), near.max()
    middle = ti.max(ti.min(near[0], near[1]), ti.min(ti.max(near[0], near[1]), near[2]))
    d = low + 1.0
    if d > middle:
        d = 0.5 * (low + middle + ti.sqrt(2.0 - (middle - low) ** 2))
        if d > high:
            a, b = middle - low, high - low
            d = low + (a + b + ti.sqrt(ti.max((a + b) ** 2 - 3.0 * (a * a + b * b - 1.0), 0.0))) / 3.0
    return d


@ti.func
def crosses(values: ti.template(), p, q):
    """Whether q is on the grid and on the other side of the surface than p; negative values are inside."""
    inside = True
    for axis in ti.static(range(3)):
        inside = inside and 0 <= q[axis] and q[axis] < values.shape[axis]
    if inside:
        inside = (values[q] < 0) != (values[p] < 0)
    return inside


@ti.func
def gradient_at_crossing(values: ti.template(), p, q, axis: ti.template()):
    """The gradient where the edge from p to q along ``axis`` meets the surface."""
    t = ti.abs(values[p]) / ti.max(ti.abs(values[p]) + ti.abs(values[q]), TINY)
    gradient = ti.Vector([0.0, 0.0, 0.0])
    for other in ti.static(range(3)):
        if ti.static(other == axis):
            gradient[other] = (values[q] - values[p]) * (q[axis] - p[axis])
        else:
            gradient[other] = (1.0 - t) * _central(values, p, other) + t * _central(values, q, other)
    return gradient


@ti.func
def _central(values: ti.template(), p, axis: ti.template()):
    """The central difference, one-sided at the border."""
    low, high = neighbour(p, axis, -1), neighbour(p, axis, 1)
    low[axis] = ti.max(low[axis], 0)
    high[axis] = ti.min(high[axis], values.shape[axis] - 1)
    return (values[high] - values[low]) / ti.max(high[axis] - low[axis], 1)


@ti.func
def neighbour(p, axis: ti.template(), side: ti.template()):
    """The node next to p."""
    q = p
    q[axis] += side
    return q
