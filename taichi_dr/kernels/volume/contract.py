"""All of space in a ball: what is near stays as it is, what is far away is drawn together.

With q = (p - center) / radius,

    contract(p) = q where |q| <= 1,   (2 - 1/|q|) q / |q| beyond

a ball of radius 2 whose surface is infinitely far.  The derivative is continuous: ``f I + f' q q^T / |q|`` beyond, with
``f = 2/|q| - 1/|q|^2``.

Source: Barron et al., Mip-NeRF 360, 2022, eq. 10.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.base.vectors import row3


@ti.func
def contract(q):
    """A point, in units of the radius, to where it is in the ball."""
    r = ti.max(q.norm(), 1.0)
    return q * ((2.0 - 1.0 / r) / r)


@ti.func
def contract_adjoint(q, g):
    """The adjoint of q in ``contract(q)``: its matrix is symmetric."""
    r = ti.max(q.norm(), 1.0)
    along = 0.0
    if r > 1.0:
        along = (2.0 / (r * r * r) - 2.0 / (r * r)) * q.dot(g) / r
    return g * ((2.0 - 1.0 / r) / r) + along * q


@ti.func
def stretch(q, direction):
    """How far a point at q moves in the ball while it goes one unit along a unit direction: 1 within |q| = 1."""
    r = ti.max(q.norm(), 1.0)
    across = (2.0 - 1.0 / r) / r
    along = q.dot(direction) / r
    return ti.sqrt(ti.max(across * across * (1.0 - along * along), 0.0) + along * along / (r * r * r * r))


@replayed
@ti.kernel
def contract_points(points: Rows, center: Rows, radius: float, contracted: Rows, count: ti.i32):
    """Writes ``contracted`` (count, 3) of ``points`` (count, 3); ``center`` (1, 3)."""
    for i in range(count):
        p = contract((row3(points, i) - row3(center, 0)) / radius)
        for k in ti.static(range(3)):
            contracted[i, k] = p[k]


@replayed
@ti.kernel
def contract_points_adjoint(
    points: Rows, center: Rows, radius: float, contracted_adjoint: Rows, points_adjoint: Rows, count: ti.i32
):
    """Adds to ``points_adjoint`` (count, 3)."""
    for i in range(count):
        g = contract_adjoint((row3(points, i) - row3(center, 0)) / radius, row3(contracted_adjoint, i)) / radius
        for k in ti.static(range(3)):
            points_adjoint[i, k] = points_adjoint[i, k] + g[k]
