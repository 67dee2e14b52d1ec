"""Marching for functions that have no code to be put into a kernel: in lock-step, all rays at once.

Every step evaluates the function at the points of the rays that are still on their way, and of no others: rays that
have met something, or have left, are dropped.  Cones through blocks of pixels go first, and all rays of a block begin
where the surface may be inside of its cone.
"""

from abc import ABC
from functools import cached_property
from typing import Any

import taichi as ti

from taichi_dr.implicit.function import DistanceFunction
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.march import wavefront as kernels
from taichi_dr.kernels.march.bracket import NARROWINGS, PROBES
from taichi_dr.kernels.march.settings import LAYERS
from taichi_dr.kernels.march.wavefront import COLUMNS, DEEPEST, T


class WavefrontFunction(DistanceFunction, ABC):
    """A distance that is marched by ``forward`` alone, many points at once."""

    def trace(self, rays: Any, march: Any, start: Any, met: Any) -> None:
        """Fills ``met``; ``start`` gets how far the rays of every block may go at once."""
        eye, lens = (rays.camera, rays.orthographic), (march.near, march.far)
        view, wave = (*eye, rays.width, rays.height), self._wave
        state, keep = wave.begin(start.shape[0])
        kernels.begin_cones(*rays.flat(), *lens, state, start, keep)
        for active, count, _ in wave.steps(march.limit):
            values = self._where_they_are(view, active, count, wave.all(start.shape[0]), T, is_cone=True)
            kernels.advance_cones(*view, active, count, values, march.scale, march.width, state, start, keep)
        pixels = met.status.shape[0]
        state, keep = wave.begin(pixels)
        kernels.begin_pixels(*rays.flat(), *lens, start, state, *met, keep)
        for active, count, is_last in wave.steps(march.limit):
            values = self._where_they_are(view, active, count, wave.all(pixels), T)
            told = values, march.scale, march.width, int(is_last)
            kernels.advance_pixels(*view, active, count, *told, state, *met, keep)
        kernels.begin_settling(met.status, keep)
        for active, count, _ in wave.steps(1):
            values = self._where_they_are(view, active, count, wave.all(pixels), DEEPEST)
            kernels.settle(*view, active, count, values, march.scale, march.width, state, *met)

    def follow(self, rays: Any, march: Any, met: Any, grazing: Any, count: int, layers: Any) -> None:
        """Fills ``layers`` of the rays of the ``grazing`` pixels; adds to ``met.evaluations``."""
        view, wave = (rays.camera, rays.orthographic, rays.width, rays.height), self._wave
        state, keep = wave.begin(count)
        surface, closest, found = layers
        bracket = wave.bracket(LAYERS * count)
        kernels.begin_grazing(*rays.flat(), march.far, grazing, count, met.t, state, found, bracket, keep)
        for active, alive, is_last in wave.steps(4 * march.limit):
            values = self._where_they_are(view, active, alive, grazing, T)
            told = values, march.scale, march.width, int(is_last)
            out = surface, closest, found, bracket, met.evaluations
            kernels.advance_grazing(*view, grazing, active, alive, *told, state, *out, keep)
        pixels = wave.ints("pixels", LAYERS * count)
        _, keep = wave.begin(LAYERS * count)
        kernels.begin_closing(bracket, grazing, pixels, LAYERS * count, keep)
        self._close(view, pixels, bracket, surface, closest, met.evaluations)

    def approach(self, rays: Any, march: Any, t: Any) -> None:
        """Writes where every ray comes closest to the surface, or deepest into it."""
        view, wave = (rays.camera, rays.orthographic, rays.width, rays.height), self._wave
        pixels = t.shape[0]
        state, keep = wave.begin(pixels)
        kernels.begin_approach(*rays.flat(), march.near, march.far, state, pixels, keep)
        for active, count, _ in wave.steps(march.limit):
            values = self._where_they_are(view, active, count, wave.all(pixels), T)
            kernels.advance_approach(*view, active, count, values, march.scale, state, keep)
        bracket, unused = wave.bracket(pixels), wave.ints("unused_evaluations", pixels)
        kernels.copy_best(state, t)
        kernels.bracket_approach(state, pixels, bracket, keep)
        self._close(view, wave.all(pixels), bracket, t, t, unused)

    def _close(self, view, pixels, bracket, surface, closest, evaluations):
        """The closest points within the brackets of the rays that are kept."""
        for active, count, is_last in self._wave.steps(NARROWINGS):
            values = self._probe(view, active, count, pixels, bracket)
            out = bracket, surface, closest, evaluations, self._wave.keep
            kernels.narrow(*view, active, count, values, pixels, int(is_last), *out)

    def _where_they_are(self, view, active, count, pixels, column, is_cone=False):
        """Of the function, where the active rays are."""
        points = self._wave.points(count)
        kernels.place(*view, active, count, pixels, self._wave.state, column, is_cone, points)
        return self._evaluated(points, count)

    def _probe(self, view, active, count, pixels, bracket):
        points = self._wave.points(PROBES * count)
        kernels.place_probes(*view, active, count, pixels, bracket, points)
        return self._evaluated(points, PROBES * count)

    def _evaluated(self, points, count):
        values = self._wave.values(count)
        self.forward(points, values, count)
        return values

    @cached_property
    def _wave(self):
        return Wave()


class Wave:
    """The rays that march together: their state, which of them are on their way, and scratch."""

    def __init__(self):
        self._buffers = Buffers()

    def begin(self, count):
        """State (at least count, COLUMNS) of so many rays, and what of them to keep; written by who begins."""
        self.count = count
        self.state = self._buffers.at_least("state", count, columns=(COLUMNS,))
        self.keep = self.ints("keep", count)
        return self.state, self.keep

    def steps(self, limit):
        """(active, count, is_last) of every step, until none of the rays is kept: at most ``limit`` of them."""
        active, kept = self.ints("active", self.count), self.ints("kept", self.count)
        block = self.ints("block", kernels.chunks(self.count) + 1)
        count = kernels.compact(self.all(self.count), self.keep, self.count, block, active)
        for step in range(limit):
            if count == 0:
                return
            yield active, count, step == limit - 1
            if step < limit - 1:
                count = kernels.compact(active, self.keep, count, block, kept)
                active, kept = kept, active

    def all(self, count):
        """0, 1, ..."""
        return self._buffers.counting("all", count)

    def ints(self, name, count):
        """Whole numbers by name."""
        return self._buffers.at_least(name, count, ti.i32)

    def bracket(self, count):
        """Ends of the stretches that closest points are in."""
        return self._buffers.at_least("bracket", count, columns=(kernels.BRACKET,))

    def points(self, count):
        """Where the function is asked for."""
        return self._buffers.at_least("points", count, columns=(3,))

    def values(self, count):
        """What it says."""
        return self._buffers.at_least("values", count, columns=(1,))
