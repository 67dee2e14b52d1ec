"""Nodes beside a surface: the distances and the closest points that the values of a grid tell.

An edge of the grid with a change of sign crosses the surface at ``t = |f_p| / (|f_p| + |f_q|)``, where the gradient is
``f_q - f_p`` along the edge and, across it, the central differences of both ends, interpolated to t.  A node's stretch
is the mean of ``1 / |gradient|`` over its crossings, its distance ``|f_p|`` times that.  Both ends of an edge count the
same crossing, and stretches are averaged over neighbours across the surface: so the ratio of both ends, which is where
the surface is, stays.  Node (i, j, k) is at ``(i hx, j hy, k hz)``.

Sources: Russo and Smereka, A remark on computing distance functions, 2000 (anchors below the size of a cell); Hartmann
et al., Differential equation based constrained reinitialization, 2008 (the ratio of both ends is kept).
"""

import taichi as ti

from taichi_dr.kernels.base.types import VectorVolume, Volume
from taichi_dr.kernels.distance.closest_points import FAR, FIXED, write_closest

TINY = 1e-30


@ti.kernel
def measure(values: Volume, closest: VectorVolume, stretch: Volume, hx: float, hy: float, hz: float) -> int:
    """Writes the ``stretch`` (X, Y, Z) of nodes with a neighbour of the other sign, 0 elsewhere; returns their number.

    The first three columns of their rows of ``closest`` become the direction that the values grow in.
    """
    count = 0
    spacing = ti.Vector([hx, hy, hz])
    for i, j, k in stretch:
        p = ti.Vector([i, j, k])
        total, crossings, direction = 0.0, 0, ti.Vector([0.0, 0.0, 0.0])
        for axis in ti.static(range(3)):
            for side in ti.static((-1, 1)):
                q = neighbour(p, axis, side)
                if crosses(values, p, q):
                    gradient = gradient_at_crossing(values, p, q, axis, spacing)
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
def anchor(
    values: Volume,
    stretch: Volume,
    closest: VectorVolume,
    distance: Volume,
    cap: float,
    hx: float,
    hy: float,
    hz: float,
):
    """Writes ``distance``, at most ``cap``, and the closest points, as ``FIXED``, of nodes with a ``stretch``."""
    for i, j, k in distance:
        p = ti.Vector([i, j, k])
        if stretch[p] > 0:
            d = ti.min(ti.abs(values[p]) * stretch[p], cap)
            distance[p] = d
            away = ti.Vector([closest[i, j, k, c] for c in ti.static(range(3))])
            point = p * ti.Vector([hx, hy, hz]) - ti.select(values[p] < 0, -d, d) * away
            write_closest(closest, p, point, FIXED)


@ti.kernel
def continue_upwind(closest: VectorVolume, distance: Volume, hx: float, hy: float, hz: float):
    """Begins the rows of nodes beside ``FIXED`` ones: ``upwind`` from those, which is exact for a plane.

    Closest points alone, about a cell apart, would make such distances too large by up to 0.4 cells.
    """
    spacing = ti.Vector([hx, hy, hz])
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
                d = upwind(near, spacing)
                gradient = ti.max(d - near, 0.0) / spacing * way
                write_closest(closest, p, p * spacing + d * gradient / gradient.norm(), d * d)


@ti.func
def upwind(near, spacing):
    """The distance d with ``sum_a (max(d - near_a, 0) / spacing_a)^2 = 1``, of the nearer neighbour along each axis.

    For spacings of 1, ``near = (0, 0, 0)`` gives ``1 / sqrt(3)``, ``(0, 5, 5)`` gives 1.  Source: Rouy and Tourin 1992.
    """
    lowest = near.min()
    excess = near - lowest  # so that no digits are lost in squares
    highest = excess.max()
    middle = ti.max(ti.min(excess[0], excess[1]), ti.min(ti.max(excess[0], excess[1]), excess[2]))
    d = 0.0
    for bound in ti.static(range(3)):
        limit = 0.0 if bound == 0 else (middle if bound == 1 else highest)
        if bound == 0 or d > limit:
            a, b, c = 0.0, 0.0, -1.0
            for axis in ti.static(range(3)):
                if excess[axis] <= limit:
                    weight = 1.0 / spacing[axis] ** 2
                    a += weight
                    b += weight * excess[axis]
                    c += weight * excess[axis] ** 2
            d = (b + ti.sqrt(ti.max(b * b - a * c, 0.0))) / a
    return lowest + d


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
def gradient_at_crossing(values: ti.template(), p, q, axis: ti.template(), spacing):
    """The gradient where the edge from p to q along ``axis`` meets the surface."""
    t = ti.abs(values[p]) / ti.max(ti.abs(values[p]) + ti.abs(values[q]), TINY)
    gradient = ti.Vector([0.0, 0.0, 0.0])
    for other in ti.static(range(3)):
        if ti.static(other == axis):
            gradient[other] = (values[q] - values[p]) * (q[axis] - p[axis])
        else:
            gradient[other] = (1.0 - t) * _central(values, p, other) + t * _central(values, q, other)
    return gradient / spacing


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
