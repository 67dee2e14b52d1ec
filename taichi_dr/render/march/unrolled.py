"""Surface points that move as the end of a march does: ``gradient="unrolled"``."""

from dataclasses import dataclass

from taichi_dr.kernels.march.unroll import begin_march, march_on, place_steps, sum_steps, unroll_adjoint
from taichi_dr.render.arguments import whole

CLOSE = 0.01  # of the step of differences: a ray that goes no further has arrived


@dataclass(frozen=True)
class Unrolled:
    """``SphereTracer(..., gradient=dr.Unrolled(8))``: points move as the last so many steps of a march say.

    Raises:
        InputError: not a whole number of at least 1.
    """

    terms: int = 8

    def __post_init__(self):
        whole("Unrolled.terms", self.terms)


class UnrolledMarch:
    """Marches every row's ray again, plainly, and differentiates its last ``terms`` steps."""

    def __init__(self, buffers, function, terms):
        self._buffers, self._function, self._terms = buffers, function, terms

    def adjoint(self, shot, moves, points_adjoint, step):
        """Adds to the gradients of the function's parameters; returns what is for the rays' origins and directions.

        ``points_adjoint``: of the points of rows; ``moves``: 0 for those that do not move; ``step``: of slopes.
        """
        count, self._rows = shot.count, self._terms * shot.count
        trail, taken = self._march(shot, moves, CLOSE * step)
        terms = min(taken, self._terms)
        points, behind, before = self._array("points", 3), self._array("behind", 1), self._array("before", 1)
        for offset, values in ((step, behind), (-step, before)):
            self._place(shot, trail, terms, offset, points)
            self._function.forward(points, values, terms * count)
        self._place(shot, trail, terms, 0.0, points)
        values_adjoint, steps_adjoint = self._array("values_adjoint", 1), self._array("steps_adjoint", 3)
        steps = (shot.march.scale, taken, terms, step, behind, before, moves)
        unroll_adjoint(*shot.view, *shot.rows.seen(), count, *steps, points_adjoint, values_adjoint)
        steps_adjoint.fill(0)
        self._function.adjoint(points, values_adjoint, steps_adjoint, terms * count)
        rays = [self._buffers.at_least(f"march_{name}", count, columns=(3,)) for name in ("origin", "direction")]
        sum_steps(trail, steps_adjoint, count, terms, *rays)
        return rays

    def _march(self, shot, moves, close):
        """(t, taken): where the last steps began, a row of all rays for each, and how many steps there were."""
        count = shot.count
        t, trail = self._array("t", rows=count), self._array("trail", rows=self._terms * count)
        points, values = self._array("points", 3), self._array("values", 1, rows=count)
        rays = shot.rays
        begin_march(*rays.flat(), shot.march.near, *shot.rows.seen(), count, t)
        for taken in range(1, shot.march.limit + 1):
            self._place(shot, t, 1, 0.0, points)
            self._function.forward(points, values, count)
            slot = (taken - 1) % self._terms
            if march_on(values, moves, shot.march.scale, count, slot, close, t, trail) == 0:
                break
        return trail, taken

    def _place(self, shot, t, steps, offset, points):
        place_steps(*shot.view, *shot.rows.seen(), t, shot.count, steps, offset, points)

    def _array(self, name, *columns, rows=None):
        rows = self._rows if rows is None else rows
        return self._buffers.at_least(f"march_{name}", rows, columns=columns)
