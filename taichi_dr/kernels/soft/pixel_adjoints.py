"""What the adjoint of the soft rasterizer needs to know of every pixel, packed for its faces to read.

With ``S`` the normaliser of a pixel's weights, ``I`` its colour, ``Z`` its depth and ``A`` its alpha::

    mean = (sum_c dL/dI_c I_c + dL/dZ Z) / S      depth = dL/dZ / S      alpha = dL/dA T      colour_c = dL/dI_c / S

in this order after the reference that the exponents are taken against (the nearest face in the colour mode ``hard``).
``T = prod (1 - D_j)`` in the alpha mode ``product``; in ``sum`` it is 1 where the sum is below 1, else 0.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.launch import grain
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.soft.background import background_weight
from taichi_dr.kernels.soft.blend import COMBINED, REFERENCE, STATE, TOTAL, Outputs
from taichi_dr.kernels.soft.modes import ALPHA_PRODUCT, ALPHA_SUM, COLOR_HARD
from taichi_dr.kernels.soft.packets import Packets, load_lanes, packet_pixel, pixel_of_lane

PACKED = 4  # what faces need to know of a pixel, before the adjoints of its colours
PIXEL_REFERENCE, PIXEL_MEAN, PIXEL_DEPTH, PIXEL_ALPHA = range(PACKED)


class PassedBack(NamedTuple):
    """What the pixels of a packet pass back: rows ``stride`` apart in the array ``packed``, the first at ``at``."""

    packed: Any
    at: Any
    stride: Any
    lanes: Any


@ti.func
def passed_back(back: ti.template(), row: ti.template()):
    """A row, ``PIXEL_REFERENCE`` or one that follows; those of the colours begin at ``PACKED``."""
    return load_lanes(back.packed, back.at + row * back.stride, back.lanes)


class OutputAdjoints(NamedTuple):
    """What the outputs pass back: (V*H*W, C), (V*H*W,), (V*H*W,)."""

    image: Any
    alpha: Any
    depth: Any


@replayed
@ti.kernel
def pack_pixel_adjoints(
    image: ti.types.ndarray(ndim=2),
    depth: ti.types.ndarray(ndim=1),
    face_id: ti.types.ndarray(dtype=ti.i32, ndim=1),
    state: ti.types.ndarray(ndim=1),
    image_adjoint: ti.types.ndarray(ndim=2),
    alpha_adjoint: ti.types.ndarray(ndim=1),
    depth_adjoint: ti.types.ndarray(ndim=1),
    packed: ti.types.ndarray(ndim=1),
    background_part: ti.types.ndarray(ndim=2),
    tiles: ti.i32,
    near: float,
    far: float,
    k: float,
    width: ti.i32,
    height: ti.i32,
    count: ti.template(),
    modes: ti.template(),
    packed_rows: ti.template(),
    shape: ti.template(),
    double: ti.template(),
    with_background: ti.template(),
):
    """Fills ``packed`` (packets, packed_rows, lanes), flat, from what the outputs of a render pass back.

    Divided by S: so a face's weight is ``D exp(...)``.  Lanes beyond the image pass nothing back.

    ``with_background``: also fills ``background_part (tiles, count)``, what each tile passes back to the background.
    """
    for task in range(tiles * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            packets = ti.static(Packets(width, height, shape, double))
            outputs = ti.static(Outputs(image, None, depth, face_id, None, state))
            adjoints = ti.static(OutputAdjoints(image_adjoint, alpha_adjoint, depth_adjoint))
            lanes = ti.static(packets.lanes)
            tile = task // ti.static(grain())
            part = ti.Vector([0.0 for _ in ti.static(range(count))])
            for packet in range(tile * ti.static(packets.per_tile), (tile + 1) * ti.static(packets.per_tile)):
                view, row, col = packet_pixel(packet, packets)
                for lane in range(lanes):
                    pixel = pixel_of_lane(view, row, col, lane, packets)
                    source, target = packet * (STATE * lanes) + lane, packet * (packed_rows * lanes) + lane
                    color_factor = _pack_pixel(pixel, outputs, source, adjoints, packed, target, count, modes, lanes)
                    if ti.static(with_background):
                        if pixel >= 0:
                            weight = background_weight(outputs, pixel, source, near, far, k, modes, packets)
                            part += color_factor * weight
            if ti.static(with_background):
                for c in ti.static(range(count)):
                    background_part[tile, c] = part[c]


@ti.func
def _pack_pixel(
    pixel,
    outputs: ti.template(),
    source,
    adjoints: ti.template(),
    packed: ti.template(),
    target,
    count: ti.template(),
    modes: ti.template(),
    stride: ti.template(),
):
    """Writes the numbers of a pixel (-1: none) from ``target`` on; returns those of its colours.

    The numbers of ``state`` begin at ``source``; both kinds are ``stride`` apart.
    """
    reference, inverse = outputs.state[source + REFERENCE * stride], 1.0 / outputs.state[source + TOTAL * stride]
    mean, alpha_factor, depth_factor = 0.0, 0.0, 0.0
    color_factor = ti.Vector([0.0 for _ in ti.static(range(count))])
    if pixel >= 0:
        depth_factor = adjoints.depth[pixel] * inverse
        mean = depth_factor * outputs.depth[pixel]
        for c in ti.static(range(count)):
            color_factor[c] = adjoints.image[pixel, c] * inverse
            mean += color_factor[c] * outputs.image[pixel, c]
        combined = outputs.state[source + COMBINED * stride]
        if ti.static(modes.alpha == ALPHA_PRODUCT):
            alpha_factor = adjoints.alpha[pixel] * combined
        elif ti.static(modes.alpha == ALPHA_SUM):
            alpha_factor = ti.select(combined < 1.0, adjoints.alpha[pixel], 0.0)
        if ti.static(modes.color == COLOR_HARD):
            reference = ti.cast(outputs.face_id[pixel], float)
    packed[target + PIXEL_REFERENCE * stride] = reference
    packed[target + PIXEL_MEAN * stride] = mean
    packed[target + PIXEL_DEPTH * stride] = depth_factor
    packed[target + PIXEL_ALPHA * stride] = alpha_factor
    for c in ti.static(range(count)):
        packed[target + (PACKED + c) * stride] = color_factor[c]
    return color_factor


@replayed
@ti.kernel
def sum_background(part: ti.types.ndarray(ndim=2), tiles: ti.i32, background_adjoint: ti.types.ndarray(ndim=1)):
    """``background_adjoint[c] += sum over the tiles of part[tile, c]``."""
    ti.loop_config(serialize=True)
    for c in range(background_adjoint.shape[0]):
        total = 0.0
        for tile in range(tiles):
            total += part[tile, c]
        background_adjoint[c] += total
