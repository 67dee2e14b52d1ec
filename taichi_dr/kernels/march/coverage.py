"""The part of a pixel that lies behind an edge: how much it is, and where its middle is.

Of a unit square, the normal of the edge has components of the sizes p >= q; the middle of the square is x behind the
edge.  With h = (p + q) / 2 and m = (p - q) / 2 the area is

    c(x) = (h + x)^2 / (2 p q)     -h < x < -m
    c(x) = 1/2 + x / p             |x| <= m

and c(-x) = 1 - c(x), 0 or 1 further away.  The middle of what is covered is behind the edge by the mean

    d(x) = M(x) / c(x),  M(x) = int_{-h}^x c(y) dy,  M(-x) = M(x) - x,

which grows from 0 to x = h, where all is covered.
"""

import taichi as ti


@ti.func
def half_plane_coverage(x, p, q):
    """The area c.  ``x = 0, 0.25, 2`` with p = 1, q = 0 give 0.5, 0.75, 1."""
    away = ti.abs(x)
    part = 0.5 + away / p
    if away > 0.5 * (p - q):
        rest = ti.max(0.5 * (p + q) - away, 0.0)
        part = 1.0 - rest * rest / (2.0 * p * q)
    return ti.select(x < 0.0, 1.0 - part, part)


@ti.func
def half_plane_slope(x, p, q):
    """The derivative of the area by x."""
    away = ti.abs(x)
    slope = 1.0 / p
    if away > 0.5 * (p - q):
        slope = ti.max(0.5 * (p + q) - away, 0.0) / (p * q)
    return slope


@ti.func
def middle_depth(x, p, q):
    """How far behind the edge the middle of what is covered is, and the derivative of that by x.

    ``x = -0.25, 0, 0.5`` with p = 1, q = 0 give 0.125, 0.25, 0.5.
    """
    half, flat = 0.5 * (p + q), 0.5 * (p - q)
    inside = ti.min(ti.max(x, -half), half)
    within = half - ti.abs(inside)  # from the corner that the edge passes last
    moment = within * within * within / (6.0 * p * q)
    if within > q:
        beyond = flat - ti.abs(inside)
        moment = q * q / (6.0 * p) + 0.5 * beyond * (q + beyond) / p
    moment += ti.max(inside, 0.0)
    area = ti.max(half_plane_coverage(inside, p, q), 1e-6)
    depth = moment / area
    return depth, 1.0 - depth * half_plane_slope(inside, p, q) / area
