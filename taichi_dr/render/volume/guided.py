"""Samples anywhere in space, most of them where something has been found."""

from collections.abc import Callable
from typing import Any

import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.volume.guided import FLOOR, PIECES, place_by_densities
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.render.volume.occupancy import OccupancySampler
from taichi_dr.render.volume.samplers import Sampler, Samples
from taichi_dr.types import Array


class GuidedSampler(Sampler):
    """So many samples on each ray through all of space, where a grid of densities says that something is.

    ``cells``: an OccupancySampler whose bounds are (-2, 2), of the ball of radius 2 that space is contracted to
    (``dr.radiance.Contracted``, around the origin and with radius 1); only the densities that it keeps are used.
    Lengths of samples are those in the ball, so that densities are per unit of it.  A ray that goes as far as
    ``kernels.volume.guided.HORIZON`` has a last sample for all that is behind.

    Places are chosen: no gradient goes through them.

    Raises:
        InputError: less than 1 sample.
    """

    def __init__(self, buffers: Buffers, cells: OccupancySampler, samples: int, stratified: bool = True) -> None:
        if samples < 1:
            raise InputError(f"samples: expected at least 1, got {samples}")
        self.cells, self.samples, self.most = cells, samples, samples + 1
        self.stratified, self.seed = stratified, 0
        self._buffers = buffers

    @property
    def occupied(self) -> Array:
        """(nx, ny, nz) bool: which cells hold something."""
        return self.cells.occupied

    @property
    def updates(self) -> int:
        """How many there have been."""
        return self.cells.updates

    @property
    def step(self) -> float:
        """Length of the pieces that rays are looked at in."""
        return self.cells.step

    def restore(self, densities: Array, updates: int) -> None:
        """Goes on where a sampler was that had these densities after so many updates."""
        self.cells.restore(densities, updates)

    def update(self, densities: Callable[[Any, Any, int], object]) -> None:
        """Looks into some of the cells, as ``OccupancySampler.update`` does."""
        self.cells.seed = self.seed
        self.cells.update(densities)

    @property
    def densities(self) -> Array:
        """(nx, ny, nz): what is remembered of the cells."""
        return self.cells.densities

    def sample(self, rays: RayBatch, function: Any = None) -> Samples:
        count = rays.size * self.most
        first = self._buffers.at_least("first", rays.size + 1, ti.i32)
        t, lengths = (self._buffers.at_least(name, count) for name in ("t", "lengths"))
        along = rays.origins, rays.directions, rays.ends, rays.pixel, rays.size
        place_by_densities(
            *along,
            *self.cells.grid,
            self.cells.step,
            FLOOR / PIECES,
            self.samples,
            self.stratified,
            self.seed,
            first,
            t,
            lengths,
        )
        return Samples(first, t, lengths, count)

    def adjoint(
        self, rays: RayBatch, samples: Samples, t_adjoint: Any, lengths_adjoint: Any, ends_adjoint: Any
    ) -> None:
        """Nothing: where samples are is chosen."""
