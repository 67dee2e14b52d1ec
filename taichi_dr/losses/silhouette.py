"""Intersection over union of silhouettes, view by view."""

import math
from typing import Literal

import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.losses.inputs import (
    add_sum,
    check_field,
    check_loss,
    check_same,
    has_gradient,
    push_gradient,
    rows,
    scratch,
)
from taichi_dr.tape import tape_operation
from taichi_dr.types import ArrayLike, Field

KINDS = ("tanimoto", "soft_jaccard")
TINY = 1e-20  # a union below this is empty


def iou(
    alpha: Field | Variable,
    target: Field | Variable | ArrayLike,
    loss: Field,
    weight: float = 1.0,
    kind: Literal["tanimoto", "soft_jaccard"] = "tanimoto",
) -> None:
    """Adds ``weight * mean_v (1 - I_v / U_v)`` to ``loss``: ``I = sum(a t)`` and U, the union, over a view's pixels.

    Both kinds are 1 - IoU where a and t are 0 or 1.  They differ in what a fractional pixel is worth:

    * ``"tanimoto"``: ``U = sum(a^2 + t^2 - a t)``, so that ``1 - I / U = sum((a - t)^2) / U``: 0 at a = t, and nowhere
      else (Tanimoto 1958).  A fit that is started at the truth stays there: for targets with soft or antialiased edges.
    * ``"soft_jaccard"``: ``U = sum(a + t - a t)`` (Liu et al., Soft Rasterizer, section 4.1).  Pixels count as far as
      they are covered, also faint ones, whose slope does not fade with them.  For targets of 0 and 1 alone: at a
      fractional one it is neither 0 nor least at a = t, as it prefers a = 1 or 0 to a = t.

    Where both silhouettes are empty (U = 0) they agree: the loss is 0 and so is its gradient.

    Args:
        alpha: scalar field (V, H, W) with a gradient, in [0, 1], such as ``frame.alpha``.
        target: field or NumPy array of the same shape; as for ``mse``.
        loss: 0-D field with a gradient.
        weight: number.
        kind: which union.

    Raises:
        ShapeError: the shapes differ or are not (V, H, W).
        InputError: ``kind`` is neither.

    ``a = [1, 1, 0]``, ``t = [0, 1, 1]``: I = 1, U = 3, the loss is 2/3 in both kinds.  ``a = t = [1, 0.5]``: 0 in the
    first; 1 - 1.25 / 1.75 = 2/7 in the second.
    """
    if kind not in KINDS:
        raise InputError(f"kind: expected one of {KINDS}, got {kind!r}")
    check_loss(loss, weight)
    check_field("alpha", alpha, (None, None, None))
    check_same("target", target, alpha)
    _operation(alpha, target, loss, weight, kind)


def _forward(alpha, target, loss, weight, kind):
    views = alpha.shape[0]
    values = scratch("iou values", (views,))
    _view_sums(rows("iou alpha", alpha, 0), rows("iou target", target, 0), views, values, kind)
    add_sum("iou", values, loss, weight / views, 0.0, {"alpha": alpha, "target": target})


def _adjoint(alpha, target, loss, weight, kind):
    views = alpha.shape[0]
    a, t = rows("iou alpha", alpha, 0), rows("iou target", target, 0)
    sums = _view_sums(a, t, views, scratch("iou values", (views,)), kind)
    gradient = scratch("iou gradient", (math.prod(alpha.shape), 1))
    for field, own, other in ((alpha, a, t), (target, t, a)):
        if has_gradient(field):
            _gradient(own, other, sums, gradient, gradient.shape[0] // views, TINY, kind)
            push_gradient(gradient, field, loss, weight / views)


_operation = tape_operation(_forward, _adjoint)


def _view_sums(a, t, views, values, kind):
    """Writes 1 - I / U of each view to ``values`` and returns the array of (U - I, U)."""
    pixels = a.shape[0] // views
    pieces = max(1, math.isqrt(pixels) // 2)
    partial, sums = scratch("iou partial", (views * pieces, 2)), scratch("iou sums", (views, 2))
    _partial_sums(a, t, partial, pixels, pieces, kind)
    _add_pieces(partial, sums, values, pieces, TINY)
    return sums


@replayed
@ti.kernel
def _partial_sums(
    a: ti.types.ndarray(ndim=2),
    t: ti.types.ndarray(ndim=2),
    partial: ti.types.ndarray(ndim=2),
    pixels: int,
    pieces: int,
    kind: ti.template(),
):
    length = (pixels + pieces - 1) // pieces
    for i in range(partial.shape[0]):
        view = i // pieces
        start = (i - view * pieces) * length
        difference, union = 0.0, 0.0
        for j in range(view * pixels + start, view * pixels + ti.min(start + length, pixels)):
            excess = _excess(a[j, 0], t[j, 0], kind)
            difference += excess
            union += excess + a[j, 0] * t[j, 0]
        partial[i, 0] = difference
        partial[i, 1] = union


@replayed
@ti.kernel
def _add_pieces(
    partial: ti.types.ndarray(ndim=2),
    sums: ti.types.ndarray(ndim=2),
    values: ti.types.ndarray(ndim=1),
    pieces: int,
    tiny: float,
):
    ti.loop_config(serialize=True)
    for view in range(sums.shape[0]):
        difference, union = 0.0, 0.0
        for i in range(view * pieces, (view + 1) * pieces):
            difference += partial[i, 0]
            union += partial[i, 1]
        sums[view, 0] = difference
        sums[view, 1] = union
        values[view] = difference / ti.max(union, tiny)


@replayed
@ti.kernel
def _gradient(
    own: ti.types.ndarray(ndim=2),
    other: ti.types.ndarray(ndim=2),
    sums: ti.types.ndarray(ndim=2),
    gradient: ti.types.ndarray(ndim=2),
    pixels: int,
    tiny: float,
    kind: ti.template(),
):
    """``d(D / U) / d a = (D' - (D / U) (D' + t)) / U`` for ``D = U - I``, where ``own`` is a; 0 where U is."""
    for i in range(gradient.shape[0]):
        view = i // pixels
        difference, union = sums[view, 0], sums[view, 1]
        gradient[i, 0] = 0.0
        if union > tiny:
            slope = _excess_slope(own[i, 0], other[i, 0], kind)
            gradient[i, 0] = (slope - difference / union * (slope + other[i, 0])) / union


@ti.func
def _excess(a, t, kind: ti.template()):
    """What a pixel has in the union and not in the intersection: ``(a - t)^2`` or ``a + t - 2 a t``."""
    value = (a - t) * (a - t)
    if ti.static(kind == "soft_jaccard"):
        value = a * (1.0 - t) + t * (1.0 - a)
    return value


@ti.func
def _excess_slope(a, t, kind: ti.template()):
    """The derivative of ``_excess`` by a."""
    value = 2.0 * (a - t)
    if ti.static(kind == "soft_jaccard"):
        value = 1.0 - 2.0 * t
    return value
