"""A radiance field of a hash grid and two small networks (Instant NGP)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.implicit.narrow import NarrowMLP
from taichi_dr.implicit.radiance.function import RadianceFunction
from taichi_dr.implicit.voxel_grid import checked_bounds
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.networks import hash_grid, hash_levels, spherical_harmonics
from taichi_dr.kernels.networks.dense import Block
from taichi_dr.kernels.networks.densities import exponentiate, exponentiate_adjoint
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Field

DEGREE, HARMONICS = 3, spherical_harmonics.size(3)
CODE = 16
"""Numbers that the density's network hands to that of the colour; the first is the density's."""

ROWS_ON_CPU, ROWS_ON_GPU = 1 << 14, 1 << 19
"""Rows of a level's table, by default: those of all levels fit the cache."""

SIZES = "levels", "width", "coarsest", "finest", "most_rows", "density_hidden", "color_hidden"

SPREAD = 1e-4
"""Numbers of the table begin evenly distributed between this and minus this."""


class HashNeRF(FieldOwner, RadianceFunction):
    """Density and colour by small networks of what a hash grid says of a point.

        h = MLP(features(p)),    density = exp(h_0),    color = sigmoid(MLP(Y(d), h))

    ``features`` are those of ``kernels.networks.hash_grid``, trilinear in ``levels`` grids over ``bounds``; Y the 16
    spherical harmonics of the direction up to degree 3.  To begin with, the density is about 1 in the longest side of
    the bounds.  Outside the bounds a point is as their nearest one.

    Fields with gradients:
        table (rows,) of vectors of ``width``: what the grids' points have, level by level.
        density_weights, color_weights (N,): of the networks, layer by layer.

    Arguments:
        bounds: the lowest and the highest point, three numbers each, or one for all axes; world units.
        levels, width: grids, and numbers per point of each.
        coarsest, finest: cells along each axis of the first and of the last grid.
        most_rows: of a level's table, a power of two: more points than that share rows.  By default 2^14 on CPUs,
            2 MB for all levels, which fits the cache, and 2^19 on GPUs.
        density_hidden, color_hidden: widths of the networks' hidden layers.
        seed: of the numbers to begin with.

    Raises:
        InputError: bounds that are not, sizes below 1, ``most_rows`` that is no power of two, ``finest < coarsest``.

    Source: Mueller, Evans, Schied and Keller, Instant Neural Graphics Primitives, SIGGRAPH 2022, section 5.4.
    """

    def __init__(
        self,
        bounds: Sequence[ArrayLike] = (-1, 1),
        *,
        levels: int = 8,
        width: int = 4,
        coarsest: int = 16,
        finest: int = 512,
        most_rows: int | None = None,
        density_hidden: Iterable[int] = (64,),
        color_hidden: Iterable[int] = (64, 64),
        seed: int = 0,
    ) -> None:
        self.lower, self.upper = checked_bounds(bounds)
        most_rows = most_rows or (ROWS_ON_CPU if on_cpu() else ROWS_ON_GPU)
        sizes = {"levels": levels, "width": width, "coarsest": coarsest, "finest": finest, "most_rows": most_rows}
        _check(sizes)
        self.levels, self.width = levels, width
        density_hidden, color_hidden = tuple(density_hidden), tuple(color_hidden)
        self.sizes: dict[str, Any] = sizes | {"density_hidden": density_hidden, "color_hidden": color_hidden}
        rows = hash_levels.level_rows(levels, coarsest, finest, most_rows)
        self._levels = array_from(rows, ti.i32)
        self._box = array_from(hash_levels.box_rows(self.lower, self.upper))
        self._density = NarrowMLP(levels * width, CODE, density_hidden)
        self._color = NarrowMLP(HARMONICS + CODE, 3, color_hidden, last="sigmoid")
        self.fields = FieldGroup(
            "HashNeRF",
            table=((int(rows[:, 2].sum()),), width),
            density_weights=((self._density.size,), 0),
            color_weights=((self._color.size,), 0),
        )
        self.inputs = (self.fields,)
        random = np.random.default_rng(seed)
        self.fields.set("table", random.uniform(-SPREAD, SPREAD, (rows[:, 2].sum(), width)))
        self.fields.set("density_weights", self._first_density(seed))
        self.fields.set("color_weights", self._color.initial(seed + 1))
        self._buffers = Buffers()

    def _first_density(self, seed):
        weights = self._density.initial(seed)
        _, _, biases = self._density.layers(weights)[-1]
        biases[0] = -np.log(max(np.subtract(self.upper, self.lower)))
        return weights

    def __repr__(self):
        sizes = ", ".join(f"{name}={value}" for name, value in self.sizes.items())
        return f"HashNeRF(bounds=({self.lower}, {self.upper}), {sizes}; fields: {', '.join(self.fields.arrays)})"

    @property
    def table(self) -> Field:
        """(rows,) field of vectors: the numbers of the grids' points."""
        return self.fields.field("table")

    @property
    def density_weights(self) -> Field:
        """(N,) field: of the network that makes the density."""
        return self.fields.field("density_weights")

    @property
    def color_weights(self) -> Field:
        """(N,) field: of the network that makes the colour."""
        return self.fields.field("color_weights")

    @property
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """The lowest and the highest point, (x, y, z) each."""
        return self.lower, self.upper

    def numpy(self, name: str) -> Array:
        """The numbers of a field as a NumPy array.

        Raises:
            InputError: there is no such field.
        """
        return self.fields.get(self.fields.known(name))

    def set(self, name: str, values: ArrayLike) -> None:
        """Writes a field.

        Raises:
            InputError: there is no such field.
            ShapeError: the values do not fit.
        """
        self.fields.set(self.fields.known(name), values)

    @property
    def cells(self) -> Array:
        """(L,): cells along each axis of the grids."""
        return self._levels.to_numpy()[:, 0]

    def arrays(self) -> dict[str, Array]:
        """Named arrays that ``from_arrays`` makes the field of again, sizes included."""
        named = {name: self.numpy(name) for name in self.fields.arrays}
        return named | {name: np.array(size) for name, size in self.sizes.items()} | {"bounds": np.array(self.bounds)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "HashNeRF":
        """The field whose ``arrays`` these are.

        Raises:
            KeyError: one is missing.
            ShapeError: one has another shape than the sizes say.
        """
        sizes: Any = {name: arrays[name].tolist() for name in SIZES}
        _check_fits(arrays, sizes)
        field = cls(arrays["bounds"].tolist(), **sizes)
        for name in field.fields.arrays:
            field.set(name, arrays[name])
        return field

    def _setting(self, name):
        return f'field.set("{name}", values)' if self.fields.has(name) else None

    def check(self) -> None:
        """Raises RuntimeStateError if ``ti.init`` was called since the field was made."""
        self.fields.check()

    @off_tape
    def forward(self, points: Any, directions: Any, values: Any, count: int) -> None:
        """Writes ``values`` (count, 4): density and colour at ``points`` seen along ``directions`` (count, 3)."""
        given = self._given(self._features(points, count), directions, count)
        exponentiate(given, HARMONICS, values, count)
        self._color.forward(self.fields.arrays["color_weights"], Block(given), Block(values, 0, 1), count)

    @off_tape
    def densities(self, points: Any, values: Any, count: int) -> None:
        """Writes the first column of ``values`` (count, >= 1): density at ``points``, from all sides the same."""
        code = self._rows("code", count, CODE)
        weights = self.fields.arrays["density_weights"]
        self._density.forward(weights, Block(self._features(points, count)), Block(code), count)
        exponentiate(code, 0, values, count)

    @off_tape
    def adjoint(
        self,
        points: Any,
        directions: Any,
        values_adjoint: Any,
        points_adjoint: Any | None,
        directions_adjoint: Any | None,
        count: int,
    ) -> None:
        """Adds to the adjoints of points, directions, table and weights what ``values_adjoint`` (count, 4) implies."""
        features = self._features(points, count)
        given = self._given(features, directions, count)
        features_adjoint = self._rows("features_adjoint", count, self.levels * self.width)
        given_adjoint = self._rows("given_adjoint", count, HARMONICS + CODE)
        features_adjoint.fill(0)
        given_adjoint.fill(0)
        arrays, adjoints = self.fields.arrays, self.fields.adjoints
        color = Block(given), Block(values_adjoint, 0, 1), Block(given_adjoint), adjoints["color_weights"]
        self._color.adjoint(arrays["color_weights"], *color, count)
        exponentiate_adjoint(given, HARMONICS, values_adjoint, given_adjoint, count)
        density = Block(given_adjoint, 0, HARMONICS), Block(features_adjoint), adjoints["density_weights"]
        self._density.adjoint(arrays["density_weights"], Block(features), *density, count)
        table, levels, box, _ = self._grid(points)
        to = points_adjoint, adjoints["table"], count, self.width, self._buffers
        hash_grid.encode_adjoint(table, levels, box, points, features_adjoint, *to)
        if directions_adjoint is not None:
            spherical_harmonics.encode_adjoint(directions, given_adjoint, 0, directions_adjoint, count, DEGREE)

    def _grid(self, points):
        return self.fields.arrays["table"], self._levels, self._box, points

    def _features(self, points, count):
        """(count, L*F): what the grid says of the points."""
        features = self._rows("features", count, self.levels * self.width)
        hash_grid.encode(*self._grid(points), features, count, self.width)
        return features

    def _given(self, features, directions, count):
        """(count, 32): what the colour's network is given, the harmonics of the directions and the density's code."""
        given = self._rows("given", count, HARMONICS + CODE)
        spherical_harmonics.encode(directions, given, 0, count, DEGREE)
        self._density.forward(self.fields.arrays["density_weights"], Block(features), Block(given, 0, HARMONICS), count)
        return given

    def _rows(self, name, count, columns):
        return self._buffers.at_least(name, count, columns=(columns,))


def _check_fits(arrays, sizes):
    """Raises ShapeError, before anything is made, if the arrays are not those of a field of these sizes."""
    levels, width, *of_levels = (sizes[name] for name in SIZES[:5])
    expected = {
        "density_weights": (_count(levels * width, *sizes["density_hidden"], CODE),),
        "color_weights": (_count(HARMONICS + CODE, *sizes["color_hidden"], 3),),
    }
    _require_shapes(arrays, expected)  # so many levels there are, and no more
    _require_shapes(arrays, {"table": (int(hash_levels.level_rows(levels, *of_levels)[:, 2].sum()), width)})


def _require_shapes(arrays, expected):
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ShapeError(f"{name}: expected shape {shape} for these sizes, got {arrays[name].shape}")


def _count(*widths):
    """The weights and biases of layers from each of the widths to the next."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))


def _check(sizes):
    for name, size in sizes.items():
        if int(size) != size or size < 1:
            raise InputError(f"{name}: expected a whole number of at least 1, got {size}")
    if sizes["most_rows"] & (sizes["most_rows"] - 1):
        raise InputError(f"most_rows: expected a power of two, got {sizes['most_rows']}")
    if sizes["finest"] < sizes["coarsest"]:
        raise InputError(f"finest: expected at least coarsest = {sizes['coarsest']}, got {sizes['finest']}")
