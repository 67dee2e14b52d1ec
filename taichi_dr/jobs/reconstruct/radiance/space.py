"""Where a radiance field is: in a box around an object, or everywhere, what is far away drawn together."""

import math
from abc import ABC, abstractmethod

import numpy as np
from scipy.ndimage import binary_dilation

from taichi_dr.errors import DataSetError
from taichi_dr.implicit.bounds import Unbounded
from taichi_dr.implicit.radiance.contracted import Contracted
from taichi_dr.implicit.voxel_grid import checked_bounds
from taichi_dr.io.posed.bounds import in_view, scene_bounds
from taichi_dr.jobs.reconstruct.radiance.march import BoxRays, FarRays
from taichi_dr.jobs.reconstruct.silhouettes import has_silhouettes
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.render.volume.guided import GuidedSampler
from taichi_dr.render.volume.occupancy import OccupancySampler

CELLS = 128
SEEN_CELLS = 64
"""Along each axis, of which it is found out whether a camera sees them."""

CLOSEST = 0.01
"""Radii from a camera, at which rays begin at the least."""

SAMPLES = 48
"""On each ray through all of space."""

NEAREST, GUESSED = 0.9, 0.5
"""Of the depth at which the nearest things are that a camera sees, if points tell, or if it is a guess: nothing is
closer."""

FEW = 4
"""Views: where fewer see what is before the middle of the scene, there is nothing."""


class Space(ABC):
    """The part of space that a field of the unit scene fills, ``bounds`` being those of the field's own points."""

    NAME: str
    """As ``--space`` has it."""

    DISTORTION: float
    """Weight of that of rays, by default."""

    bounds: tuple

    @abstractmethod
    def words(self, scene):
        """Where it is in the world, in words; ``scene``: the SceneFit."""

    @abstractmethod
    def rays(self):
        """What makes batches of rays through it."""

    @abstractmethod
    def seen_through(self, field):
        """The RadianceFunction of points of the unit scene that a field of ``bounds`` is."""

    @abstractmethod
    def sampler(self, step, allowed=None):
        """An OccupancySampler."""

    @abstractmethod
    def middle(self):
        """The lowest and the highest point (3,) of the box that the object is in."""

    @abstractmethod
    def arrays(self):
        """Named arrays that ``space_from`` makes it of again."""


class BoxSpace(Space):
    """A box, outside of which there is nothing."""

    NAME, DISTORTION = "box", 0.0

    def __init__(self, low, high):
        self.bounds = low, high

    def words(self, scene):
        low, high = (scene.to_world(corner) for corner in self.bounds)
        return f"in a box from ({_list(low)}) to ({_list(high)})"

    def rays(self):
        return BoxRays(self.bounds)

    def seen_through(self, field):
        return field

    def sampler(self, step, allowed=None):
        return OccupancySampler(Buffers(), self.bounds, step, cells=CELLS, allowed=allowed)

    def middle(self):
        return self.bounds

    def arrays(self):
        return {}


class FarSpace(Space):
    """All of space but what is right before cameras, in the ball that it is contracted to.

    Rays begin where a camera is as near as they may to the sphere of radius ``inner`` around the middle, or at once.
    """

    NAME, DISTORTION = "unbounded", 0.005

    def __init__(self, inner, depth):
        self.inner, self.depth = inner, depth
        self.bounds = np.full(3, -2.0), np.full(3, 2.0)

    def words(self, scene):
        sphere = f"what is beyond {scene.radius:.4g} from ({_list(scene.center)}) drawn together"
        return f"in all of space, {sphere}, nothing farther out than {self.inner * scene.radius:.4g} before a camera"

    def rays(self):
        return FarRays(self.begins)

    def begins(self, origins):
        """(R,): where rays from ``origins`` (R, 3) begin.

        >>> FarSpace(2.0, 5.0).begins(np.array([[8.0, 0, 0], [4.0, 0, 0], [1.0, 0, 0]])).tolist()
        [6.0, 2.0, 0.01]
        """
        return np.maximum(np.linalg.norm(origins, axis=1) - self.inner, CLOSEST)

    def seen_through(self, field):
        return Contracted(field, Unbounded())

    def sampler(self, step, allowed=None):
        cells = OccupancySampler(Buffers(), self.bounds, 4 / CELLS, cells=CELLS, allowed=allowed)
        return GuidedSampler(Buffers(), cells, SAMPLES)

    def middle(self):
        return np.full(3, -1.0), np.full(3, 1.0)

    def arrays(self):
        return {"unbounded": np.array([self.inner, self.depth])}


def space_from(arrays, bounds):
    """The Space of what ``arrays`` gave, and of the field's bounds.

    Raises:
        ValueError: bounds that are no box, or numbers that are not finite.
    """
    if "unbounded" in arrays:
        inner, depth = arrays["unbounded"].tolist()
        if not (math.isfinite(inner) and math.isfinite(depth)):
            raise ValueError(f"unbounded: expected two finite numbers, got {inner} and {depth}")
        return FarSpace(inner, depth)
    return BoxSpace(*map(np.array, checked_bounds(bounds)))


def space_of(name, posed, box):
    """The Space of the unit scene that ``--space`` names, for training images and the box around the object.

    Raises:
        DataSetError: no end, but silhouettes.
    """
    photographs = not has_silhouettes(posed)
    if name == "unbounded" and not photographs:
        raise DataSetError(
            "--space unbounded: the images have silhouettes, and what is behind them is unknown; use --space box, or"
            " images without alpha"
        )
    if name == "box" or not photographs:
        return BoxSpace(*box)
    share = GUESSED if posed.points is None and posed.depths is None else NEAREST
    near, away = scene_bounds(posed).near, np.linalg.norm(posed.camera_to_world[:, :3, 3], axis=1)
    return FarSpace(float((away - share * near).max()), float(near.min()))


def cells_in_view(posed, space):
    """(CELLS,) * 3 bool: which cells of a FarSpace something may be in that cameras see, and those next to them.

    Something that one camera sees alone, or ``FEW``, is behind the middle of the scene: closer to them it would explain
    their images, whatever they show.
    """
    middles = (np.arange(SEEN_CELLS) + 0.5) * (4 / SEEN_CELLS) - 2
    places = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.linalg.norm(places, axis=1) < 2
    places = expanded(places[inside])
    seen, behind = np.zeros(len(places), int), np.zeros(len(places), bool)
    begins = space.begins(posed.camera_to_world[:, :3, 3])
    for view, matrix in enumerate(posed.camera_to_world):
        offsets = places - matrix[:3, 3]
        found = (np.linalg.norm(offsets, axis=1) > begins[view]) & in_view(posed, view, places)
        seen += found
        behind |= found & (places @ matrix[:3, 2] < 0)  # deeper than the middle
    cells = np.zeros((SEEN_CELLS,) * 3, bool)
    cells[inside.reshape(cells.shape)] = behind | (seen >= min(FEW, len(posed)))
    return np.kron(binary_dilation(cells, np.ones((3, 3, 3))), np.ones((CELLS // SEEN_CELLS,) * 3, bool))


def expanded(places):
    """Points (N, 3) of the ball, |p| < 2, in space: the inverse of ``kernels.volume.contract``.

    >>> expanded(np.array([[0.5, 0, 0], [1.5, 0, 0]])).tolist()
    [[0.5, 0.0, 0.0], [2.0, 0.0, 0.0]]
    """
    radius = np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1)
    return places / (radius * (2 - radius))


def _list(place):
    return ", ".join(f"{number:.4g}" for number in place)
