"""The contract of functions of space: values at points, and adjoints back to points and parameters."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple


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

    @abstractmethod
    def march(self, rays: Any, settings: Any, out: Any) -> None:
        """Marches along every ray to what it meets; ``kernels.march`` says what is read and what is written."""
