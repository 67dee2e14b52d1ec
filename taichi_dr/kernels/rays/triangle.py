"""Where a ray meets a triangle, without a gap between triangles that share an edge.

Corners are seen from the ray's origin, in axes of which the third one is the ray's direction d and the other two, p and
q, are perpendicular to it: a corner is at (x, y) = (p.c, q.c), and z = d.c far along the ray.  Two corners have the ray
to their left or to their right,

    u = x_c y_b - y_c x_b,    v = x_a y_c - y_a x_c,    w = x_b y_a - y_b x_a

and where u, v and w have one sign, or are 0, the ray meets the triangle, at t = (u z_a + v z_b + w z_c) / (u + v + w),
whose barycentrics are u, v and w over their sum.  Triangles with two corners in common find the same numbers for these.
So nothing comes through between them as long as the *sign* is right: where u is small it is found once more in double
precision, in which products of two single ones are exact.

Source: Woop, Benthin and Wald, Watertight ray/triangle intersection, 2013.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.vectors import get3

CLOSE = 4e-7
"""Of a sum of two products, below which rounding could have turned the sign of their difference."""


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
def meet(triangles: ti.template(), row, origin, direction, p, q):
    """(whether, t, u, v): where a ray meets a triangle; u and v are the barycentrics of its first two corners."""
    a, b, c = get3(triangles, row, 0) - origin, get3(triangles, row, 3) - origin, get3(triangles, row, 6) - origin
    xa, xb, xc = p.dot(a), p.dot(b), p.dot(c)
    ya, yb, yc = q.dot(a), q.dot(b), q.dot(c)
    u, v, w = side(xc, yc, xb, yb), side(xa, ya, xc, yc), side(xb, yb, xa, ya)
    met, t, total = False, 0.0, u + v + w
    if (lower(lower(u, v), w) >= 0.0 or higher(higher(u, v), w) <= 0.0) and total != 0.0:
        met = True
        t = (u * direction.dot(a) + v * direction.dot(b) + w * direction.dot(c)) / total
        u, v = u / total, v / total
    return met, t, u, v
