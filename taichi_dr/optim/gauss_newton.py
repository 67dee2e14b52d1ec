"""Gauss-Newton with the damping of Levenberg and Marquardt: few numbers from many pixels, with their error bars."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from taichi_dr.errors import Error, InputError
from taichi_dr.optim.estimate import Estimate, combinations
from taichi_dr.optim.jacobian import Steps, Way, derivatives, principal
from taichi_dr.optim.observations import Observations, Program, Shown
from taichi_dr.optim.parameter_vector import FewParameters, ParameterVector
from taichi_dr.types import Array, ArrayLike

RANK = {np.float32: 1e-3, np.float64: 1e-6}
"""A combination of parameters is not determined if it changes what is shown by less than so much of what others do."""

MOST_WRONG = 2.5
"""... or if that is not more than so many times what is wrong with the differences."""

TRIALS = 12  # dampings that a step tries
WALKS, WALK = 3, 8  # and how many full steps each has
LARGEST_GROWTH = 1 / 3  # of what damping becomes after a good step


class _System(NamedTuple):
    """The normal equations in scaled numbers ``y = p / scale``: ``J^T J = V diag(squares) V^T``, columns of length 1.

    ``matrix``: J (M, P); ``kept``: which of the columns of V are determined.
    """

    scale: Array
    matrix: Array
    squares: Array
    vectors: Array
    kept: Array

    def along(self, residuals):
        """(P,): ``V^T J^T r``."""
        return self.vectors.T @ (self.matrix.T @ residuals)

    def step(self, residuals, damping):
        """``-(J^T J + damping)^-1 J^T r`` where anything is determined, in the parameters' units."""
        moves = np.where(self.kept, -self.along(residuals) / (np.abs(self.squares) + damping), 0.0)
        return self.scale * (self.vectors @ moves)

    def decrease(self, residuals, damping):
        """By how much the linear model says that the sum of squares falls in that step."""
        along = self.along(residuals)[self.kept]
        squares = np.abs(self.squares[self.kept])
        return float(np.sum(along**2 * (squares + 2 * damping) / (squares + damping) ** 2))


class GaussNewton:
    """Finds few numbers (about 50 or less) that make what a program shows what was measured, and their error bars.

        p <- p - (J^T J + lambda D)^-1 J^T r,  r = (shown - measured) / noise,  D = diag(J^T J)

    lambda falls after a step that lowered the sum of squares as foreseen, and grows, the step being tried again, after
    one that did not (Levenberg 1944; Marquardt 1963; Nielsen 1999; Nocedal and Wright 10.3).  Near the end steps are
    those of Newton, where Adam's wander: 5 to 10 of them, each of 2 P + 2 runs of the program and no tape.  Differences
    are checked where steps end, and for the error bars: 4 P runs each time, 10 to 30 P more for each attempt (of up to
    3) to take them along combinations, and up to 27 for full steps by those.

        fit = dr.GaussNewton(lambda: renderer.render(mesh, camera).color, {"pose": camera.pose}, images)
        found = fit.run()  # camera.pose is the best one now
        print(found)       # pose[0, 0]  0.0213 +- 0.0004, ...

    It begins at the numbers as they are and finds the valley that it is in: ``fit_pose`` or Adam with blurred pictures
    first where that is far off.  Pictures must be smooth (``antialias=True`` or soft) and the program the same at every
    call.  A combination of numbers that changes nothing is left as it is and named in ``Estimate.undetermined``.

    Attributes:
        losses: the mean of the squared residuals, at the beginning and after every step; they begin anew where the
            numbers have been moved by something else.
        converged: whether the latest step began less than ``tolerance`` standard errors from the best numbers, or none
            lowered the loss.

    Args:
        program: runs the forward computation and returns what it shows: a field, a ``Variable``, a NumPy array, or a
            list of them.
        parameters: fields of real numbers, which need no gradient: one, a list, or a dictionary by name.
        measured: what was measured, of the shape of what is shown; None: the program returns residuals.
        noise: the standard deviation of each number measured: one number, or an array that broadcasts to what is shown
            (inf: not measured); a list for a list.  None: it is one for all, and is taken from the residuals.
        way, difference: how derivatives are taken, as ``jacobian`` has them.
        damping: lambda at the beginning.

    Raises:
        InputError: parameters, noise or a way that cannot be; fewer numbers measured than parameters.
        ShapeError: measurements of another shape than what is shown.
        GradientError: a tape records, or what is shown is not finite.
    """

    def __init__(
        self,
        program: Program,
        parameters: FewParameters,
        measured: ArrayLike | Shown | Sequence[Any] | None = None,
        *,
        noise: ArrayLike | Sequence[Any] | None = None,
        way: Way = "differences",
        difference: Steps = None,
        damping: float = 1e-3,
    ) -> None:
        if not damping > 0:
            raise InputError(f"damping: expected a number > 0, got {damping}")
        self._vector = ParameterVector(parameters)
        self._shown = Observations(program, measured, noise)
        if self._shown.count <= len(self._vector):
            raise InputError(
                f"expected more numbers measured than the {len(self._vector)} parameters, got {self._shown.count}"
            )
        self._derivatives = derivatives(way, program, self._shown, self._vector, difference)
        self._first_damping = self._damping = damping
        self._growth, self._is_checked, self._walks = 2.0, False, 0
        self._tiny = RANK[np.float64 if self._vector.epsilons.max() < 1e-10 else np.float32] ** 2
        self._begin(self._vector.read(), self._shown.first)

    def __repr__(self):
        names, count = ", ".join(self._vector.fields), len(self._vector)
        steps, loss = len(self.losses) - 1, self.losses[-1]
        return f"GaussNewton({names}; {count} number{'s' * (count != 1)}, {steps} steps, loss {loss:.3g})"

    @property
    def runs(self) -> int:
        """How often the program has run, but for forward mode's runs."""
        return self._shown.runs

    def step(self, tolerance: float = 0.01) -> bool:
        """One step, if one lowers the loss.  Returns whether the numbers have moved by more than ``tolerance``.

        Where no step does any more, derivatives are checked once, and go on along combinations if two sizes of
        differences disagree too much.  Then the loss jumps, too, and full steps are tried whatever it does at first.

        ``tolerance`` is in standard errors of the noise as it seems to be: a step is as nothing if without
        damping the sum of squares would have fallen by less than ``tolerance^2`` times the variance of the residuals.
        """
        at, base = self._here()
        if not np.array_equal(at, self._at):
            self._begin(at, base)
        system, residuals = self._system(at, base), self._residuals(base)
        total = float(residuals @ residuals)
        tolerated = tolerance**2 * total / self._freedom()
        is_lower, before = False, (self._damping, self._growth)
        try:
            is_lower = self._lower(at, system, residuals)
        finally:
            if not is_lower:
                self._vector.write(at)
                self._damping, self._growth = before
        if not is_lower:
            self._shown()  # everything the program writes belongs to the numbers again
        creeps = self._damping > before[0] and total - self.losses[-1] * self._shown.count < tolerated
        self.converged = not is_lower or creeps or system.decrease(residuals, 0.0) < tolerated
        if self.converged and not self._is_checked:
            self._is_checked = True
            if self._turns():
                return self.step(tolerance)
        if self.converged and self._derivatives.is_turned and self._walks < WALKS:
            self.converged = not self._walk(system, tolerated)
        return not self.converged

    def run(
        self,
        steps: int = 30,
        *,
        tolerance: float = 0.01,
        on_step: Callable[["GaussNewton"], object] | None = None,
    ) -> Estimate:
        """Steps until one is as nothing, or until there were ``steps``; returns the ``estimate``.

        ``on_step`` is called with this object after every step.  Numbers may be moved before another run.
        """
        self.converged = False
        for _ in range(steps):
            moves = self.step(tolerance)
            if on_step is not None:
                on_step(self)
            if not moves:
                break
        return self.estimate()

    def estimate(self) -> Estimate:
        """The numbers as they are now, with their covariance; Adam, or anything else, may have found them."""
        at, base = self._here()
        if not np.array_equal(at, self._at):
            self._derivatives.straighten()
        system = self._system(at, base, checked=True)
        self._shown()  # everything the program writes belongs to the numbers again
        kept, vectors = system.kept, system.vectors
        residuals = self._residuals(base)
        chi_square = float(residuals @ residuals)
        freedom = self._shown.count - int(kept.sum())
        variance = 1.0 if self._shown.is_noise_known else chi_square / freedom
        inverse = (vectors[:, kept] / system.squares[kept]) @ vectors[:, kept].T
        covariance = variance * inverse * np.outer(system.scale, system.scale)
        null = vectors[:, ~kept]
        unknown = (np.abs(null) > 0.05).any(axis=1)
        covariance[unknown], covariance[:, unknown] = np.nan, np.nan
        covariance[unknown, unknown] = np.inf
        return Estimate(
            tuple(self._vector.names),
            at,
            covariance,
            freedom,
            chi_square,
            float(np.sqrt(chi_square / freedom)),
            combinations(self._vector.names, system.scale[:, None] * null),
        )

    def _begin(self, at, base):
        """At numbers that no step of this object has led to."""
        self._at, self.losses = at, [self._loss(base)]
        self._damping, self._growth, self.converged = self._first_damping, 2.0, False
        self._derivatives.straighten()
        self._is_checked, self._walks = not self._derivatives.can_turn, 0

    def _turns(self):
        """Whether derivatives where steps have ended become better along combinations: then steps lead on."""
        before = self._derivatives.turns
        self._derivatives.checked(*self._here(), self._tiny)
        self._shown()  # everything the program writes belongs to the numbers again
        return self._derivatives.turns > before

    def _walk(self, system, tolerated):
        """Whether full steps by one Jacobian, wherever each leads to, pass better numbers: the best of them stay.

        Where pixels jump, so does the loss, and steps that are to lower it get stuck on the stairs of a weak
        combination.
        """
        self._walks += 1
        best, base = self._here()
        least = first = self._total(base)
        try:
            at = best
            for k in range(WALK):
                step = system.step(self._residuals(base), 0.0)
                at = self._vector.write(at + (step if k < WALK / 2 else 0.5 * step))
                base = self._shown()
                if self._total(base) < least:
                    best, least = at, self._total(base)
        except Error:  # the numbers make no sense to the program
            pass
        finally:
            self._vector.write(best)
        self._shown()  # everything the program writes belongs to the numbers again
        if least < first:
            self._accept(0.0, best, least)
            self._damping = self._first_damping
        return first - least > tolerated

    def _here(self):
        return self._vector.read(), self._shown()

    def _residuals(self, shown):
        return shown - self._shown.measured

    def _total(self, shown):
        return float(np.sum(self._residuals(shown) ** 2))

    def _loss(self, shown):
        return self._total(shown) / self._shown.count

    def _freedom(self):
        return self._shown.count - len(self._vector)

    def _system(self, at, base, checked=False):
        """Of the Jacobian; ``checked`` by steps of half the size, whose difference says what is wrong with it.

        Where pixels jump, the derivatives over the inner and the outer half of a step have errors e and f of their own:
        the whole step has (e + f) / 2, and differs from the inner one by (f - e) / 2.  Its square adds to that of every
        combination.  Half of what is measured is taken off again, because e is the larger one: so much made the error
        bars of a ball's throw the scatter of repeats.
        """
        if not checked:
            found = principal(self._derivatives(at, base), self._derivatives.least)
            wrong = np.zeros(len(found.squares))
        else:
            matrix, error = self._derivatives.checked(at, base, self._tiny)
            found = principal(matrix, self._derivatives.least)
            wrong = found.wrong(error)
        kept = (found.squares > self._tiny) & (found.squares > MOST_WRONG * wrong)
        return _System(found.scale, found.matrix, found.squares - wrong / 2, found.vectors, kept)

    def _lower(self, at, system, residuals):
        """Moves the numbers so that the sum of squares falls; returns whether a damping did it."""
        total = float(residuals @ residuals)
        for _ in range(TRIALS):
            foreseen = system.decrease(residuals, self._damping)
            there = self._vector.write(at + system.step(residuals, self._damping))
            found = self._total_at_trial()
            gain = (total - found) / foreseen if foreseen > 0 else 0.0
            if gain > 0:
                self._accept(gain, there, found)
                return True
            self._damping, self._growth = self._damping * self._growth, 2 * self._growth
            if np.array_equal(there, at):
                break
        return False

    def _total_at_trial(self):
        """The sum of squares; infinite where the numbers make no sense to the program."""
        try:
            return self._total(self._shown())
        except Error:
            return np.inf

    def _accept(self, gain, there, found):
        self._damping *= max(LARGEST_GROWTH, 1 - (2 * gain - 1) ** 3)
        self._at, self._growth = there, 2.0
        self.losses.append(found / self._shown.count)
