"""The plane of a face as a camera sees it, from the mesh in the world.

Of a face with corners a million units away, seen from one unit above it, the clip coordinates have rounded that unit
away.  In the world it is still there: the plane y = 0 is 1.5 below an eye at (0, 1.5, 0), wherever its corners are.
"""

import taichi as ti

from taichi_dr.kernels.base.vectors import get3
from taichi_dr.kernels.camera.pack import E, F, P, U, V, W

SMALLEST_NORMAL = 1e-30


@ti.func
def ascending(rows: ti.template()):
    """Three rows in ascending order."""
    a, b, c = rows[0], rows[1], rows[2]
    a, b = ti.min(a, b), ti.max(a, b)
    b, c = ti.min(b, c), ti.max(b, c)
    return ti.min(a, b), ti.max(a, b), c


@ti.func
def _world_plane(vertices: ti.template(), rows: ti.template(), eye):
    """Normal ``n`` of a face, its largest component 1; ``n.q``, how far its plane is from the eye, times ``|n|``; and
    what n was divided by: ``n size = (p1 - p0) x (p2 - p0)`` of the corners in the order of their rows.

    ``q`` is the corner nearest to the eye, seen from there.  Nothing is lost in a plane along the axes, whatever its
    size: y = 0 with corners at 1e6 is 1.5 below an eye at (0, 1.5, 0).  Zeros for a face without area.
    """
    a, b, c = ascending(rows)
    p0, p1, p2 = get3(vertices, a, 0), get3(vertices, b, 0), get3(vertices, c, 0)
    n = (p1 - p0).cross(p2 - p0)
    size = ti.max(ti.abs(n).max(), SMALLEST_NORMAL)
    n *= 1.0 / size
    q, q1, q2 = p0 - eye, p1 - eye, p2 - eye
    if q1.norm_sqr() < q.norm_sqr():
        q = q1
    if q2.norm_sqr() < q.norm_sqr():
        q = q2
    return n, n.dot(q), size


@ti.func
def world_determinant(world: ti.template(), view, rows: ti.template(), orthographic):
    """``det [P_0 P_1 P_2]``, P = (X, Y, W), of the face with the corners ``rows`` of ``World.vertices``.

    Positive where the corners run counter-clockwise on the screen, which is where the face's normal N, by its own
    order of corners, points to the camera: ``fx fy (-N.q)``, in an orthographic view ``fx fy N.w``.
    """
    camera = ti.static(world.camera)
    n, h, size = _world_plane(world.vertices, rows, get3(camera, view, E))
    facing = -h
    if orthographic != 0:
        facing = n.dot(get3(camera, view, W))
    if (rows[0] < rows[1]) ^ (rows[1] < rows[2]) ^ (rows[2] < rows[0]):
        facing = -facing  # ``n`` is that of the sorted corners, of the other orientation
    return facing * camera[view, F] * camera[view, F + 1] * size


@ti.func
def nearness_plane(world: ti.template(), view, rows: ti.template(), orthographic):
    """Nearness over the screen of the face with the corners ``rows`` of ``World.vertices``: three numbers l and the
    ``divisor``, nearness being ``((x - px) l_0 + (y - py) l_1 + l_2) / divisor``; divisor 0 of a plane seen edge-on.

    With n and h = n.q of ``_world_plane``, ``r = ((x - px) / fx, (y - py) / fy)`` and the camera's axes u, v and w::

        perspective:   1 / depth = (r_x n.u + r_y n.v - n.w) / h
        orthographic:  -depth = (r_x n.u + r_y n.v - h) / -n.w
    """
    camera = ti.static(world.camera)
    n, h, _ = _world_plane(world.vertices, rows, get3(camera, view, E))
    along_w = n.dot(get3(camera, view, W))
    constant, divisor = -along_w, h
    if orthographic != 0:
        constant, divisor = -h, -along_w
    along_x, along_y = (
        n.dot(get3(camera, view, U)) / camera[view, F],
        n.dot(get3(camera, view, V)) / camera[view, F + 1],
    )
    return ti.Vector([along_x, along_y, constant]), divisor


@ti.func
def principal_point(world: ti.template(), view):
    """(px, py) of a view."""
    return world.camera[view, P], world.camera[view, P + 1]
