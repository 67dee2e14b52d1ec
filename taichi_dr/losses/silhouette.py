"""Intersection over union of silhouettes, view by view."""

import math

import taichi as ti

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

TINY = 1e-20  # a union below this is empty


def iou(alpha, target, loss, weight=1.0):
    """Adds ``weight * (1 - mean_v I_v / U_v)`` to ``loss``.

    ``I = sum(a t)``, ``U = sum(a + t - a t)`` over the pixels of a view (Liu et al., Soft Rasterizer, section 4.1).
    Where both silhouettes are empty (U = 0) they agree: I / U counts as 1 and its gradient as 0.

    Args:
        alpha: scalar field (V, H, W) with a gradient, in [0, 1], such as ``frame.alpha``.
        target: field or NumPy array of the same shape; as for ``mse``.
        loss: 0-D field with a gradient.

    Raises:
        ShapeError: the shapes differ or are not (V, H, W).

    ``a = [1, 1, 0]``, ``t = [0, 1, 1]``: I = 1, U = 3, the loss is 2/3.
    """
    check_loss(loss)
    check_field("alpha", alpha, (None, None, None))
    check_same("target", target, alpha)
    _operation(alpha, target, loss, weight)


def _forward(alpha, target, loss, weight):
    views = alpha.shape[0]
    values = scratch("iou values", (views,))
    _view_sums(rows("iou alpha", alpha, 0), rows("iou target", target, 0), views, values)
    add_sum(values, loss, weight / views, 0.0)


def _adjoint(alpha, target, loss, weight):
    views = alpha.shape[0]
    a, t = rows("iou alpha", alpha, 0), rows("iou target", target, 0)
    sums = _view_sums(a, t, views, scratch("iou values", (views,)))
    gradient = scratch("iou gradient", (math.prod(alpha.shape), 1))
    for field, other in ((alpha, t), (target, a)):
        if has_gradient(field):
            _gradient(other, sums, gradient, gradient.shape[0] // views, TINY)
            push_gradient(gradient, field, loss, -weight / views)


_operation = tape_operation(_forward, _adjoint)


def _view_sums(a, t, views, values):
    """Writes 1 - I / U of each view to ``values`` and returns the array of (I, U)."""
    pixels = a.shape[0] // views
    pieces = max(1, math.isqrt(pixels) // 2)
    partial, sums = scratch("iou partial", (views * pieces, 2)), scratch("iou sums", (views, 2))
    _partial_sums(a, t, partial, pixels, pieces)
    _add_pieces(partial, sums, values, pieces, TINY)
    return sums


@ti.kernel
def _partial_sums(
    a: ti.types.ndarray(ndim=2),
    t: ti.types.ndarray(ndim=2),
    partial: ti.types.ndarray(ndim=2),
    pixels: int,
    pieces: int,
):
    length = (pixels + pieces - 1) // pieces
    for i in range(partial.shape[0]):
        view = i // pieces
        start = (i - view * pieces) * length
        intersection, union = 0.0, 0.0
        for j in range(view * pixels + start, view * pixels + ti.min(start + length, pixels)):
            product = a[j, 0] * t[j, 0]
            intersection += product
            union += a[j, 0] + t[j, 0] - product
        partial[i, 0] = intersection
        partial[i, 1] = union


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
        intersection, union = 0.0, 0.0
        for i in range(view * pieces, (view + 1) * pieces):
            intersection += partial[i, 0]
            union += partial[i, 1]
        sums[view, 0] = intersection
        sums[view, 1] = union
        values[view] = 0.0
        if union > tiny:
            values[view] = 1.0 - intersection / union


@ti.kernel
def _gradient(
    other: ti.types.ndarray(ndim=2),
    sums: ti.types.ndarray(ndim=2),
    gradient: ti.types.ndarray(ndim=2),
    pixels: int,
    tiny: float,
):
    """``d(I / U) / d a = (t U - I (1 - t)) / U^2`` and the same with a and t exchanged; 0 where the union is empty."""
    for i in range(gradient.shape[0]):
        view = i // pixels
        intersection, union = sums[view, 0], sums[view, 1]
        gradient[i, 0] = 0.0
        if union > tiny:
            ratio = intersection / union
            gradient[i, 0] = (other[i, 0] - ratio * (1.0 - other[i, 0])) / union
