"""Per-face records for rasterization: edges, nearness and boxes of pixels, computed once per face.

The z-test compares *nearness*, a number that is linear over the screen and greater for what is nearer: 1/depth in a
perspective view (Blinn, W Pixels, Dirty Pixels, 1991), -depth in an orthographic one.  So it needs no division.

Nothing is clipped.  Most faces are *simple*: small, with all corners in front of the camera and between near and far.
Single precision holds their edges' values exactly, and their whole record is 16 numbers, a line of cache.  The others'
edges are integers (edge_lines.py), and near and far are tested per pixel.

Of a *vast* face, one with a corner behind the camera or far outside the image, the clip coordinates may be millions
where the camera is one unit above it: single precision has rounded that unit away.  Where the mesh in the world is
given, its nearness comes from there (``camera/planes.py``), and so does the depth that its pixels show.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Numbers, Rows
from taichi_dr.kernels.base.views import first_row, view_of
from taichi_dr.kernels.camera.planes import ascending, nearness_plane, principal_point, world_determinant
from taichi_dr.kernels.screen.pixels import Screen, pixel_center, pixel_size
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh, World, first_vertex
from taichi_dr.kernels.zbuffer.edge_lines import (
    SMALLEST_W,
    SUBPIXELS,
    FaceEdge,
    edge_at,
    snap_corner,
    snapped_line,
    write_line,
    write_snapped_line,
)

PLANE_SHIFT = 4  # a face's record starts at item << 4
SIMPLE, NEARNESS, LEAST, GREATEST, EDGES = 0, 1, 4, 5, 6
"""Columns of a record: 1 if the face is simple; nearness at the box's first pixel, its change per column and per row;
the least and greatest nearness of the face; per edge the value at the box's first pixel and its changes (simple faces).
"""
SIMPLE_EDGE = 1 << 16  # |A| + |B| of a simple face's edges: at most 256 pixels long
SIMPLE_VALUE = 1 << 22  # ... and of their value at the box's first pixel; so within a tile they stay below 2^24
BACK, SHOWN, VAST, LEFT = 1, 2, 4, 8
"""Flags of a face: its corners run clockwise on the screen; some pixel shows it; its depth is that of its plane; its
edges are left to ``draw_tiles``, which needs those of few of the faces seen from behind.
"""
UNBOUNDED = 1e30
IN_FRONT = 2e30  # above UNBOUNDED
PIXEL_LIMIT = 1e8


class DepthTest(NamedTuple):
    """What the z-test compares, and the depths that it lets pass."""

    near: Any
    far: Any
    orthographic: Any  # 0 or 1


class FaceRecords(NamedTuple):
    """What is known of every (view, face) pair before its pixels are drawn."""

    boxes: Any  # (V*F, 4) i32: pixels [col0, row0, col1, row1] that the face may cover, inclusive; empty if culled
    lines: Any  # (V*F * 16,) i32: per edge A, B, high, low with C = high * 2^24 + low; not written for simple faces
    planes: Any  # (V*F * 16,): see SIMPLE and the columns that follow it
    flags: Any  # (V*F,) i32: BACK, SHOWN, VAST and LEFT
    back_nearness: Any  # (V*F,): greatest nearness of faces seen from behind (UNBOUNDED if a corner cannot be snapped),
    # IN_FRONT for those that face the camera or are not drawn


@ti.func
def nearness_range(test: ti.template()):
    """Nearness of depth far and of depth near."""
    farthest, nearest = -test.far, -test.near
    if test.orthographic == 0:
        farthest, nearest = 1.0 / test.far, 1.0 / test.near
    return farthest, nearest


@ti.func
def nearness_at(planes: ti.template(), item, i, j):
    """Nearness i columns and j rows from the face's box."""
    first = item << PLANE_SHIFT
    nearness = planes[first + NEARNESS] + planes[first + NEARNESS + 1] * i + planes[first + NEARNESS + 2] * j
    return ti.math.clamp(nearness, planes[first | LEAST], planes[first | GREATEST])


@ti.func
def plane_depth(records: ti.template(), item, row, col, test: ti.template()):
    """Depth of a face's plane at a pixel where the z-test let it pass."""
    farthest, nearest = nearness_range(test)
    at = nearness_at(records.planes, item, col - records.boxes[item, 0], row - records.boxes[item, 1])
    nearness = ti.math.clamp(at, farthest, nearest)
    depth = -nearness
    if test.orthographic == 0:
        depth = 1.0 / nearness
    return depth


@replayed
@ti.kernel
def setup_faces(
    clip: Rows,
    faces: IntRows,
    views: ti.i32,
    vertices: Rows,
    view_mesh: Ints,
    camera: Rows,
    in_world: ti.i32,
    snapped: IntRows,
    boxes: IntRows,
    lines: Ints,
    planes: Numbers,
    flags: Ints,
    back_nearness: Numbers,
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    orthographic: ti.i32,
    cull_back: ti.i32,
    serial: ti.template(),
    leave_backs: ti.template(),
):
    """Fills the ``FaceRecords`` of all (view, face) pairs of a ``ProjectedMesh``; of ``flags`` all but SHOWN.

    Args:
        vertices, view_mesh, camera: the ``World``, read if ``in_world``.
        snapped: (views * N, 3) scratch: column, row from the image's centre in sub-pixels, 1 if they are valid.
        cull_back: drop faces whose corners run clockwise on the screen.
        leave_backs: the edges of such faces are LEFT, if their corners are snapped.
    """
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
    records = ti.static(FaceRecords(boxes, lines, planes, flags, back_nearness))
    test = ti.static(DepthTest(near, far, orthographic))
    world = ti.static(World(vertices, view_mesh, camera))
    ti.loop_config(serialize=serial)
    for i in range(clip.shape[0]):
        snap_corner(snapped, clip, i, screen)

    ti.loop_config(serialize=serial)
    for item in range(views * faces.shape[0]):
        count = faces.shape[0]
        view = view_of(item, count)
        face = item - view * count
        first = first_vertex(mesh, view)
        a, b, c = first + faces[face, 0], first + faces[face, 1], first + faces[face, 2]
        least = ti.min(clip[a, 3], clip[b, 3], clip[c, 3])
        greatest = ti.max(clip[a, 3], clip[b, 3], clip[c, 3])
        col0, row0, col1, row1 = 0, 0, -1, -1
        drawn = greatest >= near and least <= far
        back, vast, left = False, False, False
        rows = ti.Vector([a, b, c]) - first + first_row(clip, view_mesh[view], views)  # of ``vertices``
        lowest, highest = -UNBOUNDED, UNBOUNDED
        if drawn:
            if snapped[a, 2] + snapped[b, 2] + snapped[c, 2] == 3:
                area = _area(snapped, a, b, c)
                back = area > 0
                drawn = area != 0 and not (cull_back == 1 and back)
                if drawn:
                    col0, row0, col1, row1 = _snapped_box(snapped, a, b, c, screen)
                    drawn = col0 <= col1 and row0 <= row1
                left = ti.static(leave_backs) and drawn and back
                if drawn and not left:
                    write_edges(records, clip, snapped, [a, b, c], item, back, row0, col0, screen, test)
                lowest, highest = -greatest, -least
                if orthographic == 0:
                    lowest, highest = 1.0 / greatest, 1.0 / least
            else:
                vast = in_world == 1
                col0, row0, col1, row1 = _wild_box(mesh, face, first, near, screen)
                drawn = col0 <= col1 and row0 <= row1
                if drawn:
                    det = 0.0
                    if vast:
                        det = world_determinant(world, view, rows, orthographic)
                    else:
                        det = _determinant(clip, [a, b, c], row0, col0, screen)
                    back = det < 0.0
                    drawn = det != 0.0 and not (cull_back == 1 and back)
                    sign = ti.select(back, 1, -1)  # rows run downwards, y upwards
                    for k in range(3):  # one copy of the code, so that equal edges give equal bits
                        start, end = first + faces[face, k], first + faces[face, (k + 1) % 3]
                        write_line(lines, ti.static(FaceEdge(item, k, start, end, sign)), clip, snapped, screen)
                    planes[(item << PLANE_SHIFT) | SIMPLE] = 0.0
        if drawn:
            if vast:
                drawn = _write_world_nearness(planes, item, world, view, rows, row0, col0, screen, orthographic)
            else:
                drawn = _write_nearness(planes, item, clip, [a, b, c], row0, col0, screen, orthographic)
            planes[(item << PLANE_SHIFT) | LEAST] = lowest
            planes[(item << PLANE_SHIFT) | GREATEST] = highest
        if not drawn:
            col0, row0, col1, row1 = 0, 0, -1, -1
        flags[item] = ti.select(back, BACK, 0) | ti.select(vast, VAST, 0) | ti.select(left, LEFT, 0)
        back_nearness[item] = ti.select(back, highest, IN_FRONT)
        boxes[item, 0] = col0
        boxes[item, 1] = row0
        boxes[item, 2] = col1
        boxes[item, 3] = row1


@ti.func
def write_edges(
    records: ti.template(),
    clip: ti.template(),
    snapped: ti.template(),
    corners: ti.template(),
    item,
    back,
    row,
    col,
    screen: ti.template(),
    test: ti.template(),
):
    """Writes the edges of a face whose corners are snapped and whose box begins at pixel (row, col), and ``SIMPLE``.

    In integers: whichever kernel writes them, they are the same.
    """
    lines, planes = ti.static(records.lines, records.planes)
    a, b, c = corners[0], corners[1], corners[2]
    sign = ti.select(back, 1, -1)
    ab = ti.static(FaceEdge(item, 0, a, b, sign))
    bc = ti.static(FaceEdge(item, 1, b, c, sign))
    ca = ti.static(FaceEdge(item, 2, c, a, sign))
    least = ti.min(clip[a, 3], clip[b, 3], clip[c, 3])
    greatest = ti.max(clip[a, 3], clip[b, 3], clip[c, 3])
    simple = least >= test.near and greatest <= test.far
    if simple:
        simple = _write_edge(planes, ab, snapped, row, col, screen)
        simple &= _write_edge(planes, bc, snapped, row, col, screen)
        simple &= _write_edge(planes, ca, snapped, row, col, screen)
    if not simple:
        write_snapped_line(lines, ab, snapped, screen)
        write_snapped_line(lines, bc, snapped, screen)
        write_snapped_line(lines, ca, snapped, screen)
    planes[(item << PLANE_SHIFT) | SIMPLE] = ti.select(simple, 1.0, 0.0)


@ti.func
def _write_edge(planes: ti.template(), edge: ti.template(), snapped: ti.template(), row, col, screen: ti.template()):
    """Writes an edge as seen from the box's first pixel; returns whether it is that of a simple face."""
    a, b, c = snapped_line(snapped, edge.start, edge.end, edge.sign, screen)
    value = edge_at(a, b, c, col, row)
    first = (edge.item << PLANE_SHIFT) + EDGES + 3 * edge.k
    planes[first] = ti.cast(value, float)
    planes[first + 1] = ti.cast(a, float)
    planes[first + 2] = ti.cast(b, float)
    return ti.abs(a) + ti.abs(b) <= SIMPLE_EDGE and -SIMPLE_VALUE <= value <= SIMPLE_VALUE


@ti.func
def _area(snapped: ti.template(), a, b, c):
    """Twice the area in square sub-pixels; positive where the corners run clockwise on the screen."""
    return ti.cast(snapped[b, 0] - snapped[a, 0], ti.i64) * (snapped[c, 1] - snapped[a, 1]) - ti.cast(
        snapped[b, 1] - snapped[a, 1], ti.i64
    ) * (snapped[c, 0] - snapped[a, 0])


@ti.func
def _snapped_box(snapped: ti.template(), a, b, c, screen: ti.template()):
    """Pixels whose centres lie within the snapped corners' bounds."""
    half = SUBPIXELS // 2
    left = ti.min(snapped[a, 0], snapped[b, 0], snapped[c, 0]) + half * screen.width
    right = ti.max(snapped[a, 0], snapped[b, 0], snapped[c, 0]) + half * screen.width
    top = ti.min(snapped[a, 1], snapped[b, 1], snapped[c, 1]) + half * screen.height
    bottom = ti.max(snapped[a, 1], snapped[b, 1], snapped[c, 1]) + half * screen.height
    col0 = ti.max((left + half - 1) >> 8, 0)
    row0 = ti.max((top + half - 1) >> 8, 0)
    return col0, row0, ti.min((right - half) >> 8, screen.width - 1), ti.min((bottom - half) >> 8, screen.height - 1)


@ti.func
def _wild_box(mesh: ti.template(), face, first, near, screen: ti.template()):
    """Pixels around the part of the face with depth >= near, one pixel wider than needed."""
    clip, faces = ti.static(mesh.clip, mesh.faces)
    low = ti.Vector([UNBOUNDED, UNBOUNDED])
    high = -low
    for k in range(3):
        start, end = first + faces[face, k], first + faces[face, (k + 1) % 3]
        za, zb = clip[start, 3] - near, clip[end, 3] - near
        if za >= 0.0:
            point = _pixel(clip[start, 0], clip[start, 1], clip[start, 2], screen)
            low, high = ti.min(low, point), ti.max(high, point)
        if (za >= 0.0) != (zb >= 0.0):
            t = za / (za - zb)
            point = _pixel(
                clip[start, 0] + t * (clip[end, 0] - clip[start, 0]),
                clip[start, 1] + t * (clip[end, 1] - clip[start, 1]),
                clip[start, 2] + t * (clip[end, 2] - clip[start, 2]),
                screen,
            )
            low, high = ti.min(low, point), ti.max(high, point)
    col0 = ti.max(ti.floor(low[0], ti.i32) - 1, 0)
    row0 = ti.max(ti.floor(low[1], ti.i32) - 1, 0)
    col1 = ti.min(ti.floor(high[0], ti.i32) + 1, screen.width - 1)
    row1 = ti.min(ti.floor(high[1], ti.i32) + 1, screen.height - 1)
    return col0, row0, col1, row1


@ti.func
def _pixel(x, y, w, screen: ti.template()):
    """Position in pixels (column, row), limited to what an i32 holds."""
    half = 0.5 * ti.cast(ti.min(screen.width, screen.height), float) / ti.max(w, SMALLEST_W)
    col = ti.math.clamp(0.5 * screen.width + x * half, -PIXEL_LIMIT, PIXEL_LIMIT)
    row = ti.math.clamp(0.5 * screen.height - y * half, -PIXEL_LIMIT, PIXEL_LIMIT)
    return ti.Vector([col, row])


@ti.func
def _shifted_corners(clip: ti.template(), corners: ti.template(), row, col, screen: ti.template()):
    """X - x W, Y - y W and W of the three corners, (x, y) a pixel's centre: three 3-vectors."""
    a, b, c = corners[0], corners[1], corners[2]
    x, y = pixel_center(row, col, screen)
    w = ti.Vector([clip[a, 2], clip[b, 2], clip[c, 2]])
    px = ti.Vector([clip[a, 0], clip[b, 0], clip[c, 0]]) - x * w
    py = ti.Vector([clip[a, 1], clip[b, 1], clip[c, 1]]) - y * w
    return px, py, w


@ti.func
def _determinant(clip: ti.template(), corners: ti.template(), row, col, screen: ti.template()):
    """det [P_0 P_1 P_2]; positive where the corners run counter-clockwise on the screen."""
    px, py, w = _shifted_corners(clip, corners, row, col, screen)
    return px.cross(py).dot(w)


@ti.func
def _write_nearness(
    planes: ti.template(),
    item,
    clip: ti.template(),
    corners: ti.template(),
    row,
    col,
    screen: ti.template(),
    orthographic,
):
    """Nearness over the screen: sum e_k n_k / det is linear in x and y, with n_k = 1 in a perspective view (which gives
    1 / W) and n_k = -depth_k in an orthographic one.

    e as in screen/barycentric.py.  Returns false, and writes nothing, for a face without area.  The corners are taken
    in the order of their rows, so that faces with the same corners have the same nearness bit for bit.
    """
    a, b, c = ascending(corners)
    px, py, w = _shifted_corners(clip, [a, b, c], row, col, screen)
    e = px.cross(py)
    det = e.dot(w)
    if det != 0.0:
        n = ti.Vector([1.0, 1.0, 1.0])
        if orthographic != 0:
            n = -ti.Vector([clip[a, 3], clip[b, 3], clip[c, 3]])
        inverse = 1.0 / det
        step = inverse * 2.0 / ti.cast(ti.min(screen.width, screen.height), float)
        first = (item << PLANE_SHIFT) + NEARNESS
        planes[first] = e.dot(n) * inverse
        planes[first + 1] = py.cross(w).dot(n) * step
        planes[first + 2] = w.cross(px).dot(n) * -step
    return det != 0.0


@ti.func
def _write_world_nearness(
    planes: ti.template(), item, world: ti.template(), view, rows, row, col, screen: ti.template(), orthographic
):
    """Nearness over the screen of the face with the corners ``rows`` of ``World.vertices``, as ``_write_nearness``."""
    line, divisor = nearness_plane(world, view, rows, orthographic)
    if divisor != 0.0:
        x, y = pixel_center(row, col, screen)
        px, py = principal_point(world, view)
        step = pixel_size(screen) / divisor
        first = (item << PLANE_SHIFT) + NEARNESS
        planes[first] = ((x - px) * line[0] + (y - py) * line[1] + line[2]) / divisor
        planes[first + 1] = line[0] * step
        planes[first + 2] = -line[1] * step
    return divisor != 0.0
