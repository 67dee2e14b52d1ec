"""Posed images to NeRF: a coarse and a fine network, trained on random pixels."""

import math
import time

import numpy as np

from taichi_dr.errors import GradientError
from taichi_dr.implicit.bounds import Unbounded
from taichi_dr.implicit.radiance.nerf import NeRF
from taichi_dr.jobs.reconstruct.checkpoint import count, number, or_none
from taichi_dr.jobs.reconstruct.radiance.batches import PixelBatches
from taichi_dr.jobs.reconstruct.radiance.kind import RadianceReconstruction, Seen
from taichi_dr.jobs.reconstruct.radiance.space import FarSpace, space_from, space_of
from taichi_dr.kernels.volume.guided import HORIZON
from taichi_dr.render.volume.nerf_fit import KnownRays, NeRFFit
from taichi_dr.render.volume.render_rays import render_rays

BETWEEN_RECORDS = 10  # steps
LAST_RATE = 0.1  # of the first one
MARGIN = 1.1  # around what the cameras leave room for
NEAREST = 1e-3
CROP = 0.5  # of the pictures' sides, that the first steps look at
SEEDS = 1_000_003
MOST_SAMPLES = 1 << 16  # of a ray, in a file: a hundred times what they say
KEPT = {"step": count, "error": number, "rays": count, "seconds": number}
"""What ``state`` keeps of a run, and how it is read."""


class NeRFReconstruction(RadianceReconstruction):
    """The networks of NeRF within a box around the object."""

    def __init__(self, settings, train, fit):
        largest = settings.size or max(train.height, train.width)
        share = min(1.0, largest / max(train.height, train.width))
        if share < 1:
            train = train.resized((round(share * train.height), round(share * train.width)))
        super().__init__(settings, train, fit)
        self._changed, self._factor = False, 1.0
        self._space = space_of(settings.space, train, self._box())

    @staticmethod
    def check(settings):
        """Nothing but the settings themselves can be wrong."""

    @property
    def plan(self):
        """A line on what will be done."""
        settings = self._settings
        return (
            f"two networks of {settings.depth} × {settings.width}, {settings.rays} rays × ({settings.samples} +"
            f" {settings.samples + settings.added}) samples a step, {self._space.words(self._scene)}"
        )

    @property
    def caption(self):
        """PSNR of the training pixels and rays per second, for the progress display."""
        if not self._error:
            return "networks"
        return f"PSNR {-10 * math.log10(self._error):.1f} dB, {self._rays / self._seconds:.0f} rays/s"

    def start(self):
        """Begins with random networks."""
        settings = self._settings
        hidden = (settings.width,) * settings.depth
        skips = (settings.depth // 2 + 1,) if settings.depth > 4 else ()
        nerf = NeRF(
            settings.frequencies,
            hidden=hidden,
            skips=skips,
            features=settings.width,
            color_hidden=(settings.width // 2,),
            coarse=settings.added > 0,
            seed=settings.seed,
        )
        self._begin(nerf)
        self._step, self._error, self._rays, self._seconds = 0, None, 0, 0.0

    def _begin(self, nerf):
        settings, train = self._settings, self._train
        self._nerf = nerf
        options = {"lr": settings.lr, "schedule": lambda step: self._factor} | _far(self._space)
        self._fit = NeRFFit(nerf, settings.samples, settings.added, noise=settings.noise, **options)
        middle = np.zeros((len(train), train.height, train.width), bool)
        top, left = (int(length * (1 - CROP) / 2) for length in (train.height, train.width))
        middle[:, top : train.height - top, left : train.width - left] = True
        seed = [settings.seed]
        self._middle, self._pixels = PixelBatches(train, seed, middle), PixelBatches(train, seed)

    def changed(self):
        """Whether the steps have begun to look at whole pictures since this was last asked."""
        changed, self._changed = self._changed, False
        return changed

    def step(self, fraction):
        """One step of Adam on random pixels; the mean squared error every few steps.

        Raises:
            GradientError: the error is not finite.
        """
        began, settings = time.monotonic(), self._settings
        self._factor = LAST_RATE**fraction
        self._changed = self._changed or self._step == settings.warm_up > 0
        pixels = self._middle if self._step < settings.warm_up else self._pixels
        batch = pixels.at(self._step, settings.rays)
        near, far = self._ends(batch.origins, batch.directions)
        met = near < far
        if met.any():
            rays = self._known(batch, np.stack([near, far], axis=1))
            error = self._fit.step(
                KnownRays(*(each[met] for each in rays)), (settings.seed * SEEDS + self._step) % 2**30
            )
            if not math.isfinite(error):
                raise GradientError("the error of the pictures is not finite; a smaller --lr may avoid that")
            self._error = error if self._error is None else 0.95 * self._error + 0.05 * error
        self._step += 1
        self._rays += settings.rays
        self._seconds += time.monotonic() - began
        return {"squared error": self._error} if self._error and self._step % BETWEEN_RECORDS == 0 else None

    def _known(self, batch, ends):
        pixels = np.concatenate([batch.colors, batch.alpha[:, None]], axis=1)
        backgrounds = np.ones_like(batch.colors)
        if self._settings.behind == "random":
            random = np.random.default_rng([self._settings.seed, self._step, 1])
            backgrounds = random.uniform(size=backgrounds.shape).astype(np.float32)
        return KnownRays(batch.origins, batch.directions, ends, pixels, backgrounds)

    def describe(self):
        """What ``metrics.json`` says about the model."""
        settings = self._settings
        return {
            "space": self._space.NAME,
            "hidden": [settings.width] * settings.depth,
            "frequencies": settings.frequencies,
            "samples": [settings.samples, settings.added],
            "rays_per_second": round(self._rays / self._seconds) if self._seconds else 0,
        }

    def state(self):
        """The step, both networks and Adam's moments."""
        moments = {f"adam/{name}": array for name, array in self._fit.optimizer.state_dict().items()}
        return {name: getattr(self, f"_{name}") for name in KEPT}, self._nerf.arrays() | moments

    def restore(self, header, arrays):
        """Begins where ``state`` left off."""
        self._begin(NeRF.from_arrays(arrays))
        moments = {name.removeprefix("adam/"): array for name, array in arrays.items() if name.startswith("adam/")}
        self._fit.optimizer.load_state_dict(moments)
        for name, read in KEPT.items():
            setattr(self, f"_{name}", or_none(read, header, name))
        self._changed = False

    @staticmethod
    def drawing(arrays):
        """A function that gives the ``Seen`` of posed images' cameras, from what ``_field`` returned."""
        samples, added = arrays["samples"].tolist()
        counts = count({"samples": samples}, "samples", MOST_SAMPLES), count({"added": added}, "added", MOST_SAMPLES)
        return _Drawing(NeRF.from_arrays(arrays), space_from(arrays, arrays["box"]), counts)

    @staticmethod
    def density(arrays):
        """``(at, low, high)`` as ``density_mesh`` takes them, from what ``_field`` returned."""
        space = space_from(arrays, arrays["box"])
        return space.seen_through(NeRF.from_arrays(arrays)).at, *space.middle()

    def _seen(self, posed):
        return self._drawing(posed)

    @property
    def _drawing(self):
        return _Drawing(self._nerf, self._space, (self._settings.samples, self._settings.added))

    def _ends(self, origins, directions):
        return self._drawing.ends(origins, directions)

    def _at(self, points, directions):
        return self._space.seen_through(self._nerf).at(points, directions)

    def _field(self):
        drawing = self._drawing
        own = {"box": np.stack(self._space.bounds), "samples": np.array(drawing.samples)}
        return self._nerf.arrays() | own | self._space.arrays()

    def _box(self):
        center, half = self._scene.hull_extent()
        return center - MARGIN * half, center + MARGIN * half


def _far(space):
    """What a ``NeRFFit`` is told of a Space: of those without an end, that, and how far away things matter."""
    if not isinstance(space, FarSpace):
        return {}
    return {"space": Unbounded(), "scale": space.depth}


class _Drawing:
    """Pictures of a NeRF in a Space."""

    def __init__(self, nerf, space, samples):
        self.space, self.samples = space, samples
        self._function, self._scale = space.seen_through(nerf), _far(space).get("scale")

    def __call__(self, posed):
        shape = len(posed), posed.height, posed.width
        color, alpha, depth = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32), np.ones(shape, np.float32)
        pixels, count = PixelBatches(posed, []), posed.height * posed.width
        for view in range(len(posed)):
            rays = pixels.of(np.arange(view * count, (view + 1) * count))
            near, far = self.ends(rays.origins, rays.directions)
            met = near < far
            if not met.any():
                continue
            samples, added = self.samples
            ends = near[met], far[met]
            given = {"samples": samples, "added": added, "scale": self._scale}
            seen = render_rays(self._function, rays.origins[met], rays.directions[met], *ends, **given)
            cosine = -rays.directions[met] @ posed.camera_to_world[view, :3, 2]
            where = met.reshape(shape[1:])
            color[view][where], alpha[view][where] = seen.color, seen.opacity
            depth[view][where] = cosine * seen.distance / np.maximum(seen.opacity, 1e-6)
        return Seen(color, alpha, depth)

    def ends(self, origins, directions):
        """Where rays enter and leave what there is; near >= far where they miss it."""
        if isinstance(self.space, FarSpace):
            return self.space.begins(origins), np.full(len(origins), HORIZON)
        steep = np.where(np.abs(directions) < 1e-9, 1e-9, directions)
        sides = (np.stack(self.space.bounds)[:, None] - origins) / steep
        return np.maximum(sides.min(axis=0).max(axis=1), NEAREST), sides.max(axis=0).min(axis=1)
