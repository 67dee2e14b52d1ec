"""Losses between what is seen of two surfaces: depths, normals."""

import math

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.base.checks import LARGEST
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.losses.inputs import (
    add_sum,
    check_alive,
    check_field,
    check_loss,
    check_same,
    full_shape,
    has_gradient,
    push_gradient,
    rows,
    runs,
    scratch,
)
from taichi_dr.tape import tape_operation
from taichi_dr.types import ArrayLike, Field

NAMES = ("depth", "normal")
SQUARED, HUBER, COSINE = range(3)
COVERED = 0.5  # what counts as hit in an alpha or a mask


def depth(
    prediction: Field | Variable,
    target: Field | Variable | ArrayLike,
    loss: Field,
    weight: float = 1.0,
    *,
    alpha: Field | ArrayLike | None = None,
    mask: Field | ArrayLike | None = None,
    delta: float | None = None,
) -> None:
    """Adds ``weight * mean(h(prediction - target))`` to ``loss``, the mean over pixels where both surfaces are hit.

    ``h(x) = x^2``; with ``delta``, for targets with outliers, Huber's: ``x^2 / 2`` where ``|x| <= delta``,
    ``delta (|x| - delta / 2)`` elsewhere.

    Args:
        prediction: field (V, H, W) with a gradient, such as ``frame.depth``.
        target: field or array of the same shape.  Pixels where it is not finite do not count: depth cameras leave such
            holes.  A field with a gradient gets one too.
        loss: 0-D field with a gradient.
        weight: number.
        alpha: field or array (V, H, W): where the prediction hits, above 0.5, such as ``frame.alpha``; by default
            everywhere.  Which pixels count is a choice and has no gradient.
        mask: the same of the target.
        delta: distance from which on errors count linearly, > 0, in world units.

    Raises:
        ShapeError: the shapes differ.
        InputError: ``delta`` is not positive.

    ``prediction = [1, 3, 9]``, ``target = [0, 1, 0]``, ``mask = [1, 1, 0]`` give (1 + 4) / 2 = 2.5.
    """
    if delta is not None and not delta > 0:
        raise InputError(f"delta: expected a positive number, got {delta}")
    check_loss(loss, weight)
    check_field("prediction", prediction, (None, None, None))
    given = prediction, target, alpha, mask, loss, weight
    _compare(*given, 1.0 if delta is None else delta, SQUARED if delta is None else HUBER)


def normal(
    prediction: Field | Variable,
    target: Field | Variable | ArrayLike,
    loss: Field,
    weight: float = 1.0,
    *,
    alpha: Field | ArrayLike | None = None,
    mask: Field | ArrayLike | None = None,
) -> None:
    """Adds ``weight * mean(1 - cos(prediction, target))`` to ``loss``, over pixels where both surfaces are hit.

    Arguments as ``depth``, of 3-vectors (V, H, W); only their directions count, and where one is 0 there is none.

    Raises:
        ShapeError: the shapes differ, or are not those of 3-vectors.

    ``prediction = (0, 0, 2)``, ``target = (0, 1, 1)`` give 1 - 1 / sqrt(2) = 0.293.
    """
    check_loss(loss, weight)
    check_field("prediction", prediction, (None, None, None, 3))
    _compare(prediction, target, alpha, mask, loss, weight, 1.0, COSINE)


def _compare(prediction, target, alpha, mask, loss, weight, delta, kind):
    check_same("target", target, prediction)
    for name, value in (("alpha", alpha), ("mask", mask)):
        if value is not None:
            check_alive(name, value)
            if full_shape(value) != tuple(prediction.shape):
                raise ShapeError(f"{name}: expected shape {tuple(prediction.shape)}, got {full_shape(value)}")
    _operation(prediction, target, alpha, mask, loss, weight, delta, kind)


def _forward(prediction, target, alpha, mask, loss, weight, delta, kind):
    a, t, seen, count = _seen(prediction, target, alpha, mask, kind)
    threads, *steps = runs(a.shape[0])
    partial = scratch("geometry partial", (threads,))
    _sums(a, t, seen, partial, *steps, delta, kind)
    add_sum(NAMES[kind == COSINE], partial, loss, weight / max(count, 1), 0.0, {"prediction": prediction})


def _adjoint(prediction, target, alpha, mask, loss, weight, delta, kind):
    a, t, seen, count = _seen(prediction, target, alpha, mask, kind)
    gradient = scratch("geometry gradient", a.shape)
    for value, own, other in ((prediction, a, t), (target, t, a)):
        if has_gradient(value):
            _slopes(own, other, seen, gradient, delta, kind)
            push_gradient(gradient, value, loss, weight / max(count, 1))


_operation = tape_operation(_forward, _adjoint)


def _seen(prediction, target, alpha, mask, kind):
    """Rows of both, which of them are compared (1 or 0), and how many."""
    n = 3 if kind == COSINE else 0
    a, t = rows("geometry prediction", prediction, n), rows("geometry target", target, n)
    pixels = math.prod(prediction.shape)
    hits = [
        np.ones((pixels, 1), np.float32) if given is None else rows(f"geometry {name}", given, 0)
        for name, given in (("alpha", alpha), ("mask", mask))
    ]
    seen = scratch("geometry seen", (pixels,), ti.i32)
    return a, t, seen, _compared(a, t, *hits, seen, kind)


@replayed
@ti.kernel
def _compared(a: Rows, t: Rows, alpha: Rows, mask: Rows, seen: ti.types.ndarray(ndim=1), kind: ti.template()) -> int:
    count = 0
    for i in range(seen.shape[0]):
        seen[i] = 0
        if alpha[i, 0] > COVERED and mask[i, 0] > COVERED and _is_comparable(a, t, i, kind):
            seen[i] = 1
            ti.atomic_add(count, 1)
    return count


@ti.func
def _is_comparable(a: ti.template(), t: ti.template(), i, kind: ti.template()):
    usable = not ti.math.isnan(t[i, 0]) and ti.abs(t[i, 0]) < LARGEST
    if ti.static(kind == COSINE):
        x, y = _vector(a, i), _vector(t, i)
        usable = usable and y.norm() < LARGEST and y.norm() > 0 and (x.norm() > 0 or ti.math.isnan(x.norm()))
    return usable


@replayed
@ti.kernel
def _sums(
    a: Rows,
    t: Rows,
    seen: ti.types.ndarray(ndim=1),
    partial: Numbers,
    length: int,
    outer: int,
    inner: int,
    delta: float,
    kind: ti.template(),
):
    for thread in range(partial.shape[0]):
        total = 0.0
        for j in range(length):
            i = thread * outer + j * inner
            if i < a.shape[0]:
                if seen[i] == 1:
                    total += _penalty(a, t, i, delta, kind)
        partial[thread] = total


@replayed
@ti.kernel
def _slopes(a: Rows, t: Rows, seen: ti.types.ndarray(ndim=1), gradient: Rows, delta: float, kind: ti.template()):
    """The derivatives of ``_penalty`` by a."""
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            gradient[i, k] = 0.0
        if seen[i] == 1:
            if ti.static(kind == COSINE):
                slope = _cosine_slope(_vector(a, i), _vector(t, i))
                for k in ti.static(range(3)):
                    gradient[i, k] = -slope[k]
            else:
                gradient[i, 0] = _slope(a[i, 0] - t[i, 0], delta, kind)


@ti.func
def _penalty(a: ti.template(), t: ti.template(), i, delta, kind: ti.template()):
    value = 0.0 * delta
    if ti.static(kind == COSINE):
        value = 1.0 - _vector(a, i).normalized().dot(_vector(t, i).normalized())
    else:
        x = a[i, 0] - t[i, 0]
        value = x * x
        if ti.static(kind == HUBER):
            value = 0.5 * x * x if ti.abs(x) <= delta else delta * (ti.abs(x) - 0.5 * delta)
    return value


@ti.func
def _slope(x, delta, kind: ti.template()):
    """The derivative of ``x^2`` or of Huber's function."""
    return 2.0 * x if ti.static(kind == SQUARED) else ti.max(-delta, ti.min(delta, x))


@ti.func
def _cosine_slope(a, t):
    """``(t / |t| - cos a / |a|) / |a|``: the derivative of ``cos(a, t)`` by a."""
    u, v = a.normalized(), t.normalized()
    return (v - u.dot(v) * u) / a.norm()


@ti.func
def _vector(array: ti.template(), i):
    return ti.math.vec3(array[i, 0], array[i, 1], array[i, 2])
