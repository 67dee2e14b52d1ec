"""How much a face counts at a pixel, and the derivatives: coverage, alpha and the softmax over depths.

With ``w_j`` the weight of face j in a pixel, ``v_j = sum_c dL/dI_c C_jc + dL/dZ z_j``, ``v`` the same of the blended
pixel, ``x_j = +-d^2/sigma`` and ``e_j = -k z_j`` the two exponents::

    dL/de_j = w_j (v_j - v)          dL/dx_j = (1 - D_j) dL/de_j + dL/dA T D_j          dL/dC_jc = w_j dL/dI_c
"""

import taichi as ti

from taichi_dr.kernels.soft.modes import ALPHA_HARD, ALPHA_SUM, COLOR_HARD, DISTANCE_HARD
from taichi_dr.kernels.soft.packets import exp_negative


@ti.func
def sigmoids(x, inside, double: ti.template()):
    """``sigmoid(s x)`` and ``sigmoid(-s x)`` without cancellation, x >= 0, s = 1 inside and -1 outside."""
    e = exp_negative(-x, double)
    large = 1.0 / (1.0 + e)
    small = e * large
    return ti.select(inside > 0.0, large, small), ti.select(inside > 0.0, small, large)


@ti.func
def coverage(squared, inside, seen, sharpness, modes: ti.template(), double: ti.template()):
    """D and 1 - D of a face; where it is not seen D is 0, and the other is not meant."""
    cover, uncover = ti.select(inside > 0.0, 1.0 + 0.0 * squared, 0.0), ti.select(inside > 0.0, 0.0 * squared, 1.0)
    if ti.static(modes.distance != DISTANCE_HARD):
        cover, uncover = sigmoids(squared * sharpness, inside, double)
    return ti.select(seen > 0.0, cover, 0.0), uncover


@ti.func
def alpha_slope(cover, uncover, modes: ti.template()):
    """``dA/dx / T``: ``D`` in the mode ``product`` (A = 1 - T, dT/dx = -T D), ``dD/dx = D (1 - D)`` in ``sum``."""
    slope = 0.0 * cover
    if ti.static(modes.alpha == ALPHA_SUM):
        slope = cover * uncover
    elif ti.static(modes.alpha != ALPHA_HARD):
        slope = cover
    return slope


@ti.func
def pair_weight(cover, z, reference, face, k, modes: ti.template(), double: ti.template()):
    """The weight of a face times the normaliser S: ``D exp((reference - z) k)``; 1 of the face shown in ``hard``.

    ``reference``: the nearest depth, in ``hard`` the index of the face shown.
    """
    weight = 0.0 * cover
    if ti.static(modes.color == COLOR_HARD):
        weight = ti.select(reference == ti.cast(face, float), 1.0 + 0.0 * cover, 0.0)
    else:
        weight = cover * exp_negative(-ti.abs(reference - z) * k, double)
    return weight


@ti.func
def exponent_adjoint(weight, value, mean, modes: ti.template()):
    """``dL/de_j = w_j (v_j - v)``; 0 in the mode ``hard``.

    ``value`` and ``mean`` are v_j and v, or both over S if ``weight`` is S w_j, as ``pair_weight`` gives it.
    """
    result = 0.0 * weight
    if ti.static(modes.color != COLOR_HARD):
        result = weight * (value - mean)
    return result
