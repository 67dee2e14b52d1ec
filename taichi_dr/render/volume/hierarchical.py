"""Samples where a coarse network says that something is."""

from typing import Any

import taichi as ti

from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.kernels.volume.resample import place_by_weights, place_to_ends
from taichi_dr.kernels.volume.sample import place_points
from taichi_dr.render.volume.samplers import Sampler, Samples


class HierarchicalSampler(Sampler):
    """NeRF's samples: ``samples`` from one end of a ray to the other, and ``added`` where the coarse function is dense.

    ``function.coarse`` is evaluated at the first ones; if it is None, ``function`` itself is.  ``stratified``: they are
    at random, within their strata and by the density.  A sample stands for the part of the ray up to the next one, the
    last for all behind it.  With a ``scale`` the first ones are even as far as it, and beyond evenly in 1/t.

    The places are chosen: no gradient goes through them.
    """

    def __init__(
        self,
        buffers: Buffers,
        samples: int = 64,
        added: int = 128,
        stratified: bool = False,
        seed: int = 0,
        scale: float | None = None,
    ) -> None:
        self.scale = scale or 0.0
        self.samples, self.added, self.most = samples, added, samples + added
        self.stratified, self.seed = stratified, seed
        self._buffers = buffers

    def first(self, rays: RayBatch) -> Samples:
        """The first samples of a batch."""
        first, t, lengths = self._places("even", rays.size, self.samples)
        chosen = self.samples, self.stratified, self.seed, self.scale
        place_to_ends(rays.ends, rays.pixel, rays.size, *chosen, first, t, lengths)
        return Samples(first, t, lengths, rays.size * self.samples)

    def add(self, rays: RayBatch, found: Samples, values: Any) -> Samples:
        """All samples, of the first ones and the densities there, ``values`` (P, 4)."""
        first, t, lengths = self._places("all", rays.size, self.most)
        weights = self._buffers.at_least("weights_of_even", found.size)
        given = found.t, found.lengths, values, rays.pixel, rays.size, self.samples, self.added
        place_by_weights(*given, self.stratified, self.seed, weights, first, t, lengths)
        return Samples(first, t, lengths, rays.size * self.most)

    def sample(self, rays: RayBatch, function: Any) -> Samples:
        found = self.first(rays)
        rows = found.size
        points, directions, values = (
            self._buffers.at_least(f"{name}_of_even", rows, columns=(columns,))
            for name, columns in (("points", 3), ("directions", 3), ("values", 4))
        )
        place_points(rays.origins, rays.directions, rays.size, found.first, found.t, points, directions)
        coarse = getattr(function, "coarse", None) or function
        for inputs in coarse.inputs:
            inputs.pull()
        coarse.forward(points, directions, values, rows)
        return self.add(rays, found, values)

    def adjoint(
        self, rays: RayBatch, samples: Samples, t_adjoint: Any, lengths_adjoint: Any, ends_adjoint: Any
    ) -> None:
        """Nothing: where samples are is chosen."""

    def _places(self, name, rays, samples):
        first = self._buffers.at_least(f"first_of_{name}", rays + 1, ti.i32)
        return first, *(self._buffers.at_least(f"{each}_of_{name}", rays * samples) for each in ("t", "lengths"))
