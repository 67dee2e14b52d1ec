"""The background's share of a pixel, and a picture without it.

In the softmax the background is one of those that are weighed (``blend``), with a share that has little to do with
alpha.  Over nothing a pixel is the mean of its faces' colours, weighed among themselves, faded by alpha::

    share = w_b      mean = sum_j w_j C_j / (1 - w_b)      faded = alpha mean
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.soft.blend import REFERENCE, STATE, TOTAL, Outputs, background_reference
from taichi_dr.kernels.soft.modes import COLOR_HARD
from taichi_dr.kernels.soft.packets import Packets, exp_negative, packet_at

LEAST_SHARE = 1e-5  # of a pixel's colour that its faces have; what is less is rounding


@replayed
@ti.kernel
def background_shares(
    face_id: Ints,
    state: Numbers,
    share: Numbers,
    near: float,
    far: float,
    k: float,
    width: ti.i32,
    height: ti.i32,
    modes: ti.template(),
    shape: ti.template(),
    double: ti.template(),
):
    """Writes the ``share`` (V*H*W,) of a render from its state; the arrays are those of ``SoftPass``."""
    outputs = ti.static(Outputs(None, None, None, face_id, None, state))
    packets = ti.static(Packets(width, height, shape, double))
    for pixel in range(share.shape[0]):
        line = pixel // width
        view = line // height
        row, col = line - view * height, pixel - line * width
        packet, lane = packet_at(view, row, col, packets), row % shape[1] * shape[0] + col % shape[0]
        at = packet * (STATE * packets.lanes) + lane
        weight = background_weight(outputs, pixel, at, near, far, k, modes, packets)
        share[pixel] = weight / state[at + TOTAL * packets.lanes]


@ti.func
def background_weight(
    outputs: ti.template(), pixel, source, near, far, k, modes: ti.template(), packets: ti.template()
):
    """The background's weight in a pixel, times S; the numbers of its ``state`` begin at ``source``."""
    weight = 0.0
    if ti.static(modes.color == COLOR_HARD):
        weight = ti.select(outputs.face_id[pixel] < 0, 1.0, 0.0)
    else:
        behind = outputs.state[source + REFERENCE * packets.lanes] - background_reference(near, far, modes)
        weight = exp_negative(behind * k, packets.double)
    return weight


@replayed
@ti.kernel
def fade(color: Rows, share: Numbers, alpha: Numbers, faded: Rows):
    """``mean`` and ``faded`` (V*H*W, 3) of a picture over black, ``color`` (V*H*W, 3), which becomes ``mean``.

    Both are 0 where the faces' share is below ``LEAST_SHARE``.  A colour of 0.2 with a share of the background of 0.6
    has the mean 0.5, and alpha 0.9 fades it to 0.45.
    """
    for i in range(color.shape[0]):
        scale = _per_faces(share[i])
        for c in ti.static(range(3)):
            color[i, c] = color[i, c] * scale
            faded[i, c] = alpha[i] * color[i, c]


@replayed
@ti.kernel
def fade_adjoint(
    mean: Rows, share: Numbers, alpha: Numbers, faded_adjoint: Rows, color_adjoint: Rows, alpha_adjoint: Numbers
):
    """Writes ``color_adjoint = faded_adjoint alpha / (1 - share)`` and adds ``faded_adjoint . mean`` to that of alpha.

    The share's, ``color_adjoint . mean``, is that of a pixel whose background has the colour ``mean``: the adjoint of
    the softmax finds it by itself if it takes ``mean`` for the pixel's colour.
    """
    for i in range(mean.shape[0]):
        scale = alpha[i] * _per_faces(share[i])
        total = 0.0
        for c in ti.static(range(3)):
            color_adjoint[i, c] = faded_adjoint[i, c] * scale
            total += faded_adjoint[i, c] * mean[i, c]
        alpha_adjoint[i] = alpha_adjoint[i] + total


@ti.func
def _per_faces(share):
    """``1 / (1 - share)``; 0 where that would be rounding."""
    result = 0.0
    if 1.0 - share > LEAST_SHARE:
        result = 1.0 / (1.0 - share)
    return result
