"""Training NeRF's two networks on rays whose colours are known."""

from typing import Any

import numpy as np
import taichi as ti

from taichi_dr.implicit.radiance.nerf import NeRF, Noise
from taichi_dr.kernels.base.arrays import write_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.networks.dense import Block
from taichi_dr.kernels.volume.composite import SEEN, composite, composite_adjoint
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.kernels.volume.regress import color_error_adjoint
from taichi_dr.kernels.volume.sample import place_points
from taichi_dr.optim.optimizers import Adam
from taichi_dr.render.volume.hierarchical import HierarchicalSampler
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, Schedule

WHITE = 1.0


class NeRFFit:
    """Steps of Adam on ``mean (C_coarse - C)^2 + mean (C_fine - C)^2``, over white, as published.

    Rays go a few at a time, all the way: the coarse network at ``samples`` places, the fine one at these and at
    ``added`` more, what is seen, how far it is off, and back through both.  So nothing is evaluated twice, and memory
    is that of one chunk of the networks.

    Arguments:
        nerf: with a coarse network, or without: then it is evaluated at ``samples`` places alone.
        samples, added: of each ray, at random.
        noise: spread of the numbers that are added to densities.
        lr, schedule: of Adam.
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
    ) -> None:
        self.nerf, self.noise, self._buffers = nerf, noise, Buffers()
        self.sampler = HierarchicalSampler(self._buffers, samples, added if nerf.coarse else 0, stratified=True)
        self.networks = [nerf.coarse, nerf] if nerf.coarse else [nerf]
        names = {id(network): name for network, name in zip(self.networks[::-1], ("fine", "coarse"), strict=False)}
        parameters = {
            f"{names[id(network)]} {name}": network.variable(name)
            for network in self.networks
            for name in network.fields.arrays
        }
        self.optimizer = Adam(parameters, lr=lr, schedule=schedule)

    @off_tape
    def step(self, origins: Array, directions: Array, colors: Array, near: Array, far: Array, seed: int) -> float:
        """One step on R rays: ``origins``, unit ``directions``, ``colors`` over white (R, 3), ``near``, ``far`` (R,).

        ``seed``: of the places of samples and of the noise; the same one does the same on every backend.  Returns the
        mean squared error of the finest picture before the step.
        """
        self.optimizer.zero_grad()
        for network in self.networks:
            network.fields.pull()
            network.fields.zero_adjoints()
        count = len(origins)
        errors = self._buffers.at_least("errors", count)
        self.sampler.seed = seed
        ends = np.stack([near, far], axis=1)
        group = max(1, self.nerf.chunk // self.sampler.most)
        for start in range(0, count, group):
            part = slice(start, min(start + group, count))
            rays, targets = self._rays(start, group, origins[part], directions[part], ends[part], colors[part])
            found, values = self.sampler.first(rays), None
            for number, network in enumerate(self.networks):
                if number:
                    found = self.sampler.add(rays, found, values)
                values = self._learn(network, rays, found, targets, (errors, start, count), 2 * seed + number)
        for network in self.networks:
            network.fields.push_gradients()
        self.optimizer.step()
        return float(errors.to_numpy()[:count].mean(dtype=np.float64)) / 3

    def _rays(self, start, group, *numbers):
        """A batch of ``RayBatch``, and the colours of its rays."""
        size = len(numbers[0])
        arrays = []
        for name, values in zip(("origins", "directions", "ends", "colors"), numbers, strict=True):
            array = self._buffers.get(f"{name}_of_group", (group, values.shape[1]))
            write_array(array, np.concatenate([values, np.zeros((group - size, values.shape[1]))]))
            arrays.append(array)
        pixel = self._buffers.get("pixels_of_group", (group,), ti.i32)
        write_array(pixel, np.arange(start, start + group))
        return RayBatch(*arrays[:3], pixel, size), arrays[3]

    def _learn(self, network, rays, found, targets, where, seed):
        """Adds to the network's adjoints; returns its values at the samples."""
        rows, (errors, start, count) = found.size, where
        points, directions, values, values_adjoint = (
            self._rows(name, rows, columns)
            for name, columns in (("points", 3), ("turns", 3), ("values", 4), ("values_adjoint", 4))
        )
        place_points(rays.origins, rays.directions, rays.size, found.first, found.t, points, directions)
        noise = Noise(self.noise, seed, start * self.sampler.most) if self.noise else None
        network.forward_chunk(Block(points), Block(directions), Block(values), rows, noise)
        seen, seen_adjoint = (self._rows(name, rays.size, SEEN) for name in ("seen", "seen_adjoint"))
        places = found.first, found.t, found.lengths, values, rays.size, 0.0
        composite(*places, seen)
        color_error_adjoint(seen, targets, rays.size, WHITE, errors, start, 1 / (3 * count), seen_adjoint)
        still = self._buffers.at_least("still", 1)
        composite_adjoint(*places, seen, seen_adjoint, values_adjoint, False, still, still)
        network.adjoint_chunk(Block(values), Block(values_adjoint), rows)
        return values

    def _rows(self, name: str, rows: int, columns: int) -> Any:
        return self._buffers.at_least(name, rows, columns=(columns,))
