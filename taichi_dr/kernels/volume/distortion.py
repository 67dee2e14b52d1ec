"""Distortion of rays: how far apart what is seen on them is, which makes surfaces of fog.

    distortion = sum_ij w_i w_j |t_i - t_j| + sum_i w_i^2 delta_i / 3

of samples at t_i, of extents delta_i, and the weights w_i = T_i - T_{i+1} that compositing gives them, whose lengths
may be others: t and extents are in a measure of the ray in which far away is not far off.  As samples are
in order, both directions are walks along the ray:

    sum_ij w_i w_j |t_i - t_j| = 2 sum_i w_i (t_i W_i - S_i),   W_i = sum_{j < i} w_j,   S_i = sum_{j < i} w_j t_j
    g_i = dL/dw_i = 2 (t_i W_i - S_i + S'_i - t_i W'_i) + 2 w_i delta_i / 3,   W', S' of those behind
    dL/d(sigma_i length_i) = T_{i+1} g_i - sum_{j > i} w_j g_j

Source: Barron et al., Mip-NeRF 360, CVPR 2022, eq. 15; Sun et al., DVGO v2, 2022 (in linear time).
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows


@replayed
@ti.kernel
def distortion(first: Ints, t: Numbers, extents: Numbers, lengths: Numbers, values: Rows, rays: ti.i32, found: Numbers):
    """Writes ``found`` (R,) of packed samples, as ``composite`` has them; ``extents`` (P,).

    Two samples of weight 1/2, at 0 and 1, of no length: 1/2.
    """
    for r in range(rays):
        through, weights, moments, total = 1.0, 0.0, 0.0, 0.0
        for i in range(first[r], first[r + 1]):
            left = through * ti.exp(-values[i, 0] * lengths[i])
            weight = through - left
            total += 2.0 * weight * (t[i] * weights - moments) + weight * weight * extents[i] / 3.0
            weights += weight
            moments += weight * t[i]
            through = left
        found[r] = total


@replayed
@ti.kernel
def distortion_adjoint(
    first: Ints,
    t: Numbers,
    extents: Numbers,
    lengths: Numbers,
    values: Rows,
    rays: ti.i32,
    weight: float,
    values_adjoint: Rows,
):
    """Adds to the densities' adjoints, the first column of ``values_adjoint``, those of ``weight`` times the sum."""
    for r in range(rays):
        through, all_weights, all_moments, behind = 1.0, 0.0, 0.0, 0.0
        for i in range(first[r], first[r + 1]):
            left = through * ti.exp(-values[i, 0] * lengths[i])
            all_weights += through - left
            all_moments += (through - left) * t[i]
            through = left
        through, weights, moments = 1.0, 0.0, 0.0
        for i in range(first[r], first[r + 1]):  # sum_j w_j g_j
            left = through * ti.exp(-values[i, 0] * lengths[i])
            own = through - left
            behind += own * _slope(t[i], extents[i], own, weights, moments, all_weights, all_moments)
            weights += own
            moments += own * t[i]
            through = left
        through, weights, moments = 1.0, 0.0, 0.0
        for i in range(first[r], first[r + 1]):
            left = through * ti.exp(-values[i, 0] * lengths[i])
            own = through - left
            g = _slope(t[i], extents[i], own, weights, moments, all_weights, all_moments)
            behind = ti.select(i + 1 < first[r + 1], behind - own * g, 0.0)  # and no rounding error of it
            values_adjoint[i, 0] = values_adjoint[i, 0] + weight * lengths[i] * (left * g - behind)
            weights += own
            moments += own * t[i]
            through = left


@ti.func
def _slope(t, extent, own, weights, moments, all_weights, all_moments):
    """``g_i``, of the sums of those in front and of all."""
    behind, moments_behind = all_weights - weights - own, all_moments - moments - own * t
    return 2.0 * (t * (weights - behind) - moments + moments_behind) + 2.0 * own * extent / 3.0
