"""The Jacobian of what a program shows by a few numbers: by central differences, or by Taichi's forward mode."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from taichi_dr.errors import Error, InputError
from taichi_dr.optim.forward_mode import CheckedForwardMode
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

TOO_WRONG, RIGHT = 0.25, 0.02
"""Combinations turn if the square of what two sizes disagree about is more of the change's; steps do that have less."""

BETTER = 0.7
"""They stay turned if all of them disagree by less than so much of what they did."""

TURNS = 3  # at one place
RUNGS = 6  # sizes tried each way, along a direction


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
        GradientError: a tape records, something shown is not finite, or forward mode is wrong.

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
        return CheckedForwardMode(program, shown, vector)
    raise InputError(f'way: expected "differences" or "forward", got {way!r}')


class Principal(NamedTuple):
    """Combinations of numbers whose changes are orthogonal: ``J^T J = V diag(squares) V^T`` of scaled columns of J.

    ``scale``: what makes the columns' lengths 1; ``matrix``: (M, P), J with such columns, ``used``: 0 instead of
    ``scale`` for those that are all rounding.
    """

    scale: Array
    used: Array
    matrix: Array
    squares: Array
    vectors: Array

    def wrong(self, error):
        """(P,): of the ``squares``, what is wrong with them if ``error`` (M, P) is with J."""
        return np.sum((error * self.used @ self.vectors) ** 2, axis=0)


def principal(matrix, least):
    """``Principal`` combinations of J (M, P), whose columns are all rounding if not longer than ``least`` (P,)."""
    lengths = np.linalg.norm(matrix, axis=0)
    scale = 1 / np.maximum(np.maximum(lengths, least), 1e-300)
    used = np.where(lengths > least, scale, 0.0)
    matrix = matrix * used
    return Principal(scale, used, matrix, *np.linalg.eigh(matrix.T @ matrix))


class Differences:
    """Central differences: moves along each number, whose steps are kept from Jacobian to Jacobian.

    Two numbers that do almost the same, such as a turn of a camera and a shift, have derivatives whose errors may be
    larger than what their difference changes.  Where pixels jump, a difference by a step h has an error of about 1 / h,
    and where a program is curved one of h^2.  Along a direction of its own the combination has a step as large, or as
    small, as it needs.  So moves turn to the ``Principal`` combinations, each with the step which agrees best with half
    of it, if two sizes disagree too much.  ``J = C M^-1`` with the changes C (M, P) that the moves M (P, P) make.
    Where the program fails at the ends of moves that were turned elsewhere, they are along the numbers again.

    Attributes:
        least: (P,), the norm of a column that is all rounding: below it nothing is known of the number.
        turns: how often moves have turned.
    """

    def __init__(self, shown, vector, difference=None):
        self._shown, self._vector, self.turns = shown, vector, 0
        scales = vector.scales(vector.read())
        self.steps, self._furthest = FIRST * scales, FURTHEST * np.maximum(scales, 1.0)
        self._nearest = np.cbrt(vector.epsilons) ** 2 * scales
        self._contrast, self._is_fixed = 0.0, difference is not None
        if difference is not None:
            self.steps = vector.joined(difference, "difference")
        self.least, self._turned = np.zeros(len(vector)), None

    @property
    def can_turn(self):
        """Whether moves may turn: not if their steps are given."""
        return not self._is_fixed

    @property
    def is_turned(self):
        """Whether moves are along combinations."""
        return self._turned is not None

    def __call__(self, at, base):
        self._look(base)
        return self._or_straight(lambda: self._whole(at))

    def checked(self, at, base, tiny):
        """The Jacobian, and how it differs from that by steps of half the size, which says what is wrong with both.

        Moves turn where the sizes disagree about combinations whose squares are larger than ``tiny``, if that helps.
        """
        self._look(base)
        matrix, error = self._or_straight(lambda: self._halves(at))
        wrong = self._disagreement(matrix, error, tiny)
        for _ in range(TURNS if self.can_turn and self._contrast > 0 else 0):
            if wrong.max() < TOO_WRONG:
                break
            found = self._turn(at, matrix, wrong, tiny)
            if found is None:
                break
            (matrix, error), wrong = found
        return matrix, error

    def straighten(self):
        """Moves are along the numbers again."""
        self._turned = None

    def _look(self, base):
        contrast = np.linalg.norm(base - base.mean()) or np.linalg.norm(base)
        self._contrast = max(self._contrast, contrast)  # that of residuals goes to zero
        self._size = np.linalg.norm(base)

    def _or_straight(self, take):
        """What ``take()`` returns, after ``straighten`` if turned moves make no sense to the program here."""
        if self.is_turned:
            try:
                return take()
            except Error:
                self.straighten()
        return take()

    def _turn(self, at, matrix, wrong, tiny):
        """What moves along the combinations of J find, and what is wrong with it; None, and no turn, if not better."""
        kept, is_better = (self._turned, self.least), False
        try:
            self._turned = self._combined(at, matrix)
            found = self._halves(at)
            left = self._disagreement(*found, tiny)
            is_better = left.sum() <= BETTER * wrong.sum()
        except Error:  # the moves make no sense to the program
            pass
        finally:
            if not is_better:
                self._turned, self.least = kept
        if not is_better:
            return None
        self.turns += 1
        return found, left

    def _whole(self, at):
        if self._turned is None:
            return self._matrix(at, lambda j: self._column(at, j))
        return self._matrix(at, lambda j: self._change(at, self._turned[:, j]))

    def _halves(self, at):
        matrix = self._whole(at)
        moves = np.diag(self.steps) if self._turned is None else self._turned
        return matrix, matrix - self._matrix(at, lambda j: self._change(at, 0.5 * moves[:, j]))

    def _disagreement(self, matrix, error, tiny):
        """(P,): what is wrong with the combinations, of their squares; at most 1, and 0 for those that are tiny."""
        found = principal(matrix, self.least)
        shares = found.wrong(error) / np.maximum(found.squares, 1e-300)
        return np.where(found.squares > tiny, np.minimum(shares, 1.0), 0.0)

    def _matrix(self, at, change):
        """J of ``change(j)``: what is shown at one end of a move less that at the other, the move, and a norm."""
        try:
            changes, moves, sizes = zip(*map(change, range(len(at))), strict=True)
        finally:
            self._vector.write(at)
        inverse = _inverse(np.stack(moves, axis=1))
        rounding = ROUNDINGS * self._vector.epsilons.max() * np.maximum(sizes, self._size)
        self.least = np.linalg.norm(rounding[:, None] * inverse, axis=0)
        return np.stack(changes, axis=1) @ inverse

    def _combined(self, at, matrix):
        """(P, P): a move in each column, along combinations; along itself of a number of which nothing is known."""
        seen = np.flatnonzero(principal(matrix, self.least).used)
        found = principal(matrix[:, seen], self.least[seen])
        moves = np.diag(self.steps)
        moves[np.ix_(seen, seen)] = found.scale[:, None] * found.vectors
        try:
            for j, square in zip(seen, found.squares, strict=True):
                moves[:, j] *= self._step(at, moves[:, j], GOOD_CHANGE * self._contrast / np.sqrt(max(square, 1e-300)))
        finally:
            self._vector.write(at)
        return moves

    def _step(self, at, direction, first):
        """The one of steps growing and shrinking from the ``first`` that agrees best with half of it."""
        parts = np.maximum(np.abs(direction), 1e-300)
        lowest, highest = np.min(self._nearest / parts), np.min(self._furthest / parts)
        best = first = float(np.clip(first, lowest, highest))
        changes = {}
        wrong = self._disagreement_along(at, direction, first, changes)
        for factor in (2.0, 0.5):
            step = first
            for _ in range(RUNGS):
                step *= factor
                if wrong < RIGHT or not lowest <= step <= highest:
                    break
                found = self._disagreement_along(at, direction, step, changes)
                if found >= wrong < np.inf:
                    break
                best, wrong = step, found
        return best

    def _disagreement_along(self, at, direction, step, changes):
        """Of the square of the change by a step, what half of it disagrees about; inf where there are none."""
        for size in (step, 0.5 * step):
            if size not in changes:
                try:
                    changes[size] = self._change(at, size * direction)[0] / size
                except Error:  # it makes no sense to the program
                    return np.inf
        return np.sum((changes[step] - changes[0.5 * step]) ** 2) / max(np.sum(changes[step] ** 2), 1e-300)

    def _column(self, at, j):
        """A change along a number, by a step that is as it should be."""
        change = self._first_change(at, j)
        for _ in range(0 if self._is_fixed else TRIES):
            step = self._better(j, np.linalg.norm(change[0]) / 2)
            if step == self.steps[j]:
                break
            try:
                change = self._change(at, self._along(j, step))
            except Error:  # a larger step makes no sense to the program
                break
            self.steps[j] = step
        return change

    def _first_change(self, at, j):
        """That of the step as it is, or of the largest of ever smaller ones that makes sense to the program."""
        for _ in range(0 if self._is_fixed else TRIES):
            try:
                return self._change(at, self._along(j, self.steps[j]))
            except Error:
                self.steps[j] = max(self.steps[j] / SHRINKING, self._nearest[j])
        return self._change(at, self._along(j, self.steps[j]))

    def _along(self, j, step):
        move = np.zeros(len(self._vector))
        move[j] = step
        return move

    def _change(self, at, move):
        """What is shown at one end less that at the other, how far apart they are, and the larger norm of both."""
        ends, shown = [], []
        for sign in (1, -1):
            ends.append(self._vector.write(at + sign * move))
            shown.append(self._shown())
        if np.array_equal(*ends):
            names = ", ".join(self._vector.names[j] for j in np.flatnonzero(move))
            raise InputError(f"difference: a step of {np.abs(move).max():g} is lost in the rounding of {names}")
        return shown[0] - shown[1], ends[0] - ends[1], max(map(np.linalg.norm, shown))

    def _better(self, j, change):
        """A step of which a good change is to be expected, or the same one: where all is zero, nothing is known."""
        if self._contrast == 0 or LEAST_CHANGE * self._contrast <= change <= MOST_CHANGE * self._contrast:
            return self.steps[j]
        growth = GOOD_CHANGE * self._contrast / max(change, 1e-300)
        return float(np.clip(self.steps[j] * min(growth, MOST_GROWTH), self._nearest[j], self._furthest[j]))


def _inverse(moves):
    """Of moves (P, P), each row a number's, in units that make rows alike.

    Raises:
        InputError: rounding has left fewer than P directions.
    """
    units = np.abs(moves).max(axis=1)
    alike = moves / np.where(units > 0, units, 1.0)[:, None]
    if np.linalg.matrix_rank(alike / np.abs(alike).max(axis=0)) < len(units):
        raise InputError("difference: steps along combinations are lost in the rounding of their numbers")
    return np.linalg.inv(alike) / units
