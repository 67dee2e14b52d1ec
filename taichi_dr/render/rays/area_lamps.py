"""The stage of lights that have an area: a sample of each, shadow rays to them, then light."""

import taichi as ti

from taichi_dr.kernels.rays.area_light import PARTIALS, RADIANCE, aim_at, shine, shine_adjoint
from taichi_dr.kernels.rays.solids import COLUMNS
from taichi_dr.kernels.rays.sums import add_columns

PARTS = 2048  # columns of partial sums: enough for all threads (see ``GRAIN``)
FIRST = 1 << 16  # dimension of random numbers; each light at each bounce has one of its own


class AreaLamps:
    """Light of ``Lights.area``."""

    def __init__(self, buffers, lights, seed, samples):
        self._buffers, self._lights = buffers, lights
        self._seed, self._samples = seed, samples

    def forward(self, level, things, casting):
        """Adds to ``level.local``."""
        met = self._met(level)
        for k in range(len(self._lights)):
            rays = casting.shadow_rays(level.count)
            solids = things.surfaces.solids, things.surfaces.kinds, self._solid(things, k)
            aim_at(level.what, level.hits, level.seen, level.path, level.count, *solids, *self._random(level, k), *rays)
            casting.blocked(rays, level.count, met, k)
            shine(*self._lit(level, things, k), met, k, level.local)

    def adjoint(self, level, things, _casting):
        """Adds what ``level.local_adjoint`` implies."""
        met = self._met(level)
        for k in range(len(self._lights)):
            to = level.seen_adjoint, self._partials(k)
            shine_adjoint(*self._lit(level, things, k), met, k, level.local_adjoint, *to)

    def zero_sums(self):
        """Begins a sum over batches of rays."""
        for k in range(len(self._lights)):
            self._partials(k).fill(0)

    def push(self):
        """Adds the sums to the lights' adjoints."""
        for k, light in enumerate(self._lights):
            add_columns(self._partials(k), 0, COLUMNS, light.fields.adjoints["shape"])
            add_columns(self._partials(k), RADIANCE, 3, light.fields.adjoints["radiance"])

    def _lit(self, level, things, k):
        surfaces = things.surfaces
        seen = level.what, level.seen, level.path, level.count, surfaces.objects, surfaces.materials
        light = surfaces.solids, surfaces.kinds, self._solid(things, k), self._lights[k].fields.arrays["radiance"]
        return *seen, *light, *self._random(level, k)

    def _random(self, level, k):
        return self._seed, self._samples, FIRST + level.number * len(self._lights) + k

    def _solid(self, things, k):
        """Which of the solids the light is: lights come behind the others."""
        return len(things.shapes) - len(self._lights) + k

    def _partials(self, k):
        return self._buffers.get(f"area_lamp_{k}", (PARTIALS, PARTS))

    def _met(self, level):
        """(L, R) of the level: whether each light is blocked."""
        shape = max(1, len(self._lights)), level.what.shape[0]
        return self._buffers.get(level.named("met_by_areas"), shape, ti.i32)
