"""Losses of silhouettes on how close rays come to a surface, which pull at any distance."""

import math

import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.losses.inputs import add_sum, check_field, check_loss, check_same, push_gradient, rows, runs, scratch
from taichi_dr.tape import tape_operation
from taichi_dr.types import ArrayLike, Field

NAMES = ("missed", "extra", "silhouette_cross_entropy")
MISSED, EXTRA, CROSS_ENTROPY = range(3)


def missed(closest: Field | Variable, mask: Field | ArrayLike, loss: Field, weight: float = 1.0) -> None:
    """Adds ``weight * mean(m max(s, 0))`` to ``loss``: the surface is pulled to rays that should meet it and miss.

    The first mask term of Liu et al., DIST, CVPR 2020, for a signed closest approach s in pixels.  The mean is over all
    pixels, and not over those that are missed, so that the loss is continuous where a ray begins to meet the surface.

    Args:
        closest: field (V, H, W) with a gradient: s of each pixel's ray, positive where it misses, such as
            ``frame.closest``.
        mask: field or array of the same shape, in [0, 1]: m, 1 where the object is.  It gets no gradient.
        loss: 0-D field with a gradient.
        weight: number.

    Raises:
        ShapeError: the shapes differ.

    ``s = [3, -2]``, ``m = [1, 1]`` give 3 / 2.
    """
    _silhouette_loss(closest, mask, loss, weight, 1.0, MISSED)


def extra(closest: Field | Variable, mask: Field | ArrayLike, loss: Field, weight: float = 1.0) -> None:
    """Adds ``weight * mean((1 - m) max(-s, 0))`` to ``loss``: the surface is pushed off rays that should miss it.

    The second mask term of DIST.  Arguments as ``missed``; ``s = [3, -2]``, ``m = [0, 0]`` give 2 / 2.
    """
    _silhouette_loss(closest, mask, loss, weight, 1.0, EXTRA)


def silhouette_cross_entropy(
    closest: Field | Variable, mask: Field | ArrayLike, loss: Field, weight: float = 1.0, softness: float = 1.0
) -> None:
    """Adds ``weight * mean(log(1 + exp(x)) - m x)``, ``x = -s / softness``, to ``loss``.

    The binary cross-entropy between m and the chance ``1 / (1 + exp(-x))`` that the pixel is covered.  Its slope is
    that chance minus m: wrong pixels pull with all their weight however far off they are, where alpha has no gradient
    any more, and right ones let go within a few times ``softness`` of the edge.  It is never 0: of the right silhouette
    each pixel of the edge adds about ``2 softness log(2)``.

    Arguments as ``missed``, and ``softness``, > 0, in pixels.

    Raises:
        ShapeError: the shapes differ.
        InputError: ``softness`` is not positive.

    ``s = 0`` gives log 2 = 0.693 whatever m is; ``s = 3``, ``m = 1`` gives log(1 + exp(3)) = 3.049.
    """
    if not (math.isfinite(softness) and softness > 0):
        raise InputError(f"softness: expected a number > 0, got {softness}")
    _silhouette_loss(closest, mask, loss, weight, softness, CROSS_ENTROPY)


def _silhouette_loss(closest, mask, loss, weight, softness, kind):
    check_loss(loss, weight)
    check_field("closest", closest, (None, None, None))
    check_same("mask", mask, closest)
    _operation(closest, mask, loss, weight / math.prod(closest.shape), softness, kind)


def _forward(closest, mask, loss, scale, softness, kind):
    threads, *steps = runs(math.prod(closest.shape))
    partial = scratch("closest partial", (threads,))
    _sums(*_rows(closest, mask), partial, *steps, softness, kind)
    add_sum(NAMES[kind], partial, loss, scale, 0.0, {"closest": closest, "mask": mask})


def _adjoint(closest, mask, loss, scale, softness, kind):
    gradient = scratch("closest gradient", (math.prod(closest.shape), 1))
    _slopes(*_rows(closest, mask), gradient, softness, kind)
    push_gradient(gradient, closest, loss, scale)


_operation = tape_operation(_forward, _adjoint)


def _rows(closest, mask):
    return rows("closest", closest, 0), rows("closest mask", mask, 0)


@replayed
@ti.kernel
def _sums(
    closest: Rows,
    mask: Rows,
    partial: Numbers,
    length: int,
    outer: int,
    inner: int,
    softness: float,
    kind: ti.template(),
):
    for thread in range(partial.shape[0]):
        total = 0.0
        for j in range(length):
            i = thread * outer + j * inner
            if i < closest.shape[0]:
                total += _penalty(closest[i, 0], mask[i, 0], softness, kind)
        partial[thread] = total


@replayed
@ti.kernel
def _slopes(closest: Rows, mask: Rows, gradient: Rows, softness: float, kind: ti.template()):
    for i in range(closest.shape[0]):
        gradient[i, 0] = _slope(closest[i, 0], mask[i, 0], softness, kind)


@ti.func
def _penalty(s, m, softness, kind: ti.template()):
    value = 0.0 * m if s <= 0 else m * s  # in this order NaN stays NaN
    if ti.static(kind == EXTRA):
        value = 0.0 * m if s >= 0 else (m - 1.0) * s
    elif ti.static(kind == CROSS_ENTROPY):
        x = -s / softness
        value = ti.max(x, 0.0) + ti.log(1.0 + ti.exp(-ti.abs(x))) - m * x
    return value


@ti.func
def _slope(s, m, softness, kind: ti.template()):
    """The derivative of ``_penalty`` by s; at s = 0 that of the side where it is not 0."""
    value = m if s >= 0 else 0.0 * m
    if ti.static(kind == EXTRA):
        value = m - 1.0 if s <= 0 else 0.0 * m
    elif ti.static(kind == CROSS_ENTROPY):
        tail = ti.exp(-ti.abs(s / softness))
        covered = (tail if s > 0 else 1.0) / (1.0 + tail)
        value = (m - covered) / softness
    return value
