"""World to clip coordinates: the first stage of every rasterizer.

With the packed camera ``u v w e fx fy px py`` of ``camera.pack`` and q = p - e,

    xc = q.u,  yc = q.v,  depth = -q.w
    perspective:   clip = (fx xc + px depth,  fy yc + py depth,  depth,  depth)
    orthographic:  clip = (fx xc + px,        fy yc + py,        1,      depth)

so that the screen position is (X/W, Y/W) in screen units, and depth the distance along -w in world units.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Rows
from taichi_dr.kernels.base.vectors import get3
from taichi_dr.kernels.base.views import rows_per_view, view_of
from taichi_dr.kernels.camera.pack import PACKED, E, F, P, U, V, W

CHUNK = 256  # vertices whose camera adjoints one thread sums
SERIAL_VERTICES = 1 << 14


def transform(vertices, view_mesh, camera, clip, orthographic):
    """Writes ``clip`` (V*N, 4) of ``vertices`` (B*N, 3) seen by the packed ``camera`` (V, 16).

    View v shows mesh ``view_mesh[v]``; N is ``clip.shape[0] / V``.  ``orthographic`` is a bool.

    Example: a camera at (0, 0, 3) with u = x, v = y, w = z, fx = fy = 1, px = py = 0 sends (1, 0.5, 1) to the clip
    coordinates (1, 0.5, 2, 2), the screen position (0.5, 0.25) at depth 2.
    """
    _transform(vertices, view_mesh, camera, clip, int(orthographic), _serial(clip))


def transform_adjoint(vertices, shown, camera, clip_adjoint, vertices_adjoint, camera_adjoint, partial, orthographic):
    """Adds to ``vertices_adjoint`` (B*N, 3) and ``camera_adjoint`` (V, 16) what ``clip_adjoint`` (V*N, 4) implies.

    ``shown``: ``ShownMeshes``; ``partial`` is scratch of shape ``partial_shape(V, N)``.  Sums run in a fixed order: the
    result is the same at every run.
    """
    arrays = (vertices, shown.view_mesh, *shown.of_mesh, camera, clip_adjoint)
    _transform_adjoint(*arrays, vertices_adjoint, camera_adjoint, partial, int(orthographic), _serial(clip_adjoint))


def partial_shape(views, vertices):
    """Shape of the scratch array of ``transform_adjoint`` for V views of N vertices each."""
    return views * -(-vertices // CHUNK), PACKED


def _serial(rows):
    return is_serial(rows.shape[0], SERIAL_VERTICES)


@replayed
@ti.kernel
def _transform(vertices: Rows, view_mesh: Ints, camera: Rows, clip: Rows, orthographic: ti.i32, serial: ti.template()):
    ti.loop_config(serialize=serial)
    for i in range(clip.shape[0]):
        n = rows_per_view(clip, view_mesh.shape[0])
        view = view_of(i, n)
        q = get3(vertices, view_mesh[view] * n + i - view * n, 0) - get3(camera, view, E)
        depth = -q.dot(get3(camera, view, W))
        weight = ti.select(orthographic != 0, 1.0, depth)
        clip[i, 0] = camera[view, F] * q.dot(get3(camera, view, U)) + camera[view, P] * weight
        clip[i, 1] = camera[view, F + 1] * q.dot(get3(camera, view, V)) + camera[view, P + 1] * weight
        clip[i, 2] = weight
        clip[i, 3] = depth


@replayed
@ti.kernel
def _transform_adjoint(
    vertices: Rows,
    view_mesh: Ints,
    mesh_view_start: Ints,
    mesh_view_list: Ints,
    camera: Rows,
    clip_adjoint: Rows,
    vertices_adjoint: Rows,
    camera_adjoint: Rows,
    partial: Rows,
    orthographic: ti.i32,
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for i in range(vertices.shape[0]):
        n = rows_per_view(clip_adjoint, view_mesh.shape[0])
        mesh = view_of(i, n)
        g_p = ti.Vector([0.0, 0.0, 0.0])
        for k in range(mesh_view_start[mesh], mesh_view_start[mesh + 1]):
            view = mesh_view_list[k]
            g = _camera_space_adjoint(camera, view, clip_adjoint, (view - mesh) * n + i, orthographic)
            g_p += g[0] * get3(camera, view, U) + g[1] * get3(camera, view, V) - g[2] * get3(camera, view, W)
        for d in ti.static(range(3)):
            vertices_adjoint[i, d] += g_p[d]

    ti.loop_config(serialize=serial)
    for c in range(partial.shape[0]):
        n = clip_adjoint.shape[0] // view_mesh.shape[0]
        chunks = partial.shape[0] // view_mesh.shape[0]
        view = c // chunks
        g_u, g_v, g_w, g_e = _zero3(), _zero3(), _zero3(), _zero3()
        g_lens = ti.Vector([0.0, 0.0, 0.0, 0.0])
        for j in range(c % chunks * CHUNK, ti.min(n, (c % chunks + 1) * CHUNK)):
            row = view * n + j
            q = get3(vertices, view_mesh[view] * n + j, 0) - get3(camera, view, E)
            g = _camera_space_adjoint(camera, view, clip_adjoint, row, orthographic)
            weight = ti.select(orthographic != 0, 1.0, -q.dot(get3(camera, view, W)))
            g_u += g[0] * q
            g_v += g[1] * q
            g_w -= g[2] * q
            g_e -= g[0] * get3(camera, view, U) + g[1] * get3(camera, view, V) - g[2] * get3(camera, view, W)
            scale = ti.Vector([q.dot(get3(camera, view, U)), q.dot(get3(camera, view, V)), weight, weight])
            for d in ti.static(range(4)):
                g_lens[d] += clip_adjoint[row, d % 2] * scale[d]
        for d in ti.static(range(3)):
            partial[c, U + d] = g_u[d]
            partial[c, V + d] = g_v[d]
            partial[c, W + d] = g_w[d]
            partial[c, E + d] = g_e[d]
        for d in ti.static(range(4)):
            partial[c, F + d] = g_lens[d]

    ti.loop_config(serialize=serial)
    for k in range(camera_adjoint.shape[0] * PACKED):
        chunks = partial.shape[0] // view_mesh.shape[0]
        total = 0.0
        for c in range(chunks):
            total += partial[k // PACKED * chunks + c, k % PACKED]
        camera_adjoint[k // PACKED, k % PACKED] += total


@ti.func
def _camera_space_adjoint(camera: ti.template(), view, clip_adjoint: ti.template(), row, orthographic):
    """Adjoints of (xc, yc, depth) of one vertex in one view."""
    g_x, g_y, g_weight = clip_adjoint[row, 0], clip_adjoint[row, 1], clip_adjoint[row, 2]
    g_weight += camera[view, P] * g_x + camera[view, P + 1] * g_y
    g_depth = clip_adjoint[row, 3] + ti.select(orthographic != 0, 0.0, g_weight)
    return ti.Vector([camera[view, F] * g_x, camera[view, F + 1] * g_y, g_depth])


@ti.func
def _zero3():
    return ti.Vector([0.0, 0.0, 0.0])
