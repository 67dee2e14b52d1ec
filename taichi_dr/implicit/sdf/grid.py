"""A signed distance on a grid: what reconstruction optimises, and what functions, meshes and hulls become."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import taichi as ti

from taichi_dr.implicit.function import DistanceFunction, Stencil, axes
from taichi_dr.implicit.sdf.from_mesh import Sign, mesh_distance
from taichi_dr.implicit.sdf.hull import visual_hull
from taichi_dr.implicit.sdf.redistance import redistance
from taichi_dr.implicit.voxel_grid import (
    Interpolation,
    VoxelGrid,
    check_finite,
    checked_bounds,
    positions,
    shape_of,
)
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.checks import all_usable
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.march import grid as kernels
from taichi_dr.kernels.networks.voxel_grid import value_and_gradient, value_and_gradient_adjoint
from taichi_dr.scene.mesh import Mesh
from taichi_dr.straightline import require_function_of_a_point
from taichi_dr.tape import off_tape
from taichi_dr.types import ArrayLike

LANES = 16


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
        interpolation: Interpolation = "trilinear",
        name: str = "grid",
    ) -> "Grid":
        """The grid of a ``ti.func`` of a point (a 3-vector) that returns its signed distance.

        ``resolution`` is the number of points along the longest side of the bounds, the cells being as near to cubes as
        can be; or (nx, ny, nz).

        Raises:
            GradientError: the function has a loop.
            InputError: it is no ``ti.func`` of a point, or not finite somewhere (where, and how often); bounds or a
                resolution that make no grid.
        """
        require_function_of_a_point(function)
        points = positions(bounds, shape_of(resolution, bounds, cls.LEAST))
        values = make_array((points.size // 3,))
        _evaluate(function, array_from(points.reshape(-1, 3)), values)
        return cls(values.to_numpy().reshape(points.shape[:3]), bounds, interpolation=interpolation, name=name)

    @classmethod
    def from_mesh(
        cls,
        mesh: Mesh,
        bounds: Sequence[ArrayLike],
        resolution: int | Sequence[int] = 64,
        *,
        sign: Sign = "watertight",
        thickness: float | None = None,
        interpolation: Interpolation = "trilinear",
        name: str = "grid",
    ) -> "Grid":
        """The signed distance of a ``Mesh`` (one of a batch of 1), exact within two cells of its surface.

        ``sign`` says what inside is: ``"watertight"``, what a closed mesh encloses; ``"winding"``, where the winding
        number is above 1/2, for a mesh with holes; ``"unsigned"``, within ``thickness / 2`` of a face.
        ``resolution`` as for ``from_function``.

        Raises:
            GeometryError: a mesh without faces, or not within the bounds, or open where ``sign`` is ``"watertight"``.
            InputError: another ``sign``, a thickness where there is none; bounds or a resolution that make no grid.
        """
        lower, spacing, shape = _nodes(bounds, resolution)
        values = mesh_distance(mesh, lower, spacing, shape, sign=sign, thickness=thickness)
        return cls(values, bounds, interpolation=interpolation, name=name)

    @classmethod
    def from_silhouettes(
        cls,
        posed: PosedImages,
        bounds: Sequence[ArrayLike],
        resolution: int | Sequence[int] = 64,
        *,
        interpolation: Interpolation = "trilinear",
        name: str = "grid",
    ) -> "Grid":
        """The smooth visual hull of posed images with alpha: the largest solid that their silhouettes allow.

        Raises:
            DataSetError: an image without a silhouette, or silhouettes that have nothing in common within the bounds.
            InputError: bounds or a resolution that make no grid.
        """
        lower, spacing, shape = _nodes(bounds, resolution)
        return cls(visual_hull(posed, lower, spacing, shape), bounds, interpolation=interpolation, name=name)

    def redistance(self) -> None:
        """Makes the values distances again, whatever optimising made of them: the surface and all signs stay.

        The surface moves by less than 0.02 cells.

        Raises:
            GeometryError: nothing changes sign, so there is no surface.
        """
        self.fields.set("values", redistance(self.numpy(), self.spacing))

    @ti.func
    def distance(self, p):
        """``sample(p)``: for ``ti.func``s of your own that blend the grid with other distances.

        A ``SphereTracer`` of such a function is compiled in seconds if the grid is trilinear, in two minutes if it is
        tricubic.  (A tracer of the grid itself in seconds, either way.)
        """
        return self.sample(p)

    def stencil(self, step: float) -> Stencil:
        """Central differences as wide as the grid's own (the closest spacing of its axes), whatever ``step`` is."""
        return axes(min(self.spacing))

    def gradients(self, points: Any, gradients: Any, count: int, step: float) -> None:
        """Writes ``gradients`` (count, 3), interpolated between the grid's own differences."""
        value_and_gradient(*self._arrays, points, self._values("values", count), gradients, count, self.kind)

    def gradients_adjoint(
        self, points: Any, gradients_adjoint: Any, points_adjoint: Any | None, count: int, step: float
    ) -> None:
        """Adds to ``points_adjoint`` (count, 3) and to the grid's adjoint what ``gradients_adjoint`` implies."""
        adjoints = None, gradients_adjoint
        to = points_adjoint, self.fields.adjoints["values"], self._sums
        value_and_gradient_adjoint(*self._arrays, points, adjoints, *to, count, self.kind)

    def trace(self, rays: Any, march: Any, start: Any, met: Any) -> None:
        """Marches along every ray to what it meets.

        Raises:
            InputError: a distance that is not finite (where, and how many).
        """
        numbers = self.fields.arrays["values"]
        if not all_usable(numbers, self._lattice):
            check_finite(self.name, self.numpy())
        kernels.trace(*self._arrays, self._lanes, *rays.flat(), *march, start, *met)

    def follow(self, rays: Any, march: Any, met: Any, grazing: Any, count: int, layers: Any) -> None:
        """Follows rays through all layers that they graze."""
        given = met.t, met.evaluations, grazing, count
        kernels.follow(*self._arrays, self._lanes, *rays.flat(), *march, *given, *layers)

    def approach(self, rays: Any, march: Any, t: Any) -> None:
        """Finds where every ray comes closest."""
        kernels.approach(*self._arrays, self._lanes, *rays.flat(), *march, t)

    @property
    def _lanes(self):
        """Rays that are marched at once."""
        return LANES if on_cpu() else 1


def _nodes(bounds, resolution):
    """(lower, spacing, shape) of a grid."""
    shape, (lower, upper) = shape_of(resolution, bounds, Grid.LEAST), checked_bounds(bounds)
    return lower, [(high - low) / (n - 1) for low, high, n in zip(lower, upper, shape, strict=True)], shape


@ti.kernel
def _evaluate(function: ti.template(), points: Rows, values: Numbers):
    for i in range(values.shape[0]):
        values[i] = function(row3(points, i))
