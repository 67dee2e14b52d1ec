"""Radiance fields that a user writes as a ``ti.func``, reading any fields of his own."""

from functools import cached_property, lru_cache
from typing import Any

import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.implicit.radiance.function import RadianceFunction
from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.march.evaluate import add_piece
from taichi_dr.kernels.march.packets import misfit_of_samples
from taichi_dr.kernels.volume import evaluate as kernels
from taichi_dr.runtime import check_runtime, float_dtype, runtime_token
from taichi_dr.straightline import require_function_of_a_point
from taichi_dr.tape import off_tape

PIECE = 1 << 18  # samples that are differentiated at once
LANES = {ti.f32: 16, ti.f64: 8}


@ti.func
def Sample(density, color):  # noqa: N802
    """What a radiance field returns, in a ``ti.func``: density per world unit, not negative, and linear RGB."""
    return ti.Vector([density, color[0], color[1], color[2]])


class InlineRadiance(RadianceFunction):
    """A loop-free ``ti.func`` (or a bound method of an object of Taichi's) of a point and a direction.

    It returns ``dr.Sample(density, color)``.  Gradients go to the ``.grad`` of every field that it reads.

    Raises:
        GradientError: it has a loop, which Taichi would differentiate wrongly; the message has the line.
        InputError: something else, or what Taichi cannot compile, or returns no sample.
    """

    def __init__(self, func):
        require_function_of_a_point(func, ("a point", "a direction"))
        self.func = func
        self._token = runtime_token()
        self._try()

    @off_tape
    def _try(self):
        """Compiles what ``forward`` needs, and evaluates it at the origin."""
        direction = make_array((1, 3))
        direction[0, 2] = -1.0
        try:
            self.forward(make_array((1, 3)), direction, make_array((1, 4)), 1)
        except ti.TaichiCompilationError as error:
            raise InputError(
                "expected a ti.func of a point and a direction that returns dr.Sample(density, color);"
                f" Taichi says: {error}"
            ) from error

    @cached_property
    def misfit(self) -> str | None:
        """Why the function does not fit packets, with the line; None if it does, and on GPUs."""
        return misfit_of_samples(self.func) if on_cpu() else None

    @cached_property
    def packets(self) -> int:
        """Samples that are evaluated at once: 1 on GPUs, and where the function does not fit."""
        return LANES[float_dtype()] if on_cpu() and self.misfit is None else 1

    def check(self) -> None:
        check_runtime(self._token, "radiance field")

    def forward(self, points: Any, directions: Any, values: Any, count: int) -> None:
        kernels.evaluate_samples(self.func, self.packets, points, directions, values, count)

    def adjoint(
        self,
        points: Any,
        directions: Any,
        values_adjoint: Any,
        points_adjoint: Any | None,
        directions_adjoint: Any | None,
        count: int,
    ) -> None:
        point, direction, value = _piece(self._token)
        for first in range(0, count, PIECE):
            part = min(PIECE, count - first)
            fields = point, point.grad, direction, direction.grad, value.grad
            kernels.load_sample_piece(points, directions, values_adjoint, first, part, *fields)
            kernels.evaluate_sample_piece.grad(self.func, point, direction, value, part)
            if points_adjoint is not None:
                add_piece(point.grad, first, part, points_adjoint)
            if directions_adjoint is not None:
                add_piece(direction.grad, first, part, directions_adjoint)


@lru_cache(maxsize=1)
def _piece(token):
    """The fields that all functions of a runtime are differentiated over."""
    point = ti.Vector.field(3, float_dtype(), shape=PIECE, needs_grad=True)
    direction = ti.Vector.field(3, float_dtype(), shape=PIECE, needs_grad=True)
    return point, direction, ti.Vector.field(4, float_dtype(), shape=PIECE, needs_grad=True)
