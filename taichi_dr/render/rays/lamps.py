"""The stage of lights without an area: shadow rays, then light."""

import taichi as ti

from taichi_dr.kernels.rays.primary import LANES
from taichi_dr.kernels.rays.shade import aim, aim_from, shade, shade_adjoint
from taichi_dr.kernels.rays.sums import add_columns
from taichi_dr.kernels.shading.light import AMBIENT, POINT, VECTOR

COLUMNS = 2048  # of partial sums: enough for all threads (see ``GRAIN``)


class Lamps:
    """Light of ``Lights`` but for those that have an area."""

    def __init__(self, buffers, lights):
        self._buffers, self.lights = buffers, lights
        self._kinds = lights.kinds.to_numpy()
        self._rows = VECTOR + lights.arrays[1].shape[1]

    @property
    def inputs(self):
        """What has adjoints."""
        return [self.lights.fields]

    def forward(self, level, things, casting):
        """Writes ``level.local``."""
        met = self._met(level)
        for k, kind in enumerate(self._kinds):
            if kind == AMBIENT:
                continue
            rays, seen = casting.shadow_rays(level.count), (level.what, level.hits, level.seen, level.count)
            if kind >= POINT and level.number == 0 and level.count % LANES == 0:  # whose rays stand in packets
                eye = self._buffers.get("lamp", (1, 3))
                aim_from(*seen, *self._arrays[::2], k, LANES, eye, *rays)
                casting.blocked_from(eye, rays, level.count, met, k)
            else:
                aim(*seen, *self._arrays[::2], k, *rays)
                casting.blocked(rays, level.count, met, k)
        surfaces = things.surfaces
        seen = level.what, level.directions, level.seen, level.count, surfaces.objects, surfaces.materials
        shade(*seen, *self._arrays, met, level.local)

    def adjoint(self, level, things, _casting):
        """Adds what ``level.local_adjoint`` implies."""
        surfaces = things.surfaces
        seen = level.what, level.directions, level.seen, level.count, surfaces.objects, surfaces.materials
        to = level.directions_adjoint, level.seen_adjoint, level.back, self._partials
        shade_adjoint(*seen, *self._arrays, self._met(level), level.local_adjoint, *to)

    def zero_sums(self):
        """Begins a sum over batches of rays."""
        self._partials = self._buffers.zeroed("lamps_partials", (self._rows * len(self._kinds), COLUMNS))

    def push(self):
        """Adds the sums to the lights' adjoints."""
        color_adjoint, vector_adjoint = self.lights.adjoints
        add_columns(self._partials, 0, self._rows, color_adjoint)
        add_columns(self._partials, VECTOR, self._rows, vector_adjoint)

    @property
    def _arrays(self):
        return self.lights.kinds, *self.lights.arrays

    def _met(self, level):
        """(L, R) of the level: whether each light is blocked."""
        return self._buffers.get(level.named("met"), (len(self._kinds), level.what.shape[0]), ti.i32)
