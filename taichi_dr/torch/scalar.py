"""Losses of tensors: a value and its gradients, found in one go."""

from collections.abc import Callable
from typing import Any

import taichi as ti
import torch

from taichi_dr.errors import ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.runtime import float_dtype, require_thread_of_init
from taichi_dr.tape import off_tape, recorded
from taichi_dr.torch import tensors
from taichi_dr.torch.function import Differentiable, node
from taichi_dr.torch.kept import Kept

_kept = Kept(64)


def variable(name: str, tensor: torch.Tensor, vectors: bool = False) -> Variable:
    """A variable of the shape of a tensor, whose last axis is that of components where there are vectors.

    Raises:
        ShapeError: an empty tensor.
    """
    shape = tuple(tensor.shape)
    if tensor.numel() == 0:
        raise ShapeError(f"{name}: expected numbers, got none: shape {shape}")
    layout = (shape[:-1], shape[-1]) if vectors else (shape, 0)
    return _kept.get((name, *layout), lambda: Variable(name, *layout))


def scalar(compute: Callable[[Any], None], parts: dict[Variable, torch.Tensor]) -> torch.Tensor:
    """What ``compute(loss)`` adds to the field ``loss`` of the variables, as a tensor () with gradients for theirs."""
    asked = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in parts.values())
    return node(_Scalar(compute, tuple(parts), asked), *parts.values())[0]


class _Scalar(Differentiable):
    """One use of a loss.  Its gradients are found with its value, as a loss keeps nothing for a later way back."""

    def __init__(self, compute, variables, asked):
        self._compute, self._variables, self._asked = compute, variables, asked
        self._gradients = None

    def run(self, tensors_):
        loss = _kept.get("loss", _make_loss)
        calls = self._forward(loss, tensors_)
        if self._asked:
            self._gradients = self._adjoint(loss, calls, tensors_)
        return (tensors_[0].new_tensor(loss[None]),)

    def run_adjoint(self, tensors_, output_adjoints, wanted):
        (adjoint,) = output_adjoints
        return tuple(
            adjoint * gradient if wants and adjoint is not None else None
            for gradient, wants in zip(self._gradients, wanted, strict=True)
        )

    def _forward(self, loss, tensors_):
        off_tape(loss.fill)(0)
        for variable_, tensor in zip(self._variables, tensors_, strict=True):
            tensors.write(variable_.array, tensor)
        with recorded() as calls:
            self._compute(loss)
        return calls

    @off_tape
    def _adjoint(self, loss, calls, tensors_):
        loss.grad.fill(1)
        for variable_ in self._variables:
            variable_.gradient.fill(0)
        for adjoint, arguments in reversed(calls):
            adjoint(*arguments)
        return [
            tensors.read(variable_.gradient, 0, tuple(tensor.shape))
            for variable_, tensor in zip(self._variables, tensors_, strict=True)
        ]


def _make_loss():
    require_thread_of_init("the first loss")
    return ti.field(float_dtype(), shape=(), needs_grad=True)
