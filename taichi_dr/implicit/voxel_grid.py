"""Numbers on a grid in space as a function of space: colours, densities, and the distances of ``sdf.grid``."""

import io
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import taichi as ti

from taichi_dr.errors import FileError, InputError, ShapeError
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.implicit.function import SpaceFunction
from taichi_dr.io.archives import DAMAGED, in_words, read_arrays
from taichi_dr.io.files import atomic_path, read_bytes
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.networks.lattice import CUBIC, LINEAR, constant_lattice, lattice_rows
from taichi_dr.kernels.networks.voxel_grid import Kind, PrivateSums, interpolate, interpolate_adjoint, sample
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Field, PathLike

Self = TypeVar("Self", bound="VoxelGrid")
Interpolation = Literal["trilinear", "tricubic"]
METHODS = {"trilinear": LINEAR, "tricubic": CUBIC}


class VoxelGrid(FieldOwner, SpaceFunction):
    """Numbers at the points of a grid, interpolated between them.

    ``values`` (nx, ny, nz), or (nx, ny, nz, C) for vectors such as colours (C = 3), x first; ``bounds`` are the lowest
    and the highest point of the grid, ``(lower, upper)``: three numbers each, or one for all axes, world units.  The
    first and the last points along each axis lie on the bounds, so the spacing is ``(upper - lower) / (n - 1)``, and
    need not be the same along all axes.  ``interpolation`` is ``"trilinear"``, or ``"tricubic"`` (Catmull-Rom): smooth,
    and equal to the values at the points as well.  Outside the bounds, the value is that at the nearest point of them.

    The field ``values`` is meant to be written to by kernels, differentiated and optimised; it is made when somebody
    asks for it.  ``sample(p)`` is a ``ti.func`` that reads it, for functions of your own.

    Raises:
        ShapeError: not three or four axes, too few points along one, or none at all.
        InputError: values that are not finite; bounds that are not, or whose lower end is not below the upper one; an
            unknown interpolation.

    >>> grid = VoxelGrid(np.zeros((3, 3, 5)), ((0, 0, 0), (1, 1, 1)))
    >>> grid.shape, grid.spacing
    ((3, 3, 5), (0.5, 0.5, 0.25))
    """

    LEAST: ClassVar[int] = 2  # points along each axis
    IS_DISTANCE: ClassVar[bool] = False

    def __init__(
        self,
        values: ArrayLike,
        bounds: Sequence[ArrayLike],
        *,
        interpolation: Interpolation = "trilinear",
        name: str = "grid",
    ) -> None:
        self.name = name
        if interpolation not in METHODS:
            raise InputError(f"interpolation: expected one of {', '.join(METHODS)}, got {interpolation!r}")
        numbers = self._checked(values)
        self.interpolation = interpolation
        self.lower, self.upper = checked_bounds(bounds)
        self._full_shape = numbers.shape
        self.shape: tuple[int, int, int] = numbers.shape[:3]
        vector = numbers.shape[3] if numbers.ndim == 4 else 0
        self.components = max(vector, 1)
        self.fields = self._GROUP(name, values=(self.shape, vector))
        self.fields.set("values", numbers)
        self.inputs = (self.fields,)
        self.kind = Kind(self.components, METHODS[interpolation], self.IS_DISTANCE)
        self._lattice = array_from(lattice_rows(self.lower, self.upper, self.shape))
        self._sums = PrivateSums()

    def _checked(self, values):
        numbers = np.asarray(values)
        if numbers.dtype.kind not in "fiub":
            raise InputError(f"{self.name}: expected numbers, got an array of {numbers.dtype}")
        axes = "(nx, ny, nz)" if self.IS_DISTANCE else "(nx, ny, nz) or (nx, ny, nz, C)"
        if numbers.ndim not in ((3,) if self.IS_DISTANCE else (3, 4)) or numbers.size == 0:
            raise ShapeError(f"{self.name}: expected values {axes}, got shape {numbers.shape}")
        if min(numbers.shape[:3]) < self.LEAST:
            raise ShapeError(
                f"{self.name}: expected at least {self.LEAST} points along each axis, got {numbers.shape[:3]}"
            )
        check_finite(self.name, numbers)
        return numbers

    @property
    def values(self) -> Field:
        """(nx, ny, nz) field of the numbers, scalars or vectors."""
        return self.fields.field("values")

    @property
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """The lowest and the highest point, (x, y, z) each."""
        return self.lower, self.upper

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Between neighbouring points, along each axis."""
        return tuple((high - low) / (n - 1) for low, high, n in zip(self.lower, self.upper, self.shape, strict=True))

    def numpy(self) -> Array:
        """The values as a new NumPy array (nx, ny, nz) or (nx, ny, nz, C)."""
        return self.fields.get("values")

    def set(self, values: ArrayLike) -> None:
        """Writes all values anew, an array of the same shape.

        Raises:
            ShapeError: another shape.
            InputError: values that are not finite.
        """
        if np.shape(values) != self._full_shape:
            raise ShapeError(f"{self.name}.set: expected shape {self._full_shape}, got {np.shape(values)}")
        self.fields.set("values", self._checked(values))

    def positions(self) -> Array:
        """(nx, ny, nz, 3): where the grid's points are."""
        return positions(self.bounds, self.shape)

    def resampled(self: Self, resolution: int | Sequence[int]) -> Self:
        """A new grid over the same bounds, the values at its points interpolated.

        ``resolution`` is the number of points along the longest side of the bounds, or (nx, ny, nz).
        """
        values = self.at(positions(self.bounds, shape_of(resolution, self.bounds, self.LEAST)))
        return type(self)(values, self.bounds, interpolation=self.interpolation, name=self.name)

    def doubled(self: Self) -> Self:
        """A new grid of half the spacing, (2 nx - 1, 2 ny - 1, 2 nz - 1) points: the same function if trilinear."""
        return self.resampled(tuple(2 * n - 1 for n in self.shape))

    @classmethod
    def load(cls: type[Self], path: PathLike) -> Self:
        """Reads a file that ``save`` wrote.

        Raises:
            FileError: missing, empty, cut short, or something else.
        """
        data = io.BytesIO(read_bytes(path))
        try:
            file = read_arrays(data)
            interpolation: Any = str(file["interpolation"])
            return cls(file["values"], file["bounds"], interpolation=interpolation, name=str(file["name"]))
        except DAMAGED as error:
            raise FileError(
                f"{path}: is no grid that can be read ({in_words(error)}); grid.save writes such files"
            ) from error

    def save(self, path: PathLike) -> None:
        """Writes values, bounds and interpolation to an ``.npz`` file, whole or not at all.

        Raises:
            FileError: it cannot be written.
        """
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, values=self.numpy(), bounds=self.bounds, interpolation=self.interpolation, name=self.name)

    @off_tape
    def at(self, points: ArrayLike) -> Array:
        """Values at points (..., 3), as a NumPy array (...) or (..., C); not differentiated.

        >>> VoxelGrid(np.arange(8).reshape(2, 2, 2), (0, 1)).at([0.5, 0.5, 0.5]).item()
        3.5
        """
        points = np.asarray(points)
        if points.ndim == 0 or points.shape[-1] != 3:
            raise ShapeError(f"{self.name}.at: expected points (..., 3), got shape {points.shape}")
        rows = array_from(points.reshape(-1, 3))
        values = array_from(np.zeros((rows.shape[0], self.components)))
        self.fields.pull()
        self.forward(rows, values, rows.shape[0])
        return values.to_numpy().reshape(points.shape[:-1] + self._full_shape[3:])

    @ti.func
    def sample(self, p):
        """The value at p, a number or a vector: for ``ti.func``s of your own, which Taichi may differentiate."""
        value = sample(self.values, ti.static(constant_lattice(self.lower, self.upper, self.shape)), p, self.kind)
        if ti.static(hasattr(self.values, "n")):
            return value
        else:
            return value[0]

    def check(self) -> None:
        """Raises RuntimeStateError if ``ti.init`` was called since the grid was made."""
        self.fields.check()

    def forward(self, points: Any, values: Any, count: int) -> None:
        """Writes ``values`` (count, C) at ``points`` (count, 3)."""
        interpolate(*self._arrays, points, values, count, self.kind)

    def adjoint(self, points: Any, values_adjoint: Any, points_adjoint: Any | None, count: int) -> None:
        """Adds to ``points_adjoint`` (count, 3), and to the grid's adjoint, what ``values_adjoint`` implies."""
        to = points_adjoint, self.fields.adjoints["values"], self._sums
        interpolate_adjoint(*self._arrays, points, values_adjoint, *to, count, self.kind)

    @property
    def _arrays(self) -> tuple[Any, Any]:
        """The numbers, and where they are: what kernels read."""
        return self.fields.arrays["values"], self._lattice

    def _setting(self, name):
        return f"{self.name}.set(values)" if self.fields.has(name) else None

    def __repr__(self):
        numbers = "x".join(map(str, self.shape)) + (f" of {self.components}-vectors" if self.components > 1 else "")
        return f"{type(self).__name__}({numbers}, {self.interpolation}, bounds {self.lower} to {self.upper})"


def positions(bounds, shape):
    """(nx, ny, nz, 3): the points of a grid of this shape between ``bounds``.

    >>> positions(((0, 0, 0), (1, 1, 2)), (2, 2, 3))[1, 0, 1].tolist()
    [1.0, 0.0, 1.0]
    """
    axes = [np.linspace(low, high, n) for low, high, n in zip(*checked_bounds(bounds), shape, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def shape_of(resolution, bounds, least=2):
    """(nx, ny, nz), or what makes the cells as near to cubes as can be, with so many points along the longest side.

    No side has fewer points than ``least``.

    >>> shape_of(5, ((0, 0, 0), (1, 2, 1))), shape_of((3, 4, 5), (0, 1))
    ((3, 5, 3), (3, 4, 5))
    """
    lower, upper = checked_bounds(bounds)
    given = (resolution,) if np.ndim(resolution) == 0 else tuple(resolution)
    if len(given) not in (1, 3) or not all(isinstance(n, int | np.integer) and n >= least for n in given):
        raise InputError(f"resolution: expected one or three whole numbers of at least {least}, got {resolution!r}")
    if len(given) == 1:
        sides = np.subtract(upper, lower)
        given = [max(least, round(side / sides.max() * (given[0] - 1)) + 1) for side in sides]
    return tuple(int(n) for n in given)


def checked_bounds(bounds):
    """``(lower, upper)``, three floats each.

    Raises:
        InputError: other than two times one or three numbers, not finite, or an empty box.

    >>> checked_bounds((-1, (1, 2, 3)))
    ((-1.0, -1.0, -1.0), (1.0, 2.0, 3.0))
    """
    try:
        lower, upper = (np.broadcast_to(np.asarray(end, np.float64), (3,)) for end in bounds)
    except (TypeError, ValueError):
        raise InputError(f"bounds: expected (lower, upper), one or three numbers each, got {bounds!r}") from None
    if not np.isfinite([lower, upper]).all() or not (lower < upper).all():
        raise InputError(f"bounds: expected lower < upper along each axis, got {lower.tolist()} and {upper.tolist()}")
    return tuple(lower.tolist()), tuple(upper.tolist())


def check_finite(name, numbers):
    """Raises InputError, with place and number, where values of a grid are not finite."""
    wrong = np.argwhere(~np.isfinite(numbers))
    if len(wrong):
        others = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise InputError(
            f"{name}: expected finite values, got {numbers[tuple(wrong[0])]} at {wrong[0].tolist()}{others}"
        )
