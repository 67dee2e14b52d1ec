"""The prior of latent codes."""

import math

import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.losses.inputs import add_sum, check_field, check_loss, full_shape, push_gradient, rows, runs, scratch
from taichi_dr.tape import tape_operation
from taichi_dr.types import Field


def latent_prior(codes: Field | Variable, loss: Field, weight: float = 1.0, sigma: float = 1.0) -> None:
    """Adds ``weight * mean(|z|^2 / (2 sigma^2))``, the mean over codes z, to ``loss``.

    What a normal distribution of deviation ``sigma`` about 0 says against a code (Park et al., DeepSDF, CVPR 2019,
    equation 9, where the 2 is left out): it keeps codes where the decoder knows shapes.

    Args:
        codes: field (D,) or (S, D), or of S vectors, with a gradient.
        loss: 0-D field with a gradient.
        weight: number.
        sigma: number > 0.

    Raises:
        ShapeError: a single number.
        InputError: ``sigma`` is not positive.

    ``codes = [(3, 4), (0, 1)]`` gives (25 + 1) / 2 / 2 = 6.5.
    """
    if not (math.isfinite(sigma) and sigma > 0):
        raise InputError(f"sigma: expected a number > 0, got {sigma}")
    check_loss(loss, weight)
    check_field("codes", codes)
    if not full_shape(codes):
        raise ShapeError("codes: expected shape (D,) or (S, D), got ()")
    _operation(codes, loss, 0.5 * weight / (sigma**2 * math.prod(full_shape(codes)[:-1])))


def _forward(codes, loss, scale):
    z = rows("latent codes", codes, bridge.components(codes))
    threads, *steps = runs(z.shape[0])
    partial = scratch("latent partial", (threads,))
    _square_sums(z, partial, *steps)
    add_sum("latent_prior", partial, loss, scale, 0.0, {"codes": codes})


def _adjoint(codes, loss, scale):
    push_gradient(rows("latent codes", codes, bridge.components(codes)), codes, loss, 2.0 * scale)


_operation = tape_operation(_forward, _adjoint)


@replayed
@ti.kernel
def _square_sums(z: Rows, partial: Numbers, length: int, outer: int, inner: int):
    for thread in range(partial.shape[0]):
        total = 0.0
        for j in range(length):
            i = thread * outer + j * inner
            if i < z.shape[0]:
                for k in range(z.shape[1]):
                    total += z[i, k] * z[i, k]
        partial[thread] = total
