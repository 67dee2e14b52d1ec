"""Samples where something is, by a grid of cells that is kept as a radiance field changes."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.implicit.voxel_grid import checked_bounds
from taichi_dr.kernels.base.arrays import array_from, make_array, write_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.networks.lattice import lattice_rows
from taichi_dr.kernels.volume import occupancy
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.render.volume.samplers import Sampler, Samples, pack, round_sizes
from taichi_dr.types import Array, ArrayLike

DECAY, FIRST_DECAY = 0.95, 0.8
"""Of what is remembered of a cell, when it is looked into again; while nothing is known yet."""

FIRST_UPDATES = 16
SHARES = 0.25, 0.03, 0.5
"""Of the cells that an update looks into: all, while nothing is known yet; then empty ones, and occupied ones."""

THRESHOLD, OF_MEAN, LEAST = 0.05, 0.5, 1e-4
"""Cells are empty whose density, times the length of a sample, is less than the first; or less than that part of the
mean of all cells if that is smaller, but no smaller than the last."""


class OccupancySampler(Sampler):
    """Samples of equal lengths on rays, in those cells of a grid that something has been found in (instant-ngp).

    ``update`` looks into some of the cells, now and then as the field changes; before the first time, all are occupied.
    Rays enter and leave within the bounds.  The same seed gives the same samples.

    Places are chosen: no gradient goes through them.

    Args:
        bounds: the lowest and the highest point of the grid, three numbers each, or one for all axes.
        step: length of a sample, world units.
        cells: along the longest side; ``grid_shape`` says how many there are.
        allowed: (nx, ny, nz) bool, which cells may ever be occupied: all, by default.
        stratified: whether each ray's samples are shifted at random, by ``seed``.

    Raises:
        InputError: bounds that are not, a step that is not above 0, no cells.

    Source: Mueller et al., Instant Neural Graphics Primitives, 2022, appendix E.2.
    """

    def __init__(
        self,
        buffers: Buffers,
        bounds: Sequence[ArrayLike],
        step: float,
        *,
        cells: int = 128,
        allowed: Array | None = None,
        stratified: bool = True,
        seed: int = 0,
    ) -> None:
        lower, upper = checked_bounds(bounds)
        if not step > 0:
            raise InputError(f"step: expected a length above 0, got {step}")
        if cells < 1:
            raise InputError(f"cells: expected at least 1, got {cells}")
        sides = np.subtract(upper, lower)
        self.shape = grid_shape(bounds, cells)
        self.step, self.stratified, self.seed = step, stratified, seed
        self.most = int(np.linalg.norm(sides) / step) + 2
        self._buffers = buffers
        self._lattice = array_from(lattice_rows(lower, upper, np.add(self.shape, 1)))
        if allowed is not None and np.shape(allowed) != self.shape:
            raise ShapeError(f"allowed: expected shape {self.shape}, got {np.shape(allowed)}")
        self._allowed = np.ones(self.shape, bool).ravel() if allowed is None else np.ravel(allowed)
        self._densities, self._free = make_array((self._allowed.size,)), make_array((self._allowed.size,), ti.i32)
        self._scratch = make_array((self._allowed.size,), ti.i32)
        self._fill()

    @property
    def occupied(self) -> Array:
        """(nx, ny, nz) bool: which cells are."""
        return (self._free.to_numpy() == 0).reshape(self.shape)

    @property
    def densities(self) -> Array:
        """(nx, ny, nz): what is remembered of the cells; ``restore`` takes it."""
        return self._densities.to_numpy().reshape(self.shape)

    @property
    def grid(self) -> tuple:
        """The cells' lattice and their densities, as kernels take them."""
        return self._lattice, self._densities

    def restore(self, densities: Array, updates: int) -> None:
        """Goes on where a sampler was that had these densities after so many updates."""
        write_array(self._densities, densities.reshape(-1))
        self.updates = updates
        if updates:
            self._mark_dense()

    def sample(self, rays: RayBatch, function: Any = None) -> Samples:
        """The samples of a batch of rays; they are good until the next call."""
        grid = self._lattice, self._free, self.step, self.stratified, self.seed
        counts = self._buffers.at_least("counts", rays.size, ti.i32)
        occupancy.count_samples(rays.origins, rays.directions, rays.ends, rays.pixel, rays.size, *grid, counts)
        first = self._buffers.at_least("first", rays.size + 1, ti.i32)
        count = pack(counts, first, rays.size)
        t, lengths = (self._buffers.at_least(name, max(1, count)) for name in ("t", "lengths"))
        arrays = rays.origins, rays.directions, rays.ends, rays.pixel, rays.size
        occupancy.place_samples(*arrays, *grid, first, t, lengths)
        return Samples(first, t, lengths, count)

    def rounds(self, rays: RayBatch, function: Any, through: Any, tolerance: float) -> Iterator[Samples]:
        """As ``Sampler.rounds``; rays walk no further than they see."""
        grid = self._lattice, self._free, self.step, self.stratified, self.seed
        counts, pieces = (self._buffers.at_least(name, rays.size, ti.i32) for name in ("counts", "pieces"))
        first = self._buffers.at_least("first", rays.size + 1, ti.i32)
        pieces.fill(0)
        for most in round_sizes():
            found = [self._buffers.at_least(f"{name}_found", most * rays.size) for name in ("t", "lengths")]
            arrays = rays.origins, rays.directions, rays.ends, rays.pixel, rays.size
            occupancy.walk_on(*arrays, *grid, most, through, tolerance, pieces, counts, *found)
            count = pack(counts, first, rays.size)
            if not count:
                return
            places = [self._buffers.at_least(name, count) for name in ("t", "lengths")]
            occupancy.pack_found(rays.size, most, first, *found, *places)
            yield Samples(first, places[0], places[1], count)

    def adjoint(
        self, rays: RayBatch, samples: Samples, t_adjoint: Any, lengths_adjoint: Any, ends_adjoint: Any
    ) -> None:
        """Nothing: which places are chosen has no gradient."""

    def update(self, densities: Callable[[Any, Any, int], object]) -> None:
        """Looks into some of the cells: ``densities(points, values, count)`` writes the first column of ``values``.

        If no cell has anything, all are occupied again, with a warning.
        """
        cells = self._chosen()
        count = len(cells)
        chosen = self._buffers.at_least("cells", count, ti.i32)
        padded = np.zeros(chosen.shape[0], np.int32)
        padded[:count] = cells
        write_array(chosen, padded)
        points, values = (self._buffers.at_least(name, count, columns=(3,)) for name in ("probes", "found"))
        occupancy.place_probes(self._lattice, chosen, count, self.seed + self.updates, points)
        densities(points, values, count)
        decay = FIRST_DECAY if self.updates < FIRST_UPDATES else DECAY
        occupancy.remember(chosen, count, values, decay, self._densities)
        self.updates += 1
        self._mark_dense()

    def _chosen(self):
        """The numbers of the cells that an update looks into: all of them at first."""
        if not self.updates:
            return np.flatnonzero(self._allowed)
        draws = np.random.default_rng([self.seed, self.updates]).random(self._allowed.size, np.float32)
        is_occupied = self._free.to_numpy() == 0
        shares = SHARES[0] if self.updates < FIRST_UPDATES else np.where(is_occupied, SHARES[2], SHARES[1])
        return np.flatnonzero((draws < shares) & self._allowed)

    def _fill(self):
        """Has all cells occupied that may be."""
        self.updates = 0
        write_array(self._densities, self._allowed)
        self._mark(0.5)
        self._densities.fill(0)

    def _mark_dense(self):
        mean = float(self._densities.to_numpy()[self._allowed].mean(dtype=np.float64))
        self._mark(max(LEAST / self.step, min(THRESHOLD / self.step, OF_MEAN * mean)))
        if not (self._free.to_numpy() == 0).any():
            warnings.warn(
                "the occupancy grid is empty: nothing is dense anywhere; it starts again from a full one", stacklevel=3
            )
            self._fill()

    def _mark(self, threshold):
        occupancy.mark(self._lattice, self._densities, threshold, self._free, self._scratch)


def grid_shape(bounds: Sequence[ArrayLike], cells: int) -> tuple[int, int, int]:
    """How many cells a grid has along each axis, of about equal sides, ``cells`` of them along the longest.

    >>> grid_shape(((0, 0, 0), (1, 2, 4)), 64)
    (16, 32, 64)
    """
    sides = np.subtract(*reversed(checked_bounds(bounds)))
    x, y, z = (int(n) for n in np.maximum(np.round(cells * sides / sides.max()), 1))
    return x, y, z
