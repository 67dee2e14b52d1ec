"""Fields and variables as one vector of numbers, each with a name: what is found by least squares."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.runtime import check_field_runtime, float_dtype
from taichi_dr.types import Array, ArrayLike, Field

Parameter: TypeAlias = Field | Variable
FewParameters: TypeAlias = Parameter | Sequence[Parameter] | Mapping[str, Parameter]
"""A field, a list of them, or a dictionary by name."""

MOST = 1000
"""Numbers that can be found at once: every Jacobian takes two runs of the program for each."""


class ParameterVector:
    """P numbers in fields and variables, in the order they were given, each field's as ``to_numpy()`` has them.

    Attributes:
        fields: by name.
        names: of each number: ``"throw[0]"``, ``"pose[0, 3]"``; ``"speed"`` of a field of a single number.
        epsilons: (P,), the rounding of each number's type.

    Args:
        parameters: fields or ``Variable`` s of real numbers, which need no gradient.

    Raises:
        InputError: none, one that is no field of real numbers, the same twice, more than 1,000 numbers.
    """

    def __init__(self, parameters: FewParameters) -> None:
        self.fields = _named(parameters)
        self._shapes, self.names, epsilons = {}, [], []
        for name, field in self.fields.items():
            _require_real(name, field)
            shape = self._shapes[name] = field.to_numpy().shape
            self.names += [_name(name, index) for index in np.ndindex(shape)] if shape else [name]
            epsilons += [_epsilon(field)] * math.prod(shape)
        self.epsilons = np.array(epsilons)
        if not 1 <= len(self.names) <= MOST:
            raise InputError(
                f"parameters: expected 1 to {MOST:,} numbers, got {len(self.names):,} in"
                f" {', '.join(self.fields)}: least squares runs the program twice for each; more are for dr.Adam"
            )

    def __len__(self):
        return len(self.names)

    def read(self) -> Array:
        """(P,) in float64: the numbers as they are now."""
        parts = []
        for name, field in self.fields.items():
            check_field_runtime(name, field)
            parts.append(field.to_numpy().astype(np.float64).reshape(-1))
        return np.concatenate(parts)

    def write(self, vector: Array) -> Array:
        """Makes ``vector`` (P,) the numbers; returns them as the fields' types have rounded them, (P,) in float64."""
        rounded = []
        for (name, values), field in zip(self.split(vector).items(), self.fields.values(), strict=True):
            values = values.astype(_numpy_type(field))
            if self._shapes[name] or isinstance(field, Variable):
                field.from_numpy(values)
            else:
                field[None] = float(values)
            rounded.append(values.astype(np.float64).reshape(-1))
        return np.concatenate(rounded)

    def split(self, vector: Array) -> dict[str, Array]:
        """The parts of a vector (P,) by the fields' names, of the shape that each field's ``to_numpy()`` has."""
        ends = np.cumsum([math.prod(shape) for shape in self._shapes.values()])[:-1]
        parts = zip(self._shapes.items(), np.split(np.asarray(vector), ends), strict=True)
        return {name: part.reshape(shape) for (name, shape), part in parts}

    def joined(self, given: float | Mapping[str, ArrayLike], what: str) -> Array:
        """(P,) of one number for all, or of numbers by the fields' names, each broadcast to its field's shape.

        Raises:
            InputError: a name that is none, or one that is missing; a number that is not finite and positive.
            ShapeError: numbers that do not broadcast.
        """
        by_name = given if isinstance(given, Mapping) else dict.fromkeys(self.fields, given)
        if by_name.keys() != self.fields.keys():
            raise InputError(f"{what}: expected a number for each of {', '.join(self.fields)}, got {list(by_name)}")
        try:
            parts = [
                np.broadcast_to(np.asarray(by_name[n], np.float64), s).reshape(-1) for n, s in self._shapes.items()
            ]
        except ValueError as error:
            raise ShapeError(f"{what}: expected numbers of the fields' shapes {self._shapes}: {error}") from None
        joined = np.concatenate(parts)
        if not (np.isfinite(joined).all() and (joined > 0).all()):
            raise InputError(f"{what}: expected positive numbers, got {given!r}")
        return joined

    def scales(self, vector: Array) -> Array:
        """(P,): how large the numbers of each one's field are, the largest of ``vector``; 1 where all are zero."""
        parts = self.split(vector).values()
        return np.concatenate([np.full(part.size, np.abs(part).max() or 1.0) for part in parts])


def _named(parameters):
    if isinstance(parameters, Mapping):
        named = {str(name): field for name, field in parameters.items()}
    elif isinstance(parameters, list | tuple):
        named = {f"parameter {i}": field for i, field in enumerate(parameters)}
    else:
        named = {"parameter": parameters}
    for name, field in named.items():
        twin = next(other for other, known in named.items() if known is field)
        if twin != name:
            raise InputError(f"{name} is the same field as {twin}")
    return named


def _require_real(name, field):
    if not isinstance(field, ti.Field | Variable):
        raise InputError(f"{name}: expected a Taichi field, got {type(field).__name__}")
    check_field_runtime(name, field)
    if isinstance(field, ti.Field) and field.dtype not in (ti.f32, ti.f64):
        raise InputError(f"{name}: expected a field of real numbers, f32 or f64, got {field.dtype.to_string()}")


def _numpy_type(field):
    dtype = field.dtype if isinstance(field, ti.Field) else float_dtype()
    return np.float64 if dtype == ti.f64 else np.float32


def _epsilon(field):
    return float(np.finfo(_numpy_type(field)).eps)


def _name(name, index):
    return f"{name}[{', '.join(map(str, index))}]"
