"""Groups of views in random order: what a step of a reconstruction is shown."""

from typing import NamedTuple

import numpy as np

from taichi_dr.scene.camera import Camera

FULL_BATCH_SIZE = 256  # pixels; smaller pictures come in larger groups
DEPTH_MARGIN = 1.6  # what is visible reaches this far before and behind the object's centre, whose radius is 1


class ViewGroup(NamedTuple):
    """Views that are shown together: their cameras, colours (V, H, W, 3) over black, and alpha (V, H, W)."""

    camera: Camera
    colors: np.ndarray
    alpha: np.ndarray


class ViewGroups:
    """Every view of ``posed`` in at least one group of ``batch`` views (larger ones of coarser pictures).

    The groups stay the same, so that their cameras are made once; every epoch shows all of them in another order.
    What is random follows from ``seed``, a list of numbers, and the step alone.
    """

    def __init__(self, posed, batch, seed):
        self._seed = seed
        self.size = posed.height, posed.width
        views = len(posed)
        batch = min(views, max(batch, batch * FULL_BATCH_SIZE // max(posed.height, posed.width)))
        order = np.random.default_rng(seed).permutation(views)
        order = np.concatenate([order, order[: -views % batch]])
        colors = posed.over((0, 0, 0))
        self._groups = [
            ViewGroup(unit_camera(posed.subset(chosen)), colors[chosen], posed.alpha[chosen])
            for chosen in order.reshape(-1, batch)
        ]

    def __iter__(self):
        return iter(self._groups)

    def at(self, step):
        """The ViewGroup that a step is shown."""
        epoch, turn = divmod(step, len(self._groups))
        order = np.random.default_rng([*self._seed, epoch]).permutation(len(self._groups))
        return self._groups[order[turn]]


def unit_camera(posed):
    """The Camera of views of the unit scene, whose near and far planes enclose the object."""
    matrices = posed.camera_to_world
    depth = np.einsum("vi,vi->v", matrices[:, :3, 3], matrices[:, :3, 2])
    return Camera.pinhole(
        matrices,
        *posed.focal.T,
        *posed.principal_point.T,
        width=posed.width,
        height=posed.height,
        near=max(depth.min() - DEPTH_MARGIN, 0.02 * DEPTH_MARGIN),
        far=depth.max() + DEPTH_MARGIN,
    )
