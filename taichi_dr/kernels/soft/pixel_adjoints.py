"""What the adjoint of the soft rasterizer needs to know of every pixel, packed for its faces to read.

With ``S`` the normaliser of a pixel's weights, ``I`` its colour, ``Z`` its depth and ``A`` its alpha::

    mean = (sum_c dL/dI_c I_c + dL/dZ Z) / S      depth = dL/dZ / S      alpha = dL/dA T      colour_c = dL/dI_c / S

in this order after the reference that the exponents are taken against (the nearest face in the colour mode ``hard``).
``T = prod (1 - D_j)`` in the alpha mode ``product``; in ``sum`` it is 1 where the sum is below 1, else 0.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import grain
from taichi_dr.kernels.soft.blend import COMBINED, REFERENCE, STATE, TOTAL
from taichi_dr.kernels.soft.pair import (
    ALPHA_PRODUCT,
    ALPHA_SUM,
    BACKGROUND_EXPONENT,
    COLOR_HARD,
    TILE,
    exp_negative,
    packet_pixel,
)

PACKED = 4  # what faces need to know of a pixel, before the adjoints of its colours
PIXEL_REFERENCE, PIXEL_MEAN, PIXEL_DEPTH, PIXEL_ALPHA = range(PACKED)


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
    gamma: float,
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
    lanes = ti.static(shape[0] * shape[1])
    per_tile = ti.static(TILE * TILE // lanes)
    for task in range(tiles * ti.static(grain())):
        if task % ti.static(grain()) != 0:
            continue
        tile = task // ti.static(grain())
        part = ti.Vector([0.0 for _ in ti.static(range(count))])
        for packet in range(tile * per_tile, (tile + 1) * per_tile):
            view, row, col = packet_pixel(packet, width, height, shape)
            for lane in range(lanes):
                pixel_row, pixel_col = row + lane // shape[0], col + lane % shape[0]
                source = packet * (STATE * lanes) + lane
                reference, inverse = state[source + REFERENCE * lanes], 1.0 / state[source + TOTAL * lanes]
                mean, alpha_factor, depth_factor = 0.0, 0.0, 0.0
                color_factor = ti.Vector([0.0 for _ in ti.static(range(count))])
                if pixel_row < height and pixel_col < width:
                    pixel = (view * height + pixel_row) * width + pixel_col
                    depth_factor = depth_adjoint[pixel] * inverse
                    mean = depth_factor * depth[pixel]
                    for c in ti.static(range(count)):
                        color_factor[c] = image_adjoint[pixel, c] * inverse
                        mean += color_factor[c] * image[pixel, c]
                    combined = state[source + COMBINED * lanes]
                    if ti.static(modes[0] == ALPHA_PRODUCT):
                        alpha_factor = alpha_adjoint[pixel] * combined
                    elif ti.static(modes[0] == ALPHA_SUM):
                        alpha_factor = ti.select(combined < 1.0, alpha_adjoint[pixel], 0.0)
                    if ti.static(modes[1] == COLOR_HARD):
                        reference = ti.cast(face_id[pixel], float)
                        if ti.static(with_background):
                            part += ti.select(face_id[pixel] < 0, 1.0, 0.0) * color_factor
                    elif ti.static(with_background):
                        behind = reference - (far - BACKGROUND_EXPONENT * (far - near))
                        part += exp_negative(behind / (gamma * (far - near)), double) * color_factor
                target = packet * (packed_rows * lanes) + lane
                packed[target + PIXEL_REFERENCE * lanes] = reference
                packed[target + PIXEL_MEAN * lanes] = mean
                packed[target + PIXEL_DEPTH * lanes] = depth_factor
                packed[target + PIXEL_ALPHA * lanes] = alpha_factor
                for c in ti.static(range(count)):
                    packed[target + (PACKED + c) * lanes] = color_factor[c]
        if ti.static(with_background):
            for c in ti.static(range(count)):
                background_part[tile, c] = part[c]


@ti.kernel
def sum_background(part: ti.types.ndarray(ndim=2), tiles: ti.i32, background_adjoint: ti.types.ndarray(ndim=1)):
    """``background_adjoint[c] += sum over the tiles of part[tile, c]``."""
    ti.loop_config(serialize=True)
    for c in range(background_adjoint.shape[0]):
        total = 0.0
        for tile in range(tiles):
            total += part[tile, c]
        background_adjoint[c] += total
