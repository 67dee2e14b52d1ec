"""A radiance field on a grid: density and spherical-harmonic colour at vertices, and rays that march through them."""

import io
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.errors import FileError, InputError, ShapeError
from taichi_dr.implicit.radiance.cells import cells_with, gaps_between, number_vertices
from taichi_dr.implicit.radiance.function import RadianceFunction
from taichi_dr.implicit.voxel_grid import checked_bounds
from taichi_dr.io.archives import DAMAGED, in_words, read_arrays
from taichi_dr.io.files import atomic_path, read_bytes
from taichi_dr.kernels.base.arrays import array_from, make_array, write_array
from taichi_dr.kernels.radiance_grid.at_points import at_points, at_points_adjoint
from taichi_dr.kernels.radiance_grid.fit import parts
from taichi_dr.kernels.radiance_grid.layout import WIDTHS, layout_of
from taichi_dr.kernels.radiance_grid.render import SEEN, render
from taichi_dr.kernels.radiance_grid.rows import make_rows
from taichi_dr.runtime import check_runtime, runtime_token
from taichi_dr.scene.camera import Camera
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, PathLike

EMPTY = -8.0
"""The density number of vertices without a row: one part in 3,000 of the light is lost in a cell of them."""

START = -3.0
"""That of a new grid: 5 % are lost in a cell."""


class Picture(NamedTuple):
    """What rays saw: ``color`` (V, H, W, 3), multiplied by ``alpha`` (V, H, W), the opacity; ``depth`` (V, H, W), the
    mean distance along the viewing axis of what was seen, 0 where that is nothing.
    """

    color: Array
    alpha: Array
    depth: Array

    def over(self, background: ArrayLike = 1.0) -> Array:
        """``color + (1 - alpha) background``, (V, H, W, 3)."""
        return self.color + (1 - self.alpha[..., None]) * np.asarray(background, self.color.dtype)


class Grid(RadianceFunction):
    """Density and colour on a grid of cubes, linear between its vertices before they are made what they mean.

    ``bounds`` are the lowest and the highest point, ``(lower, upper)``, three numbers each or one for all axes;
    ``resolution`` is the number of vertices along the longest side.  The spacing is the same along all axes, so the
    highest point may be moved outwards.  A vertex has ``3 (degree + 1)^2`` numbers for colour (red, green and blue of
    the first spherical harmonic of the direction, then of the second, ...) and one for density:

        color = logistic(sum_b harmonics_b(direction) numbers_b),  density = softplus(number) / spacing

    ``active`` (nx, ny, nz) says which vertices have numbers: the others are empty, as those at the border always are.
    Colours are what pictures are made of, whatever those are: ``taichi-dr reconstruct`` gives them display values.

    ``render`` and ``GridFit`` march through the grid in kernels of their own; as a ``RadianceFunction`` it goes into
    any renderer of volumes.  Adjoints are added to a gradient that the grid keeps: ``gradient``, ``clear_gradient``.

    Raises:
        InputError: bounds that are none, or too few vertices along a side; a degree other than 0, 1, 2.
        ShapeError: ``active`` of another shape.

    >>> grid = Grid((-1, 1), 5, degree=0)
    >>> grid.shape, grid.spacing, grid.count
    ((5, 5, 5), 0.5, 27)
    >>> density, color = grid.at([0.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    >>> round(float(density), 4), color.round(4).tolist()
    (0.0972, [0.5, 0.5, 0.5])
    """

    def __init__(
        self,
        bounds: Sequence[ArrayLike],
        resolution: int = 64,
        *,
        degree: int = 1,
        active: ArrayLike | None = None,
        name: str = "grid",
    ) -> None:
        self.name = name
        lower, upper = checked_bounds(bounds)
        if not isinstance(resolution, int | np.integer) or resolution < 4:
            raise InputError(f"resolution: expected a whole number of at least 4, got {resolution!r}")
        if degree not in WIDTHS:
            raise InputError(f"degree: expected 0, 1 or 2, got {degree!r}")
        sides = np.subtract(upper, lower)
        self.lower: tuple[float, float, float] = lower
        self.spacing = float(sides.max() / (resolution - 1))
        nx, ny, nz = (max(3, int(np.ceil(side / self.spacing - 1e-6)) + 1) for side in sides)
        self.shape: tuple[int, int, int] = (nx, ny, nz)
        self._begin(degree, np.ones(self.shape, bool) if active is None else np.asarray(active, bool))

    def _begin(self, degree, active):
        if active.shape != self.shape:
            raise ShapeError(f"{self.name}: expected active of shape {self.shape}, got {active.shape}")
        inside = np.zeros(self.shape, bool)
        inside[1:-1, 1:-1, 1:-1] = active[1:-1, 1:-1, 1:-1]
        self._token = runtime_token()
        self.layout = layout_of(degree)
        vertices = number_vertices(inside)
        self._places, self._row_of = vertices.places, vertices.rows
        self._cells = cells_with(inside)
        self.rows = make_rows(self.layout, len(self._places))
        self._sums = None
        self._index = array_from(vertices.rows.ravel(), ti.i32)
        self._gaps = array_from(gaps_between(self._cells).ravel(), ti.u8)
        self._lattice = array_from([*self.lower, self.spacing])
        numbers = np.zeros((self.count, self.layout.density + 1))
        numbers[:, -1] = START
        self.set(numbers)

    @property
    def degree(self) -> int:
        """Of the spherical harmonics."""
        return self.layout.degree

    @property
    def count(self) -> int:
        """The number of vertices that have numbers."""
        return len(self._places) - 1

    @property
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """The lowest and the highest vertex."""
        x, y, z = (low + self.spacing * (n - 1) for low, n in zip(self.lower, self.shape, strict=True))
        return self.lower, (x, y, z)

    @property
    def cells(self) -> Array:
        """(nx, ny, nz): whether rays look into the cell whose lowest vertex is (i, j, k); ``keep_cells`` changes it."""
        return self._cells.copy()

    @property
    def where(self) -> tuple[Any, ...]:
        """What kernels take behind rows: index, gaps, lattice and the three sides."""
        return self._index, self._gaps, self._lattice, *self.shape

    @property
    def sums(self) -> Any:
        """(parts, M) rows: the gradient in as many parts as threads add to it."""
        if self._sums is None:
            self._sums = make_rows(self.layout, parts(), len(self._places))
        return self._sums

    def vertices(self) -> Array:
        """(count, 3): which vertices (i, j, k) have numbers, in the order of ``numpy``."""
        return self._places[1:].copy()

    def positions(self) -> Array:
        """(count, 3): where they are, world units."""
        return self._places[1:] * self.spacing + np.array(self.lower)

    def numpy(self) -> Array:
        """(count, 3 (degree + 1)^2 + 1): the numbers, the density's last."""
        self.check()
        return self.rows.to_numpy()[1:, : self.layout.density + 1].copy()  # in order: others share its memory

    def weights(self) -> Array:
        """(count,): the largest part that a sample near the vertex had in a pixel since ``forget_weights``."""
        self.check()
        return self.rows.to_numpy()[1:, self.layout.weight]

    def set(self, numbers: ArrayLike) -> None:
        """Writes all numbers anew, (count, 3 (degree + 1)^2 + 1).

        Raises:
            ShapeError: another shape.
            InputError: numbers that are not finite (says which, and how many).
        """
        self.check()
        numbers = np.asarray(numbers)
        expected = (self.count, self.layout.density + 1)
        if numbers.shape != expected:
            raise ShapeError(f"{self.name}.set: expected shape {expected}, got {numbers.shape}")
        wrong = np.argwhere(~np.isfinite(numbers))
        if len(wrong):
            at = tuple(wrong[0].tolist())
            raise InputError(
                f"{self.name}.set: {len(wrong)} numbers are not finite; the first is {numbers[at]} at {at}"
            )
        rows = np.zeros((len(self._places), self.layout.lanes))
        rows[1:, : expected[1]] = numbers
        rows[0, self.layout.density] = EMPTY
        write_array(self.rows, rows)

    def forget_weights(self) -> None:
        """Sets the weights to zero: those of a grid that still was fog say nothing about what it has become."""
        rows = self.rows.to_numpy()
        rows[:, self.layout.weight] = 0
        write_array(self.rows, rows)

    def keep_cells(self, cells: ArrayLike) -> None:
        """Has rays look into no others than these, (nx, ny, nz), and into no more than before."""
        self._cells &= np.asarray(cells, bool)
        write_array(self._gaps, gaps_between(self._cells).ravel())

    def open_cells(self) -> None:
        """Has rays look into every cell again that has a vertex with numbers."""
        self._cells = cells_with(self._row_of > 0)
        write_array(self._gaps, gaps_between(self._cells).ravel())

    def gradient(self) -> Array:
        """(count, 3 (degree + 1)^2 + 1): what adjoints have added up since ``clear_gradient``."""
        self.check()
        return self.sums.to_numpy().sum(axis=0)[1:, : self.layout.density + 1]

    def clear_gradient(self) -> None:
        """Sets the gradient to zero."""
        self._sums = None

    @off_tape
    def render(self, camera: Camera, size: tuple[int, int], step: float = 1.0) -> Picture:
        """The grid in all views of a camera, (height, width) ``size``, with samples ``step`` cells apart.

        Raises:
            InputError: a step that is not positive.
        """
        self.check()
        if not step > 0:
            raise InputError(f"{self.name}.render: expected step > 0, got {step}")
        height, width = size
        packed = camera.pack(width, height).to_numpy()
        seen = np.empty((camera.views, height, width, SEEN), packed.dtype)
        out = make_array((height * width, SEEN))
        for view in range(camera.views):
            eye = array_from(packed[view : view + 1]), camera.is_orthographic, width, height
            render(self.rows, *self.where, *eye, step, out, self.layout, step == 1, self.layout.lanes)
            seen[view] = out.to_numpy().reshape(height, width, SEEN)
        alpha = seen[..., 3]
        return Picture(seen[..., :3], alpha, seen[..., 4] / np.where(alpha > 0, alpha, 1))

    def check(self) -> None:
        """Raises RuntimeStateError if ``ti.init`` was called since the grid was made."""
        check_runtime(self._token, self.name)

    def forward(self, points: Any, directions: Any, values: Any, count: int) -> None:
        """Writes ``values`` (count, 4): density and colour; see ``RadianceFunction``."""
        at_points(self.rows, *self.where, points, directions, values, count, self.layout, self.layout.lanes)

    def adjoint(
        self,
        points: Any,
        directions: Any,
        values_adjoint: Any,
        points_adjoint: Any | None,
        directions_adjoint: Any | None,
        count: int,
    ) -> None:
        """Adds to the grid's gradient, and to adjoints (count, 3) that are not None."""
        to_points, to_directions = points_adjoint is not None, directions_adjoint is not None
        of_points = points_adjoint if to_points else points, to_points
        of_directions = directions_adjoint if to_directions else directions, to_directions
        adjoints = values_adjoint, *of_points, *of_directions
        style = self.layout, self.layout.lanes
        at_points_adjoint(self.rows, self.sums, *self.where, points, directions, *adjoints, count, *style)

    def interpolated(self, places: Array) -> tuple[Array, Array]:
        """``(numbers (N, ...), share (N,))`` at places (N, 3) in cells, between vertices around that have numbers.

        ``share`` is what their weights add up to, 0 where there are none.
        """
        numbers = np.concatenate([np.zeros((1, self.layout.density + 1), np.float32), self.numpy()])
        lowest = np.clip(places.astype(int), 0, np.array(self.shape) - 2)
        place = places - lowest
        total, shares = np.zeros((len(places), numbers.shape[1])), np.zeros(len(places))
        for corner in np.ndindex(2, 2, 2):
            row = self._row_of[tuple((lowest + corner).T)]
            share = np.prod(np.where(corner, place, 1 - place), axis=1) * (row > 0)
            total += share[:, None] * numbers[row]
            shares += share
        return total / np.where(shares > 0, shares, 1)[:, None], shares

    def save(self, path: PathLike) -> None:
        """Writes everything that the grid's pictures depend on to an ``.npz`` file, whole or not at all.

        Raises:
            FileError: it cannot be written.
        """
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **self.arrays())

    def arrays(self) -> dict[str, Any]:
        """What ``save`` writes, by name."""
        shape = {"lower": np.array(self.lower), "spacing": np.array(self.spacing), "shape": np.array(self.shape)}
        cells = np.packbits(self._cells)
        return shape | {"vertices": self.vertices().astype(np.int16), "numbers": self.numpy(), "cells": cells}

    @classmethod
    def load(cls, path: PathLike) -> "Grid":
        """Reads a file that ``save`` wrote.

        Raises:
            FileError: missing, empty, cut short, or something else.
        """
        data = io.BytesIO(read_bytes(path))
        try:
            return cls.from_arrays(read_arrays(data))
        except DAMAGED as error:
            raise FileError(
                f"{path}: is no radiance grid that can be read ({in_words(error)}); grid.save writes such files"
            ) from error

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> "Grid":
        """A grid of what ``arrays`` gave."""
        shape, vertices, numbers = arrays["shape"], arrays["vertices"].astype(int), arrays["numbers"]
        degree = {4: 0, 13: 1, 28: 2}[numbers.shape[1]]
        if math.prod(shape.tolist()) > 8 * arrays["cells"].size:
            raise ValueError(f"cells: expected a bit of each of {shape.tolist()}, got {arrays['cells'].size} bytes")
        active = np.zeros(shape, bool)
        active[tuple(vertices.T)] = True
        grid = cls.of_shape(tuple(shape.tolist()), arrays["lower"], float(arrays["spacing"]), degree, active)
        grid.set(numbers)
        grid.keep_cells(np.unpackbits(arrays["cells"], count=active.size).reshape(active.shape))
        return grid

    @classmethod
    def of_shape(cls, shape: tuple[int, ...], lower: ArrayLike, spacing: float, degree: int, active: Array) -> "Grid":
        """A grid whose lowest vertex and spacing are given."""
        longest = max(shape) - 1
        lower = np.asarray(lower, float)
        upper = lower + spacing * (np.array(shape) - 1)
        return cls((lower, upper), longest + 1, degree=degree, active=active)

    def __repr__(self):
        sides = "x".join(map(str, self.shape))
        return (
            f"Grid({sides}, {self.count} vertices, degree {self.degree}, bounds {self.bounds[0]} to {self.bounds[1]})"
        )
