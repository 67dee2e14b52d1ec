"""From a point of the world to where it is on the screen, and how that place moves.

With the packed camera ``u v w e fx fy px py`` of ``camera.pack``, q = p - e and z = -q.w (orthographic: z = 1),

    x = fx q.u / z + px,  y = fy q.v / z + py

Functions for single points; ``camera.transform`` is for meshes, in clip coordinates.
"""

import taichi as ti

from taichi_dr.kernels.base.vectors import get3
from taichi_dr.kernels.camera.pack import PACKED, E, F, P, U, V, W


@ti.func
def depth_of(eye: ti.template(), view, p):
    """How far a point is in front of a camera, an ``Eye``, along its viewing axis."""
    return (get3(eye.camera, view, E) - p).dot(get3(eye.camera, view, W))


@ti.func
def divisor(eye: ti.template(), view, p):
    """z: the depth, by which a perspective camera divides; 1 for an orthographic one."""
    z = 1.0
    if ti.static(not eye.orthographic):
        z = depth_of(eye, view, p)
    return z


@ti.func
def project(eye: ti.template(), view, p):
    """(x, y) of a point that is not at depth 0."""
    camera = ti.static(eye.camera)
    q, z = p - get3(camera, view, E), divisor(eye, view, p)
    return ti.Vector(
        [
            camera[view, F] * q.dot(get3(camera, view, U)) / z + camera[view, P],
            camera[view, F + 1] * q.dot(get3(camera, view, V)) / z + camera[view, P + 1],
        ]
    )


@ti.func
def project_slope(eye: ti.template(), view, p, motion):
    """How fast (x, y) moves while the point does."""
    camera = ti.static(eye.camera)
    q, z = p - get3(camera, view, E), divisor(eye, view, p)
    slower = 0.0
    if ti.static(not eye.orthographic):
        slower = motion.dot(get3(camera, view, W)) / z
    u, v = get3(camera, view, U), get3(camera, view, V)
    return ti.Vector(
        [
            camera[view, F] * (u.dot(motion) + u.dot(q) * slower) / z,
            camera[view, F + 1] * (v.dot(motion) + v.dot(q) * slower) / z,
        ]
    )


@ti.func
def project_adjoint(eye: ti.template(), view, p, g):
    """Adjoints of the point and of the packed camera, 16 numbers, of the adjoint g of (x, y)."""
    camera = ti.static(eye.camera)
    q, z = p - get3(camera, view, E), divisor(eye, view, p)
    u, v, w = get3(camera, view, U), get3(camera, view, V), get3(camera, view, W)
    xc, yc = q.dot(u), q.dot(v)
    across, up, depth = camera[view, F] * g[0] / z, camera[view, F + 1] * g[1] / z, 0.0
    if ti.static(not eye.orthographic):
        depth = -(across * xc + up * yc) / z
    p_adjoint = across * u + up * v - depth * w
    out = ti.Vector([0.0 for _ in ti.static(range(PACKED))])
    for k in ti.static(range(3)):
        out[U + k], out[V + k], out[W + k], out[E + k] = across * q[k], up * q[k], -depth * q[k], -p_adjoint[k]
    out[F], out[F + 1] = g[0] * xc / z, g[1] * yc / z
    out[P], out[P + 1] = g[0], g[1]
    return p_adjoint, out
