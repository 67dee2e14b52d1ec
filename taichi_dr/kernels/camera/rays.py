"""From the screen back into the scene: the ray through a point of the screen, and its adjoint.

With the packed camera ``u v w e fx fy px py`` of ``camera.pack`` and a = (x - px)/fx, b = (y - py)/fy:

    perspective:   origin e,              direction D/|D|,  D = a u + b v - w
    orthographic:  origin e + a u + b v,  direction -w

so that ``origin + t direction`` is at distance t, and seen at (x, y).  All functions take numbers, or packets of them:
``x`` and ``y`` of one packet give points and directions whose components are packets.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.vectors import get3, unit_adjoint
from taichi_dr.kernels.camera.pack import PACKED, E, F, P, U, V, W


class Eye(NamedTuple):
    """Packed cameras (V, 16), and whether they are orthographic (static)."""

    camera: Any
    orthographic: Any


@ti.func
def slopes(camera: ti.template(), view, x, y):
    """(a, b) of a point on the screen: where its ray is, to the right and up, at depth 1 (orthographic: anywhere)."""
    return (x - camera[view, P]) / camera[view, F], (y - camera[view, P + 1]) / camera[view, F + 1]


@ti.func
def ray_components(eye: ti.template(), view, x, y):
    """Of rays through points of the screen, numbers or packets: three components of the origins, three of the unit
    directions, and the cosine of the angle to the viewing axis (depth = cosine t).
    """
    camera = ti.static(eye.camera)
    a, b = slopes(camera, view, x, y)
    ax = a * camera[view, U] + b * camera[view, V]
    ay = a * camera[view, U + 1] + b * camera[view, V + 1]
    az = a * camera[view, U + 2] + b * camera[view, V + 2]
    zero = 0.0 * a
    ox, oy, oz = camera[view, E] + zero, camera[view, E + 1] + zero, camera[view, E + 2] + zero
    dx, dy, dz = zero - camera[view, W], zero - camera[view, W + 1], zero - camera[view, W + 2]
    if ti.static(eye.orthographic):
        ox, oy, oz = ox + ax, oy + ay, oz + az
    else:
        dx, dy, dz = dx + ax, dy + ay, dz + az
    cosine = 1.0 / ti.sqrt(dx * dx + dy * dy + dz * dz)
    return ox, oy, oz, dx * cosine, dy * cosine, dz * cosine, cosine


@ti.func
def ray(eye: ti.template(), view, x, y):
    """Origin and unit direction of the ray through (x, y) on the screen, as two 3-vectors."""
    ox, oy, oz, dx, dy, dz, _ = ray_components(eye, view, x, y)
    return ti.Vector([ox, oy, oz]), ti.Vector([dx, dy, dz])


@ti.func
def footprint(eye: ti.template(), view, cosine, pixel):
    """(w0, w1): a pixel, ``pixel`` wide on the screen, is w0 + w1 t wide at t along a ray, in world units.

    Across the ray, and the geometric mean of both directions: a unit to find one's way by, not a derivative.
    """
    size = pixel / ti.sqrt(eye.camera[view, F] * eye.camera[view, F + 1]) + 0.0 * cosine
    constant, slope = 0.0 * cosine, size * cosine
    if ti.static(eye.orthographic):
        constant, slope = size, 0.0 * cosine
    return constant, slope


@ti.func
def ray_adjoint(eye: ti.template(), view, x, y, origin_adjoint, direction_adjoint):
    """The adjoint of the packed camera, 16 numbers, of the ray through (x, y)."""
    camera = ti.static(eye.camera)
    a, b = slopes(camera, view, x, y)
    u, v = get3(camera, view, U), get3(camera, view, V)
    direction = -get3(camera, view, W)
    if ti.static(not eye.orthographic):
        direction += a * u + b * v
    g = unit_adjoint(direction, direction_adjoint)
    across_adjoint = origin_adjoint if ti.static(eye.orthographic) else g  # of a u + b v
    out = ti.Vector([0.0 for _ in ti.static(range(PACKED))])
    for k in ti.static(range(3)):
        out[U + k] = a * across_adjoint[k]
        out[V + k] = b * across_adjoint[k]
        out[W + k] = -g[k]
        out[E + k] = origin_adjoint[k]
    g_a, g_b = across_adjoint.dot(u) / camera[view, F], across_adjoint.dot(v) / camera[view, F + 1]
    out[F], out[F + 1] = -g_a * a, -g_b * b
    out[P], out[P + 1] = -g_a, -g_b
    return out
