"""The contract of functions of space: values at points, and adjoints back to points and parameters."""

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.march.stencil import combine, combine_adjoint, spread, spread_adjoint
from taichi_dr.kernels.march.surface import converge, find_slopes, place_rows
from taichi_dr.runtime import float_dtype

ROUNDS = {ti.f32: 2, ti.f64: 3}
NEARBY = {ti.f32: 0.5, ti.f64: 1e-3}
"""By precision: steps of Newton's method where all rows take them at once; and the step of a ray's slope, as a part of
that of normals.
"""


class SpaceFunction(ABC):
    """A function of points in space with ``components`` values each: a distance, a colour, a density.

    Points, values and adjoints are the first ``count`` rows of arrays that may have more of them: callers keep arrays
    that grow.  What the function depends on besides the points is either in ``inputs``, whose ``adjoints`` are added
    to, or in fields of the user's own, whose ``.grad`` is.
    """

    components: int
    """Values per point."""

    inputs: tuple = ()
    """``Inputs`` with the function's parameters; the caller pulls them before ``forward`` and pushes them at last."""

    @abstractmethod
    def check(self) -> None:
        """Raises RuntimeStateError if ``ti.init`` was called since the function was made."""

    @abstractmethod
    def forward(self, points: Any, values: Any, count: int) -> None:
        """Writes ``values`` (count, components) at ``points`` (count, 3)."""

    @abstractmethod
    def adjoint(self, points: Any, values_adjoint: Any, points_adjoint: Any | None, count: int) -> None:
        """Adds to ``points_adjoint`` (count, 3), and to the parameters' gradients, what ``values_adjoint`` implies.

        ``points_adjoint`` may be None: nobody asks for it.
        """


def slope_step(step: float) -> float:
    """The step of a ray's slope, of ``step``, that of normals: a power of two, so that t plus or minus it is exact."""
    return 2.0 ** round(math.log2(NEARBY[float_dtype()] * step))


class Stencil(NamedTuple):
    """Where a function is evaluated for its gradient: ``sum_k values[k] offsets[k] * scale`` is the gradient."""

    offsets: tuple[tuple[float, float, float], ...]
    """From the point, in world units."""
    scale: float


def tetrahedron(step: float) -> Stencil:
    """Four points at the corners of a tetrahedron: exact for linear functions, an error of O(step) for others.

    With the corners k_i = (1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1):
    ``grad f = sum_i k_i f(p + step k_i) / 4 step``.
    """
    corners = ((1.0, -1.0, -1.0), (-1.0, -1.0, 1.0), (-1.0, 1.0, -1.0), (1.0, 1.0, 1.0))
    return _stencil(corners, step, 0.25)


def axes(step: float) -> Stencil:
    """Six points along the axes, central differences: an error of O(step^2).

    Of trilinear interpolation with ``step`` the grid's spacing, they interpolate the grid's own central differences.
    """
    sides = tuple(tuple(sign * (axis == k) for k in range(3)) for axis in range(3) for sign in (1.0, -1.0))
    return _stencil(sides, step, 0.5)


def _stencil(directions, step, weight):
    offsets = tuple(tuple(step * component for component in direction) for direction in directions)
    return Stencil(offsets, weight / step**2)


class DistanceFunction(SpaceFunction):
    """A signed distance: one value per point, negative inside, zero on the surface.

    ``is_exact``: the value is the distance to the surface, not only a bound of it, so that marching may step further
    than it.  ``stencil(step)`` says how its gradient is taken; ``step`` is what the renderer would take.
    """

    components = 1
    is_exact: bool = False

    def stencil(self, step: float) -> Stencil:
        """The points that the gradient is taken from."""
        return tetrahedron(step)

    def gradients(self, points: Any, gradients: Any, count: int, step: float) -> None:
        """Writes ``gradients`` (count, 3) of the function at ``points`` (count, 3), by its stencil."""
        offsets, scale = self._offsets(step)
        rows = offsets.shape[0] * count
        around, values = self._scratch.at_least("around", rows, columns=(3,)), self._values("values", rows)
        spread(points, offsets, count, around)
        self.forward(around, values, rows)
        combine(values, offsets, scale, count, gradients)

    def gradients_adjoint(
        self, points: Any, gradients_adjoint: Any, points_adjoint: Any, count: int, step: float
    ) -> None:
        """Adds to ``points_adjoint`` (count, 3) and to the parameters' gradients what ``gradients_adjoint`` implies."""
        offsets, scale = self._offsets(step)
        rows = offsets.shape[0] * count
        around, values_adjoint = self._scratch.at_least("around", rows, columns=(3,)), self._values("adjoint", rows)
        around_adjoint = self._scratch.at_least("around_adjoint", rows, columns=(3,))
        around_adjoint.fill(0)
        spread(points, offsets, count, around)
        combine_adjoint(gradients_adjoint, offsets, scale, count, values_adjoint)
        self.adjoint(around, values_adjoint, around_adjoint, rows)
        spread_adjoint(around_adjoint, offsets, count, points_adjoint)

    def _offsets(self, step):
        stencil = self.stencil(step)
        return self._scratch.constant("offsets", stencil.offsets), stencil.scale

    def _values(self, name, rows):
        return self._scratch.at_least(name, rows, columns=(1,))

    @cached_property
    def _scratch(self):
        return Buffers()

    def surface(self, rays: Any, rows: Any, count: int, step: float, found: Any) -> None:
        """Moves the first ``count`` of ``rows`` onto the surface: their ``t``, and ``found``, a ``Surface``.

        ``rows``: ``kernels.march.rows.Rows``; ``step``: of differences.
        """
        view, nearby = rays.view(), slope_step(step)
        points, values = self._scratch.at_least("rows", 2 * count, columns=(3,)), self._values("row_values", 2 * count)
        for _ in range(ROUNDS[float_dtype()]):
            place_rows(*view, *rows.seen(), rows.t, count, nearby, points)
            self.forward(points, values, 2 * count)
            find_slopes(rows.t, rows.edge, rows.edge_t, count, nearby, values, found.inverse)
            seen = *rays.flat(), rays.near, rays.far, *rows.seen()
            converge(*seen, rows.t, count, values, found.points, found.inverse)
        self.gradients(found.points, found.gradient, count, step)

    @abstractmethod
    def trace(self, rays: Any, march: Any, start: Any, met: Any) -> None:
        """Marches along every ray to what it meets: fills ``met``, ``kernels.march.settings.Met``.

        ``rays``: ``Rays``; ``march``: ``March``; ``start`` (V*blocks,) is scratch: how far all rays of a block may go.
        """

    @abstractmethod
    def follow(self, rays: Any, march: Any, met: Any, grazing: Any, count: int, layers: Any) -> None:
        """Follows the rays of the first ``count`` pixels in ``grazing`` through all layers that they graze.

        They begin at ``met.t[pixel]``; fills ``layers``, ``kernels.march.settings.Layers``, and adds to
        ``met.evaluations``.
        """

    @abstractmethod
    def approach(self, rays: Any, march: Any, t: Any) -> None:
        """Writes into ``t`` (V*H*W,) where every ray comes closest to the surface, or deepest into it."""
