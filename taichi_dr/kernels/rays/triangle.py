"""Where a ray meets a triangle, without a gap between triangles that share an edge.

Corners are seen from the ray's origin, in axes of which the third one is the ray's direction d and the other two, p and
q, are perpendicular to it: a corner is at (x, y) = (p.c, q.c), and z = d.c far along the ray.  Two corners have the ray
to their left or to their right,

    u = x_c y_b - y_c x_b,    v = x_a y_c - y_a x_c,    w = x_b y_a - y_b x_a

and where u, v and w have one sign, or are 0, the ray meets the triangle, at t = (u z_a + v z_b + w z_c) / (u + v + w),
whose barycentrics are u, v and w over their sum.  Triangles with two corners in common find the same numbers for these.
So nothing comes through between them as long as the *sign* is right: where u is small it is found once more in double
precision, in which products of two single ones are exact.

A face of a million units that is met one unit away has corners whose z are rounded to 0.06: their mean, t, is of no
use.  Such a *vast* face, one that may be met nearer than 1/16 of its longest edge, is met at the plane through its
corners instead, with n = (b - a) x (c - a) found in double precision (``tangent``):

    t = n.a / n.d,    v_k = e_k.d t + f_k,    e_k = n x (the edge opposite to corner k) / n.n

of corners seen from the origin, t no further than the corners are along the ray and the barycentrics v_k within [0, 1].
So t is off by some 1e-7 / cos in proportion, cos between ray and normal, and the v_k by 1e-7, at any size of the face.
Its edges stay where x and y have them, 6e-8 of its size off.

Source: Woop, Benthin and Wald, Watertight ray/triangle intersection, 2013.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.vectors import get3

CLOSE = 4e-7
"""Of a sum of two products, below which rounding could have turned the sign of their difference."""

REACH, TRIANGLE = 9, 10
"""Behind its three corners a column of ``triangles`` says how far along a ray the first one is at least, unless the
face is vast; how many columns there are."""

VAST = 16.0
"""Of the distance to a place of it, how long a face's edges are at most, unless it is vast."""

LEAST_SQUARE = 1e-300
"""Of a normal in double precision, below which it has no direction."""


@ti.func
def reach(a, b, c):
    """``REACH`` of a triangle: no place is further from a than an edge, so t >= |a| - edge >= edge / ``VAST``."""
    longest = ti.max((b - a).norm_sqr(), (c - b).norm_sqr(), (a - c).norm_sqr())
    return ti.sqrt(longest) * (1.0 + 1.0 / VAST)


@ti.func
def across(d):
    """Two axes (p, q) perpendicular to a unit vector and to each other.

    Source: Duff et al., Building an orthonormal basis, revisited, 2017.
    """
    sign = 1.0 if d[2] >= 0.0 else -1.0
    a = -1.0 / (sign + d[2])
    b = d[0] * d[1] * a
    return (
        ti.Vector([1.0 + sign * d[0] * d[0] * a, sign * b, -sign * d[0]]),
        ti.Vector([b, sign + d[1] * d[1] * a, -d[1]]),
    )


@ti.func
def side(xa, ya, xb, yb):
    """``xa yb - ya xb``, of the right sign."""
    first, second = xa * yb, ya * xb
    result = first - second
    if ti.abs(result) <= CLOSE * (ti.abs(first) + ti.abs(second)):
        exact = ti.cast(xa, ti.f64) * ti.cast(yb, ti.f64) - ti.cast(ya, ti.f64) * ti.cast(xb, ti.f64)
        result = ti.cast(exact, float)
    return result


@ti.func
def tangent(triangles: ti.template(), row, origin):
    """(n, n.a, e_a, f_a, e_b, f_b): plane and barycentrics of a triangle seen from a place; n of length 1, or 0."""
    o = ti.cast(origin, ti.f64)
    a = ti.cast(get3(triangles, row, 0), ti.f64) - o
    b = ti.cast(get3(triangles, row, 3), ti.f64) - o
    c = ti.cast(get3(triangles, row, 6), ti.f64) - o
    n = (b - a).cross(c - a)
    inverse = 1.0 / ti.max(n.dot(n), LEAST_SQUARE)
    n_unit, e_a, e_b = n * ti.sqrt(inverse), n.cross(c - b) * inverse, n.cross(a - c) * inverse
    return (
        ti.cast(n_unit, float),
        ti.cast(n_unit.dot(a), float),
        ti.cast(e_a, float),
        ti.cast(-e_a.dot(b), float),
        ti.cast(e_b, float),
        ti.cast(-e_b.dot(c), float),
    )


@ti.func
def meet(triangles: ti.template(), row, origin, direction, p, q):
    """(whether, t, u, v): where a ray meets a triangle; u and v are the barycentrics of its first two corners."""
    a, b, c = get3(triangles, row, 0) - origin, get3(triangles, row, 3) - origin, get3(triangles, row, 6) - origin
    xa, xb, xc = p.dot(a), p.dot(b), p.dot(c)
    ya, yb, yc = q.dot(a), q.dot(b), q.dot(c)
    u, v, w = side(xc, yc, xb, yb), side(xa, ya, xc, yc), side(xb, yb, xa, ya)
    met, t, total = False, 0.0, u + v + w
    if (lower(lower(u, v), w) >= 0.0 or higher(higher(u, v), w) <= 0.0) and total != 0.0:
        met = True
        za, zb, zc = direction.dot(a), direction.dot(b), direction.dot(c)
        t = (u * za + v * zb + w * zc) / total
        u, v = u / total, v / total
        if za < triangles[row, REACH]:
            n, height, e_a, f_a, e_b, f_b = tangent(triangles, row, origin)
            fall = n.dot(direction)
            if fall != 0.0:
                t = ti.math.clamp(height / fall, lower(lower(za, zb), zc), higher(higher(za, zb), zc))
                u = ti.math.clamp(e_a.dot(direction) * t + f_a, 0.0, 1.0)
                v = ti.math.clamp(e_b.dot(direction) * t + f_b, 0.0, 1.0 - u)
    return met, t, u, v
