"""Light along rays: what they meet, its light, and where they go on, bounce by bounce; then the same way back.

A level is the rays of one bounce.  Its radiance is known once that of the next level is, so the way there goes down the
levels and up again; the adjoint goes down with the radiance's adjoint and up with those of the rays.  Levels are kept
until other rays are traced in their slot: whoever asks for an adjoint then traces them again.
"""

import taichi as ti

from taichi_dr.kernels.base.spread import fill_first
from taichi_dr.kernels.march.wavefront import chunks, compact
from taichi_dr.kernels.rays.bounce import (
    go_on,
    go_on_adjoint,
    goes_on,
    leave,
    leave_adjoint,
    return_light,
    return_light_adjoint,
)
from taichi_dr.kernels.rays.surface import see, see_adjoint
from taichi_dr.render.rays.level import Level


class Paths:
    """Radiance along rays through a scene, with up to ``bounces`` mirrors and clear surfaces on their way.

    ``stages``: of light on surfaces, each with ``forward``, ``adjoint``, ``zero_sums`` and ``push``; the first one
    writes ``level.local``, the others add to it.
    """

    def __init__(self, buffers, things, casting, stages, environment, bounces, seed):
        self._buffers, self._things, self._casting, self._stages = buffers, things, casting, stages
        self._environment, self.bounces, self._seed = environment, bounces, seed
        self.levels, self._slots = [], {}

    def begin(self, count, slot=0):
        """A first level for so many rays: whose ``origins``, ``directions``, ``ends`` and ``path`` are to be written.

        The levels of the rays in other slots stay as they are.
        """
        self._slots[slot] = self.levels = [Level(self._buffers, 0, count, slot)]
        return self.levels[0]

    def resume(self, slot):
        """Has ``levels`` be those of a slot, as they were left."""
        self.levels = self._slots[slot]

    def trace(self, ground, eye=None):
        """Writes ``radiance`` of all levels.

        ``ground`` (1, 3): what is behind everything where there is no environment.  ``eye``: see ``Casting.closest``.
        """
        level = self.levels[0]
        while level is not None:
            self._see(level, eye)
            eye = None
            for stage in self._stages:
                stage.forward(level, self._things, self._casting)
            if self._environment is None:
                fill_first(ground, level.behind, level.count)
            else:
                self._environment.forward(level.directions, level.behind, level.count)
            leave(*self._left(level), level.local, level.behind, level.count, level.radiance)
            level = self._next(level)
        for after, before in zip(self.levels[:0:-1], self.levels[-2::-1], strict=True):
            return_light(after.parent, after.weight, after.radiance, after.count, before.radiance)

    def look(self, eye=None):
        """Writes ``what``, ``hits`` and ``seen`` of the first level alone."""
        self._see(self.levels[0], eye)

    def adjoint(self):
        """Adds what ``levels[0].radiance_adjoint`` implies to the sums; leaves the adjoints of its rays."""
        for before, after in zip(self.levels, self.levels[1:], strict=False):
            between = after.parent, after.weight, after.radiance, after.count
            return_light_adjoint(*between, before.radiance_adjoint, after.weight_adjoint, after.radiance_adjoint)
        for level, after in zip(self.levels[::-1], [None, *self.levels[:0:-1]], strict=True):
            self._level_adjoint(level, after)

    def zero_sums(self):
        """Begins sums over batches of rays."""
        for part in (self._things, *self._stages):
            part.zero_sums()

    def push(self, element=0):
        """Adds the sums to the inputs' adjoints, of batches to those of one element."""
        self._things.push(element)
        for stage in self._stages:
            stage.push()

    def _level_adjoint(self, level, after):
        left = *self._left(level), level.local, level.count, level.radiance_adjoint
        rays = level.origins_adjoint, level.directions_adjoint
        leave_adjoint(*left, level.local_adjoint, level.behind_adjoint, *rays, level.seen_adjoint, level.back)
        if self._environment is not None:
            place = level.directions, level.behind_adjoint, level.directions_adjoint, level.count
            self._environment.adjoint(*place)
        if after is not None:
            go_on_adjoint(
                after.parent, after.count, level.what, level.directions, level.seen, level.path, *self._objects,
                self._seed, level.number, after.origins_adjoint, after.directions_adjoint, after.weight_adjoint,
                level.directions_adjoint, level.seen_adjoint, level.back,
            )  # fmt: skip
        for stage in self._stages:
            stage.adjoint(level, self._things, self._casting)
        self.surface_adjoint(level)

    def surface_adjoint(self, level):
        """Adds what ``level.seen_adjoint`` and ``level.back`` imply to the sums and to the rays' adjoints."""
        for implicit in self._things.implicits:
            implicit.adjoint(level, self._surfaces)
        rays = level.what, level.hits, level.origins, level.directions, level.count
        to = level.origins_adjoint, level.directions_adjoint, self._things.texels_adjoint, level.back
        see_adjoint(*rays, *self._surfaces, level.seen, level.seen_adjoint, *to)
        self._things.add(level.what, level.hits, level.back, level.count)

    def _see(self, level, eye):
        self._casting.closest(level, eye)
        rays = level.what, level.hits, level.origins, level.directions, level.count
        see(*rays, *self._surfaces, level.seen)
        for implicit in self._things.implicits:
            implicit.see(level, self._surfaces)

    def _next(self, level):
        """The level of those rays that go on; None if there are none, or no more bounces."""
        if level.number == self.bounces:
            return None
        count = level.count
        goes_on(level.what, *self._objects, count, level.keep)
        block = self._buffers.at_least("block", chunks(count) + 1, ti.i32)
        after = Level(self._buffers, level.number + 1, count, level.slot)
        going = compact(self._buffers.counting("numbers", count), level.keep, count, block, after.parent)
        if going == 0:
            return None
        after.count = going
        go_on(
            after.parent, going, level.what, level.hits, level.directions, level.seen, level.path, *self._objects,
            self._seed, level.number, after.origins, after.directions, after.ends, after.path, after.weight,
        )  # fmt: skip
        self.levels.append(after)
        return after

    @property
    def _surfaces(self):
        return self._things.surfaces

    @property
    def _objects(self):
        return self._surfaces.objects, self._surfaces.materials

    def _left(self, level):
        return level.what, level.seen, *self._objects
