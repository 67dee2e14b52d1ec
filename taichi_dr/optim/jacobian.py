"""The Jacobian of what a program shows by a few numbers: by central differences, or by Taichi's forward mode."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np

from taichi_dr.errors import Error, GradientError, InputError
from taichi_dr.optim.forward_mode import ForwardMode
from taichi_dr.optim.observations import Observations, Program
from taichi_dr.optim.parameter_vector import FewParameters, ParameterVector
from taichi_dr.types import Array, ArrayLike

Way: TypeAlias = Literal["differences", "forward"]
Steps: TypeAlias = float | Mapping[str, ArrayLike] | None

FIRST = 0.005
"""The first step of a difference, times the largest number of its field."""

LEAST_CHANGE, GOOD_CHANGE, MOST_CHANGE = 0.05, 0.1, 0.2
"""A step is to change what is shown by such shares of its contrast: less is lost where pixels jump."""

FURTHEST = 0.5
"""No step is larger than so many times the largest number of its field, or than so much."""

MOST_GROWTH = 100.0  # from one step that was tried to the next
SHRINKING = 10.0  # of a step at whose ends the program fails
ROUNDINGS = 10  # a change of less than so many roundings is none
TRIES = 4  # steps for a number in one Jacobian
AGREEMENT = 0.05  # of forward mode with a difference, along one direction


def jacobian(
    program: Program,
    parameters: FewParameters,
    *,
    way: Way = "differences",
    difference: Steps = None,
) -> Array:
    """The derivatives of all that ``program()`` shows by a few numbers: ``J[i, j] = d shown_i / d p_j``.

    ``way="differences"`` goes through everything, renderers, ``raise`` and NumPy included: the program runs twice for
    each number, and ``J_j = (shown(p + h) - shown(p - h)) / 2 h`` with errors of h^2 and of rounding over h.  A step h
    begins at 0.005 times the largest number of its field (1 if all are zero) and becomes one that changes what is shown
    by 5 to 20 % of its contrast, which is about a pixel for a picture: less would be lost where pixels jump from
    one face to the next.  Pictures must be smooth for it: antialiased or soft ones are, hard ones are not.
    ``difference`` gives steps that stay as they are, smaller ones for smooth programs in float64.

    ``way="forward"`` is Taichi's forward mode, exact but for rounding, of a program that is Taichi kernels alone: it
    returns a field, and all fields on the way to it, and the parameters, are made with ``needs_dual=True``.  Loops of
    any kind are right in it, and it takes one run for each number.  It does not go through renderers and losses, which
    are operations with hand-written adjoints and refuse; in Taichi, a field without a dual on the way gives zeros and
    one that is written twice (a state that every step of a simulation overwrites) the sum of both duals, silently; so
    the result is compared with a difference along one direction.

    There is no reverse way: it takes a run for each number shown, and pictures have many.

    Args:
        program: runs the forward computation and returns what it shows: a field, a ``Variable``, a NumPy array, or a
            list of them.  It gives the same numbers at every call.
        parameters: a field of real numbers, a list of them, or a dictionary by name; they keep their values.
        way: ``"differences"`` or ``"forward"``.
        difference: the steps of differences: a number, or numbers by the fields' names.

    Returns:
        (M, P) in float64: a row for each number shown, one thing after the other, a column for each parameter.

    Raises:
        InputError: another way, no parameters, parameters that are no fields of real numbers or more than 1,000.
        GradientError: a tape is open, something shown is not finite, or forward mode is wrong.

    >>> import taichi as ti, taichi_dr as dr
    >>> dr.init("cpu", float64=True)
    'cpu'
    >>> speed = ti.field(ti.f64, shape=())
    >>> speed[None] = 3.0
    >>> dr.jacobian(lambda: np.array([speed[None] ** 2, 5 * speed[None]]), speed).round(6).tolist()
    [[6.0], [5.0]]
    """
    vector = ParameterVector(parameters)
    shown = Observations(program)
    at = vector.read()
    matrix = derivatives(way, program, shown, vector, difference)(at, shown.first)
    shown()  # everything the program writes belongs to the numbers again
    return matrix


def derivatives(way, program, shown, vector, difference):
    """A callable ``(at, shown) -> J`` (M, P) in units of the noise; ``steps`` of differences stay from call to call."""
    if way == "differences":
        return Differences(shown, vector, difference)
    if way == "forward":
        return Checked(ForwardMode(program, vector), shown, vector)
    raise InputError(f'way: expected "differences" or "forward", got {way!r}')


class Differences:
    """Central differences with a step for each number, which is kept from Jacobian to Jacobian.

    Attributes:
        least: (P,), the norm of a column that is all rounding: below it nothing is known of the number.
    """

    def __init__(self, shown, vector, difference=None):
        self._shown, self._vector = shown, vector
        scales = vector.scales(vector.read())
        self.steps, self._furthest = FIRST * scales, FURTHEST * np.maximum(scales, 1.0)
        self._nearest = np.cbrt(vector.epsilons) ** 2 * scales
        self._contrast, self._is_fixed = 0.0, difference is not None
        if difference is not None:
            self.steps = vector.joined(difference, "difference")
        self.least = np.zeros(len(vector))

    def __call__(self, at, base):
        contrast = np.linalg.norm(base - base.mean()) or np.linalg.norm(base)
        self._contrast = max(self._contrast, contrast)  # that of residuals goes to zero
        self._size = np.linalg.norm(base)
        try:
            return np.stack([self._column(at, j) for j in range(len(at))], axis=1)
        finally:
            self._vector.write(at)

    def halved(self, at, base):
        """The Jacobian by steps of half the size, which differs by what is wrong with both."""
        steps, is_fixed = self.steps.copy(), self._is_fixed
        self.steps, self._is_fixed = 0.5 * steps, True
        try:
            return self(at, base)
        finally:
            self.steps, self._is_fixed = steps, is_fixed

    def _column(self, at, j):
        change, width, size = self._first_change(at, j)
        for _ in range(0 if self._is_fixed else TRIES):
            step = self._better(j, np.linalg.norm(change) / 2)
            if step == self.steps[j]:
                break
            try:
                change, width, size = self._change(at, j, step)
            except Error:  # a larger step makes no sense to the program
                break
            self.steps[j] = step
        self.least[j] = ROUNDINGS * self._vector.epsilons.max() * max(size, self._size) / width
        return change / width

    def _first_change(self, at, j):
        """That of the step as it is, or of the largest of ever smaller ones that makes sense to the program."""
        for _ in range(0 if self._is_fixed else TRIES):
            try:
                return self._change(at, j, self.steps[j])
            except Error:
                self.steps[j] = max(self.steps[j] / SHRINKING, self._nearest[j])
        return self._change(at, j, self.steps[j])

    def _change(self, at, j, step):
        """What is shown at one end less that at the other, how far apart they are, and the larger norm of both."""
        ends, shown = [], []
        for sign in (1, -1):
            moved = at.copy()
            moved[j] += sign * step
            ends.append(self._vector.write(moved)[j])
            shown.append(self._shown())
        if ends[0] == ends[1]:
            raise InputError(f"difference: a step of {step:g} is lost in the rounding of {self._vector.names[j]}")
        return shown[0] - shown[1], ends[0] - ends[1], max(map(np.linalg.norm, shown))

    def _better(self, j, change):
        """A step of which a good change is to be expected, or the same one: where all is zero, nothing is known."""
        if self._contrast == 0 or LEAST_CHANGE * self._contrast <= change <= MOST_CHANGE * self._contrast:
            return self.steps[j]
        growth = GOOD_CHANGE * self._contrast / max(change, 1e-300)
        return float(np.clip(self.steps[j] * min(growth, MOST_GROWTH), self._nearest[j], self._furthest[j]))


class Checked:
    """Forward mode that is compared with a central difference along one direction, at every Jacobian."""

    def __init__(self, forward, shown, vector):
        self._forward, self._shown, self._vector = forward, shown, vector
        self.least = np.zeros(len(vector))

    def halved(self, at, base):
        """The same again: there are no steps."""
        return self(at, base)

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
