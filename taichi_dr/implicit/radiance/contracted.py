"""Radiance fields of all of space: one in a ball of radius 2, in which far away is drawn together."""

from collections.abc import Callable
from typing import Any

from taichi_dr.implicit.bounds import Unbounded
from taichi_dr.implicit.radiance.function import RadianceFunction
from taichi_dr.implicit.radiance.inline import InlineRadiance
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.volume.contract import contract_points, contract_points_adjoint


class Contracted(RadianceFunction):
    """``function`` of contracted points: a field that ends at (-2, 2) along each axis, spread over all of space.

    What is within ``space.radius`` of ``space.center`` is where ``function`` has the unit ball; the rest of it, up to
    |q| = 2, is what is further away (Barron et al., Mip-NeRF 360, 2022).  Densities stay densities per world unit.  A
    coarse network of the function is ``coarse`` here too.
    """

    def __init__(self, function: Callable[..., Any] | RadianceFunction, space: Unbounded) -> None:
        self.function = function if isinstance(function, RadianceFunction) else InlineRadiance(function)
        self.space, self.inputs = space, self.function.inputs
        coarse = getattr(self.function, "coarse", None)
        self.coarse = Contracted(coarse, space) if coarse is not None else None
        self._buffers = Buffers()

    def check(self) -> None:
        self.function.check()

    def forward(self, points: Any, directions: Any, values: Any, count: int) -> None:
        self.function.forward(self._contracted(points, count), directions, values, count)

    def adjoint(
        self,
        points: Any,
        directions: Any,
        values_adjoint: Any,
        points_adjoint: Any | None,
        directions_adjoint: Any | None,
        count: int,
    ) -> None:
        contracted, moved = self._contracted(points, count), None
        if points_adjoint is not None:
            moved = self._buffers.at_least("moved", count, columns=(3,))
            moved.fill(0)
        self.function.adjoint(contracted, directions, values_adjoint, moved, directions_adjoint, count)
        if points_adjoint is not None:
            contract_points_adjoint(points, self._center, self.space.radius, moved, points_adjoint, count)

    def _contracted(self, points, count):
        contracted = self._buffers.at_least("contracted", count, columns=(3,))
        contract_points(points, self._center, self.space.radius, contracted, count)
        return contracted

    @property
    def _center(self):
        return self._buffers.constant("center", (self.space.center,))
