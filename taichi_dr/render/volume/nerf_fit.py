"""Training NeRF's two networks on rays whose colours are known."""

from typing import Any, NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.implicit.bounds import Unbounded
from taichi_dr.implicit.radiance.nerf import NeRF, Noise
from taichi_dr.kernels.base.arrays import write_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.networks.dense import Block
from taichi_dr.kernels.volume.composite import SEEN, composite, composite_adjoint
from taichi_dr.kernels.volume.contract import contract_points
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.kernels.volume.sample import place_points
from taichi_dr.kernels.volume.squared_error import compare
from taichi_dr.optim.optimizers import Adam
from taichi_dr.render.volume.hierarchical import HierarchicalSampler
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, Schedule


class KnownRays(NamedTuple):
    """R rays and what is to be seen of them, for ``NeRFFit``.

    ``origins``, unit ``directions`` (R, 3); ``ends`` (R, 2), where they enter and leave; ``pixels`` (R, 4): display
    colour, straight, and alpha; ``backgrounds`` (R, 3), over which both pictures are compared: the paper's are white.
    """

    origins: Array
    directions: Array
    ends: Array
    pixels: Array
    backgrounds: Array


class NeRFFit:
    """Steps of Adam on ``mean (C_coarse - C)^2 + mean (C_fine - C)^2``, as published.

    Rays go a few at a time, all the way: the coarse network at ``samples`` places, the fine one at these and at
    ``added`` more, what is seen, how far it is off, and back through both.  So nothing is evaluated twice, and memory
    is that of one chunk of the networks.

    Arguments:
        nerf: with a coarse network, or without: then it is evaluated at ``samples`` places alone.
        samples, added: of each ray, at random.
        noise: spread of the numbers that are added to densities.
        lr, schedule: of Adam.
        space: all of it, where there is no end: the networks are given contracted points (``dr.radiance.Contracted``),
            and the first samples are even as far as the scale, and then ever less often.
        scale: distance from a camera, world units.

    >>> fit = NeRFFit(nerf, lr=5e-4, schedule=dr.schedules.exponential(0.1, steps))  # doctest: +SKIP
    >>> for step in range(steps):  # doctest: +SKIP
    ...     chosen = random.choice(len(rays.origins), 1024)
    ...     error = fit.step(dr.KnownRays(*(numbers[chosen] for numbers in rays)), seed=step)

    Source: Mildenhall et al., NeRF, ECCV 2020, equation 6.
    """

    def __init__(
        self,
        nerf: NeRF,
        samples: int = 64,
        added: int = 128,
        *,
        noise: float = 0.0,
        lr: float = 5e-4,
        schedule: Schedule | None = None,
        space: Unbounded | None = None,
        scale: float | None = None,
    ) -> None:
        self.nerf, self.noise, self.space, self._buffers = nerf, noise, space, Buffers()
        chosen = samples, added if nerf.coarse else 0
        self.sampler = HierarchicalSampler(self._buffers, *chosen, stratified=True, scale=scale)
        self.networks = [nerf.coarse, nerf] if nerf.coarse else [nerf]
        names = {id(network): name for network, name in zip(self.networks[::-1], ("fine", "coarse"), strict=False)}
        parameters = {
            f"{names[id(network)]} {name}": network.variable(name)
            for network in self.networks
            for name in network.fields.arrays
        }
        self.optimizer = Adam(parameters, lr=lr, schedule=schedule)

    def __repr__(self):
        return f"NeRFFit({self.sampler.samples} + {self.sampler.added} samples, {self.nerf}, {self.optimizer})"

    @off_tape
    def step(self, rays: KnownRays, seed: int) -> float:
        """One step; returns the mean squared error of the finest picture before it.

        ``seed``: of the places of samples and of the noise; the same one does the same on every backend.
        """
        self.optimizer.zero_grad()
        for network in self.networks:
            network.fields.pull()
            network.fields.zero_adjoints()
        count, error = len(rays.origins), 0.0
        self.sampler.seed = seed
        group = max(1, self.nerf.chunk // self.sampler.most)
        for start in range(0, count, group):
            batch, known = self._batch(rays, start, group)
            found, values = self.sampler.first(batch), None
            for number, network in enumerate(self.networks):
                if number:
                    found = self.sampler.add(batch, found, values)
                noise = Noise(self.noise, 2 * seed + number, start * self.sampler.most) if self.noise else None
                values, errors = self._learn(network, batch, found, known, 1 / (3 * count), noise)
            error += float(errors.to_numpy()[: batch.size].sum(dtype=np.float64))
        for network in self.networks:
            network.fields.push_gradients()
        self.optimizer.step()
        return error / (3 * count)

    def _batch(self, rays, start, group):
        """A few of the rays as ``RayBatch``, and their pixels and backgrounds."""
        parts = [numbers[start : start + group] for numbers in rays]
        size, arrays = len(parts[0]), []
        for name, values in zip(KnownRays._fields, parts, strict=True):
            array = self._buffers.get(f"{name}_of_group", (group, values.shape[1]))
            write_array(array, np.concatenate([values, np.zeros((group - size, values.shape[1]))]))
            arrays.append(array)
        pixel = self._buffers.get("pixels_of_group", (group,), ti.i32)
        write_array(pixel, np.arange(start, start + group))
        return RayBatch(*arrays[:3], pixel, size), arrays[3:]

    def _learn(self, network, rays, found, known, weight, noise):
        """Adds to the network's adjoints; returns its values at the samples, and the rays' errors."""
        rows = found.size
        points, directions, values, values_adjoint = (
            self._rows(name, rows, columns)
            for name, columns in (("points", 3), ("turns", 3), ("values", 4), ("values_adjoint", 4))
        )
        place_points(rays.origins, rays.directions, rays.size, found.first, found.t, points, directions)
        if self.space is not None:
            center = self._buffers.constant("center", (self.space.center,))
            contract_points(points, center, self.space.radius, points, rows)
        network.forward_chunk(Block(points), Block(directions), Block(values), rows, noise)
        seen, seen_adjoint = (self._rows(name, rays.size, SEEN) for name in ("seen", "seen_adjoint"))
        places = found.first, found.t, found.lengths, values, rays.size, 0.0
        composite(*places, seen)
        errors = self._buffers.at_least("errors", rays.size)
        compare(seen, *known, rays.size, weight, errors, seen_adjoint)
        still = self._buffers.at_least("still", 1)
        composite_adjoint(*places, seen, seen_adjoint, values_adjoint, False, still, still)
        network.adjoint_chunk(Block(values), Block(values_adjoint), rows)
        return values, errors

    def _rows(self, name: str, rows: int, columns: int) -> Any:
        return self._buffers.at_least(name, rows, columns=(columns,))
