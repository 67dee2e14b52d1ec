"""The gradient of a user's own tape against central differences, in one call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import taichi as ti

from taichi_dr.errors import GradientError, InputError
from taichi_dr.runtime import check_field_runtime, current_tape, require_init
from taichi_dr.types import Field

STEPS, RATIO = 6, 4  # central differences at this many steps, each a quarter of the one before
TOLERANCES = {ti.f64: 1e-5, ti.f32: 1e-2}
FIRST_STEPS = {ti.f64: 1e-2, ti.f32: 3e-2}  # times the parameter's largest value
EPSILONS = {ti.f64: 2.3e-16, ti.f32: 1.2e-7}
FLOOR = 0.01  # a derivative this much smaller than the parameter's largest is compared as if it were not


@dataclass(frozen=True)
class Probe:
    """One directional derivative: what the tape says, what differences say, and how sure the latter are.

    ``direction`` is ``"along the gradient"`` (each component by the sign of its gradient), ``"random"`` (each by +-1)
    or the index of a single component.  ``uncertainty`` is by how much the differences vary with
    the step, plus their rounding.
    """

    direction: str | tuple[int, ...]
    analytic: float
    numeric: float
    uncertainty: float
    relative_error: float
    verdict: str  # "right", "wrong" or "unclear"


@dataclass(frozen=True)
class ParameterCheck:
    """The probes of one parameter."""

    name: str
    probes: tuple[Probe, ...]

    @property
    def verdict(self) -> str:
        """``"wrong"`` if a probe is, ``"right"`` if one is and none is wrong, else ``"unclear"``."""
        verdicts = {probe.verdict for probe in self.probes}
        return next((verdict for verdict in ("wrong", "right") if verdict in verdicts), "unclear")

    @property
    def worst(self) -> Probe:
        """The probe with the largest relative error among those that decided the verdict."""
        deciding = [probe for probe in self.probes if probe.verdict == self.verdict]
        return max(deciding, key=lambda probe: probe.relative_error)


@dataclass(frozen=True)
class GradientReport:
    """What ``check_gradients`` found; ``print(report)`` shows a table."""

    loss: float
    tolerance: float
    parameters: tuple[ParameterCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether every parameter's gradient was found right."""
        return all(parameter.verdict == "right" for parameter in self.parameters)

    @property
    def wrong(self) -> list[str]:
        """Names of the parameters whose gradient is wrong."""
        return [parameter.name for parameter in self.parameters if parameter.verdict == "wrong"]

    @property
    def unclear(self) -> list[str]:
        """Names of the parameters about which differences could not decide: a loss with jumps, or lost in rounding."""
        return [parameter.name for parameter in self.parameters if parameter.verdict == "unclear"]

    def raise_if_wrong(self) -> None:
        """Raises GradientError, with the table, if a parameter's gradient is wrong."""
        if self.wrong:
            raise GradientError(f"wrong gradient of {', '.join(self.wrong)}\n{self}")

    def __str__(self):
        rows = [("parameter", "verdict", "analytic", "numeric", "+-", "rel. error", "worst at")]
        for parameter in self.parameters:
            worst = parameter.worst
            numbers = (f"{x:.6g}" for x in (worst.analytic, worst.numeric))
            errors = (f"{x:.1e}" for x in (worst.uncertainty, worst.relative_error))
            rows.append((parameter.name, parameter.verdict, *numbers, *errors, str(worst.direction)))
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([f"gradients of a loss of {self.loss:.6g}, tolerance {self.tolerance:g}", *table])


def check_gradients(
    program: Callable[[], Field],
    parameters: Field | Sequence[Field] | Mapping[str, Field],
    *,
    step: float | None = None,
    samples: int = 3,
    tolerance: float | None = None,
    seed: int = 0,
) -> GradientReport:
    """Compares the gradients that ``program`` gives on a tape with central differences.

    ``program()`` runs the forward computation and returns the loss, a 0-D field with ``needs_grad=True``.  It must give
    the same loss at every call: whatever it adds into, other than the loss, it clears itself.  ``parameters`` is a
    field with gradients, a list of them or a dict by name.

    For every parameter the derivative of the loss is compared along the gradient's signs, along ``samples`` random
    directions and for ``samples`` single components (the one with the largest gradient first).  Differences are taken
    at six steps from ``step`` (default: 0.01, or 0.03 in float32, times the parameter's largest value) down by factors
    of four and extrapolated (Richardson); the most stable pair counts, and what they disagree by is reported.
    ``tolerance`` is relative: 1e-5 in float64, 1e-2 in float32.  Float32 loses small derivatives in the loss's
    rounding; check in float64 (``init(float64=True)``) where the backend has it.

    The parameters keep their values exactly.  The tape clears every gradient of the program and leaves its own.

    Returns:
        GradientReport: ``.ok``, ``.wrong``, ``.unclear``, ``.raise_if_wrong()``; print it for a table.

    Raises:
        InputError: a parameter without gradients or of integers, a loss that is not a 0-D field with gradients, less
            than one sample.
        GradientError: a loss that is not finite, or changes from call to call; a tape is open.
    """
    require_init()
    if samples < 1:
        raise InputError(f"samples: expected at least 1 direction and component, got {samples}")
    if current_tape() is not None:
        raise GradientError("check_gradients opens a tape of its own: call it outside of any ti.ad.Tape")
    named = _named(parameters)
    loss = _find_loss(program)
    run = _Program(program, loss)
    with ti.ad.Tape(loss):
        program()
    gradients = {name: field.grad.to_numpy().astype(np.float64) for name, field in named.items()}
    precision = _precision(loss, *named.values())
    tolerance = TOLERANCES[precision] if tolerance is None else tolerance
    random = np.random.default_rng(seed)
    checks = []
    for name, field in named.items():
        probing = _Probing(run, field, gradients[name], step, precision)
        checks.append(ParameterCheck(name, probing.run(samples, tolerance, random)))
    run()  # everything the program writes belongs to the restored parameters again
    return GradientReport(run.base, tolerance, tuple(checks))


def _named(parameters):
    if isinstance(parameters, dict):
        named = dict(parameters)
    elif isinstance(parameters, list | tuple):
        named = {f"parameter {i}": field for i, field in enumerate(parameters)}
    else:
        named = {"parameter": parameters}
    if not named:
        raise InputError("expected at least one parameter")
    for name, field in named.items():
        if not _has_gradient(field, name):
            raise InputError(f"{name}: expected a field with needs_grad=True, got {type(field).__name__}")
        if field.dtype not in TOLERANCES:
            raise InputError(f"{name}: expected a field of float32 or float64, got {field.dtype.to_string()}")
    return named


def _has_gradient(field, name):
    if not isinstance(field, ti.Field):
        return False
    check_field_runtime(name, field)
    return field.snode.ptr.has_adjoint()


def _find_loss(program):
    loss = program()
    if not _has_gradient(loss, "loss") or loss.shape != ():
        raise InputError(f"expected program() to return its loss, a 0-D field with needs_grad=True, got {loss!r}")
    return loss


def _precision(*fields):
    return ti.f32 if any(field.dtype == ti.f32 for field in fields) else ti.f64


class _Program:
    """Calls the user's program with a cleared loss; knows how much the loss varies by itself."""

    def __init__(self, program, loss):
        self._program, self._loss = program, loss
        values = [self() for _ in range(3)]
        self.base = values[0]
        self.spread = max(values) - min(values)
        if self.spread > 1e-4 * max(abs(self.base), 1e-30):
            raise GradientError(
                f"the program gives another loss at every call ({values}): clear what it adds into, fix random numbers"
            )

    def __call__(self):
        self._loss.fill(0)
        self._program()
        value = float(self._loss[None])
        if not np.isfinite(value):
            raise GradientError(f"expected a finite loss, got {value}")
        return value


class _Probing:
    """Derivatives of one parameter along directions; restores the parameter after each."""

    def __init__(self, program, field, gradient, step, precision):
        self._program, self._field, self._gradient = program, field, gradient
        self._value = field.to_numpy()
        scale = float(np.abs(self._value).max()) or 1.0
        first = FIRST_STEPS[precision] * scale if step is None else step
        self._steps = [first / RATIO**k for k in range(STEPS)]
        self._epsilon = EPSILONS[precision]

    def run(self, samples, tolerance, random):
        """The probes of this parameter, judged."""
        derivatives = [(name, *self._derivative(d)) for name, d in self._directions(samples, random)]
        largest = np.abs(self._gradient).max(initial=0.0)
        largest = max(largest, *(abs(numeric) for name, _, numeric, _ in derivatives if isinstance(name, tuple)), 0.0)
        return tuple(_judge(*derivative, FLOOR * largest, tolerance) for derivative in derivatives)

    def _write(self, value):
        if np.ndim(value):
            self._field.from_numpy(value)
        else:
            self._field[None] = value

    def _directions(self, samples, random):
        gradient = self._gradient
        if np.any(gradient):
            yield "along the gradient", np.sign(gradient)
        for _ in range(samples):
            yield "random", random.choice([-1.0, 1.0], size=gradient.shape)
        count = min(samples, gradient.size)
        others = random.permutation(gradient.size)
        chosen = [int(np.argmax(np.abs(gradient))), *others.tolist()]
        for flat in list(dict.fromkeys(chosen))[:count]:
            single = np.zeros(gradient.size)
            single[flat] = 1.0
            index = tuple(int(i) for i in np.unravel_index(flat, gradient.shape))
            yield index, single.reshape(gradient.shape)

    def _derivative(self, direction):
        """(analytic, numeric, uncertainty) of the loss along a direction.

        Richardson: with differences D(h), (r^2 D(h/r) - D(h))/(r^2 - 1) is free of the error in h^2.
        """
        analytic = float((self._gradient * direction).sum())
        pairs = [self._difference(direction, h) for h in self._steps]
        differences, noises = zip(*pairs, strict=True)
        square = RATIO * RATIO
        refined = [(square * b - a) / (square - 1) for a, b in pairwise(differences)]
        spreads = [abs(a - b) + noise for (a, b), noise in zip(pairwise(refined), noises[2:], strict=True)]
        best = int(np.argmin(spreads))
        return analytic, refined[best + 1], spreads[best]

    def _difference(self, direction, h):
        """The central difference at step h, and the size of its rounding error."""
        dtype = self._value.dtype
        ends = [(self._value + sign * h * direction).astype(dtype) for sign in (1, -1)]
        try:
            losses = []
            for end in ends:
                self._write(end)
                losses.append(self._program())
        finally:
            self._write(self._value)
        # The values were rounded on their way into the field: add what that kept from the loss.
        lost = direction - (ends[0].astype(np.float64) - ends[1]) / (2 * h)
        numeric = (losses[0] - losses[1]) / (2 * h) + float((self._gradient * lost).sum())
        rounding = self._program.spread + 2 * self._epsilon * max(abs(losses[0]), abs(losses[1]))
        return numeric, rounding / h


def _judge(direction, analytic, numeric, uncertainty, floor, tolerance):
    error = abs(analytic - numeric)
    scale = max(abs(analytic), abs(numeric), floor)
    relative = error / scale if error else 0.0
    if relative <= tolerance and (uncertainty <= 0.5 * scale or scale == 0):
        verdict = "right"
    elif error <= 2 * uncertainty:
        verdict = "unclear"
    else:
        verdict = "wrong"
    return Probe(direction, analytic, numeric, uncertainty, relative, verdict)
