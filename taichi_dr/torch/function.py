"""The one bridge to autograd: what Taichi computes of tensors, as a node of torch's graph.

    outputs = node(call, *tensors)        call.run(tensors) on the way there,
                                          call.run_adjoint(tensors, output_adjoints, wanted) on the way back

The tensors are saved by torch, which notices when they are written to in between.  The way back needs what the way
there has left in the arrays of a renderer; where another call has used them since, ``call`` runs again.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch

from taichi_dr.errors import GradientError
from taichi_dr.torch.turn import TURN


class Differentiable(ABC):
    """Something that Taichi computes of tensors, once: its other arguments are its own."""

    @abstractmethod
    def run(self, tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """New tensors; those of integers have no gradient."""

    @abstractmethod
    def run_adjoint(
        self,
        tensors: tuple[torch.Tensor, ...],
        output_adjoints: tuple[torch.Tensor | None, ...],
        wanted: tuple[bool, ...],
    ) -> tuple[torch.Tensor | None, ...]:
        """The adjoint of each tensor that is wanted, None for the others; an output adjoint of None is zero."""


def node(call: Differentiable, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The outputs of a call, with gradients for its tensors."""
    return _Node.apply(call, *tensors)


class _Node(torch.autograd.Function):
    @staticmethod
    def forward(call, *tensors):
        with TURN:
            return call.run(tensors)

    @staticmethod
    def setup_context(ctx, inputs, outputs):
        ctx.call, *tensors = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        ctx.mark_non_differentiable(*(output for output in outputs if not output.is_floating_point()))

    @staticmethod
    def backward(ctx, *output_adjoints):
        wanted = ctx.needs_input_grad[1:]
        return None, *_Adjoint.apply(ctx.call, wanted, *ctx.saved_tensors, *output_adjoints)


class _Adjoint(torch.autograd.Function):
    """The way back as a node of its own, so that a second way back through it can be refused."""

    @staticmethod
    def forward(ctx: Any, call: Differentiable, wanted: tuple[bool, ...], *tensors: torch.Tensor | None) -> Any:
        with TURN:
            return call.run_adjoint(tensors[: len(wanted)], tensors[len(wanted) :], wanted)

    @staticmethod
    def backward(ctx, *output_adjoints):
        raise GradientError(
            "second derivatives of a render or a loss of taichi_dr: there are none, and zeros would be wrong. Leave"
            " create_graph=True out, or detach() what the first derivatives are taken of"
        )
