"""The updates of optimisers: parameters, their gradients and moments, arrays ``(elements, components)`` all.

Every kernel clips each component of the gradient to [-clip, clip], multiplies it by ``factor`` (which clips the global
norm) and adds ``decay`` times the parameter.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows

UNCLIPPED = 1e30  # as ``clip``: larger than any gradient whose square float32 holds


@replayed
@ti.kernel
def gradient_sums(
    gradient: Rows,
    bits: ti.template(),
    sums: Rows,
    first: int,
    chunks: int,
    clip: float,
):
    """For each of ``chunks`` runs of elements: ``sums[first + chunk] = (sum of squares, entries that are not finite)``.

    ``bits`` is the float's number of bits.  Bits are looked at rather than values: under fast-math a comparison with
    NaN means nothing.
    """
    count = gradient.shape[0]
    length = (count + chunks - 1) // chunks
    for chunk in range(chunks):
        total, wrong = 0.0, 0.0
        for i in range(chunk * length, ti.min(chunk * length + length, count)):
            for k in range(gradient.shape[1]):
                g = gradient[i, k]
                if _is_finite(g, bits):
                    g = ti.math.clamp(g, -clip, clip)
                    total += g * g
                else:
                    wrong += 1.0
        sums[first + chunk, 0] = total
        sums[first + chunk, 1] = wrong


@replayed
@ti.kernel
def sgd(
    parameter: Rows,
    gradient: Rows,
    velocity: Rows,
    lr: float,
    momentum: float,
    nesterov: float,
    clip: float,
    factor: float,
    decay: float,
):
    """``v = momentum v + g``; ``p -= lr v``, or ``p -= lr (g + momentum v)`` if ``nesterov`` is 1."""
    for i in range(parameter.shape[0]):
        for k in range(parameter.shape[1]):
            p = parameter[i, k]
            g = ti.math.clamp(gradient[i, k], -clip, clip) * factor + decay * p
            v = momentum * velocity[i, k] + g
            velocity[i, k] = v
            parameter[i, k] = p - lr * (v + nesterov * (g + momentum * v - v))


@replayed
@ti.kernel
def adam(
    parameter: Rows,
    gradient: Rows,
    first: Rows,
    second: Rows,
    lr: float,
    beta1: float,
    beta2: float,
    correction1: float,
    correction2: float,
    epsilon: float,
    clip: float,
    factor: float,
    decay: float,
):
    """``p -= lr (m / correction1) / (sqrt(v / correction2) + epsilon)``, ``correction = 1 - beta^t`` (Kingma & Ba)."""
    for i in range(parameter.shape[0]):
        for k in range(parameter.shape[1]):
            p = parameter[i, k]
            g = ti.math.clamp(gradient[i, k], -clip, clip) * factor + decay * p
            m = beta1 * first[i, k] + (1.0 - beta1) * g
            v = beta2 * second[i, k] + (1.0 - beta2) * g * g
            first[i, k] = m
            second[i, k] = v
            parameter[i, k] = p - lr * (m / correction1) / (ti.sqrt(v / correction2) + epsilon)


@replayed
@ti.kernel
def uniform_adam(
    parameter: Rows,
    gradient: Rows,
    first: Rows,
    second: Rows,
    largest: Numbers,
    lr: float,
    beta1: float,
    beta2: float,
    correction1: float,
    correction2: float,
    epsilon: float,
    clip: float,
    factor: float,
    decay: float,
):
    """As ``adam`` with the largest v of the field in place of every v.  ``largest`` (chunks + 1,) is scratch."""
    chunks = largest.shape[0] - 1
    for chunk in range(chunks):
        count = parameter.shape[0]
        length = (count + chunks - 1) // chunks
        top = 0.0
        for i in range(chunk * length, ti.min(chunk * length + length, count)):
            for k in range(parameter.shape[1]):
                p = parameter[i, k]
                g = ti.math.clamp(gradient[i, k], -clip, clip) * factor + decay * p
                first[i, k] = beta1 * first[i, k] + (1.0 - beta1) * g
                v = beta2 * second[i, k] + (1.0 - beta2) * g * g
                second[i, k] = v
                top = ti.max(top, v)
        largest[chunk] = top
    for _ in range(1):
        top = 0.0
        for chunk in range(largest.shape[0] - 1):
            top = ti.max(top, largest[chunk])
        largest[largest.shape[0] - 1] = top
    for i in range(parameter.shape[0]):
        root = ti.sqrt(largest[largest.shape[0] - 1] / correction2) + epsilon
        for k in range(parameter.shape[1]):
            parameter[i, k] = parameter[i, k] - lr * (first[i, k] / correction1) / root


@ti.func
def _is_finite(x, bits: ti.template()):
    """Whether the exponent of x is not all ones."""
    finite = True
    if ti.static(bits == 64):
        finite = ((ti.bit_cast(x, ti.i64) >> 52) & 0x7FF) != 0x7FF
    else:
        finite = ((ti.bit_cast(x, ti.i32) >> 23) & 0xFF) != 0xFF
    return finite
