"""The contract of radiance fields: density and colour at points seen along directions, and adjoints back."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from taichi_dr.errors import ShapeError
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike


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

    @off_tape
    def at(self, points: ArrayLike, directions: ArrayLike) -> tuple[Array, Array]:
        """``(density (...), color (..., 3))`` at points (..., 3) seen along unit directions (..., 3); no gradient.

        Points and directions broadcast to each other.

        Raises:
            ShapeError: the last axes are not of 3, or the others do not fit.
        """
        points, directions = np.asarray(points, float), np.asarray(directions, float)
        if 3 not in points.shape[-1:] or 3 not in directions.shape[-1:]:
            raise ShapeError(f"expected points and directions (..., 3), got {points.shape} and {directions.shape}")
        try:
            points, directions = np.broadcast_arrays(points, directions)
        except ValueError:
            raise ShapeError(f"directions {directions.shape} do not fit points {points.shape}") from None
        for inputs in self.inputs:
            inputs.pull()
        count = points.size // 3
        values = make_array((max(count, 1), 4))
        if count:
            self.forward(array_from(points.reshape(-1, 3)), array_from(directions.reshape(-1, 3)), values, count)
        found = values.to_numpy()[:count].reshape(*points.shape[:-1], 4)
        return found[..., 0], found[..., 1:]
