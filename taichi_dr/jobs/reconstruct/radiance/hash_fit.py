"""A ``HashNeRF`` fitted to batches of pixels: its samples and its optimiser."""

import numpy as np

from taichi_dr.jobs.reconstruct.checkpoint import count
from taichi_dr.jobs.reconstruct.radiance.march import TOLERANCE, write_rows
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.volume.composite import SEEN, composite_adjoint
from taichi_dr.kernels.volume.distortion import distortion, distortion_adjoint
from taichi_dr.kernels.volume.squared_error import compare
from taichi_dr.optim.optimizers import Adam
from taichi_dr.render.volume.ray_march import RayMarch

SEEDS = 1_000_003
BETAS, EPS = (0.9, 0.99), 1e-15
BETWEEN_UPDATES = 16
"""Steps from one look at the occupancy grid to the next."""

FIRST_RAYS, FEWEST_RAYS, MOST_RAYS = 1024, 128, 1 << 15
CHANNELS = 3
NAMES = "table", "density_weights", "color_weights"


class HashFit:
    """A field on its way.  ``samples``: how many a step should have; the number of rays follows from it.

    ``exposure``: an ``Exposure`` of the images that is fitted with it, or None.
    """

    def __init__(self, field, space, sampler, samples, distortion, seed, exposure=None):
        self.field, self.sampler, self.exposure = field, sampler, exposure
        self._samples, self._distortion, self._seed = samples, distortion, seed
        self._buffers, self._rays_of = Buffers(), space.rays()
        self._march = RayMarch(self._buffers, space.seen_through(field), sampler, TOLERANCE)
        self._optimizer = Adam({name: field.variable(name) for name in NAMES}, lr=1e-2, betas=BETAS, eps=EPS)
        self.steps, self.rays, self.samples_seen = 0, FIRST_RAYS, 0

    def state(self):
        """``(header, arrays)`` that ``restore`` takes."""
        arrays = {f"field/{name}": self.field.numpy(name) for name in NAMES}
        arrays |= {f"optimizer/{name}": array for name, array in self._optimizer.state_dict().items()}
        header = {"steps": self.steps, "rays": self.rays, "samples": self.samples_seen, "updates": self.sampler.updates}
        arrays |= {"densities": self.sampler.densities} | (self.exposure.state() if self.exposure else {})
        return header, arrays

    def restore(self, header, arrays):
        """Begins where ``state`` left off."""
        for name in NAMES:
            self.field.set(name, arrays[f"field/{name}"])
        kept = {name.removeprefix("optimizer/"): a for name, a in arrays.items() if name.startswith("optimizer/")}
        self._optimizer.load_state_dict(kept)
        self.sampler.restore(arrays["densities"], count(header, "updates"))
        if self.exposure:
            self.exposure.restore(arrays)
        self.steps, self.samples_seen = count(header, "steps"), count(header, "samples")
        self.rays = count(header, "rays", MOST_RAYS)

    def step(self, batch, backgrounds, rate):
        """One step over a ``Batch`` of pixels; the mean squared error per channel."""
        self.field.fields.pull()
        self.sampler.seed = (SEEDS * self._seed + self.steps) % (1 << 31)
        if self.steps % BETWEEN_UPDATES == 0:
            self.sampler.update(self.field.densities)
        found = self._march.evaluate(self._rays_of.batch(batch.origins, batch.directions))
        rays, samples = found.rays.size, found.samples
        seen, seen_adjoint = (self._rows(name, rays, SEEN) for name in ("seen", "seen_adjoint"))
        self._march.add_up(found, seen)
        pixels = self._rays_of.written("pixels", np.concatenate([batch.colors, batch.alpha[:, None]], axis=1))
        errors = self._buffers.at_least("errors", rays)
        behind = self._rays_of.written("backgrounds", backgrounds)
        self._compare(seen, batch.views, (pixels, behind, rays, 1 / (CHANNELS * rays), errors), seen_adjoint, rate)
        self._add_gradients(found, seen, seen_adjoint)
        self._optimizer.lr = rate
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.steps += 1
        self.samples_seen += samples.size
        self._follow(rays, samples.size)
        return float(errors.to_numpy()[:rays].mean()) / CHANNELS

    def _compare(self, seen, views, known, seen_adjoint, rate):
        """``compare``, of what each image shows if there is an exposure, which takes a step."""
        if self.exposure is None:
            compare(seen, *known, seen_adjoint)
            return
        rays = len(views)
        before = seen.to_numpy()[:rays]
        shown = self._rays_of.written("shown", self.exposure.apply(before, views))
        compare(shown, *known, seen_adjoint)
        found, logarithms_adjoint = self.exposure.adjoint(before, views, seen_adjoint.to_numpy()[:rays])
        write_rows(seen_adjoint, found)
        self.exposure.step(logarithms_adjoint, rate)

    def distortion_of(self, batch):
        """The mean over the rays of a ``Batch``."""
        found = self._march.evaluate(self._rays_of.batch(batch.origins, batch.directions))
        samples, rays = found.samples, found.rays.size
        spread = self._buffers.at_least("spread", rays)
        measured = self._rays_of.measured(samples)
        distortion(samples.first, *measured, samples.lengths, found.values, rays, spread)
        return float(spread.to_numpy()[:rays].mean())

    def _add_gradients(self, found, seen, seen_adjoint):
        samples, rays = found.samples, found.rays.size
        g = self._rows("values_adjoint", samples.size, 4)
        places = samples.first, samples.t, samples.lengths, found.values, rays
        composite_adjoint(*places, TOLERANCE, seen, seen_adjoint, g, False, samples.t, samples.lengths)
        if self._distortion > 0:
            measured = self._rays_of.measured(samples)
            distortion_adjoint(samples.first, *measured, *places[2:], self._distortion / rays, g)
        fields = self.field.fields
        fields.zero_adjoints()
        points, directions, g, count = self._kept(found.points, found.directions, g, samples.size)
        if count:
            self._march.function.adjoint(points, directions, g, None, None, count)
        fields.push_gradients()

    def _kept(self, points, directions, g, count):
        """The samples whose adjoints are not zero: the others are behind what is seen.  All of them on GPUs."""
        if not on_cpu():
            return points, directions, g, count
        rows = np.flatnonzero(g.memory()[:count].any(axis=1))
        kept = []
        for name, array in (("points", points), ("directions", directions), ("adjoint", g)):
            to = self._rows(f"kept_{name}", len(rows), array.shape[1])
            np.take(array.memory(), rows, axis=0, out=to.memory()[: len(rows)])
            kept.append(to)
        return *kept, len(rows)

    def _follow(self, rays, count):
        """So many rays next time that there are as many samples as there should be, or towards that."""
        wanted = rays * self._samples / max(count, 1)
        self.rays = int(np.clip(wanted, max(FEWEST_RAYS, rays // 2), min(MOST_RAYS, 2 * rays)))

    def _rows(self, name, rows, columns):
        return self._buffers.at_least(name, max(1, rows), columns=(columns,))
