"""Optimisers over Taichi fields: SGD with momentum, Adam, and Adam with one step size per field.

    optimizer = Adam([mesh.vertices, {"parameters": [mesh.colors], "lr": 0.05}], lr=1e-2, schedule=cosine(500))
    for _ in range(500):
        with ti.ad.Tape(loss):
            ...
        optimizer.step()

``parameters`` is a field, a list of fields and groups, or a dictionary of fields (whose keys become their names in
messages and in ``state_dict``); wherever a field may stand, a ``Variable`` may.  A group is a dictionary with
``"parameters"`` (a field, a list or a dictionary of fields) and settings of its own, such as ``"lr"``.

All take the keywords

* ``schedule``: a callable ``step -> factor`` (see ``taichi_dr.optim.schedules``); step k = 0, 1, ... uses
  ``lr * schedule(k)``.
  Skipped steps do not count.
* ``clip_value``: each component of the gradients is clamped to [-clip_value, clip_value];
* ``clip_norm``: then the gradients of all parameters together are scaled to have at most this Euclidean norm;
* ``check_finite`` (True): a step whose gradients hold a NaN or an infinity changes nothing, counts in ``skipped``, and
  the first time warns which parameter is to blame.  It and ``clip_norm`` cost one small read from the device per step.
* ``weight_decay`` (0): adds ``weight_decay * parameter`` to the (clipped) gradient.

``optimizer.lr = value`` sets the learning rate of all groups; ``optimizer.groups[i]["lr"]`` is that of one.  Settings
outside their domain raise InputError.
"""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

import numpy as np
import taichi as ti
from taichi.lang import impl

from taichi_dr.errors import GradientError, InputError, ShapeError
from taichi_dr.fields.variable import Variable, of_field
from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.optim import updates
from taichi_dr.runtime import check_field_runtime, check_runtime, current_tape, float_dtype, runtime_token
from taichi_dr.types import Array, ArrayLike, Field, Schedule

if TYPE_CHECKING:
    from typing_extensions import Unpack

Parameter: TypeAlias = Field | Variable
Parameters: TypeAlias = Parameter | Sequence[Parameter | Mapping[str, Any]] | Mapping[str, Parameter]
"""A field, a list of fields and groups, or a dictionary of fields."""

MOST_CHUNKS = 1024

_DOMAINS = {
    "lr": ("a finite number > 0", lambda x: x > 0),
    "betas": ("two numbers in [0, 1)", lambda x: 0 <= x < 1),
    "momentum": ("a number in [0, 1)", lambda x: 0 <= x < 1),
    "eps": ("a finite number > 0", lambda x: x > 0),
    "weight_decay": ("a finite number >= 0", lambda x: x >= 0),
}

NEVER_NEGATIVE = {"steps": "a number of steps", "second": "means of squares"}
"""Entries of a state, and what they are."""


class OptimizerOptions(TypedDict, total=False):
    """The keywords that all optimisers take; the module's description says what they do."""

    schedule: Schedule | None
    clip_value: float | None
    clip_norm: float | None
    check_finite: bool
    weight_decay: float


@dataclass
class _Parameter:
    """What the user gave, the group it belongs to, its moments, and how many steps those have seen."""

    name: str
    given: object
    variable: Variable
    group: dict
    first_sum: int
    moments: dict
    steps: int = 0

    @property
    def chunks(self):
        return max(1, min(MOST_CHUNKS, self.variable.count // 256))


class Optimizer(ABC):
    """What the optimisers share; see the module's description."""

    moments: tuple[str, ...] = ()

    def __init__(
        self,
        parameters: Parameters,
        defaults: dict[str, Any],
        *,
        schedule: Schedule | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        check_finite: bool = True,
        weight_decay: float = 0.0,
    ) -> None:
        self.token = runtime_token()
        self.schedule, self.clip_value, self.clip_norm = schedule, clip_value, clip_norm
        self.check_finite = check_finite
        for name, value in (("clip_value", clip_value), ("clip_norm", clip_norm)):
            if value is not None and not value > 0:
                raise InputError(f"{name}: expected a positive number, got {value}")
        self.steps, self.skipped, self._warned = 0, 0, False
        self.groups = _groups(parameters, defaults | {"weight_decay": weight_decay})
        for group in self.groups:
            _check_settings(group)
        self.parameters = []
        first = 0
        for group in self.groups:
            for name, field in group["parameters"].items():
                self._check_parameter(name, field)
                variable = _variable(name, field)
                parameter = _Parameter(name, field, variable, group, first, self._fresh_moments(variable))
                self.parameters.append(parameter)
                first += parameter.chunks
        self._sums = make_array((first, 2))

    def __repr__(self):
        names = ", ".join(parameter.name for parameter in self.parameters)
        return f"{type(self).__name__}({names}; lr={self.lr}, {self.steps} steps, {self.skipped} skipped)"

    @property
    def lr(self) -> float | list[float]:
        """The learning rate: a number, or a list where groups differ.  Setting it sets that of every group."""
        rates = [group["lr"] for group in self.groups]
        return rates[0] if len(set(rates)) == 1 else rates

    @lr.setter
    def lr(self, value: float) -> None:
        _check_settings({"lr": value})
        for group in self.groups:
            group["lr"] = value

    def step(self) -> bool:
        """One update of every parameter from its gradient.  Returns whether it was made (False: it was skipped).

        Raises:
            GradientError: a tape is open, so the gradients are not there yet.
        """
        self._check_ready("step")
        factor = self._gradient_factor()
        if factor is None:
            self.skipped += 1
            return False
        rate = 1.0 if self.schedule is None else float(self.schedule(self.steps))
        clip = updates.UNCLIPPED if self.clip_value is None else self.clip_value
        for parameter in self.parameters:
            parameter.steps += 1
            arrays = parameter.variable.read(), parameter.variable.read_gradient()
            self._update(parameter, arrays, parameter.group["lr"] * rate, clip, factor)
            parameter.variable.write()
        self.steps += 1
        return True

    def zero_grad(self) -> None:
        """Sets the gradients to zero (a ``ti.ad.Tape`` does so by itself on entry)."""
        self._check_ready("zero_grad")
        for parameter in self.parameters:
            parameter.variable.clear_gradient()

    def carry(self, old_field: Parameter, new_field: Parameter, parents: ArrayLike | None = None) -> None:
        """Puts ``new_field``, of a subdivided mesh, in the place of ``old_field``.

        Row i of its moments becomes the mean of the old rows ``parents[i]``; ``parents`` is (N_new, K), as
        ``mesh.parents``, or (N_new,), as ``mesh.face_parents``, and fields are (..., N).  Without ``parents`` the
        moments start from zero, with their bias correction.

        Raises:
            InputError: ``old_field`` is no parameter.
            ShapeError: ``parents`` and the fields do not fit together.
        """
        self._check_ready("carry")
        parameter = next((known for known in self.parameters if known.given is old_field), None)
        if parameter is None:
            raise InputError(f"carry: the old field is none of the parameters {[p.name for p in self.parameters]}")
        self._check_parameter(parameter.name, new_field, replaces=old_field)
        variable = _variable(parameter.name, new_field)
        moments = self._fresh_moments(variable)
        if parents is None:
            parameter.steps = 0
        else:
            parents = _check_parents(parameter.name, parents, old_field, new_field)
            for key, array in moments.items():
                old = parameter.moments[key].to_numpy().reshape(*old_field.shape, -1)
                array.from_numpy(np.ascontiguousarray(old[..., parents, :].mean(axis=-2).reshape(array.shape)))
        parameter.group["parameters"][parameter.name] = new_field
        parameter.given, parameter.variable, parameter.moments = new_field, variable, moments
        first = 0
        for known in self.parameters:
            known.first_sum = first
            first += known.chunks
        self._sums = make_array((first, 2))

    def state_dict(self) -> dict[str, Array]:
        """Everything ``step`` depends on besides parameters and settings: a flat dictionary for ``np.savez``."""
        check_runtime(self.token, "optimizer")
        state = {"steps": np.array(self.steps), "skipped": np.array(self.skipped)}
        for parameter in self.parameters:
            state[f"{parameter.name}/steps"] = np.array(parameter.steps)
            for key, array in parameter.moments.items():
                state[f"{parameter.name}/{key}"] = array.to_numpy()
        return state

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Restores what ``state_dict`` gave; nothing changes if it does not fit.

        Raises:
            InputError: an entry is missing, a number of steps or a mean of squares is negative or not a number.
            ShapeError: a moment has another shape than the parameter.
        """
        check_runtime(self.token, "optimizer")
        for parameter in self.parameters:
            for key in ("steps", *parameter.moments):
                name = f"{parameter.name}/{key}"
                if name not in state:
                    raise InputError(f"optimizer state: expected an entry {name!r}, got {sorted(state)}")
                expected = () if key == "steps" else tuple(parameter.moments[key].shape)
                if np.shape(state[name]) != expected:
                    raise ShapeError(
                        f"optimizer state {name!r}: expected shape {expected}, got {np.shape(state[name])}"
                    )
                if key in NEVER_NEGATIVE and not (np.asarray(state[name]) >= 0).all():
                    raise InputError(f"optimizer state {name!r}: expected {NEVER_NEGATIVE[key]}, got less than 0")
        for parameter in self.parameters:
            parameter.steps = int(state[f"{parameter.name}/steps"])
            for key, array in parameter.moments.items():
                values = np.ascontiguousarray(state[f"{parameter.name}/{key}"], dtype=array.to_numpy().dtype)
                array.from_numpy(values)
        self.steps, self.skipped = int(state.get("steps", 0)), int(state.get("skipped", 0))

    @abstractmethod
    def _update(self, parameter, arrays, lr, clip, factor):
        """Moves the numbers in ``arrays``, a parameter and its gradient, by one step."""

    def _fresh_moments(self, variable):
        return {key: make_array(variable.array.shape) for key in self.moments}

    def _check_ready(self, what):
        check_runtime(self.token, "optimizer")
        if current_tape() is not None:
            raise GradientError(
                f"{what} within an open ti.ad.Tape, where the gradients are not computed yet: call it after"
            )

    def _check_parameter(self, name, field, replaces=None):
        if not isinstance(field, ti.Field | Variable):
            raise InputError(f"{name}: expected a Taichi field, got {type(field).__name__}")
        check_field_runtime(name, field)
        if isinstance(field, ti.Field):
            _check_field(name, field)
        for known in self.parameters:
            if known.given is field and field is not replaces:
                raise InputError(f"{name} is the same field as {known.name}")
            if known.name == name and known.given is not replaces:
                raise InputError(f"two parameters are called {name!r}")

    def _gradient_factor(self):
        """What to scale the gradients by, or None if the step is to be skipped."""
        if not self.check_finite and self.clip_norm is None:
            return 1.0
        bits = 64 if float_dtype() == ti.f64 else 32
        clip = updates.UNCLIPPED if self.clip_value is None else self.clip_value
        for p in self.parameters:
            updates.gradient_sums(p.variable.read_gradient(), bits, self._sums, p.first_sum, p.chunks, clip)
        squares, wrong = self._sums.to_numpy().astype(np.float64).sum(axis=0)
        if self.check_finite and (wrong > 0 or not math.isfinite(squares)):
            self._report()
            return None
        if self.clip_norm is None:
            return 1.0
        return min(1.0, self.clip_norm / max(math.sqrt(squares), 1e-30))

    def _report(self):
        if self._warned:
            return
        self._warned = True
        found = []
        for parameter in self.parameters:
            gradient = parameter.variable.gradient_to_numpy()
            wrong = np.argwhere(~np.isfinite(gradient))
            if len(wrong):
                at = wrong[0].tolist()
                found.append(f"{parameter.name} ({len(wrong)} entries, the first {gradient[tuple(at)]} at {at})")
        what = ", ".join(found) if found else "the sum of their squares overflows"
        warnings.warn(
            f"step {self.steps} skipped, as every later step with such gradients will be: not finite: {what}",
            stacklevel=4,
        )


class SGD(Optimizer):
    """Stochastic gradient descent: ``v = momentum v + g``, ``p -= lr v`` (``nesterov``: ``p -= lr (g + momentum v)``).

    Sutskever et al., On the importance of initialization and momentum in deep learning, 2013, as PyTorch writes it.

    Arguments:
        parameters: a field or ``Variable`` with a gradient, a list or a dictionary of them, or groups with settings of
            their own: ``{"parameters": ..., "lr": 0.05}``.
        lr: learning rate.
        common: ``schedule``, ``clip_value``, ``clip_norm``, ``check_finite``, ``weight_decay``, as for every optimiser.
    """

    moments: tuple[str, ...] = ("velocity",)

    def __init__(
        self,
        parameters: Parameters,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: "Unpack[OptimizerOptions]",
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "nesterov": nesterov}, **common)

    def _update(self, parameter, arrays, lr, clip, factor):
        group = parameter.group
        updates.sgd(
            *arrays,
            parameter.moments["velocity"],
            lr,
            group["momentum"],
            float(group["nesterov"]),
            clip,
            factor,
            group["weight_decay"],
        )


class Adam(Optimizer):
    """``p -= lr m^ / (sqrt(v^) + eps)`` with bias-corrected running means m^ of g and v^ of g^2 (Kingma & Ba, 2015).

    Arguments:
        parameters: a field or ``Variable`` with a gradient, a list or a dictionary of them, or groups with settings of
            their own: ``{"parameters": ..., "lr": 0.05}``.
        lr: learning rate; a step moves a number by about as much.
        betas: how much of the running means of g and of g^2 each step keeps.
        eps: added to the divisor.
        common: ``schedule``, ``clip_value``, ``clip_norm``, ``check_finite``, ``weight_decay``, as for every optimiser.
    """

    moments: tuple[str, ...] = ("first", "second")

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **common: "Unpack[OptimizerOptions]",
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps}, **common)

    def _update(self, parameter, arrays, lr, clip, factor):
        updates.adam(*_adam_arguments(parameter, arrays, lr, clip, factor))


class UniformAdam(Adam):
    """Adam with the largest v^ of each field in place of every component's own, so that the step keeps the gradient's
    direction: what smooth (preconditioned) gradients want (Nicolet et al., Large Steps in Inverse Rendering, 2021).

    Arguments as ``Adam``.
    """

    @cached_property
    def _largest(self):
        """Scratch of the kernel, by the number of chunks."""
        return {}

    def _update(self, parameter, arrays, lr, clip, factor):
        chunks = parameter.chunks
        if chunks not in self._largest:
            self._largest[chunks] = make_array((chunks + 1,))
        arguments = _adam_arguments(parameter, arrays, lr, clip, factor)
        updates.uniform_adam(*arguments[:4], self._largest[chunks], *arguments[4:])


def _adam_arguments(parameter, arrays, lr, clip, factor):
    group = parameter.group
    beta1, beta2 = group["betas"]
    return (
        *arrays,
        parameter.moments["first"],
        parameter.moments["second"],
        lr,
        beta1,
        beta2,
        1.0 - beta1**parameter.steps,
        1.0 - beta2**parameter.steps,
        group["eps"],
        clip,
        factor,
        group["weight_decay"],
    )


def _variable(name, given):
    return given if isinstance(given, Variable) else of_field(given, name)


def _check_field(name, field):
    impl.get_runtime().materialize()  # a field placed since the last launch has no tree to ask yet
    if not field.snode.ptr.has_adjoint():
        raise InputError(f"{name}: expected a field with a gradient (needs_grad=True), got one without")
    if getattr(field, "ndim", 1) > 1:
        raise InputError(f"{name}: expected a field of scalars or vectors, got one of matrices")
    if field.dtype != float_dtype():
        raise InputError(f"{name}: expected a field of type {float_dtype()}, got {field.dtype}")


def _groups(parameters, defaults):
    """Groups of named fields with all their settings, out of what the user may give."""
    if isinstance(parameters, ti.Field | Variable) or (isinstance(parameters, dict) and "parameters" not in parameters):
        parameters = [{"parameters": parameters}]
    elif isinstance(parameters, dict):
        parameters = [parameters]
    groups, plain, count = [], {}, 0
    for item in parameters:
        if isinstance(item, dict):
            members = _named(_group_members(item, defaults), count)
            groups.append(defaults | item | {"parameters": members})
        else:
            members = _named(item, count)
            if not plain:
                groups.append(defaults | {"parameters": plain})
            plain.update(members)
        count += len(members)
    if not count:
        raise InputError("an optimiser needs at least one parameter, got none")
    return groups


def _group_members(group, defaults):
    if "parameters" not in group:
        raise InputError(f'a group of parameters: expected a dictionary with "parameters", got {sorted(group)}')
    unknown = set(group) - set(defaults) - {"parameters"}
    if unknown:
        raise InputError(f"a group of parameters: unknown settings {sorted(unknown)}, expected {sorted(defaults)}")
    return group["parameters"]


def _check_settings(group):
    for name, (expected, holds) in _DOMAINS.items():
        if name not in group:
            continue
        pair = name == "betas" and isinstance(group[name], list | tuple) and len(group[name]) == 2
        values = group[name] if pair else [None if name == "betas" else group[name]]
        if not all(isinstance(value, Real) and math.isfinite(value) and holds(value) for value in values):
            raise InputError(f"{name}: expected {expected}, got {group[name]!r}")


def _named(members, count):
    """A dictionary of fields from a dictionary, a list or a single field; numbered from ``count`` without names."""
    if isinstance(members, dict):
        return dict(members)
    members = members if isinstance(members, list | tuple) else [members]
    return {f"parameter {count + i}": field for i, field in enumerate(members)}


def _check_parents(name, parents, old, new):
    parents = np.asarray(parents)
    parents = parents[:, None] if parents.ndim == 1 else parents
    same = old.shape[:-1] == new.shape[:-1] and bridge.components(old) == bridge.components(new)
    if not old.shape or parents.ndim != 2 or len(parents) != new.shape[-1] or not same:
        raise ShapeError(
            f"{name}: expected parents ({new.shape[-1:]}, K) and a new field {old.shape[:-1]} x rows of"
            f" {bridge.components(old)}-vectors, got parents {parents.shape} and a field {new.shape} of"
            f" {bridge.components(new)}-vectors"
        )
    if parents.min() < 0 or parents.max() >= old.shape[-1]:
        raise InputError(f"{name}: expected parents in 0 … {old.shape[-1] - 1}, got {parents.min()} … {parents.max()}")
    return parents
