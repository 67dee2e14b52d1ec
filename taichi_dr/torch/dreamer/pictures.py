"""Pictures of things: what the diffusion model is trained on, and what a camera that dreams of them sees.

A picture is display values (sRGB), over some grey b: of a surface of linear colour c in white light,

    display = alpha srgb(c shading) + (1 - alpha) b
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from taichi_dr.io.images import linear_to_srgb
from taichi_dr.render.mesh.supersample import Supersampler
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import DirectionalLight, Lights
from taichi_dr.torch.dreamer.things import thing
from taichi_dr.torch.dreamer.words import COLORS, SHAPES, SIZES
from taichi_dr.types import Array, Progress

SIZE = 32
BACKGROUNDS = 0.25, 0.75
"""The darkest and the lightest grey behind things: any of them, or grey matter would pass for none."""

DISTANCE, FOV_Y_DEG = 2.8, 45.0
ELEVATIONS_DEG = -15.0, 75.0
TOWARDS_LIGHT, AMBIENT = (0.5, 1.0, 0.7), 0.35
SAMPLES = 4  # per pixel, squared


def camera(azimuth_deg: Any, elevation_deg: Any) -> Camera:
    """The cameras that pictures are taken by, at numbers or arrays (V,) of them."""
    return Camera.orbit(azimuth_deg, elevation_deg, distance=DISTANCE, fov_y_deg=FOV_Y_DEG)


def random_views(random: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Azimuths and elevations (V,) in degrees: all around, from a little below to far above."""
    return random.uniform(0, 360, count), random.uniform(*ELEVATIONS_DEG, count)


def random_greys(random: np.random.Generator, count: int) -> Array:
    """(V,) float32: what is behind things."""
    return random.uniform(*BACKGROUNDS, count).astype(np.float32)


def lights() -> Lights:
    """Those of all pictures; they stay where they are when the camera moves."""
    return Lights(AMBIENT, DirectionalLight(TOWARDS_LIGHT, 1 - AMBIENT))


@dataclass(frozen=True)
class Pictures:
    """Things of clay in all sizes, from V sides.

    ``shading`` and ``alpha`` (10, 2, V, 32, 32): linear grey and coverage, by shape, size and view; ``azimuth_deg``,
    ``elevation_deg`` (V,).
    """

    shading: Array
    alpha: Array
    azimuth_deg: Array
    elevation_deg: Array

    def colored(self, shapes: Array, colors: Array, sizes: Array, views: Array, greys: Array) -> Array:
        """(B, 32, 32, 3) float32: pictures of numbered shapes, colours, sizes and views over greys, (B,) each."""
        palette = np.array(list(COLORS.values()), np.float32)
        color = palette[colors][:, None, None] * self.shading[shapes, sizes, views][..., None]
        alpha = self.alpha[shapes, sizes, views][..., None]
        behind = np.asarray(greys, np.float32)[:, None, None, None]
        return alpha * linear_to_srgb(color) + (1 - alpha) * behind


def take_pictures(views: int, seed: int = 0, size: int = SIZE, progress: Progress | None = None) -> Pictures:
    """Renders every shape in every size from as many random sides; Taichi must be initialised.

    ``progress(done, total)`` is called as meshes are finished.
    """
    azimuth, elevation = random_views(np.random.default_rng(seed), views)
    sampler, where, lit = Supersampler(size, SAMPLES), camera(azimuth, elevation), lights()
    shading = np.empty((len(SHAPES), len(SIZES), views, size, size), np.float32)
    alpha = np.empty_like(shading)
    for i, shape in enumerate(SHAPES):
        for j, word in enumerate(SIZES):
            seen = sampler.render(thing(shape, word), where, lit)
            shading[i, j], alpha[i, j] = np.clip(seen[..., 0], 0, 1), seen[..., 3]
            if progress is not None:
                progress(i * len(SIZES) + j + 1, len(SHAPES) * len(SIZES))
    return Pictures(shading, alpha, azimuth, elevation)
