"""A signed distance on a grid: what reconstruction optimises, and what functions, meshes and hulls become."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import taichi as ti

from taichi_dr.implicit.function import DistanceFunction, Stencil, axes
from taichi_dr.implicit.voxel_grid import VoxelGrid, positions, shape_of
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.networks.voxel_grid import value_and_gradient, value_and_gradient_adjoint
from taichi_dr.straightline import require_straight_line
from taichi_dr.tape import off_tape
from taichi_dr.types import ArrayLike


class Grid(VoxelGrid, DistanceFunction):
    """A signed distance at the points of a grid, interpolated between them: negative inside.

    Arguments, fields and errors are those of ``VoxelGrid``; ``values`` (nx, ny, nz) are in world units, at least three
    along each axis.  At p outside the bounds the distance is ``sqrt(|p - q|^2 + max(f(q), 0)^2)``, q being the nearest
    point of them: not more than the distance if the grid's own are not, and a solid that reaches them ends there.

    The gradient, which normals are made from, is interpolated between the grid's own central differences if
    ``"trilinear"``, because the slope of trilinear interpolation jumps from cell to cell; if ``"tricubic"`` it is that
    of the interpolation.

    >>> import numpy as np
    >>> grid = Grid(np.arange(27).reshape(3, 3, 3) - 13, (-1, 1))
    >>> grid.at([[0, 0, 0.5], [3, 1, 1]]).astype(float).round(3).tolist()  # the latter: 2 from bounds where it is 13
    [0.5, 13.153]
    """

    LEAST: ClassVar[int] = 3
    IS_DISTANCE: ClassVar[bool] = True

    @classmethod
    @off_tape
    def from_function(
        cls,
        function: Callable[..., Any],
        bounds: Sequence[ArrayLike],
        resolution: int | Sequence[int] = 64,
        *,
        interpolation: Literal["trilinear", "tricubic"] = "trilinear",
        name: str = "grid",
    ) -> "Grid":
        """The grid of a ``ti.func`` of a point (a 3-vector) that returns its signed distance.

        ``resolution`` is the number of points along the longest side of the bounds, the cells being as near to cubes as
        can be; or (nx, ny, nz).

        Raises:
            GradientError: the function has a loop.
            InputError: it is not finite somewhere (where, and how often); bounds or a resolution that make no grid.
        """
        require_straight_line(function)
        points = positions(bounds, shape_of(resolution, bounds))
        values = make_array((points.size // 3,))
        _evaluate(function, array_from(points.reshape(-1, 3)), values)
        return cls(values.to_numpy().reshape(points.shape[:3]), bounds, interpolation=interpolation, name=name)

    @ti.func
    def distance(self, p):
        """``sample(p)``: for ``ti.func``s of your own that blend the grid with other distances."""
        return self.sample(p)

    def stencil(self, step: float) -> Stencil:
        """Central differences as wide as the grid's own (the closest spacing of its axes), whatever ``step`` is."""
        return axes(min(self.spacing))

    def forward_with_gradient(self, points: Any, values: Any, gradients: Any, count: int, step: float) -> None:
        """Writes ``values`` (count, 1) and ``gradients`` (count, 3), those of the grid's own central differences."""
        value_and_gradient(self.fields.arrays["values"], self._lattice, points, values, gradients, count, self.kind)

    def adjoint_with_gradient(
        self,
        points: Any,
        values_adjoint: Any,
        gradients_adjoint: Any,
        points_adjoint: Any | None,
        count: int,
        step: float,
    ) -> None:
        """Adds to ``points_adjoint`` and to the grid's adjoint what those of values and gradients imply."""
        value_and_gradient_adjoint(
            self.fields.arrays["values"],
            self._lattice,
            points,
            (values_adjoint, gradients_adjoint),
            points_adjoint,
            self.fields.adjoints["values"],
            self._sums,
            count,
            self.kind,
        )

    def march(self, rays: Any, settings: Any, out: Any) -> None:
        """Marches along every ray to what it meets."""
        raise NotImplementedError


@ti.kernel
def _evaluate(function: ti.template(), points: Rows, values: Numbers):
    for i in range(values.shape[0]):
        values[i] = function(row3(points, i))
