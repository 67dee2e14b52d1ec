"""A *pair* is a packet of pixels and a face: what the blending of a face needs of it, and how corners are weighed."""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.soft.packets import pinned


class Pair(NamedTuple):
    """Packets: the squared distance to the face's boundary in the unit of the mode; ``inside`` and ``seen``, positive
    where true; the perspective-correct barycentrics ``p`` (3) and their normaliser ``r``; the depth ``z``.

    ``depth``: the depths (3) of the face's corners; ``distance``: what the distance comes from, a ``WholeDistance`` or
    a ``CutDistance``.
    """

    squared: Any
    inside: Any
    seen: Any
    p: Any
    r: Any
    z: Any
    depth: Any
    distance: Any


@ti.func
def total_of(q: ti.template(), packets: ti.template()):
    """``sum q_k``, rounded alike everywhere."""
    return pinned(q[0] + q[1], packets) + q[2]


@ti.func
def depth_at(q: ti.template(), r, depth: ti.template(), packets: ti.template()):
    """``r sum q_k depth_k``, rounded alike everywhere.

    A weight is ``D exp(-k z) / S`` with ``k = 1 / (gamma (far - near))``.  In single precision z is right to about
    1e-7 of its own size whatever is done, which makes an error of 1e-7 k z in the logarithm of a weight: with z = 2.5,
    far - near = 5 and gamma = 1e-4, 5e-4; with gamma = 1e-5, 5e-3.  That is how well single precision tells the depth
    order of faces so close to each other, and no harm, as long as the adjoint weighs a face exactly as the forward
    has: then it is the derivative of the image that is shown.  So it computes z from the same numbers by the same
    operations, and every operation that compilers might do differently in different surroundings is ``pinned``.
    """
    sum01 = pinned(pinned(q[0] * depth[0], packets) + q[1] * depth[1], packets)
    return pinned((sum01 + q[2] * depth[2]) * r, packets)


@ti.func
def normalized_adjoint(p: ti.template(), h: ti.template()):
    """Adjoint of q, divided by r, from the adjoint h of ``p_k = q_k r``, ``r = 1 / sum q``: ``h_k - sum_j p_j h_j``."""
    mean = p[0] * h[0] + p[1] * h[1] + p[2] * h[2]
    return [h[k] - mean for k in ti.static(range(3))]


@ti.func
def combined(numbers: ti.template(), p: ti.template()):
    """``sum p_k numbers_k``."""
    return numbers[0] * p[0] + numbers[1] * p[1] + numbers[2] * p[2]
