"""What rays have seen, in the images of their pixels, and the adjoint.

The depth of a pixel is the mean distance of what is seen, along the viewing axis: ``cosine distance / opacity``, with
``distance = sum w_i t_i``; the far plane where next to nothing is seen.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.camera.pack import W
from taichi_dr.kernels.volume.composite import SEEN

FAINT = 1e-5  # opacity below which nothing has a depth


@replayed
@ti.kernel
def show(
    camera: Rows,
    pixels_of_view: ti.i32,
    pixel: Ints,
    directions: Rows,
    rays: ti.i32,
    seen: Rows,
    rgba: Rows,
    depth: Numbers,
    transmittance: Numbers,
):
    """Writes ``rgba`` (V*H*W, 4), ``depth`` and ``transmittance`` (V*H*W,) of the pixels of a batch of rays."""
    for r in range(rays):
        at, opacity = pixel[r], seen[r, 3]
        for c in ti.static(range(4)):
            rgba[at, c] = seen[r, c]
        transmittance[at] = 1.0 - opacity
        if opacity > FAINT:
            depth[at] = _cosine(camera, at // pixels_of_view, directions, r) * seen[r, 4] / opacity


@replayed
@ti.kernel
def show_adjoint(
    camera: Rows,
    pixels_of_view: ti.i32,
    pixel: Ints,
    directions: Rows,
    rays: ti.i32,
    seen: Rows,
    rgba_adjoint: Rows,
    depth_adjoint: Numbers,
    transmittance_adjoint: Numbers,
    seen_adjoint: Rows,
    ends_adjoint: Rows,
):
    """Writes ``seen_adjoint`` (R, 5), and ``ends_adjoint`` (R, 3): zeros, and that of the cosine."""
    for r in range(rays):
        at, opacity, cosine_adjoint = pixel[r], seen[r, 3], 0.0
        out = ti.Vector([0.0 for _ in ti.static(range(SEEN))])
        for c in ti.static(range(4)):
            out[c] = rgba_adjoint[at, c]
        out[3] -= transmittance_adjoint[at]
        if opacity > FAINT:
            g = depth_adjoint[at] / opacity
            cosine = _cosine(camera, at // pixels_of_view, directions, r)
            out[3] -= g * cosine * seen[r, 4] / opacity
            out[4] = g * cosine
            cosine_adjoint = g * seen[r, 4]
        for c in ti.static(range(SEEN)):
            seen_adjoint[r, c] = out[c]
        ends_adjoint[r, 0], ends_adjoint[r, 1], ends_adjoint[r, 2] = 0.0, 0.0, cosine_adjoint


@ti.func
def _cosine(camera: ti.template(), view, directions: ti.template(), ray):
    """Of the angle between a ray and the viewing axis."""
    return -row3(directions, ray).dot(get3(camera, view, W))
