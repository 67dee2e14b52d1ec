"""What rays meet: faces by the hierarchy, and solids."""

import taichi as ti

from taichi_dr.kernels.rays import closest, packets
from taichi_dr.kernels.rays.primary import LANES
from taichi_dr.kernels.rays.visible import copy_met, is_met


class Casting:
    """Asks a scene's ``Things``."""

    def __init__(self, buffers, things):
        self._buffers, self._things = buffers, things

    def closest(self, level, eye=None):
        """Writes ``level.what`` and ``level.hits``; ``eye`` (1, 3): where all rays begin, block by block."""
        bvh, surfaces = self._things.bvh, self._things.surfaces
        asked, found = (*bvh.arrays, bvh.order), (level.count, level.what, level.hits)
        if eye is None:
            closest.closest(*asked, level.origins, level.directions, level.ends, *found)
        else:
            packets.closest(*asked, eye, level.count, level.directions, level.ends, *found, LANES)
        if self._things.shapes:
            rays = level.origins, level.directions, level.ends, level.count
            solids = surfaces.solids, surfaces.kinds
            self._things.solid_boxes.closest(*solids, self._things.face_count, *rays, level.what, level.hits)
        for implicit in self._things.implicits:
            implicit.closest(level)

    def shadow_rays(self, count):
        """Arrays of origins, directions and ends of so many rays, for one light after the other."""
        get = self._buffers.at_least
        return tuple(get(f"shadow_{name}", count, columns=(columns,)) for name, columns in RAY.items())

    def blocked(self, rays, count, met, row):
        """Writes row ``row`` of ``met`` (L, R): 1 where a ray meets anything."""
        blocked = self._buffers.at_least("blocked", count, ti.i32)
        closest.occluded(*self._things.bvh.arrays, *rays, count, blocked)
        self._by_solids(rays, count, blocked, met, row)

    def blocked_from(self, eye, rays, count, met, row):
        """``blocked``, of rays that all begin at ``eye`` (1, 3) and go in packets."""
        bvh, (_, directions, ends) = self._things.bvh, rays
        face = self._buffers.at_least("blocking_face", count, ti.i32)
        hits = self._buffers.at_least("blocking_hits", count, columns=(3,))
        packets.closest(*bvh.arrays, bvh.order, eye, count, directions, ends, count, face, hits, LANES)
        blocked = self._buffers.at_least("blocked", count, ti.i32)
        is_met(face, count, blocked)
        self._by_solids(rays, count, blocked, met, row)

    def _by_solids(self, rays, count, blocked, met, row):
        if self._things.shapes:
            solids = self._things.surfaces.solids, self._things.surfaces.kinds
            self._things.solid_boxes.occluded(*solids, *rays, count, blocked)
        for implicit in self._things.implicits:
            implicit.blocked(rays, count, blocked)
        copy_met(blocked, count, row, met)


RAY = {"origins": 3, "directions": 3, "ends": 2}
