"""Pixels of all views in random order, with their rays: what a step of a network is shown."""

from typing import NamedTuple

import numpy as np

from taichi_dr.jobs.reconstruct.radiance.display import stored


class Batch(NamedTuple):
    """R pixels: ``origins``, unit ``directions`` (R, 3) in the unit scene, ``colors`` (R, 3) and ``alpha`` (R,).

    Colours are display values, straight.  ``views`` (R,): which images they are of.
    """

    origins: np.ndarray
    directions: np.ndarray
    colors: np.ndarray
    alpha: np.ndarray
    views: np.ndarray

    def over(self, background):
        """Display colours (R, 3) over a background, (3,) or (R, 3)."""
        return self.colors * self.alpha[:, None] + background * (1 - self.alpha[:, None])


class PixelBatches:
    """All pixels of ``posed``, or those of a mask (V, H, W), as float32.

    What is drawn follows from ``seed``, a list of numbers, and the step.
    """

    def __init__(self, posed, seed, mask=None):
        self._seed, self._size = seed, (posed.height, posed.width)
        self._pixels = stored(posed).reshape(-1, 4)
        self._pool = np.arange(len(self._pixels)) if mask is None else np.flatnonzero(mask)
        self._matrices = posed.camera_to_world.astype(np.float32)
        self._lens = np.concatenate([posed.focal, posed.principal_point], axis=1).astype(np.float32)

    def at(self, step, count):
        """The Batch of a step: ``count`` pixels, drawn anew every time."""
        random = np.random.default_rng([*self._seed, step])
        return self.of(self._pool[random.integers(len(self._pool), size=count)])

    def of(self, pixels):
        """The Batch of pixels that are numbered ``(view height + row) width + column``."""
        height, width = self._size
        view, row, column = pixels // (height * width), pixels // width % height, pixels % width
        fx, fy, cx, cy = self._lens[view].T
        local = np.stack([(column + 0.5 - cx) / fx, (cy - row - 0.5) / fy, -np.ones_like(fx)], axis=1)
        local /= np.linalg.norm(local, axis=1, keepdims=True)
        matrices = self._matrices[view]
        directions = np.einsum("rij,rj->ri", matrices[:, :3, :3], local)
        values = self._pixels[pixels].astype(np.float32) / 255
        return Batch(matrices[:, :3, 3], directions, values[:, :3], values[:, 3], view)
