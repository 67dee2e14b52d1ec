"""Posed images to a radiance grid: from coarse to fine, pruned as it goes."""

import math
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates, maximum_filter
from scipy.special import logit

from taichi_dr.errors import GradientError
from taichi_dr.implicit.radiance.grid import Grid
from taichi_dr.io.images import linear_to_srgb
from taichi_dr.jobs.reconstruct.checkpoint import count, number, or_none
from taichi_dr.jobs.reconstruct.grid_start import Nodes, surface_distances
from taichi_dr.jobs.reconstruct.radiance.grid_fit import GridFit, Photographs
from taichi_dr.jobs.reconstruct.radiance.kind import RadianceReconstruction, Seen
from taichi_dr.jobs.reconstruct.result_start import check_result, colors_near, start_mesh
from taichi_dr.jobs.reconstruct.silhouettes import has_silhouettes
from taichi_dr.jobs.reconstruct.view_groups import unit_camera
from taichi_dr.kernels.radiance_grid.fit import TILE

BETWEEN_RECORDS = 10  # steps
ALLOWED = 0.1  # of the occupancy that silhouettes leave, beside which there is nothing
ROOM = 2  # of its cells, around the hull: at its border a grid is empty
MOST = 800  # pixels: a finer grid than such pictures ask for would take gigabytes
SEEDS = 1_000_003
FINEST = 1.04
"""The spacing at last, in pixels as far away as the middle: finer ones are noise."""
LAST_RATE = 0.05  # of the first one
DENSITY_RATE = 4.0  # of that of colours
PRUNED, REFINED = 0.05, 0.2
"""Weights below which a vertex is left out, within a level and from one to the next."""

AROUND, WITHIN = 3.0, 0.5
"""Cells: how far beyond a surface to begin with there may be something, and how far there is."""

DENSE = 1.0
"""The density number within it: three quarters of the light are lost in a cell."""

CONSTANT = 0.5 / math.sqrt(math.pi)
"""The first spherical harmonic."""

FAINTEST = 0.02  # of colours to begin with: of none and of full ones the logarithm of the odds is infinite

KEPT: dict[str, Any] = dict.fromkeys(("level", "within", "weighed", "step", "rays"), count)
KEPT |= {"entered": number, "error": number, "seconds": number}
"""What ``state`` keeps of a run, and how it is read."""


@dataclass(frozen=True)
class Level:
    """From fraction ``start`` of the budget on, cells ``coarser`` times as large as the finest."""

    start: float
    coarser: float


ENOUGH = 15
"""Times that a level but the last one looks at every pixel: more does not make it better."""

LEVELS = Level(0.0, 3.4), Level(0.1, 1.7), Level(0.3, 1.0)
FOG = 0.15
"""Of a level: at first everything is fog, whose weights say nothing."""


class GridReconstruction(RadianceReconstruction):
    """Density and colour on a grid around the object."""

    SHARED = True

    def __init__(self, settings, train, fit):
        super().__init__(settings, train, fit)
        if not has_silhouettes(train):
            warnings.warn(
                "--as grid ends at a box, and these images have no alpha: what they show behind it will be pressed into"
                " the box; --as hash is for photographs",
                stacklevel=2,
            )
        self._changed, self._rays, self._seconds, self._error, self._shown = False, 0, 0.0, None, {}

    @staticmethod
    def check(settings):
        """Raises FileError if the result to start from is none."""
        if settings.init is not None:
            check_result(settings.init)

    @property
    def plan(self):
        """A line on what will be done."""
        sides = " × ".join(map(str, self._shape(LEVELS[-1])))
        return f"a grid of {sides} vertices at last, spherical harmonics of degree {self._settings.degree}"

    @property
    def caption(self):
        """Size of the grid, PSNR of the training pixels and rays per second, for the progress display."""
        grid = self._fit.grid
        text = f"{' × '.join(map(str, grid.shape))}, {grid.count:,} vertices"
        if self._error:
            text += f", PSNR {-10 * math.log10(self._error):.1f} dB, {self._rays / self._seconds / 1e3:.0f}k rays/s"
        return text

    def start(self):
        """Begins with fog wherever the silhouettes allow anything, or with another's surface and its colours."""
        self._level, self._entered, self._within, self._weighed, self._step = 0, 0.0, 0, None, 0
        self._photographs = self._look()
        spacing, (low, _) = self._spacing(LEVELS[0]), self._box()
        shape = self._shape(LEVELS[0])
        axes = [low[k] + spacing * np.arange(n) for k, n in enumerate(shape)]
        places = self._scene.to_world(np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1).T)
        places = ((places - self._scene.origin) / self._scene.spacing).T.reshape(3, *shape)
        allowed = map_coordinates(maximum_filter(self._scene.occupancy, 3), places, order=1, mode="nearest") > ALLOWED
        if self._settings.init is None:
            grid = Grid.of_shape(shape, low, spacing, self._settings.degree, allowed)
        else:
            grid = self._of_result(Nodes(tuple(low.tolist()), spacing, shape), allowed)
        self._fit = GridFit(grid, self._photographs, self.ranks)

    def _of_result(self, nodes, allowed):
        """A grid that is dense within another's surface, of its colours, and fog around it."""
        mesh = start_mesh(self._settings.init, self._scene, self._train)
        distances = surface_distances(mesh, nodes)
        allowed &= distances < AROUND * nodes.spacing
        grid = Grid.of_shape(nodes.shape, nodes.lower, nodes.spacing, self._settings.degree, allowed)
        vertices = grid.vertices()
        numbers = grid.numpy()
        numbers[distances[tuple(vertices.T)] < WITHIN * nodes.spacing, -1] = DENSE
        colors = linear_to_srgb(colors_near(mesh, nodes.positions()[tuple(vertices.T)]))
        numbers[:, :3] = logit(np.clip(colors, FAINTEST, 1 - FAINTEST)) / CONSTANT
        grid.set(numbers)
        return grid

    def changed(self):
        """Whether a new level has begun since this was last asked."""
        changed, self._changed = self._changed, False
        return changed

    def step(self, fraction):
        """One step over tiles of all views, at this fraction of the budget; the mean squared error every few steps.

        Raises:
            GradientError: the error is not finite.
        """
        began = time.monotonic()
        self._advance(fraction)
        settings = self._settings
        rate = settings.lr * LAST_RATE**fraction
        tiles = self._photographs.batch(settings.seed, self._step, settings.tiles)
        seed = (settings.seed * SEEDS + self._step) % 2**31
        error = self._fit.step(tiles, seed, (rate, DENSITY_RATE * rate), (settings.smoothness,) * 2)
        if not math.isfinite(error):
            raise GradientError("the error of the pictures is not finite; a smaller --lr may avoid that")
        self._step += 1
        self._rays += len(tiles) * TILE**2
        self._seconds += time.monotonic() - began
        self._error = error if self._error is None else 0.95 * self._error + 0.05 * error
        return {"squared error": self._error} if self._step % BETWEEN_RECORDS == 0 else None

    def describe(self):
        """What ``metrics.json`` says about the model."""
        grid = self._fit.grid
        return {
            "grid": list(grid.shape),
            "vertices": grid.count,
            "cells": int(grid.cells.sum()),
            "spacing": grid.spacing * self._scene.radius,
            "degree": grid.degree,
            "rays_per_second": round(self._rays / self._seconds) if self._seconds else 0,
        }

    def state(self):
        """Level and step, and every array that the next steps depend on."""
        header, arrays = self._fit.state()
        own = {name: getattr(self, f"_{name}") for name in KEPT}
        return own | {"fit": header}, arrays

    def restore(self, header, arrays):
        """Begins where ``state`` left off."""
        self._level = count(header, "level", len(LEVELS) - 1)
        self._photographs = self._look()
        self._fit = GridFit.restored(self._photographs, header["fit"], arrays, self.ranks)
        for name, read in KEPT.items():
            setattr(self, f"_{name}", or_none(read, header, name))
        self._changed = False

    @staticmethod
    def drawing(arrays):
        """A function that gives the ``Seen`` of posed images' cameras, from what ``_field`` returned."""
        return _Drawing(Grid.from_arrays(arrays))

    @staticmethod
    def density(arrays):
        """``(at, low, high)`` as ``density_mesh`` takes them, from what ``_field`` returned."""
        grid = Grid.from_arrays(arrays)
        low = np.array(grid.lower)
        return grid.at, low, low + grid.spacing * (np.array(grid.shape) - 1)

    def _seen(self, posed):
        if id(posed) not in self._shown:  # a camera for every picture would cost compiling
            self._shown[id(posed)] = posed, unit_camera(posed)
        return _seen(self._fit.grid, posed, self._shown[id(posed)][1])

    def _at(self, points, directions):
        return self._fit.grid.at(points, directions)

    def _field(self):
        arrays = self._fit.grid.arrays()
        return arrays | {"numbers": arrays["numbers"].astype(np.float16)}  # 1e-3 of them: less than a picture's bytes

    def _box(self):
        center, half = self._scene.hull_extent()
        half = half + ROOM * self._scene.spacing / self._scene.radius
        return center - half, center + half

    def _spacing(self, level):
        """In the unit scene."""
        if self._settings.resolution is not None:
            low, high = self._box()
            return level.coarser * float((high - low).max()) / (self._settings.resolution - 1)
        distance = np.linalg.norm(self._train.camera_to_world[:, :3, 3], axis=1)
        size = min(1.0, (self._settings.size or MOST) / max(self._train.height, self._train.width))
        return level.coarser * FINEST * float(np.median(distance / self._train.focal[:, 0])) / size

    def _look(self):
        """The photographs of the level: pixels are about as large as cells."""
        own = max(self._train.height, self._train.width)
        size = min(own, self._settings.size or own) / LEVELS[self._level].coarser
        return Photographs(self._train.resized(max(TILE, round(size))))

    def _shape(self, level):
        low, high = self._box()
        return tuple((np.ceil((high - low) / self._spacing(level)).astype(int) + 1).tolist())

    def _advance(self, fraction):
        """Begins the next level if its time has come, and leaves out cells once every pixel has had its say."""
        if self._left(fraction) <= 0 and self._level + 1 < len(LEVELS):
            self._level, self._entered, self._within, self._weighed = self._level + 1, fraction, 0, None
            self._changed, self._photographs = True, self._look()
            self._fit.refine(self._photographs, self._spacing(LEVELS[self._level]), REFINED)
        epoch, left = self._epoch(), self._left(fraction)
        if self._weighed is not None and self._weighed >= epoch:
            self._fit.prune(PRUNED)
            self._weighed = None
        if self._weighed is None and left > epoch and self._within > FOG * (self._within + left):
            self._fit.grid.forget_weights()
            self._weighed = 0
        self._within += 1
        if self._weighed is not None:
            self._weighed += 1

    def _epoch(self):
        """Steps until every pixel has been looked at."""
        return math.ceil(len(self._photographs.tiles) / self._settings.tiles)

    def _left(self, fraction):
        """Steps that the level has left, by its pace so far: many, as long as nothing is known of it."""
        last = self._level + 1 == len(LEVELS)
        share = (1.0 if last else LEVELS[self._level + 1].start) - fraction
        passed = fraction - self._entered
        by_budget = share * self._within / passed if passed > 0 else math.copysign(math.inf, share)
        return by_budget if last else min(by_budget, ENOUGH * self._epoch() - self._within)


class _Drawing:
    """Pictures of a grid by itself."""

    def __init__(self, grid):
        self._grid = grid

    def __call__(self, posed):
        return _seen(self._grid, posed, unit_camera(posed))


def _seen(grid, posed, camera):
    picture = grid.render(camera, (posed.height, posed.width))
    return Seen(picture.color, picture.alpha, picture.depth)
