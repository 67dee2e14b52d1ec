"""Gradients of visibility: of what is seen, and of which lights are."""

from types import SimpleNamespace

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array, write_array
from taichi_dr.kernels.rays.lit import add_alpha, leave_alone, shine
from taichi_dr.kernels.rays.shade import shade
from taichi_dr.kernels.rays.sums import place_rows
from taichi_dr.kernels.rays.surface import SEEN, see
from taichi_dr.kernels.shading.light import AMBIENT, DIRECTIONAL
from taichi_dr.render.rays.mirrors import mirrors
from taichi_dr.render.rays.primary_edges import Film, add_primary_edges
from taichi_dr.render.rays.shadow_edges import ShadowLight, Surfaces, add_shadow_edges

SOFT = 16  # times the samples of a hard shadow's outline: those of a soft one are all over its penumbra
SLOT = -2  # of ``Paths``, for rays beside outlines


class Boundary:
    """Samples the outlines of a scene's things, and of the shadows that they throw."""

    def __init__(self, things, casting, paths, lights, outlines):
        self._things, self._casting, self._paths, self._lights = things, casting, paths, lights
        self._outlines = outlines

    def adjoint(self, shot, views, element, ground, rgba_adjoint):
        """Adds what ``rgba_adjoint`` (V*H*W, 4) implies, by visibility, to the inputs' adjoints.

        ``views``: that see ``element`` of batches.  ``ground`` (1, 3): what is behind everything.
        """
        if not len(self._outlines.edges):
            return
        outlines, folds = self._outlines.pull()
        moved = self._outlines.new_moved(shot.camera_adjoint)
        camera = shot.camera
        film = Film(shot.camera_array, camera.is_orthographic, shot.width, shot.height, camera.near, camera.far)
        surfaces = Surfaces(outlines, self._things.kinds, self._things.surfaces.faces)
        each = shot.samples[0] * shot.samples[1]
        pairs = _Pairs(self._paths, ground, shot.is_behind_shown)
        for view in views:
            add_primary_edges(outlines, folds, film, view, rgba_adjoint, pairs, each, shot.seed, moved)
            for light, source, add in self._sources():
                tracing = _Tracing(self._things, self._casting, source)
                count = each if light.row < 0 else SOFT * each
                add(add_shadow_edges(surfaces, film, view, light, rgba_adjoint, tracing, count, shot.seed, moved))
        for mirror in mirrors(self._things) if self._paths.bounces else ():
            in_mirror = mirror.film(film), make_array(shot.camera_adjoint.shape)
            for view in views:
                given = in_mirror[0], view, rgba_adjoint, mirror.pairs(pairs), each, shot.seed
                add_primary_edges(outlines, folds, *given, moved._replace(camera=in_mirror[1]))
            of_camera, of_mirror = mirror.push(in_mirror[1])
            _add(shot.camera_adjoint, slice(None), of_camera)
            _add(moved.solids, mirror.row, of_mirror)
        self._outlines.push(moved, element)

    def _sources(self):
        """(``ShadowLight``, what shades by it, what takes its place's adjoint) of every light that throws shadows."""
        lights = self._lights
        kinds, vectors = lights.kinds.to_numpy(), lights.arrays[1].to_numpy()[:, :3].astype(np.float64)
        for k in np.flatnonzero((kinds != AMBIENT) & ((kinds != DIRECTIONAL) | vectors.any(axis=1))):
            scale = np.linalg.norm(vectors[k]) if kinds[k] == DIRECTIONAL else 1.0
            middle = array_from([[*(vectors[k] / scale), float(kinds[k] != DIRECTIONAL)]])
            yield ShadowLight(-1, middle), _Lamp(lights, int(k)), _Adds(lights, int(k), scale)
        solids = self._things.surfaces.solids.to_numpy()
        for row in self._things.rows_of_lights:
            middle = array_from([[*solids[row, :3], 1.0]])
            yield ShadowLight(row, middle), _Shine(row), _nothing


def _nothing(adjoint):
    """An area light's place is its solid's, to which was added."""


class _Adds:
    """Adds to the adjoint of a light's place or direction."""

    def __init__(self, lights, row, scale):
        self._lights, self._row, self._scale = lights, row, scale

    def __call__(self, adjoint):
        _add(self._lights.adjoints[1], (self._row, slice(3)), adjoint / self._scale)


def _add(array, rows, values):
    numbers = array.to_numpy()
    numbers[rows] += values
    write_array(array, numbers)


class _Pairs:
    """Traces rays two by two, with the same random numbers."""

    def __init__(self, paths, ground, shown):
        self._paths, self._ground, self._shown = paths, ground, shown

    @property
    def levels(self):
        """Of what was traced last."""
        return self._paths.levels

    def __call__(self, origins, directions, ends):
        count = origins.shape[0]
        level = self._paths.begin(count, SLOT)
        for source, target in ((origins, level.origins), (directions, level.directions), (ends, level.ends)):
            place_rows(source, 0, count, target, 0, 0)
        path = np.zeros(level.path.shape[0], np.int32)
        path[:count] = np.arange(count) // 2
        write_array(level.path, path)
        self._paths.trace(self._ground)
        rgba = make_array((count, 4))
        add_alpha(level.radiance, level.what, count, self._shown, rgba)
        return rgba, level.what, level.hits


class _Tracing:
    """What ``add_shadow_edges`` asks, for one light."""

    def __init__(self, things, casting, source):
        self._things, self._casting, self._source = things, casting, source

    def closest(self, origins, directions, ends):
        """(what, hits) of rays."""
        count = origins.shape[0]
        met = make_array((count,), ti.i32), make_array((count, 3))
        rays = {"origins": origins, "directions": directions, "ends": ends, "count": count}
        self._casting.closest(SimpleNamespace(what=met[0], hits=met[1], **rays))
        return met

    def lit(self, view, places, origins, directions, what, hits):
        """(M, 4) of what the light at ``places`` adds to pixels that see ``what``."""
        count, surfaces = places.shape[0], self._things.surfaces
        seen, local, rgba = make_array((count, SEEN)), make_array((count, 3)), make_array((count, 4))
        see(what, hits, origins, directions, count, *surfaces, seen)
        self._source.shade(surfaces, what, directions, seen, places, local)
        leave_alone(what, surfaces.objects, surfaces.materials, local, count, rgba)
        return rgba


class _Lamp:
    """A light without an area, unblocked."""

    def __init__(self, lights, row):
        kind = array_from(lights.kinds.to_numpy()[row : row + 1], ti.i32)
        self._arrays = (kind, *(make_array((1, array.shape[1])) for array in lights.arrays))
        for array, own in zip(lights.arrays, self._arrays[1:], strict=True):
            place_rows(array, row, 1, own, 0, 0)

    def shade(self, surfaces, what, directions, seen, places, local):
        """Writes ``local`` (M, 3)."""
        count = places.shape[0]
        unblocked = make_array((1, count), ti.i32)
        shade(what, directions, seen, count, surfaces.objects, surfaces.materials, *self._arrays, unblocked, local)


class _Shine:
    """Each place of an area light, unblocked."""

    def __init__(self, row):
        self._row = row

    def shade(self, surfaces, what, directions, seen, places, local):
        """Writes ``local`` (M, 3), for each unit of the light's area."""
        things = surfaces.objects, surfaces.materials, surfaces.solids, surfaces.kinds
        shine(what, seen, places.shape[0], *things, self._row, places, local)
