"""How the place where a ray meets a surface moves with the ray and with the surface.

A surface with the normal n, whose material point at the place p = o + t d moves by m, is met where

    dp = do + t dd + d dt,    dt = n.(m - do - t dd) / (n.d)

and the place moves along the material by dp - m, in the tangent plane.  So, of an adjoint g of p,

    q = g - n (d.g) / (n.d):    o += q,    d += t q,    m += n (d.g) / (n.d)

For a triangle m is the mean of its corners' by the barycentrics w, which change by dw_k = c_k.(dp - m),
c_k = n x (the edge opposite to k) / n.n.
"""

import taichi as ti

GRAZING = 1e-4  # cosine between ray and surface, below which the surface counts as so steep


@ti.func
def steepness(normal, direction):
    """``n.d`` of a unit normal, no closer to 0 than ``GRAZING``."""
    cosine = normal.dot(direction)
    return ti.select(cosine < 0.0, ti.min(cosine, -GRAZING), ti.max(cosine, GRAZING))


@ti.func
def meeting_adjoint(normal, direction, g):
    """(adjoint of the ray's point with t held, adjoint of the material point) of the adjoint g of p; a unit normal."""
    along = normal * (direction.dot(g) / steepness(normal, direction))
    return g - along, along


@ti.func
def barycentric_slopes(a, b, c, cross):
    """The gradients of a triangle's three barycentrics in its plane; ``cross``: (b - a) x (c - a)."""
    scale = 1.0 / ti.max(cross.dot(cross), 1e-30)
    return cross.cross(c - b) * scale, cross.cross(a - c) * scale, cross.cross(b - a) * scale
