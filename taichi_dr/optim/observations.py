"""What a program shows beside what was measured: the residuals of least squares, in units of the noise."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import taichi as ti

from taichi_dr.errors import GradientError, InputError, ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.runtime import recording_tape, require_init
from taichi_dr.types import Array, ArrayLike, Field

Shown: TypeAlias = Field | Variable | Array
"""A field, a ``Variable`` or a NumPy array of real numbers."""

Program: TypeAlias = Callable[[], Shown | Sequence[Shown]]
"""Runs the forward computation and returns what it shows, one thing or a list of them."""


class Observations:
    """M numbers that a program shows, those that were measured, and the noise.

        residuals = (shown - measured) / noise

    Where the noise is infinite, nothing was measured: such numbers are left out of ``count``.

    Args:
        program: returns what it shows; the same numbers for the same parameters.
        measured: what was measured, of the same shapes; None: zeros, what the program returns are residuals.
        noise: the standard deviation of the measurements: a number, an array that broadcasts to what is shown, or a
            list with one of them for each thing shown; None: equal for all, and not known.
    """

    def __init__(
        self,
        program: Program,
        measured: ArrayLike | Shown | Sequence[Any] | None = None,
        noise: ArrayLike | Sequence[Any] | None = None,
    ) -> None:
        require_init()
        self._program, self._shapes, self.runs = program, None, 0
        self.is_noise_known = noise is not None
        parts = self._run()
        self._shapes = [part.shape for part in parts]
        noise = [_broadcast("noise", part, s) for part, s in self._each("noise", noise, 1.0)]
        measured = [_measured(part, s) for part, s in self._each("measured", measured, 0.0)]
        with np.errstate(divide="ignore"):
            self.weights = 1.0 / _flat(noise)
        if not (np.isfinite(self.weights) & (self.weights >= 0)).all():
            raise InputError("noise: expected standard deviations, positive numbers (inf: not measured), got others")
        self.measured = np.where(self.weights > 0, _flat(measured), 0.0) * self.weights
        self.count = int(np.count_nonzero(self.weights))
        self.first = _flat(parts) * self.weights
        if not np.isfinite(self.measured).all():
            raise InputError("measured: expected finite numbers, got others; noise=inf there leaves them out")

    def __call__(self) -> Array:
        """(M,): what the program shows now, in units of the noise.

        Raises:
            GradientError: a tape records, or it shows something that is not finite.
            ShapeError: it shows something of another shape than at first.
        """
        return _flat(self._run()) * self.weights

    def _run(self):
        if recording_tape() is not None:
            raise GradientError(
                "least squares run the program by themselves: call them outside of any ti.ad.Tape, or in a function"
                " under ti.ad.no_grad"
            )
        self.runs += 1
        shown = self._program()
        parts = [_numpy(part, i) for i, part in enumerate(shown if isinstance(shown, list | tuple) else [shown])]
        shapes = [part.shape for part in parts]
        if self._shapes not in (None, shapes):
            raise ShapeError(f"the program showed {self._shapes} at first, and now {shapes}")
        return parts

    def _each(self, what, given, default):
        """(what was given, shape) for each thing shown."""
        count = len(self._shapes)
        given = default if given is None else given
        listed = given if isinstance(given, list | tuple) and count > 1 else [given]
        if len(listed) == 1 and _is_number(listed[0]):
            listed = [*listed] * count
        if len(listed) != count:
            raise ShapeError(f"{what}: expected one for each of the {count} things shown, got {len(listed)}")
        return zip(listed, self._shapes, strict=True)


def _is_number(given):
    return not isinstance(given, ti.Field | Variable) and np.ndim(given) == 0


def _numpy(shown, index):
    values = shown.to_numpy() if isinstance(shown, ti.Field | Variable) else np.asarray(shown)
    if values.dtype.kind not in "fiu":
        kind = type(shown).__name__
        raise InputError(f"expected program() to return fields or arrays of real numbers, got {kind} as number {index}")
    if not np.isfinite(values).all():
        at = np.argwhere(~np.isfinite(values))[0].tolist()
        raise GradientError(
            f"expected finite numbers, got {values[tuple(at)]} at {at} of what the program shows ({index})"
        )
    return values


def _measured(given, shape):
    values = given.to_numpy() if isinstance(given, ti.Field | Variable) else np.asarray(given)
    if values.ndim and values.size != math.prod(shape):
        raise ShapeError(f"measured: expected {shape}, the shape of what the program shows, got {values.shape}")
    return _broadcast("measured", values, shape)


def _broadcast(what, given, shape):
    try:
        return np.broadcast_to(np.asarray(given, np.float64), shape)
    except ValueError:
        raise ShapeError(
            f"{what}: expected {shape}, the shape of what the program shows, got {np.shape(given)}"
        ) from None


def _flat(parts):
    return np.concatenate([np.asarray(part, np.float64).reshape(-1) for part in parts])
