"""Rays of pixels through the box that a field is in, and pictures of it."""

from abc import ABC, abstractmethod
from typing import final

import numpy as np

from taichi_dr.jobs.reconstruct.radiance.kind import Seen
from taichi_dr.kernels.base.arrays import array_from, write_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.volume.composite import SEEN
from taichi_dr.kernels.volume.guided import HORIZON
from taichi_dr.kernels.volume.occupancy import find_ends
from taichi_dr.kernels.volume.rays import RayBatch
from taichi_dr.render.volume.ray_march import RayMarch

TOLERANCE = 1e-4
"""Transmittance at which a ray has seen enough."""

RAYS = 1 << 15
"""Drawn at once."""

FAINT = 1e-3  # opacity below which nothing has a depth


def write_rows(array, values):
    """Writes the first rows of an array; the others are of no account."""
    if on_cpu():
        array.memory()[: len(values)] = values
    else:
        padded = np.zeros(array.shape, np.float32)
        padded[: len(values)] = values
        write_array(array, padded)


class Rays(ABC):
    """Makes batches of rays of NumPy arrays."""

    def __init__(self):
        self._buffers = Buffers()

    @abstractmethod
    def _find_ends(self, origins, directions, rays, ends):
        """Writes ``ends`` (R, 2): where ``rays`` rays begin and end."""

    @final
    def batch(self, origins, directions):
        """The RayBatch of NumPy arrays (R, 3), directions of unit length; it is good until the next one."""
        rays = len(origins)
        arrays = self.written("origins", origins), self.written("directions", directions)
        ends = self._buffers.at_least("ends", rays, columns=(2,))
        self._find_ends(*arrays, rays, ends)
        return RayBatch(*arrays, ends, self._buffers.counting("pixel", rays), rays)

    @abstractmethod
    def measured(self, samples):
        """Arrays of where ``samples`` are and how far they extend, in the measure that their distortion is in."""

    @final
    def written(self, name, values):
        """The array ``name``, of at least as many rows, with these."""
        array = self._buffers.at_least(name, len(values), columns=values.shape[1:])
        write_rows(array, values)
        return array


class BoxRays(Rays):
    """Rays that begin and end where they cross a box."""

    def __init__(self, bounds):
        super().__init__()
        self._bounds = array_from(np.concatenate(bounds))

    def _find_ends(self, origins, directions, rays, ends):
        find_ends(origins, directions, rays, self._bounds, ends)

    def measured(self, samples):
        return samples.t, samples.lengths


class FarRays(Rays):
    """Rays to the horizon: from ``begins(origins)`` (R,) on."""

    def __init__(self, begins):
        super().__init__()
        self._begins, self._near = begins, 0.0

    def _find_ends(self, origins, directions, rays, ends):
        near = self._begins(origins.to_numpy()[:rays])
        self._near = near.min()
        write_rows(ends, np.stack([near, np.full(rays, HORIZON)], axis=1))

    def measured(self, samples):
        """``1 - near / t``, in [0, 1], near being where the first ray begins; points have no extent."""
        shares = self._buffers.at_least("shares", samples.size)
        t = samples.t.to_numpy()[: samples.size]
        write_rows(shares, 1 - self._near / t)
        extents = self._buffers.at_least("extents", samples.size)
        extents.fill(0)
        return shares, extents


class Drawing:
    """Pictures of a field, by an ``OccupancySampler`` and the ``Rays`` that it is for."""

    def __init__(self, function, sampler, rays):
        self._function, self._sampler, self._rays, self._buffers = function, sampler, rays, Buffers()
        self._march = RayMarch(self._buffers, function, sampler, TOLERANCE)

    def __call__(self, posed):
        """The ``Seen`` of the cameras of ``posed``, samples not shifted at random."""
        for inputs in self._function.inputs:
            inputs.pull()
        before, self._sampler.stratified = self._sampler.stratified, False
        try:
            return Seen(
                *(np.stack(parts) for parts in zip(*(self._view(posed, v) for v in range(len(posed))), strict=True))
            )
        finally:
            self._sampler.stratified = before

    def _view(self, posed, view):
        origin, directions, cosines = rays_of_view(posed, view)
        seen = np.concatenate([self._seen(origin, d) for d in np.split(directions, range(RAYS, len(directions), RAYS))])
        alpha = seen[:, 3]
        depth = np.where(alpha > FAINT, cosines * seen[:, 4] / np.maximum(alpha, FAINT), 0)
        shape = posed.height, posed.width
        return seen[:, :3].reshape(*shape, 3), alpha.reshape(shape), depth.reshape(shape)

    def _seen(self, origin, directions):
        """(R, 5): colour, opacity and sum of weights times distances of rays."""
        rays = self._rays.batch(np.broadcast_to(origin, directions.shape), directions)
        found = self._buffers.at_least("seen", rays.size, columns=(SEEN,))
        self._march.forward(rays, found)
        return found.to_numpy()[: rays.size]


def rays_of_view(posed, view):
    """(origin (3,), unit directions (H*W, 3), cosines (H*W,) to the viewing axis) of the pixels' middles."""
    rows, columns = np.mgrid[0.5 : posed.height, 0.5 : posed.width].reshape(2, -1)
    (fx, fy), (cx, cy) = posed.focal[view], posed.principal_point[view]
    local = np.stack([(columns - cx) / fx, (cy - rows) / fy, -np.ones_like(rows)], axis=1)
    length = np.linalg.norm(local, axis=1)
    matrix = posed.camera_to_world[view]
    directions = sum(local[:, k : k + 1] * matrix[:3, k] for k in range(3)) / length[:, None]
    return matrix[:3, 3].astype(np.float32), directions.astype(np.float32), (1 / length).astype(np.float32)
