"""What the forward of the soft rasterizer keeps of a pixel while it walks over faces, and how a face is blended in.

Everything is relative to the nearest depth so far (``REFERENCE``, first the background's), so that nothing overflows:
``S = sum D_j exp((reference - z_j) k)``, ``k = 1 / (gamma (far - near))``, and likewise the sums of colours and depths.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.soft.modes import ALPHA_PRODUCT, ALPHA_SUM, COLOR_HARD
from taichi_dr.kernels.soft.packets import exp_negative, fill_lanes
from taichi_dr.kernels.soft.weights import coverage

BACKGROUND_EXPONENT = 1e-3  # the background's share of the softmax is exp(this / gamma)
NEGLIGIBLE_EXPONENT = 60.0
"""exp(-60) D_j does not change a sum of at least 1e-4, the smallest D, in double precision either."""

# The running state of a pixel; the first STATE numbers are kept for the adjoint, the colour sums follow.
STATE = 4
REFERENCE, TOTAL, COMBINED, LARGEST, DEPTH_SUM, BEST, BEST0, BEST1, BEST2, COLOR_SUM = range(10)


class Blend(NamedTuple):
    """The running numbers of a packet: rows of its lanes in ``rows``, the first of them at index ``first``.

    A local vector (``first`` is the number 0) or a place in an array (a multiple of a power of two at least as long as
    the rows).
    """

    rows: Any
    first: Any
    lanes: Any
    double: Any


class Outputs(NamedTuple):
    """Arrays of ``SoftPass``; ``state`` holds STATE numbers per pixel for the adjoint, packet by packet."""

    image: Any
    alpha: Any
    depth: Any
    face_id: Any
    barycentrics: Any
    state: Any


@ti.func
def load_sum(blend: ti.template(), row: ti.template()):
    """Row ``row`` of a packet."""
    return ti.Vector([blend.rows[blend.first | (row * blend.lanes + lane)] for lane in ti.static(range(blend.lanes))])


@ti.func
def lane_of(blend: ti.template(), row: ti.template(), lane: ti.template()):
    """One lane of row ``row`` of a packet."""
    return blend.rows[blend.first | (row * blend.lanes + lane)]


@ti.func
def store_sum(blend: ti.template(), row: ti.template(), value):
    """Writes row ``row`` of a packet."""
    for lane in ti.static(range(blend.lanes)):
        blend.rows[blend.first | (row * blend.lanes + lane)] = value[lane]


@ti.func
def resume_pixel(
    sums: ti.template(), outputs: ti.template(), pixel, at, channels: ti.template(), stride: ti.template()
):
    """Restores what ``finish_pixel`` wrote; the pixel's state begins at ``at``, its numbers ``stride`` apart."""
    for kept in ti.static(range(STATE)):
        sums[kept] = outputs.state[at + kept * stride]
    sums[DEPTH_SUM] = outputs.depth[pixel] * sums[TOTAL]
    sums[BEST] = ti.cast(outputs.face_id[pixel], float)
    for corner in ti.static(range(3)):
        sums[BEST0 + corner] = outputs.barycentrics[pixel, corner]
    for c in ti.static(range(channels)):
        sums[COLOR_SUM + c] = outputs.image[pixel, c] * sums[TOTAL]


@ti.func
def finish_pixel(
    blend: ti.template(),
    outputs: ti.template(),
    pixel,
    at,
    channels: ti.template(),
    modes: ti.template(),
    stride: ti.template(),
):
    """Writes the outputs of a packet of one pixel, and the state that the adjoint needs."""
    for kept in ti.static(range(STATE)):
        outputs.state[at + kept * stride] = lane_of(blend, kept, 0)
    total = lane_of(blend, TOTAL, 0)
    outputs.depth[pixel] = lane_of(blend, DEPTH_SUM, 0) / total
    write_undivided(blend, 0, outputs, pixel, modes)
    for c in ti.static(range(channels)):
        outputs.image[pixel, c] = lane_of(blend, COLOR_SUM + c, 0) / total


@ti.func
def write_undivided(blend: ti.template(), lane: ti.template(), outputs: ti.template(), pixel, modes: ti.template()):
    """Writes the outputs of the pixel of a lane that are no sums over S: alpha, the face and its barycentrics."""
    outputs.alpha[pixel] = alpha_of(lane_of(blend, COMBINED, lane), modes)
    outputs.face_id[pixel] = ti.cast(lane_of(blend, BEST, lane), ti.i32)
    for corner in ti.static(range(3)):
        outputs.barycentrics[pixel, corner] = lane_of(blend, BEST0 + corner, lane)


@ti.func
def background_reference(near, far, modes: ti.template()):
    """The depth whose exponent is the background's: ``far - 1e-3 (far - near)``; in ``hard`` simply far."""
    reference = far
    if ti.static(modes.color != COLOR_HARD):
        reference -= BACKGROUND_EXPONENT * (far - near)
    return reference


@ti.func
def start_blend(
    blend: ti.template(),
    background: ti.template(),
    channels: ti.template(),
    softness: ti.template(),
    modes: ti.template(),
):
    """The background alone: weight 1 at its own depth."""
    lanes = ti.static(blend.lanes)
    reference = background_reference(softness.near, softness.far, modes)
    store_sum(blend, REFERENCE, fill_lanes(reference, lanes))
    store_sum(blend, TOTAL, fill_lanes(1.0, lanes))
    store_sum(blend, LARGEST, fill_lanes(1.0, lanes))
    store_sum(blend, BEST, fill_lanes(-1.0, lanes))
    for corner in ti.static(range(3)):
        store_sum(blend, BEST0 + corner, fill_lanes(0.0, lanes))
    store_sum(blend, DEPTH_SUM, fill_lanes(softness.far, lanes))
    uncovered = ti.static(1.0 if modes.alpha == ALPHA_PRODUCT else 0.0)
    store_sum(blend, COMBINED, fill_lanes(uncovered, lanes))
    for c in ti.static(range(channels)):
        store_sum(blend, COLOR_SUM + c, fill_lanes(background[c], lanes))


@ti.func
def alpha_of(combined, modes: ti.template()):
    """Alpha from the running number of its mode."""
    result = ti.min(combined, 1.0)
    if ti.static(modes.alpha == ALPHA_PRODUCT):
        result = 1.0 - combined
    return result


@ti.func
def blend_alpha(blend: ti.template(), squared, inside, seen, sharpness, modes: ti.template()):
    """Blends one face into a packet's alpha; returns its coverage D."""
    cover, uncover = coverage(squared, inside, seen, sharpness, modes, blend.double)
    combined = load_sum(blend, COMBINED)
    if ti.static(modes.alpha == ALPHA_PRODUCT):
        store_sum(blend, COMBINED, combined * ti.select(seen > 0.0, uncover, 1.0))
    elif ti.static(modes.alpha == ALPHA_SUM):
        store_sum(blend, COMBINED, combined + cover)
    else:
        store_sum(blend, COMBINED, ti.select(lower(seen, inside) > 0.0, 1.0, combined))
    return cover


@ti.func
def blend_face(blend: ti.template(), face, pair: ti.template(), softness: ti.template(), modes: ti.template()):
    """Blends one face into everything of a packet but its colours.

    Returns the factor of the colours so far and the face's own share, for ``blend_color``.  Under COLOR_HARD the share
    says by its sign whether the face replaces what is there.
    """
    z = pair.z
    cover = blend_alpha(blend, pair.squared, pair.inside, pair.seen, softness.sharpness, modes)
    keep, share = 0.0 * z, 0.0 * z
    reference = load_sum(blend, REFERENCE)
    if ti.static(modes.color == COLOR_HARD):
        share = lower(lower(pair.seen, pair.inside), reference - z)
        nearest = ti.select(share > 0.0, z, reference)
        store_sum(blend, REFERENCE, nearest)
        store_sum(blend, DEPTH_SUM, nearest)
        _remember(blend, share, face, pair.p)
    else:
        ahead = (reference - z) * softness.k
        e = exp_negative(-ti.abs(ahead), blend.double)
        keep = ti.select(lower(pair.seen, ahead) > 0.0, e, 1.0)
        share = ti.select(ahead > 0.0, cover, cover * e)
        store_sum(blend, REFERENCE, ti.select(pair.seen > 0.0, lower(reference, z), reference))
        store_sum(blend, TOTAL, load_sum(blend, TOTAL) * keep + share)
        largest = load_sum(blend, LARGEST) * keep
        _remember(blend, share - largest, face, pair.p)
        store_sum(blend, LARGEST, higher(share, largest))
        store_sum(blend, DEPTH_SUM, load_sum(blend, DEPTH_SUM) * keep + share * z)
    return keep, share


@ti.func
def blend_color(blend: ti.template(), c: ti.template(), value, keep, share, modes: ti.template()):
    """Blends a face's ``value`` into channel c; ``keep`` and ``share`` are those of ``blend_face``."""
    before = load_sum(blend, COLOR_SUM + c)
    if ti.static(modes.color == COLOR_HARD):
        store_sum(blend, COLOR_SUM + c, ti.select(share > 0.0, value, before))
    else:
        store_sum(blend, COLOR_SUM + c, before * keep + share * value)


@ti.func
def _remember(blend: ti.template(), better, face, p: ti.template()):
    """Takes down the face where ``better`` is positive; as a number, exact up to 2^24 faces."""
    index = fill_lanes(ti.cast(face, float), blend.lanes)
    store_sum(blend, BEST, ti.select(better > 0.0, index, load_sum(blend, BEST)))
    for corner in ti.static(range(3)):
        store_sum(blend, BEST0 + corner, ti.select(better > 0.0, p[corner], load_sum(blend, BEST0 + corner)))
