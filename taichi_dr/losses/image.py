"""Losses between images, pixel by pixel: mean squared, mean absolute and Huber."""

import math

import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.elements import get_component, set_component, unflatten
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.losses.inputs import (
    add_sum,
    array_rows,
    check_field,
    check_loss,
    check_same,
    has_gradient,
    is_field,
    is_variable,
    push_gradient,
    rows,
    runs,
    scratch,
)
from taichi_dr.tape import tape_operation
from taichi_dr.types import ArrayLike, Field

NAMES = ("mse", "l1", "huber")
SQUARED, ABSOLUTE, HUBER = range(3)


def mse(prediction: Field | Variable, target: Field | Variable | ArrayLike, loss: Field, weight: float = 1.0) -> None:
    """Adds ``weight * mean((prediction - target)^2)`` to ``loss``, the mean over pixels, views and components.

    Args:
        prediction: field with a gradient, such as ``frame.color`` (V, H, W) of 3-vectors; any shape will do.
        target: field or NumPy array of the same shape (components last).  A field with a gradient gets one too.  An
            array is read when the loss is called and again in the backward pass: leave it as it is until the tape
            closes.  On a GPU it is sent there both times: for more than a few calls put it in a field.
        loss: 0-D field with a gradient.
        weight: number.

    Raises:
        ShapeError: the shapes differ.

    ``prediction = [1, 3]``, ``target = [0, 1]`` give (1 + 4) / 2 = 2.5.
    """
    _pixel_loss(prediction, target, loss, weight, 1.0, SQUARED)


def l1(prediction: Field | Variable, target: Field | Variable | ArrayLike, loss: Field, weight: float = 1.0) -> None:
    """Adds ``weight * mean(|prediction - target|)`` to ``loss``; the slope at equality is 0.  Arguments as ``mse``."""
    _pixel_loss(prediction, target, loss, weight, 1.0, ABSOLUTE)


def huber(
    prediction: Field | Variable,
    target: Field | Variable | ArrayLike,
    loss: Field,
    weight: float = 1.0,
    delta: float = 0.1,
) -> None:
    """Adds ``weight * mean(h(prediction - target))`` to ``loss``.  Arguments as ``mse``.

    ``h(x) = x^2 / 2`` where ``|x| <= delta``, ``delta (|x| - delta / 2)`` elsewhere (Huber 1964).

    Raises:
        InputError: ``delta`` is not positive.
    """
    if not delta > 0:
        raise InputError(f"delta: expected a positive number, got {delta}")
    _pixel_loss(prediction, target, loss, weight, delta, HUBER)


def _pixel_loss(prediction, target, loss, weight, delta, kind):
    check_loss(loss, weight)
    check_field("prediction", prediction)
    check_same("target", target, prediction)
    n = bridge.components(prediction)
    scale = weight / (math.prod(prediction.shape) * max(n, 1))
    reference = target if is_field(target) or is_variable(target) else array_rows(target, n)
    _operation(prediction, reference, loss, scale, delta, kind)


def _forward(prediction, target, loss, scale, delta, kind):
    count = math.prod(prediction.shape)
    threads, length, *steps = runs(count)
    partial = scratch("pixel", (threads,))
    n = bridge.components(prediction)
    if is_variable(prediction) or is_variable(target):
        _row_sums(*_rows(prediction, target, n), partial, length, *steps, delta, kind)
    else:
        kernel = _field_sums if is_field(target) else _array_sums
        kernel(prediction, target, partial, count, length, *steps, delta, n, kind)
    add_sum(NAMES[kind], partial, loss, scale, 0.0, {"prediction": prediction, "target": target})


def _adjoint(prediction, target, loss, scale, delta, kind):
    n = bridge.components(prediction)
    if is_variable(prediction) or is_variable(target):
        x, y = _rows(prediction, target, n)
        gradient = scratch("pixel gradient", x.shape)
        for value, numbers, other in ((prediction, x, y), (target, y, x)):
            if has_gradient(value):
                _row_adjoint(numbers, other, gradient, delta, kind)
                push_gradient(gradient, value, loss, scale)
    elif is_field(target):
        _field_adjoint(prediction, target, prediction.grad, loss.grad, scale, delta, n, kind)
        if has_gradient(target):
            _field_adjoint(target, prediction, target.grad, loss.grad, scale, delta, n, kind)
    else:
        _array_adjoint(prediction, target, prediction.grad, loss.grad, scale, delta, n, kind)


_operation = tape_operation(_forward, _adjoint)


def _rows(prediction, target, n):
    return rows("pixel prediction", prediction, n), rows("pixel target", target, n)


@replayed
@ti.kernel
def _row_sums(
    prediction: Rows,
    target: Rows,
    partial: Numbers,
    length: int,
    outer: int,
    inner: int,
    delta: float,
    kind: ti.template(),
):
    for chunk in range(partial.shape[0]):
        total = 0.0
        for j in range(length):
            i = chunk * outer + j * inner
            if i < prediction.shape[0]:
                for k in range(prediction.shape[1]):
                    total += _penalty(prediction[i, k] - target[i, k], delta, kind)
        partial[chunk] = total


@replayed
@ti.kernel
def _row_adjoint(prediction: Rows, target: Rows, gradient: Rows, delta: float, kind: ti.template()):
    for i in range(prediction.shape[0]):
        for k in range(prediction.shape[1]):
            gradient[i, k] = _slope(prediction[i, k] - target[i, k], delta, kind)


@replayed
@ti.kernel
def _field_sums(
    prediction: ti.template(),
    target: ti.template(),
    partial: ti.types.ndarray(ndim=1),
    count: int,
    length: int,
    outer: int,
    inner: int,
    delta: float,
    n: ti.template(),
    kind: ti.template(),
):
    for chunk in range(partial.shape[0]):
        total = 0.0
        for j in range(length):
            i = chunk * outer + j * inner
            if i < count:
                index = unflatten(i, prediction.shape)
                for k in ti.static(range(max(n, 1))):
                    total += _penalty(
                        get_component(prediction, index, k, n) - get_component(target, index, k, n), delta, kind
                    )
        partial[chunk] = total


@replayed
@ti.kernel
def _array_sums(
    prediction: ti.template(),
    target: ti.types.ndarray(ndim=2),
    partial: ti.types.ndarray(ndim=1),
    count: int,
    length: int,
    outer: int,
    inner: int,
    delta: float,
    n: ti.template(),
    kind: ti.template(),
):
    for chunk in range(partial.shape[0]):
        total = 0.0
        for j in range(length):
            i = chunk * outer + j * inner
            if i < count:
                index = unflatten(i, prediction.shape)
                for k in ti.static(range(max(n, 1))):
                    total += _penalty(get_component(prediction, index, k, n) - target[i, k], delta, kind)
        partial[chunk] = total


@replayed
@ti.kernel
def _field_adjoint(
    prediction: ti.template(),
    target: ti.template(),
    grad: ti.template(),
    seed: ti.template(),
    scale: float,
    delta: float,
    n: ti.template(),
    kind: ti.template(),
):
    for index in ti.grouped(prediction):
        for k in ti.static(range(max(n, 1))):
            slope = _slope(get_component(prediction, index, k, n) - get_component(target, index, k, n), delta, kind)
            value = get_component(grad, index, k, n) + seed[None] * scale * slope
            set_component(grad, index, k, n, value)


@replayed
@ti.kernel
def _array_adjoint(
    prediction: ti.template(),
    target: ti.types.ndarray(ndim=2),
    grad: ti.template(),
    seed: ti.template(),
    scale: float,
    delta: float,
    n: ti.template(),
    kind: ti.template(),
):
    for i in range(target.shape[0]):
        index = unflatten(i, prediction.shape)
        for k in ti.static(range(max(n, 1))):
            slope = _slope(get_component(prediction, index, k, n) - target[i, k], delta, kind)
            value = get_component(grad, index, k, n) + seed[None] * scale * slope
            set_component(grad, index, k, n, value)


@ti.func
def _penalty(x, delta, kind: ti.template()):
    value = ti.abs(x)
    if ti.static(kind == SQUARED):
        value = x * x
    elif ti.static(kind == HUBER):
        if value <= delta:
            value = 0.5 * x * x
        else:
            value = delta * (value - 0.5 * delta)
    return value


@ti.func
def _slope(x, delta, kind: ti.template()):
    """The derivative of ``_penalty``."""
    value = 2.0 * x
    if ti.static(kind == ABSOLUTE):
        value = ti.math.sign(x)
    elif ti.static(kind == HUBER):
        value = ti.math.clamp(x, -delta, delta)
    return value
