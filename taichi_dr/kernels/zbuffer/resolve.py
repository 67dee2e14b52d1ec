"""What a pixel shows, written to the outputs: shared by the CPU's and the GPU's z-test."""

import taichi as ti

from taichi_dr.kernels.screen.barycentric import edge_values, normalize_edges, pixel_center
from taichi_dr.kernels.zbuffer.face_records import SHOWN

Int1 = ti.types.ndarray(dtype=ti.i32, ndim=1)
Float1 = ti.types.ndarray(ndim=1)


@ti.func
def mark_shown(flags: ti.template(), item):
    """Flags a face as shown by some pixel; threads that meet here write the same."""
    if flags[item] & SHOWN == 0:
        flags[item] = flags[item] | SHOWN


@ti.func
def resolve_pixel(
    clip: ti.template(),
    faces: ti.template(),
    face_id: ti.template(),
    depth: ti.template(),
    barycentric: ti.template(),
    pixel,
    first,
    row,
    col,
    shown,
    width,
    height,
    far,
):
    """Writes a pixel's outputs, depth and barycentrics from the corners themselves.

    ``first``: the view's first row of ``clip``; ``shown``: the visible face or −1.
    """
    face_id[pixel] = shown
    if shown >= 0:
        a, b, c = first + faces[shown, 0], first + faces[shown, 1], first + faces[shown, 2]
        x, y = pixel_center(row, col, width, height)
        p, _ = normalize_edges(edge_values(clip, a, b, c, x, y))
        depth[pixel] = p[0] * clip[a, 3] + p[1] * clip[b, 3] + p[2] * clip[c, 3]
        for k in ti.static(range(3)):
            barycentric[pixel, k] = p[k]
    else:
        depth[pixel] = far
        for k in ti.static(range(3)):
            barycentric[pixel, k] = 0.0
