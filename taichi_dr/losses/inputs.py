"""What the losses accept: checks of shapes, and rows of numbers out of fields, variables and arrays."""

import math

import numpy as np
import taichi as ti
from taichi.lang import impl
from taichi.lang.field import Field

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.base.elements import get_component, set_component, unflatten
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.runtime import backend, check_field_runtime, float_dtype, runtime_token


def is_field(value):
    """Whether ``value`` is a Taichi field."""
    return isinstance(value, Field)


def is_variable(value):
    """Whether ``value`` is a ``Variable``: numbers with a gradient without (or with) a field."""
    return isinstance(value, Variable)


def has_gradient(value):
    """Whether ``value`` is a field with a gradient or a ``Variable``."""
    if not is_field(value):
        return is_variable(value)
    impl.get_runtime().materialize()  # a field placed since the last launch has no tree to ask yet
    return value.snode.ptr.has_adjoint()


def full_shape(value):
    """Shape of a field, a variable or an array, the components of vectors being the last axis."""
    if is_field(value) or is_variable(value):
        n = bridge.components(value)
        return tuple(value.shape) + ((n,) if n else ())
    return tuple(np.shape(value))


def check_loss(loss, weight=1.0):
    """Raises unless ``loss`` is a 0-D scalar field with a gradient and ``weight`` is finite."""
    if not math.isfinite(weight):
        raise InputError(f"weight: expected a finite number, got {weight}")
    if not is_field(loss):
        raise InputError(f"loss: expected a 0-D field with a gradient, got {type(loss).__name__}")
    check_field_runtime("loss", loss)
    if full_shape(loss) != ():
        raise ShapeError(f"loss: expected shape (), got {full_shape(loss)}")
    if not has_gradient(loss):
        raise InputError("loss: expected a field with a gradient: ti.field(..., shape=(), needs_grad=True)")


def check_alive(name, value):
    """Raises RuntimeStateError if ``value`` is a field or a variable of before the latest ``ti.init``."""
    if is_field(value) or is_variable(value):
        check_field_runtime(name, value)


def check_field(name, value, shape=None):
    """Raises unless ``value`` is a field with a gradient; ``shape`` may hold None for any length."""
    check_alive(name, value)
    if not has_gradient(value):
        what = "a field without one" if is_field(value) else type(value).__name__
        raise InputError(f"{name}: expected a field with a gradient (needs_grad=True), got {what}")
    got = full_shape(value)
    if shape is not None and not _matches(got, shape):
        raise ShapeError(f"{name}: expected shape {_spell(shape)}, got {got}")


def check_same(name, value, reference):
    """Raises unless ``value``, a field or an array, has the shape of the field ``reference``."""
    check_alive(name, value)
    expected, got = full_shape(reference), full_shape(value)
    if expected != got:
        raise ShapeError(f"{name}: expected shape {expected}, got {got}")


def _matches(got, shape):
    return len(got) == len(shape) and all(want in (None, have) for want, have in zip(shape, got, strict=True))


def _spell(shape):
    return "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"


def numpy_dtype():
    """NumPy's name of the run's floating-point type."""
    return ti.lang.util.to_numpy_type(float_dtype())


def array_rows(values, components):
    """A NumPy array as contiguous rows ``(elements, components)`` of the run's floating-point type.

    Copies only where type or layout demand it, so on the CPU the kernels read the caller's own memory.
    """
    return np.ascontiguousarray(values, dtype=numpy_dtype()).reshape(-1, max(components, 1))


def rows(name, value, components):
    """Rows ``(elements, components)`` of a field (copied into the scratch array ``name``), a variable or an array."""
    if is_variable(value):
        return value.read()
    if not is_field(value):
        return array_rows(value, components)
    array = scratch(name, (math.prod(value.shape), max(components, 1)))
    bridge.fields_to_array((value,), array)
    return array


_scratch = {}


def scratch(name, shape, dtype=None):
    """An array that holds nothing from one call to the next; one for each name, shape and runtime.

    No loss may expect to find in its adjoint what its forward left here: another use of the same loss may lie between.
    """
    token = runtime_token()
    if _scratch.get("token") is not token:
        _scratch.clear()
        _scratch["token"] = token
    key = (name, shape, dtype)
    if key not in _scratch:
        _scratch[key] = make_array(shape, dtype)
    return _scratch[key]


def runs(count):
    """How ``count`` rows are summed by threads: ``(threads, rows of each, step to the next thread's, step within)``.

    Neighbouring threads of a GPU read neighbouring rows; a thread of a CPU reads a run of them.
    """
    length = max(64, math.isqrt(count))
    threads = -(-count // length)
    return (threads, length, length, 1) if backend() == "cpu" else (threads, length, 1, threads)


def add_sum(name, values, loss, scale, constant, read):
    """``loss += scale * sum(values) + constant``, summed in order.

    ``name`` is that of the loss and ``read`` what it has read, of one shape and by name, for the message.

    Raises:
        InputError: what would be added is not finite.
    """
    if not math.isfinite(_add_sum(values, loss, scale, constant)):
        raise InputError(f"{name}: {_not_finite(read)}")


def _not_finite(read):
    """Where the first number is that is not finite."""
    shape = full_shape(next(iter(read.values())))
    for what, value in read.items():
        numbers = (value.to_numpy() if hasattr(value, "to_numpy") else np.asarray(value)).reshape(shape)
        wrong = np.argwhere(~np.isfinite(numbers))
        if len(wrong):
            others = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            return f"expected finite numbers, got {numbers[tuple(wrong[0])]} in {what} at {wrong[0].tolist()}{others}"
    return f"the numbers in {' and '.join(read)} are so large that their sum overflows: scale them down"


@replayed
@ti.kernel
def _add_sum(values: ti.types.ndarray(ndim=1), loss: ti.template(), scale: float, constant: float) -> float:
    added = 0.0
    ti.loop_config(serialize=True)
    for _ in range(1):
        total = 0.0
        for i in range(values.shape[0]):
            total += values[i]
        added += scale * total + constant
        loss[None] += scale * total + constant
    return added


@replayed
@ti.kernel
def add_value(loss: ti.template(), value: float):
    """``loss += value``."""
    loss[None] += value


def push_gradient(gradient, field, loss, scale):
    """``field.grad[i][k] += loss.grad * scale * gradient[row(i), k]``: how an adjoint reaches the user's field.

    ``field`` may be a variable.
    """
    if not is_variable(field):
        _push(gradient, field.grad, loss.grad, bridge.components(field), scale)
    elif field.fields:
        (shown,) = field.fields
        _push(gradient, shown.grad, loss.grad, field.n, scale)
    else:
        _push_rows(gradient, field.gradient, loss.grad, scale)


@replayed
@ti.kernel
def _push_rows(gradient: ti.types.ndarray(ndim=2), grad: ti.types.ndarray(ndim=2), seed: ti.template(), scale: float):
    for row in range(gradient.shape[0]):
        for k in range(gradient.shape[1]):
            grad[row, k] = grad[row, k] + seed[None] * scale * gradient[row, k]


@replayed
@ti.kernel
def _push(gradient: ti.types.ndarray(ndim=2), grad: ti.template(), seed: ti.template(), n: ti.template(), scale: float):
    for row in range(gradient.shape[0]):
        index = unflatten(row, grad.shape)
        for k in ti.static(range(max(n, 1))):
            value = get_component(grad, index, k, n) + seed[None] * scale * gradient[row, k]
            set_component(grad, index, k, n, value)
