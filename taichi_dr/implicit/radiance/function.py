"""The contract of radiance fields: density and colour at points seen along directions, and adjoints back."""

from abc import ABC, abstractmethod
from typing import Any


class RadianceFunction(ABC):
    """How dense space is at a point, and which light comes from there along a ray.

    Points, directions, values and adjoints are the first ``count`` rows of arrays that may have more of them.  What the
    function depends on besides is in ``inputs``, whose ``adjoints`` are added to, or in fields of the user's own, whose
    ``.grad`` is.
    """

    inputs: tuple = ()
    """``Inputs`` with the function's parameters; the caller pulls them before ``forward`` and pushes them at last."""

    @abstractmethod
    def check(self) -> None:
        """Raises RuntimeStateError if ``ti.init`` was called since the function was made."""

    @abstractmethod
    def forward(self, points: Any, directions: Any, values: Any, count: int) -> None:
        """Writes ``values`` (count, 4): density per world unit, not negative, and linear red, green and blue.

        ``points`` (count, 3) in world space, ``directions`` (count, 3) of unit length, the way the ray goes.
        """

    @abstractmethod
    def adjoint(
        self,
        points: Any,
        directions: Any,
        values_adjoint: Any,
        points_adjoint: Any | None,
        directions_adjoint: Any | None,
        count: int,
    ) -> None:
        """Adds to ``points_adjoint``, ``directions_adjoint`` (count, 3) and to the parameters' gradients what
        ``values_adjoint`` (count, 4) implies.  The first two may be None: nobody asks for them.
        """
