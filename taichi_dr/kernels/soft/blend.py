"""What the forward of the soft rasterizer keeps of a pixel while it walks over faces, and how a face is blended in.

Everything is relative to the nearest depth so far (``REFERENCE``, first the background's), so that nothing overflows:
``S = sum D_j exp((reference - z_j) k)``, ``k = 1 / (gamma (far - near))``, and likewise the sums of colours and depths.

The running numbers of a packet are rows of its lanes in ``blend``, the first of them at index ``first``: a local vector
(``first`` is the number 0) or a place in an array (a multiple of a power of two at least as long as the rows).
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.soft.pair import (
    ALPHA_PRODUCT,
    ALPHA_SUM,
    BACKGROUND_EXPONENT,
    COLOR_HARD,
    DISTANCE_HARD,
    coverage,
    exp_negative,
    fill_lanes,
)

NEGLIGIBLE_EXPONENT = 60.0
"""exp(-60) D_j does not change a sum of at least 1e-4, the smallest D, in double precision either."""

# The running state of a pixel; the first STATE numbers are kept for the adjoint, the colour sums follow.
STATE = 4
REFERENCE, TOTAL, COMBINED, LARGEST, DEPTH_SUM, BEST, BEST0, BEST1, BEST2, COLOR_SUM = range(10)


@ti.func
def load_sum(blend: ti.template(), first: ti.template(), row: ti.template(), lanes: ti.template()):
    """Row ``row`` of a packet."""
    return ti.Vector([blend[first | (row * lanes + lane)] for lane in ti.static(range(lanes))])


@ti.func
def store_sum(blend: ti.template(), first: ti.template(), row: ti.template(), value, lanes: ti.template()):
    """Writes row ``row`` of a packet; see ``soft_math.store_row``."""
    for lane in ti.static(range(lanes)):
        blend[first | (row * lanes + lane)] = value[lane]


@ti.func
def resume_pixel(
    blend: ti.template(),
    image: ti.template(),
    depth: ti.template(),
    face_id: ti.template(),
    barycentrics: ti.template(),
    state: ti.template(),
    pixel,
    at,
    count: ti.template(),
    stride: ti.template(),
):
    """Restores what ``finish_pixel`` wrote; the pixel's state begins at ``at``, its numbers ``stride`` apart."""
    for kept in ti.static(range(STATE)):
        blend[kept] = state[at + kept * stride]
    blend[DEPTH_SUM] = depth[pixel] * blend[TOTAL]
    blend[BEST] = ti.cast(face_id[pixel], float)
    for corner in ti.static(range(3)):
        blend[BEST0 + corner] = barycentrics[pixel, corner]
    for c in ti.static(range(count)):
        blend[COLOR_SUM + c] = image[pixel, c] * blend[TOTAL]


@ti.func
def finish_pixel(
    blend: ti.template(),
    image: ti.template(),
    alpha: ti.template(),
    depth: ti.template(),
    face_id: ti.template(),
    barycentrics: ti.template(),
    state: ti.template(),
    pixel,
    at,
    count: ti.template(),
    modes: ti.template(),
    stride: ti.template(),
):
    """Writes the outputs of a pixel and the state that the adjoint needs."""
    for kept in ti.static(range(STATE)):
        state[at + kept * stride] = blend[kept]
    depth[pixel] = blend[DEPTH_SUM] / blend[TOTAL]
    face_id[pixel] = ti.cast(blend[BEST], ti.i32)
    for corner in ti.static(range(3)):
        barycentrics[pixel, corner] = blend[BEST0 + corner]
    for c in ti.static(range(count)):
        image[pixel, c] = blend[COLOR_SUM + c] / blend[TOTAL]
    alpha[pixel] = alpha_of(blend[COMBINED], modes)


@ti.func
def start_blend(
    blend: ti.template(),
    first: ti.template(),
    background: ti.template(),
    near,
    far,
    count: ti.template(),
    modes: ti.template(),
    lanes: ti.template(),
):
    """The background alone: weight 1 at its own depth."""
    reference = far
    if ti.static(modes[1] != COLOR_HARD):
        reference -= BACKGROUND_EXPONENT * (far - near)
    store_sum(blend, first, REFERENCE, fill_lanes(reference, lanes), lanes)
    store_sum(blend, first, TOTAL, fill_lanes(1.0, lanes), lanes)
    store_sum(blend, first, LARGEST, fill_lanes(1.0, lanes), lanes)
    store_sum(blend, first, BEST, fill_lanes(-1.0, lanes), lanes)
    for corner in ti.static(range(3)):
        store_sum(blend, first, BEST0 + corner, fill_lanes(0.0, lanes), lanes)
    store_sum(blend, first, DEPTH_SUM, fill_lanes(far, lanes), lanes)
    uncovered = ti.static(1.0 if modes[0] == ALPHA_PRODUCT else 0.0)
    store_sum(blend, first, COMBINED, fill_lanes(uncovered, lanes), lanes)
    for c in ti.static(range(count)):
        store_sum(blend, first, COLOR_SUM + c, fill_lanes(background[c], lanes), lanes)


@ti.func
def alpha_of(combined, modes: ti.template()):
    result = ti.min(combined, 1.0)
    if ti.static(modes[0] == ALPHA_PRODUCT):
        result = 1.0 - combined
    return result


@ti.func
def blend_alpha(
    blend: ti.template(),
    first: ti.template(),
    x,
    inside,
    seen,
    modes: ti.template(),
    lanes: ti.template(),
    double: ti.template(),
):
    """Blends one face into a packet's alpha; returns its coverage D."""
    cover, uncover = ti.select(inside > 0.0, 1.0 + 0.0 * x, 0.0), ti.select(inside > 0.0, 0.0 * x, 1.0)
    if ti.static(modes[2] != DISTANCE_HARD):
        cover, uncover = coverage(x, inside, double)
    cover = ti.select(seen > 0.0, cover, 0.0)
    if ti.static(modes[0] == ALPHA_PRODUCT):
        store_sum(
            blend,
            first,
            COMBINED,
            load_sum(blend, first, COMBINED, lanes) * (ti.select(seen > 0.0, uncover, 1.0)),
            lanes,
        )
    elif ti.static(modes[0] == ALPHA_SUM):
        store_sum(blend, first, COMBINED, load_sum(blend, first, COMBINED, lanes) + cover, lanes)
    else:
        store_sum(
            blend,
            first,
            COMBINED,
            ti.select(lower(seen, inside) > 0.0, 1.0, load_sum(blend, first, COMBINED, lanes)),
            lanes,
        )
    return cover


@ti.func
def blend_face(
    blend: ti.template(),
    first: ti.template(),
    face,
    x,
    inside,
    seen,
    p0,
    p1,
    p2,
    z,
    k,
    modes: ti.template(),
    lanes: ti.template(),
    double: ti.template(),
):
    """Blends one face into everything of a packet but its colours; ``x`` is the coverage's exponent without its sign.

    Returns the factor of the colours so far and the face's own share, for ``blend_color``.  Under COLOR_HARD the share
    says by its sign whether the face replaces what is there.
    """
    cover = blend_alpha(blend, first, x, inside, seen, modes, lanes, double)
    keep, share = 0.0 * x, 0.0 * x
    if ti.static(modes[1] == COLOR_HARD):
        share = lower(lower(seen, inside), load_sum(blend, first, REFERENCE, lanes) - z)
        store_sum(blend, first, REFERENCE, ti.select(share > 0.0, z, load_sum(blend, first, REFERENCE, lanes)), lanes)
        store_sum(blend, first, DEPTH_SUM, load_sum(blend, first, REFERENCE, lanes), lanes)
        _remember(blend, first, share, face, p0, p1, p2, lanes)
    else:
        ahead = (load_sum(blend, first, REFERENCE, lanes) - z) * k
        e = exp_negative(-ti.abs(ahead), double)
        keep = ti.select(lower(seen, ahead) > 0.0, e, 1.0)
        share = ti.select(ahead > 0.0, cover, cover * e)
        store_sum(
            blend,
            first,
            REFERENCE,
            ti.select(
                seen > 0.0, lower(load_sum(blend, first, REFERENCE, lanes), z), load_sum(blend, first, REFERENCE, lanes)
            ),
            lanes,
        )
        store_sum(blend, first, TOTAL, load_sum(blend, first, TOTAL, lanes) * keep + share, lanes)
        store_sum(blend, first, LARGEST, load_sum(blend, first, LARGEST, lanes) * keep, lanes)
        _remember(blend, first, share - load_sum(blend, first, LARGEST, lanes), face, p0, p1, p2, lanes)
        store_sum(blend, first, LARGEST, higher(share, load_sum(blend, first, LARGEST, lanes)), lanes)
        store_sum(blend, first, DEPTH_SUM, load_sum(blend, first, DEPTH_SUM, lanes) * keep + share * z, lanes)
    return keep, share


@ti.func
def blend_color(
    blend: ti.template(),
    first: ti.template(),
    c: ti.template(),
    value,
    keep,
    share,
    modes: ti.template(),
    lanes: ti.template(),
):
    """Blends a face's ``value`` into channel c; ``keep`` and ``share`` are those of ``blend_face``."""
    before = load_sum(blend, first, COLOR_SUM + c, lanes)
    if ti.static(modes[1] == COLOR_HARD):
        store_sum(blend, first, COLOR_SUM + c, ti.select(share > 0.0, value, before), lanes)
    else:
        store_sum(blend, first, COLOR_SUM + c, before * keep + share * value, lanes)


@ti.func
def _remember(blend: ti.template(), first: ti.template(), better, face, p0, p1, p2, lanes: ti.template()):
    """Takes down the face where ``better`` is positive; as a number, exact up to 2^24 faces."""
    store_sum(
        blend,
        first,
        BEST,
        ti.select(better > 0.0, fill_lanes(ti.cast(face, float), lanes), load_sum(blend, first, BEST, lanes)),
        lanes,
    )
    store_sum(blend, first, BEST0, ti.select(better > 0.0, p0, load_sum(blend, first, BEST0, lanes)), lanes)
    store_sum(blend, first, BEST1, ti.select(better > 0.0, p1, load_sum(blend, first, BEST1, lanes)), lanes)
    store_sum(blend, first, BEST2, ti.select(better > 0.0, p2, load_sum(blend, first, BEST2, lanes)), lanes)
