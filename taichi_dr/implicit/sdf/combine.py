"""Signed distances made of others: unions, smooth unions, and shapes that are moved, scaled, repeated or twisted.

``union`` and its kin take distances.  ``translate``, ``rotate``, ``repeat`` and ``twist`` take the point, and return
where to ask for the shape's distance instead: ``box(rotate(translate(p, c), axis, angle), half)`` is a box turned and
then moved to c.  If ``|f(p) - f(q)| <= L |p - q|`` with a constant L, ``|f(p)| / L`` is a bound of the distance: a step
of it never passes the surface (Hart 1996).

Source: Quilez, "Distance functions" and "Smooth minimum", iquilezles.org/articles.
"""

import taichi as ti

from taichi_dr.implicit.sdf.primitives import TINY


@ti.func
def union(a, b):
    """``min(a, b)``: both.  L: the larger one; exact outside if both are exact, a bound inside."""
    return ti.min(a, b)


@ti.func
def intersection(a, b):
    """``max(a, b)``: what is in both.  L: the larger one; exact inside if both are exact, a bound outside."""
    return ti.max(a, b)


@ti.func
def difference(a, b):
    """``max(a, -b)``: what is in a and not in b.  L: the larger one; a bound."""
    return ti.max(a, -b)


@ti.func
def smooth_union(a, b, width):
    """``h a + (1 - h) b - width h (1 - h)``, ``h = clamp(1/2 + (b - a) / 2 width, 0, 1)``; a union with a fillet.

    It differs from ``min(a, b)`` where ``|a - b| < width``, by up to ``width / 4``; its gradient is ``h grad a +
    (1 - h) grad b``.  L: the larger one; a bound.

    ``smooth_union(1, 1, 0.4) = 0.9``.
    """
    h = ti.math.clamp(0.5 + 0.5 * (b - a) / ti.max(width, 1e-9), 0.0, 1.0)
    return h * a + (1.0 - h) * b - width * h * (1.0 - h)


@ti.func
def smooth_intersection(a, b, width):
    """``-smooth_union(-a, -b, width)``: edges rounded off.  L: the larger one; a bound."""
    return -smooth_union(-a, -b, width)


@ti.func
def smooth_difference(a, b, width):
    """``-smooth_union(-a, b, width)``: a without b, edges rounded off.  L: the larger one; a bound."""
    return -smooth_union(-a, b, width)


@ti.func
def translate(p, offset):
    """``p - offset``: moves the shape by ``offset``.  L and exactness stay."""
    return p - offset


@ti.func
def rotate(p, axis, angle):
    """Turns the shape by ``angle`` (radians, right-handed) about an axis of any length.

    ``p cos + (p x k) sin + k (k . p) (1 - cos)`` with ``k = axis / |axis|``: Rodrigues' formula for ``-angle``.  L and
    exactness stay.

    ``rotate((0, 0, -1), (0, 1, 0), pi / 2) = (1, 0, 0)``.
    """
    k = ti.Vector([0.0, 0.0, 0.0]) + axis
    k /= k.norm(TINY)
    c = ti.cos(angle)
    return p * c + p.cross(k) * ti.sin(angle) + k * (p.dot(k) * (1.0 - c))


@ti.func
def scale(p, distance: ti.template(), factor):
    """``factor distance(p / factor)``, ``distance`` a ``ti.func`` of a point: the shape ``factor`` times as large.

    L and exactness stay; ``factor > 0``.
    """
    return factor * distance(p / factor)


@ti.func
def repeat(p, period):
    """``p - period floor(p / period + 1/2)``: copies of the shape, ``period`` (a number or three) apart in x, y and z.

    For a shape inside its cell, ``|p_i| <= period_i / 2``, that is its own mirror image in x, in y and in z, L and
    exactness stay.  Any other jumps where cells meet: there its distance can be too large.

    ``repeat((1.9, 0.2, -0.6), 1) = (-0.1, 0.2, 0.4)``.
    """
    return p - period * ti.floor(p / period + 0.5)


@ti.func
def twist(p, rate):
    """Turns the shape about the y axis by ``rate y`` (radians per unit of length), more the higher.

    ``L = L_f (w + sqrt(w^2 + 4)) / 2`` with ``w = |rate| rho``, rho how far from the axis the point is: divide the
    distance by it, for the largest rho of the bounds.

    ``twist((0, 1, -1), pi / 2) = (1, 1, 0)``.
    """
    c, s = ti.cos(rate * p.y), ti.sin(rate * p.y)
    return ti.Vector([c * p.x - s * p.z, p.y, s * p.x + c * p.z])
