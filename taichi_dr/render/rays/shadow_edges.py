"""What the outlines of shadows imply, when they move: gradients of the visibility of lights."""

from typing import Any, NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.scatter import scatter_rows
from taichi_dr.kernels.camera.pack import PACKED
from taichi_dr.kernels.rays import light_places
from taichi_dr.kernels.rays.outlines import Outlines
from taichi_dr.kernels.rays.shadow_edges import ReceiverSums, accumulate, cast, land
from taichi_dr.kernels.rays.solids import COLUMNS
from taichi_dr.kernels.rays.strata import strata
from taichi_dr.render.rays.primary_edges import MOST, add_sums, new_sums

PILOTS = 8  # samples of each outline by which the others are spread
FLOOR = 0.1  # of the samples, spread as the pilots are, whatever those say
BELOW_ONE = 1 - 2**-24
SPREAD = 0.7548776662466927, 0.5698402909980532  # Roberts 2018: even in two dimensions, however many


class Surfaces(NamedTuple):
    """What casts shadows and what they fall on; of the outlines' points the first are the faces' vertices."""

    outlines: Outlines
    kinds: Any  # (S,) i32, of the outlines' solids
    faces: Any  # (F, 3) i32


class ShadowLight(NamedTuple):
    """A light that outlines cast shadows of: at a place (1, 4), in a direction, or a row of the solids."""

    row: int  # -1: none
    middle: Any


def add_shadow_edges(surfaces, film, view, light, image_adjoint, tracing, per_pixel, seed, moved):
    """Adds to ``moved`` what ``image_adjoint`` (V*H*W, C) implies for the shadows of one light in one view.

    Args:
        tracing: has ``closest(origins, directions, ends)``: (what, hits) of rays; and ``lit(view, places, origins,
            directions, what, hits)`` (M, C): what light from places adds to the radiance of the eye's rays that meet
            ``what``, where nothing blocks it.
        per_pixel: samples for each pixel that the shadows' outlines are long.
        seed: of the places of samples.

    Returns the adjoint (3,) of the light's place or direction.
    """
    edges = surfaces.outlines.edges.shape[0]
    spans, lengths = make_array((edges, 2)), make_array((edges,))
    asked = *surfaces.outlines, surfaces.kinds, light.row, light.middle, *film.screen, film.near, view
    light_places.measure(*asked, spans, lengths)
    angles, spans = lengths.to_numpy().astype(np.float64), spans.to_numpy().astype(np.float64)
    even = (angles > 0).astype(np.float64)
    pilots = _Samples(surfaces, film, view, light, spans, even, PILOTS * np.count_nonzero(angles), seed)
    if not pilots.count:
        return np.zeros(3)
    pilots.cast(tracing)
    lengths, pixels = pilots.spread(angles)
    count = min(int(np.ceil(per_pixel * pixels)), MOST)
    samples = _Samples(surfaces, film, view, light, spans, lengths, count, seed + 1)
    if not samples.count:
        return np.zeros(3)
    samples.cast(tracing)
    return samples.accumulate(tracing, image_adjoint, moved)


class _Samples:
    """Places on outlines and on a light, and where the shadow of one by the other is seen."""

    def __init__(self, surfaces, film, view, light, spans, lengths, count, seed):
        self._surfaces, self._film, self._view, self._light = surfaces, film, view, light
        pieces, within, self._each = strata(lengths, count, seed)
        self.count, self._pieces, self._widths = len(pieces), pieces, spans[:, 1] - spans[:, 0]
        if not self.count:
            return
        self._lengths = np.divide(lengths, self._widths, out=np.zeros(len(lengths)), where=self._widths > 0)  # by s
        self._piece = array_from(pieces, ti.i32)
        self._within = array_from(spans[pieces, 0] + within * self._widths[pieces])
        steps = np.arange(self.count)[:, None] * np.array(SPREAD)
        chances = (steps + np.random.default_rng(seed).random(2)) % 1.0
        self._places, self._sides, self._areas = self._rows(4), self._rows(3), self._numbers()
        shining = *surfaces.outlines, surfaces.kinds, light.row, light.middle
        asked = self._piece, self._within, array_from(np.minimum(chances, BELOW_ONE))
        light_places.place(*shining, *asked, self._places, self._sides, self._areas)

    def cast(self, tracing):
        """Finds where light arrives that passes the outlines."""
        surfaces, film = self._surfaces, self._film
        rays = tuple(make_array((2 * self.count, columns)) for columns in (3, 3, 2))
        at = self._piece, self._within, self._places
        cast(*surfaces.outlines, *at, *rays)
        self._met = tracing.closest(*rays)
        self._spots, self._rates, self._pixel = self._rows(6), self._rows(2), self._numbers(ti.i32)
        self._rays = self._rows(3), self._rows(3), self._rows(2)
        written = self._spots, self._rates, self._pixel, *self._rays
        arrays = *surfaces.outlines, surfaces.kinds, surfaces.faces, *film.screen, film.near, film.far, self._view, *at
        land(*arrays, *rays[:2], *self._met, *written)

    def spread(self, angles):
        """(lengths (E,) to spread samples by, pixels): as long as shadows' outlines are on the screen, in the image."""
        rate = np.linalg.norm(self._rates.to_numpy().astype(np.float64), axis=1) * (self._pixel.to_numpy() >= 0)
        asked = np.bincount(self._pieces, minlength=len(angles))
        mean = np.bincount(self._pieces, rate, minlength=len(angles)) / np.maximum(asked, 1)
        mean = np.where(asked > 0, mean * self._widths, 0)
        total = mean.sum()
        if not total > 0:
            return angles, self.count
        lengths = (1 - FLOOR) * mean / total + FLOOR * angles / angles.sum()
        return lengths, total * min(self._film.width, self._film.height) / 2

    def accumulate(self, tracing, image_adjoint, moved):
        """Adds what the samples imply; returns the adjoint (3,) of the light's place."""
        surfaces, film, light = self._surfaces, self._film, self._light
        seen = tracing.closest(*self._rays)
        radiance = tracing.lit(self._view, self._places, *self._rays[:2], *seen)
        sums, receivers = new_sums(self.count), self._receivers()
        lights, packed = self._rows(COLUMNS), self._rows(PACKED)
        accumulate(
            *(*surfaces.outlines, surfaces.kinds, surfaces.faces, *film.screen, self._view, light.row),
            *(self._piece, self._within, array_from(self._lengths), self._each),
            *(self._places, self._sides, self._areas, self._spots, self._rates, self._pixel, self._rays[0]),
            *(*self._met, *seen, radiance, image_adjoint, *sums, *receivers, lights, packed),
        )
        add_sums(sums, moved)
        scatter_rows(receivers.corners, receivers.corner_owner, moved.points)
        scatter_rows(receivers.solid, receivers.solid_owner, moved.solids)
        scatter_rows(packed, array_from(np.full(self.count, self._view), ti.i32), moved.camera)
        if light.row >= 0:
            scatter_rows(lights, array_from(np.full(self.count, light.row), ti.i32), moved.solids)
        return lights.to_numpy()[:, :3].sum(axis=0, dtype=np.float64)

    def _receivers(self):
        return ReceiverSums(
            make_array((3 * self.count, 3)),
            make_array((3 * self.count,), ti.i32),
            self._rows(COLUMNS),
            self._numbers(ti.i32),
        )

    def _rows(self, columns):
        return make_array((self.count, columns))

    def _numbers(self, dtype=None):
        return make_array((self.count,), dtype)
