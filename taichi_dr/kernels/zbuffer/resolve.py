"""What a pixel shows, written to the outputs: shared by the CPU's and the GPU's z-test."""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.screen.barycentric import edge_values, normalize_edges
from taichi_dr.kernels.screen.pixels import pixel_center
from taichi_dr.kernels.screen.projected_mesh import first_vertex
from taichi_dr.kernels.zbuffer.face_records import SHOWN, VAST, plane_depth


class Visible(NamedTuple):
    """What every pixel of V views shows."""

    face_id: Any  # (V*H*W,) i32: the face, -1 where there is none
    depth: Any  # (V*H*W,): ``sum p_k depth_k``, of a VAST face its plane's; ``far`` where there is no face
    barycentric: Any  # (V*H*W, 3): perspective-correct, >= 0, sum 1; zeros without a face


@ti.func
def mark_shown(flags: ti.template(), item):
    """Flags a face as shown by some pixel; threads that meet here write the same."""
    if flags[item] & SHOWN == 0:
        flags[item] = flags[item] | SHOWN


@ti.func
def resolve_pixel(
    mesh: ti.template(),
    records: ti.template(),
    visible: ti.template(),
    screen: ti.template(),
    test: ti.template(),
    view,
    row,
    col,
    shown,
):
    """Writes a pixel's ``Visible``, depth and barycentrics from the corners themselves; ``shown``: the face or -1."""
    pixel = (view * screen.height + row) * screen.width + col
    visible.face_id[pixel] = shown
    if shown >= 0:
        clip, faces = ti.static(mesh.clip, mesh.faces)
        first = first_vertex(mesh, view)
        a, b, c = first + faces[shown, 0], first + faces[shown, 1], first + faces[shown, 2]
        x, y = pixel_center(row, col, screen)
        p, _ = normalize_edges(edge_values(clip, a, b, c, x, y))
        item = view * faces.shape[0] + shown
        if records.flags[item] & VAST:
            visible.depth[pixel] = plane_depth(records, item, row, col, test)
        else:
            visible.depth[pixel] = p[0] * clip[a, 3] + p[1] * clip[b, 3] + p[2] * clip[c, 3]
        for k in ti.static(range(3)):
            visible.barycentric[pixel, k] = p[k]
    else:
        clear_pixel(visible, pixel, test.far)


@ti.func
def clear_pixel(visible: ti.template(), pixel, far):
    """Writes what a pixel without a face shows."""
    visible.face_id[pixel] = -1
    visible.depth[pixel] = far
    for k in ti.static(range(3)):
        visible.barycentric[pixel, k] = 0.0
