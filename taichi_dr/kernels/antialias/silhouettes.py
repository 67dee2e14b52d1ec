"""Which edges are silhouettes, and which lines of pixels they touch.

A *line* is a row of pixels for an edge that is nearer to vertical, else a column (axis 0, axis 1): on it the edge is in
two pixels at most.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.antialias.piece import (
    at_point,
    center_coordinate,
    edge_line,
    in_pixels,
    more_vertical,
    part_within,
    pixel_position,
    point_between,
    side_of_line,
)
from taichi_dr.kernels.base.views import view_of
from taichi_dr.kernels.screen.projected_mesh import clip_point

FACING = 1


class Edge(NamedTuple):
    """An edge of a face in a view."""

    face: Any
    corner: Any  # from which it goes to the next one
    a: Any  # its ends as clip coordinates
    b: Any
    inner: Any  # the face's third corner
    view: Any
    first: Any  # the view's first row of ``clip``


class Picture(NamedTuple):
    """What is blended, and what decides where."""

    face_id: Any  # (V*H*W,), -1 for the background
    image: Any  # (V*H*W, channels)


class Scene(NamedTuple):
    """What edges and their pieces are looked at in; a kernel may leave out what it does not need."""

    mesh: Any  # ``ProjectedMesh``
    twins: Any  # (F, 3)
    picture: Any  # ``Picture``
    facing: Any  # (V*F,): ``faces_camera``
    screen: Any  # ``Screen``
    near: Any


@ti.func
def faces_camera(mesh: ti.template(), first, face):
    """FACING where the camera sees a face's corners run counter-clockwise, else 0: the sign of det [P_0 P_1 P_2],
    P = (X, Y, W).
    """
    a, b = clip_point(mesh, first, face, 0), clip_point(mesh, first, face, 1)
    return ti.select(side_of_line(edge_line(a, b), clip_point(mesh, first, face, 2)) > 0.0, FACING, 0)


@ti.func
def is_silhouette(i, e, scene: ti.template()):
    """True for boundaries and where both faces lie on the same side of the plane through the camera and edge e of face
    i, a row of ``scene.facing``.

    Faces of one winding do if one of them faces the camera and the other does not.
    """
    faces = ti.static(scene.mesh.faces)
    silhouette = True
    first = view_of(i, faces.shape[0]) * faces.shape[0]
    face = i - first
    twin = scene.twins[face, e]
    if twin >= 0:
        same_winding = faces[twin // 3, twin % 3] != faces[face, e]
        silhouette = (scene.facing[i] != scene.facing[first + twin // 3]) == same_winding
    return silhouette


@ti.func
def is_nearer(edge: ti.template(), scene: ti.template()):
    """Whether an edge's face is before the other one along it, which lies on the same side of it on the screen.

    Told by the plane of the one that is larger there, so that either of them comes to the same end.
    """
    nearer = True
    twin = scene.twins[edge.face, edge.corner]
    if twin >= 0:
        other = twin // 3
        corner = clip_point(scene.mesh, edge.first, other, (twin + 2) % 3)
        line = edge_line(edge.a, edge.b)
        own_size, size = ti.abs(side_of_line(line, edge.inner)), ti.abs(side_of_line(line, corner))
        plane, point = other, edge.inner
        if own_size > size or (own_size == size and edge.face < other):
            plane, point = edge.face, corner
        _, depth = at_point(plane, edge.first, point, scene.mesh)
        nearer = (depth < point[3]) == (plane == edge.face)
    return nearer


@ti.func
def lines_touched(a, b, near, screen: ti.template()):
    """First and last line of pixels that the part of edge ab beyond the near plane may touch; none: an empty range."""
    lines = ti.Vector([0, -1])
    if max(a[3], b[3]) >= near:
        p, q = a, b
        if a[3] < near:
            p = a + (near - a[3]) / (b[3] - a[3]) * (b - a)
        if b[3] < near:
            q = b + (near - b[3]) / (a[3] - b[3]) * (a - b)
        if more_vertical(a, b):
            lines = _lines_between(p, q, screen, 1)
        else:
            lines = _lines_between(p, q, screen, 0)
    return lines


@ti.func
def _lines_between(p, q, screen: ti.template(), across: ti.template()):
    """First and last row (across = 1) or column (0) of pixels from point p to q."""
    u = pixel_position(p[across] / p[2], across, screen)
    v = pixel_position(q[across] / q[2], across, screen)
    first = ti.cast(ti.floor(min(max(min(u, v) + 0.5, 0.0), screen[across] + 0.0)), ti.i32)
    last = ti.cast(ti.floor(max(min(max(u, v) + 0.5, screen[across] - 1.0), -1.0)), ti.i32)
    return ti.Vector([first, last])


@ti.func
def first_along(edge: ti.template(), line, screen: ti.template(), axis: ti.template()):
    """The first of the two pixels of a line that an edge may be in: its column (axis 0) or row; -2 for none."""
    center = ti.Vector([0.0, 0.0])
    center[1 - axis] = center_coordinate(line, 1 - axis, screen)
    a, b = in_pixels(edge.a, center, screen), in_pixels(edge.b, center, screen)
    part = part_within(a, b, 1 - axis, ti.Vector([0.0, 1.0]))
    first = -2
    if part[1] > part[0]:
        p, q = point_between(a, b, part[0])[axis], point_between(a, b, part[1])[axis]
        position = 0.5 * (screen[axis] - 1)
        if ti.static(axis == 1):
            position -= max(p, q)
        else:
            position += min(p, q)
        first = ti.cast(ti.floor(min(max(position + 0.5, -2.0), screen[axis] + 1.0)), ti.i32)
    return first
