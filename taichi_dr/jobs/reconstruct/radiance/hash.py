"""Posed images to a hash grid with small networks."""

import math
import time

import numpy as np
from scipy.ndimage import map_coordinates, maximum_filter

from taichi_dr.errors import GradientError
from taichi_dr.implicit.radiance.hash_nerf import HashNeRF
from taichi_dr.jobs.reconstruct.checkpoint import count, number, or_none
from taichi_dr.jobs.reconstruct.radiance.batches import PixelBatches
from taichi_dr.jobs.reconstruct.radiance.exposure import Exposure
from taichi_dr.jobs.reconstruct.radiance.hash_fit import HashFit
from taichi_dr.jobs.reconstruct.radiance.kind import RadianceReconstruction
from taichi_dr.jobs.reconstruct.radiance.march import Drawing
from taichi_dr.jobs.reconstruct.radiance.space import CELLS, FarSpace, cells_in_view, space_from, space_of
from taichi_dr.render.volume.occupancy import grid_shape

BETWEEN_RECORDS = 10  # steps
LAST_RATE = 0.05  # of the first one
STEP = 1.25
"""Length of a sample, in pixels as far away as the middle."""

MARGIN = 2  # cells of the occupancy grid around what silhouettes allow
ALLOWED = 0.1  # of the occupancy that silhouettes leave, beside which there is nothing
SIZES = "levels", "width", "coarsest", "finest"


class HashReconstruction(RadianceReconstruction):
    """A ``HashNeRF`` in the box around the object."""

    def __init__(self, settings, train, fit):
        super().__init__(settings, train, fit)
        self._rays, self._seconds, self._error = 0, 0.0, None
        self._space = space_of(settings.space, train, self._box())

    @staticmethod
    def check(settings):
        """Nothing but the settings themselves can be wrong."""

    @property
    def plan(self):
        """A line on what will be done."""
        s = self._settings
        grids = f"{s.levels} grids of {s.coarsest} to {s.finest} cells, {s.width} numbers at their points"
        return f"{grids}, {self._space.words(self._scene)}"

    @property
    def caption(self):
        """PSNR of the training pixels, how full the box is, and rays per second, for the progress display."""
        text = f"{self._occupied:.1%} of the box"
        if self._error:
            text += f", PSNR {-10 * math.log10(self._error):.1f} dB, {self._rays / self._seconds / 1e3:.0f}k rays/s"
        return text

    def start(self):
        """Begins with fog wherever the silhouettes allow anything."""
        self._begin(self._new_field())

    def _new_field(self):
        s = self._settings
        sizes = {name: getattr(s, name) for name in SIZES}
        return HashNeRF(self._space.bounds, **sizes, most_rows=1 << s.log2_rows, seed=s.seed)

    def _begin(self, field):
        settings, space = self._settings, self._space
        self._field_now, self._batches = field, PixelBatches(self._train, [settings.seed])
        sampler = space.sampler(self._step_length(), self._cells())
        exposure = Exposure(len(self._train)) if settings.exposure else None
        distortion = space.DISTORTION if settings.distortion is None else settings.distortion
        self._fit = HashFit(field, space, sampler, settings.samples, distortion, settings.seed, exposure)
        self._drawing = Drawing(space.seen_through(field), sampler, space.rays())
        self._occupied = float(sampler.occupied.mean())

    def changed(self):
        """Never."""
        return False

    def step(self, fraction):
        """One step over pixels of all views, at this fraction of the budget; the mean squared error every few steps.

        Raises:
            GradientError: the error is not finite.
        """
        began, fit = time.monotonic(), self._fit
        batch = self._batches.at(fit.steps, fit.rays)
        random = np.random.default_rng([self._settings.seed, fit.steps, 1])
        backgrounds = random.random(batch.origins.shape, np.float32)
        error = fit.step(batch, backgrounds, self._settings.lr * LAST_RATE**fraction)
        if not math.isfinite(error):
            raise GradientError("the error of the pictures is not finite; a smaller --lr may avoid that")
        self._rays += len(backgrounds)
        self._seconds += time.monotonic() - began
        self._error = error if self._error is None else 0.98 * self._error + 0.02 * error
        if fit.steps % BETWEEN_RECORDS:
            return None
        self._occupied = float(fit.sampler.occupied.mean())
        return {"squared error": self._error}

    def describe(self):
        """What ``metrics.json`` says about the model."""
        field = self._field_now
        exposure = self._fit.exposure
        own = {"gains": dict(zip(self._train.names, exposure.gains.round(4).tolist(), strict=True))} if exposure else {}
        return own | {
            "space": self._space.NAME,
            "levels": [int(n) for n in field.cells],
            "rows": field.fields.arrays["table"].shape[0],
            "numbers": sum(math.prod(array.shape) for array in field.fields.arrays.values()),
            "occupied": self._occupied,
            "samples_per_ray": self._fit.samples_seen / max(self._rays, 1),
            "rays_per_second": round(self._rays / self._seconds) if self._seconds else 0,
        }

    def state(self):
        """Everything that the next steps depend on."""
        header, arrays = self._fit.state()
        return {name: getattr(self, f"_{name}") for name in ("error", "rays", "seconds")} | {"fit": header}, arrays

    def restore(self, header, arrays):
        """Begins where ``state`` left off."""
        self._begin(self._new_field())
        self._fit.restore(header["fit"], arrays)
        self._error = or_none(number, header, "error")
        self._rays, self._seconds = count(header, "rays"), number(header, "seconds")
        self._occupied = float(self._fit.sampler.occupied.mean())

    @staticmethod
    def drawing(arrays):
        """A function that gives the ``Seen`` of posed images' cameras, from what ``_field`` returned."""
        field = HashNeRF.from_arrays(arrays)
        space = space_from(arrays, field.bounds)
        sampler = space.sampler(float(arrays["step"]))
        sampler.restore(arrays["densities"], 1)
        return Drawing(space.seen_through(field), sampler, space.rays())

    @staticmethod
    def density(arrays):
        """``(at, low, high)`` as ``density_mesh`` takes them, from what ``_field`` returned."""
        field = HashNeRF.from_arrays(arrays)
        space = space_from(arrays, field.bounds)
        return space.seen_through(field).at, *space.middle()

    def _seen(self, posed):
        return self._drawing(posed)

    def _at(self, points, directions):
        return self._space.seen_through(self._field_now).at(points, directions)

    def _field(self):
        sampler = self._fit.sampler
        own = {"densities": sampler.densities, "step": np.array(sampler.step)}
        return self._field_now.arrays() | own | self._space.arrays()

    def _box(self):
        center, half = self._scene.hull_extent()
        half = half + MARGIN * 2 * half.max() / CELLS
        return center - half, center + half

    def _step_length(self):
        """In the unit scene."""
        distance = np.linalg.norm(self._train.camera_to_world[:, :3, 3], axis=1)
        return STEP * float(np.median(distance / self._train.focal[:, 0]))

    def _cells(self):
        """(nx, ny, nz): the cells that silhouettes allow something in, or in all of space those that are seen."""
        if isinstance(self._space, FarSpace):
            return cells_in_view(self._train, self._space)
        low, high = self._box()
        shape = grid_shape((low, high), CELLS)
        axes = [a + (b - a) * (np.arange(n) + 0.5) / n for a, b, n in zip(low, high, shape, strict=True)]
        places = self._scene.to_world(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))
        places = ((places - self._scene.origin) / self._scene.spacing).T
        hull = map_coordinates(maximum_filter(self._scene.occupancy, 3), places, order=1, mode="nearest")
        return (hull > ALLOWED).reshape(shape)
