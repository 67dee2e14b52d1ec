"""The stage of an environment's light: a direction for every ray, shadow rays, then light."""

from functools import cached_property

import taichi as ti

from taichi_dr.kernels.rays.sky import aim_up, shine_down, shine_down_adjoint

FIRST = 1 << 17  # dimension of random numbers; each bounce has one of its own


class Sky:
    """Light of an ``Environment`` on surfaces, for one render: directions stay where it was bright then."""

    def __init__(self, buffers, environment, seed, samples):
        self._buffers, self._environment = buffers, environment
        self._seed, self._samples = seed, samples

    def forward(self, level, things, casting):
        """Adds to ``level.local``."""
        rays, inverse = self._aim(level, casting)
        met = self._met(level)
        casting.blocked(rays, level.count, met, 0)
        shine_down(*self._lit(level, things, rays, inverse), met, level.local)

    def adjoint(self, level, things, casting):
        """Adds what ``level.local_adjoint`` implies."""
        rays, inverse = self._aim(level, casting)
        by_arriving = self._buffers.at_least("arriving_adjoint", level.count, columns=(3,))
        to = level.seen_adjoint, by_arriving
        shine_down_adjoint(*self._lit(level, things, rays, inverse), self._met(level), level.local_adjoint, *to)
        self._environment.adjoint(rays[1], by_arriving, None, level.count)

    def zero_sums(self):
        """The environment adds to its own adjoint at once."""

    def push(self):
        """The environment adds to its own adjoint at once."""

    def _aim(self, level, casting):
        """(shadow rays, 1 / density of their directions)."""
        rays, inverse = casting.shadow_rays(level.count), self._buffers.at_least("inverse", level.count)
        seen = level.what, level.hits, level.seen, level.path, level.count
        random = self._seed, self._samples, FIRST + level.number
        aim_up(*seen, *self._tables, *random, *rays, inverse)
        return rays, inverse

    @cached_property
    def _tables(self):
        return self._environment.sampling_tables()

    def _lit(self, level, things, rays, inverse):
        arriving, surfaces = self._buffers.at_least("arriving", level.count, columns=(3,)), things.surfaces
        self._environment.forward(rays[1], arriving, level.count)
        seen = level.what, level.seen, level.count, surfaces.objects, surfaces.materials
        return *seen, rays[1], inverse, arriving

    def _met(self, level):
        """(1, R) of the level: whether the direction is blocked."""
        return self._buffers.get(level.named("met_on_the_way_up"), (1, level.what.shape[0]), ti.i32)
