"""Taichi's forward mode for a program of the user's own kernels, by fields of vectors too."""

import numpy as np
import taichi as ti
from taichi.lang import impl
from taichi.lang.enums import AutodiffMode, SNodeGradType

from taichi_dr.errors import GradientError, InputError
from taichi_dr.tape import without_tape

AGREEMENT = 0.05
"""Of forward mode with a difference, along one direction ..."""

ROUNDINGS = 10
"""... and so many roundings."""


class ForwardMode:
    """Every derivative of what a program returns by the numbers of a ``ParameterVector``: one run for each number."""

    def __init__(self, program, vector):
        self._program, self._vector = program, vector
        for name, field in vector.fields.items():
            _require_dual(name, field)

    def __call__(self):
        """(M, P) in float64."""
        columns = []
        for j in range(len(self._vector)):
            seed = np.zeros(len(self._vector))
            seed[j] = 1.0
            columns.append(self._column(self._vector.split(seed)))
        return np.stack(columns, axis=1)

    def _column(self, seeds):
        duals = [field.dual for field in self._vector.fields.values()]
        ti.ad.clear_all_gradients(SNodeGradType.DUAL)
        for dual, seed in zip(duals, seeds.values(), strict=True):
            _write(dual, seed)
        with without_tape(), _Forward():
            shown = self._program()
        shown = shown if isinstance(shown, list | tuple) else [shown]
        for index, field in enumerate(shown):
            _require_dual(f"what the program returns ({index})", field)
        column = np.concatenate([field.dual.to_numpy().astype(np.float64).reshape(-1) for field in shown])
        for dual in duals:
            dual.fill(0)
        return column


class CheckedForwardMode:
    """The Jacobian by forward mode, compared with a central difference along one direction every time."""

    can_turn, is_turned = False, False  # there are no moves

    def __init__(self, program, shown, vector):
        self._forward, self._shown, self._vector = ForwardMode(program, vector), shown, vector
        self.least = np.zeros(len(vector))

    def checked(self, at, base, tiny):
        """The Jacobian, and nothing that is known to be wrong with it."""
        matrix = self(at, base)
        return matrix, np.zeros_like(matrix)

    def straighten(self):
        """There are no moves."""

    def __call__(self, at, base):
        matrix = self._forward() * self._shown.weights[:, None]
        scales = self._vector.scales(at)
        direction = scales * np.where(np.arange(len(at)) % 2, -1.0, 1.0)
        step = np.cbrt(self._vector.epsilons.max())
        try:
            moved, shown = zip(
                *((self._vector.write(at + s * direction), self._shown()) for s in (step, -step)), strict=True
            )
        finally:
            self._vector.write(at)
        known, found = shown[0] - shown[1], matrix @ (moved[0] - moved[1])
        rounding = self._vector.epsilons.max() * max(map(np.linalg.norm, (base, *shown)))
        self.least[:] = rounding / scales
        off = np.linalg.norm(known - found)
        if off > AGREEMENT * np.linalg.norm(known) + ROUNDINGS * rounding:
            raise GradientError(
                f"forward mode is wrong: along one direction it says {np.linalg.norm(found):.3g}, and differences say"
                f" {np.linalg.norm(known):.3g} ({off:.3g} apart); every field on the way needs"
                ' needs_dual=True and is to be written once; or take way="differences"'
            )
        return matrix


class _Forward:
    """Within the block Taichi runs kernels in forward mode: ``ti.ad.FwdMode``, without its limit to scalar fields.

    It puts kernels back in reverse order: a kernel that was called twice is left in forward mode by Taichi's.
    """

    def __enter__(self):
        self._calls = []
        impl.get_runtime().fwd_mode_manager = self

    def __exit__(self, *error):
        impl.get_runtime().fwd_mode_manager = None
        for kernel, mode in reversed(self._calls):
            kernel.autodiff_mode = mode

    def insert(self, kernel):
        """Called by Taichi before every kernel."""
        self._calls.append((kernel, kernel.autodiff_mode))
        kernel.autodiff_mode = AutodiffMode.FORWARD


def _require_dual(name, field):
    impl.get_runtime().materialize()
    if not (isinstance(field, ti.Field) and field.snode.ptr.has_dual()):
        kind = type(field).__name__
        raise InputError(f'{name}: way="forward" wants a field with needs_dual=True, got {kind} without')


def _write(field, values):
    values = values.astype(np.float64 if field.dtype == ti.f64 else np.float32)
    if values.shape:
        field.from_numpy(values)
    else:
        field[None] = float(values)
