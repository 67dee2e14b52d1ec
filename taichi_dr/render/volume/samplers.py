"""Where on rays samples are."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.kernels.volume.sample import place_evenly, place_evenly_adjoint


class Samples(NamedTuple):
    """``size`` samples of a batch of R rays, packed: those of ray r are rows ``first[r]`` to ``first[r + 1]``.

    ``first`` (R+1,); ``t``, ``lengths`` (P,): where on their rays they are, and of what length each is a part, in world
    units.
    """

    first: Any
    t: Any
    lengths: Any
    size: int


class Sampler(ABC):
    """Chooses samples on rays."""

    most: int
    """Samples per ray at most, by which callers choose how many rays are a batch."""

    @abstractmethod
    def sample(self, rays: RayBatch, function: Any) -> Samples:
        """The samples of a batch of rays; they are good until the next call.  ``function``: what is sampled."""

    @abstractmethod
    def adjoint(
        self, rays: RayBatch, samples: Samples, t_adjoint: Any, lengths_adjoint: Any, ends_adjoint: Any
    ) -> None:
        """Adds to ``ends_adjoint`` (R, >= 2), of where rays enter and leave, what moves the samples of a batch implies.

        ``t_adjoint``, ``lengths_adjoint`` (P,).
        """


class EvenSampler(Sampler):
    """So many samples on each ray, of equal lengths: in the middle of its part each, or anywhere in it.

    ``seed``: of the random places; the same seed gives the same ones, on every backend.
    """

    def __init__(self, buffers: Buffers, samples: int, stratified: bool, seed: int = 0) -> None:
        self.most, self.stratified, self.seed = samples, stratified, seed
        self._buffers = buffers

    def sample(self, rays: RayBatch, function: Any) -> Samples:
        count = rays.size * self.most
        first = self._buffers.at_least("first", rays.size + 1, ti.i32)
        t, lengths = (self._buffers.at_least(name, count) for name in ("t", "lengths"))
        place_evenly(rays.ends, rays.pixel, rays.size, self.most, self.stratified, self.seed, first, t, lengths)
        return Samples(first, t, lengths, count)

    def adjoint(
        self, rays: RayBatch, samples: Samples, t_adjoint: Any, lengths_adjoint: Any, ends_adjoint: Any
    ) -> None:
        moved = t_adjoint, lengths_adjoint, ends_adjoint
        place_evenly_adjoint(rays.pixel, rays.size, self.most, self.stratified, self.seed, *moved)
