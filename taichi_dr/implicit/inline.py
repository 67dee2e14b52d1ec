"""Functions of space that a user writes as a ``ti.func``, reading any fields of his own."""

from functools import cached_property, lru_cache
from typing import Any

import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.implicit.function import DistanceFunction, SpaceFunction, slope_step
from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.march import evaluate as kernels
from taichi_dr.kernels.march.approach import approach
from taichi_dr.kernels.march.layers import follow
from taichi_dr.kernels.march.packets import misfit
from taichi_dr.kernels.march.rows import columns_of
from taichi_dr.kernels.march.surface import find_surface
from taichi_dr.kernels.march.trace import trace
from taichi_dr.runtime import check_runtime, float_dtype, runtime_token
from taichi_dr.straightline import require_function_of_a_point
from taichi_dr.tape import off_tape

PIECE = 1 << 18  # points that are differentiated at once
LANES = {ti.f32: 32, ti.f64: 8}
ROUNDS = 4  # of Newton's method at most: packets end when they are there


class InlineFunction(SpaceFunction):
    """A loop-free ``ti.func`` (or a bound method of an object of Taichi's) of a point, of ``components`` numbers.

    Gradients go to the ``.grad`` of every field that it reads.

    Raises:
        GradientError: it has a loop, which Taichi would differentiate wrongly; the message has the line.
        InputError: something else, or what Taichi cannot compile, or returns other than so many numbers.
    """

    def __init__(self, func, components):
        require_function_of_a_point(func)
        self.func, self.components = func, components
        self._token = runtime_token()
        self._try()

    @off_tape
    def _try(self):
        """Compiles what ``forward`` needs, and evaluates it at the origin."""
        try:
            self.forward(make_array((1, 3)), make_array((1, self.components)), 1)
        except ti.TaichiCompilationError as error:
            numbers = "one number" if self.components == 1 else f"a vector of {self.components}"
            raise InputError(f"expected a ti.func of a point that returns {numbers}; Taichi says: {error}") from error

    def check(self) -> None:
        check_runtime(self._token, "function of space")

    def forward(self, points: Any, values: Any, count: int) -> None:
        kernels.evaluate_vectors(self.func, self.components, points, values, count)

    def adjoint(self, points: Any, values_adjoint: Any, points_adjoint: Any | None, count: int) -> None:
        fields = _piece(self._token, self.components)
        point, value = fields
        for first in range(0, count, PIECE):
            part = min(PIECE, count - first)
            kernels.load_piece(points, values_adjoint, first, part, point, point.grad, value.grad, self.components)
            kernels.evaluate_piece.grad(self.func, point, value, part)
            if points_adjoint is not None:
                kernels.add_piece(point.grad, first, part, points_adjoint)


class InlineDistance(InlineFunction, DistanceFunction):
    """A signed distance as a ``ti.func``, in packets where it fits."""

    def __init__(self, func, *, is_exact=False):
        super().__init__(func, 1)
        self.is_exact = is_exact

    @cached_property
    def misfit(self) -> str | None:
        """Why the function does not fit packets, with the line; None if it does, and on GPUs."""
        return misfit(self.func) if on_cpu() else None

    @cached_property
    def packets(self) -> int:
        """Points that are evaluated at once: 1 on GPUs, and where the function does not fit."""
        return LANES[float_dtype()] if on_cpu() and self.misfit is None else 1

    def forward(self, points: Any, values: Any, count: int) -> None:
        kernels.evaluate(self.func, self.packets, points, values, count)

    def surface(self, rays: Any, rows: Any, count: int, step: float, found: Any) -> None:
        columns = columns_of(count, rays.camera.shape[0])
        arrays = (rows.first, rows.pixel, rows.t, rows.edge, rows.edge_t, rows.shift, columns)
        steps = (slope_step(step), step, ROUNDS, 2)
        find_surface(self.func, self.packets, *rays.flat(), rays.near, rays.far, *arrays, *steps, *found)

    def trace(self, rays: Any, march: Any, start: Any, met: Any) -> None:
        trace(self.func, self.packets, *rays.flat(), *march, start, *met)

    def follow(self, rays: Any, march: Any, met: Any, grazing: Any, count: int, layers: Any) -> None:
        follow(self.func, self.packets, *rays.flat(), *march, met.t, met.evaluations, grazing, count, *layers)

    def approach(self, rays: Any, march: Any, t: Any) -> None:
        approach(self.func, self.packets, *rays.flat(), *march, t)


@lru_cache(maxsize=4)
def _piece(token, components):
    """The fields that all functions of a runtime are differentiated over."""
    point = ti.Vector.field(3, float_dtype(), shape=PIECE, needs_grad=True)
    if components == 1:
        return point, ti.field(float_dtype(), shape=PIECE, needs_grad=True)
    return point, ti.Vector.field(components, float_dtype(), shape=PIECE, needs_grad=True)
