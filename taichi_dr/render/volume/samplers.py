"""Where on rays samples are."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import write_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.kernels.volume.rounds import count_next, take_next
from taichi_dr.kernels.volume.sample import place_evenly, place_evenly_adjoint, place_far, place_far_adjoint

FIRST_ROUND, LAST_ROUND = 8, 32
"""Samples of a ray that are a round: each has as many as there were before, between these."""


class Samples(NamedTuple):
    """``size`` samples of a batch of R rays, packed: those of ray r are rows ``first[r]`` to ``first[r + 1]``.

    ``first`` (R+1,); ``t``, ``lengths`` (P,): where on their rays they are, and of what length each is a part, in world
    units.
    """

    first: Any
    t: Any
    lengths: Any
    size: int


def round_sizes() -> Iterator[int]:
    """Samples of a ray in one round after the other: 8, 8, 16, 32, 32, ..."""
    done = 0
    while True:
        yield (most := min(max(done, FIRST_ROUND), LAST_ROUND))
        done += most


def pack(counts: Any, first: Any, rays: int) -> int:
    """Writes ``first`` (>= R+1,): the sums of the ``counts`` (>= R,) of rays before; returns the sum of all."""
    sums = np.zeros(first.shape[0], np.int32)
    np.cumsum(counts.to_numpy()[:rays], out=sums[1 : rays + 1])
    write_array(first, sums)
    return int(sums[rays])


class Sampler(ABC):
    """Chooses samples on rays."""

    most: int
    """Samples per ray at most, by which callers choose how many rays are a batch."""

    _buffers: Buffers

    @abstractmethod
    def sample(self, rays: RayBatch, function: Any) -> Samples:
        """The samples of a batch of rays; they are good until the next call.  ``function``: what is sampled."""

    def rounds(self, rays: RayBatch, function: Any, through: Any, tolerance: float) -> Iterator[Samples]:
        """The same samples, a few of each ray at a time: of rays whose ``through`` is above ``tolerance``.

        ``through`` (R,): what is left of each ray's transmittance, which the caller writes between the rounds.
        """
        first, t, lengths, _ = self.sample(rays, function)
        done = 0
        counts, of_round = (
            self._buffers.at_least(f"{name}_of_round", rays.size + 1, ti.i32) for name in ("counts", "first")
        )
        for most in round_sizes():
            count_next(first, rays.size, done, most, through, tolerance, counts)
            count = pack(counts, of_round, rays.size)
            if not count:
                return
            places = [self._buffers.at_least(f"{name}_of_round", count) for name in ("t", "lengths")]
            take_next(first, rays.size, done, t, lengths, of_round, *places)
            yield Samples(of_round, places[0], places[1], count)
            done += most

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
        found = self._empty(rays)
        place_evenly(*self._parts(rays), *found[:3])
        return found

    def adjoint(
        self, rays: RayBatch, samples: Samples, t_adjoint: Any, lengths_adjoint: Any, ends_adjoint: Any
    ) -> None:
        place_evenly_adjoint(*self._parts(rays)[1:], t_adjoint, lengths_adjoint, ends_adjoint)

    def _parts(self, rays):
        """What says how rays are divided: arguments of kernels."""
        return rays.ends, rays.pixel, rays.size, self.most, self.stratified, self.seed

    def _empty(self, rays):
        count = rays.size * self.most
        first = self._buffers.at_least("first", rays.size + 1, ti.i32)
        return Samples(first, self._buffers.at_least("t", count), self._buffers.at_least("lengths", count), count)


class FarSampler(EvenSampler):
    """The same where rays go far: evenly as far as ``scale``, and then ever less often, evenly in 1/t."""

    def __init__(self, buffers: Buffers, samples: int, stratified: bool, scale: float, seed: int = 0) -> None:
        super().__init__(buffers, samples, stratified, seed)
        self.scale = scale

    def sample(self, rays: RayBatch, function: Any) -> Samples:
        found = self._empty(rays)
        place_far(*self._parts(rays), self.scale, *found[:3])
        return found

    def adjoint(
        self, rays: RayBatch, samples: Samples, t_adjoint: Any, lengths_adjoint: Any, ends_adjoint: Any
    ) -> None:
        place_far_adjoint(*self._parts(rays), self.scale, samples.t, t_adjoint, lengths_adjoint, ends_adjoint)
