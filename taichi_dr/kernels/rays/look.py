"""What the middle of each pixel shows but for light: depth, normal, position, and what it is; with the adjoint."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.camera.pack import PACKED, E, W
from taichi_dr.kernels.rays.primary import Samples, place_of
from taichi_dr.kernels.rays.surface import ALBEDO, NORMAL, POSITION


@replayed
@ti.kernel
def show(
    what: Ints,
    hits: Rows,
    directions: Rows,
    seen: Rows,
    camera: Rows,
    view: ti.i32,
    width: ti.i32,
    height: ti.i32,
    first: ti.i32,
    count: ti.i32,
    objects: Ints,
    numbers: Ints,
    far: float,
    depth: Numbers,
    normal: Rows,
    position: Rows,
    object_id: Ints,
    face_id: Ints,
):
    """Writes the pixels of rays ``first`` to ``first + count``, one for each pixel of a view.

    Depth is ``-t w.d``, which is ``w.(e - p)``: p is rounded where the eye is far from the origin, t is not.  Of codes,
    ``objects`` says whose they are, ``numbers`` which of its faces.
    """
    samples = ti.static(Samples(width, height, 1, 1, 0))
    for r in range(count):
        row, column, _ = place_of(first + r, samples)
        if row < height and column < width:
            i = (view * height + row) * width + column
            n, p, d, thing, face = ti.Vector([0.0] * 3), ti.Vector([0.0] * 3), far, -1, -1
            if what[r] >= 0:
                n, p, thing, face = get3(seen, r, NORMAL), get3(seen, r, POSITION), objects[what[r]], numbers[what[r]]
                d = -hits[r, 0] * get3(camera, view, W).dot(row3(directions, r))
            depth[i], object_id[i], face_id[i] = d, thing, face
            for c in ti.static(range(3)):
                normal[i, c], position[i, c] = n[c], p[c]


@replayed
@ti.kernel
def show_adjoint(
    what: Ints,
    seen: Rows,
    camera: Rows,
    view: ti.i32,
    width: ti.i32,
    height: ti.i32,
    first: ti.i32,
    count: ti.i32,
    depth_adjoint: Numbers,
    normal_adjoint: Rows,
    position_adjoint: Rows,
    seen_adjoint: Rows,
    partials: Rows,
):
    """Writes ``seen_adjoint`` (R, 9); adds to ``partials`` (V*16, C), of the packed cameras."""
    samples = ti.static(Samples(width, height, 1, 1, 0))
    for part in range(partials.shape[1]):
        size = (count + partials.shape[1] - 1) // partials.shape[1]
        for r in range(part * size, ti.min((part + 1) * size, count)):
            row, column, _ = place_of(first + r, samples)
            g_normal, g_position = ti.Vector([0.0] * 3), ti.Vector([0.0] * 3)
            if row < height and column < width and what[r] >= 0:
                i, w = (view * height + row) * width + column, get3(camera, view, W)
                g_normal = row3(normal_adjoint, i)
                g_position = row3(position_adjoint, i) - depth_adjoint[i] * w
                back = get3(camera, view, E) - get3(seen, r, POSITION)
                for c in ti.static(range(3)):
                    at_e, at_w = view * PACKED + E + c, view * PACKED + W + c
                    partials[at_e, part] = partials[at_e, part] + depth_adjoint[i] * w[c]
                    partials[at_w, part] = partials[at_w, part] + depth_adjoint[i] * back[c]
            for c in ti.static(range(3)):
                seen_adjoint[r, NORMAL + c], seen_adjoint[r, POSITION + c] = g_normal[c], g_position[c]
                seen_adjoint[r, ALBEDO + c] = 0.0
