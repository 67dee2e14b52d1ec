"""What rows hold is free of bounds; colours and opacities are not: the logistic function of a few lanes at once.

    logistic(x) = 1 / (1 + exp(-x)),  slope logistic (1 - logistic)

A sample's opacity is ``1 - exp(-softplus(x))`` over a step as long as a cell, which is ``logistic(x)``, and
``1 - (1 - logistic(x))^step`` over another.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower

ROUNDING, ROUNDING_BITS = 12582912.0, 0x4B400000
"""1.5 * 2^23, whose last bits are those of the whole number that was added; there is no call of ``floor`` then."""


@ti.func
def logistic(x, double: ti.template()):
    """``1 / (1 + exp(-x))`` of the lanes of a vector; of x beyond +-80, that of +-80."""
    return 1.0 / (1.0 + exp_bounded(x * -1.0, double))


@ti.func
def exp_bounded(x, double: ti.template()):
    """``exp(x)`` for -80 <= x <= 80; beyond, that at the end.

    In single precision a polynomial, relative error 1e-7 (Cephes ``expf``): ``ti.exp`` would be called lane by lane.
    """
    bounded = lower(higher(x, -80.0), 80.0)
    result = bounded
    if ti.static(double):
        result = ti.exp(bounded)
    else:
        whole = ti.bit_cast(bounded * 1.44269504 + ROUNDING, ti.i32) - ROUNDING_BITS
        power = ti.cast(whole, ti.f32)
        r = bounded - power * 0.693359375 + power * 2.12194440e-4
        p = 1.9875691500e-4 * r + 1.3981999507e-3
        p = p * r + 8.3334519073e-3
        p = p * r + 4.1665795894e-2
        p = p * r + 1.6666665459e-1
        p = p * r + 5.0000001201e-1
        p = p * r * r + r + 1.0
        result = p * ti.bit_cast((whole + 127) * 8388608, ti.f32)
    return result
