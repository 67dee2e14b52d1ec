"""Smooth pictures of meshes for files: many samples per pixel, straight alpha."""

import numpy as np
from PIL import ImageColor

from taichi_dr.errors import InputError
from taichi_dr.io.images import srgb_to_linear
from taichi_dr.jobs.pictures.looks import colors
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.scene.light import DirectionalLight, Lights

CAMERA_FIELDS = ("eye", "target", "up", "pose", "lens", "principal")
SAMPLES_AT_ONCE = 1 << 22  # pixels of the finer picture that are held at a time


def supersampled(mesh, camera, size, lights=None, samples=4, progress=None):
    """Pictures (V, H, W, 4) in linear RGB with straight alpha; every pixel is the mean of ``samples``² samples.

    Colours are averaged premultiplied by alpha, in linear light.  ``size`` is (H, W); ``progress(done, total)`` is
    called as views are finished.
    """
    return Supersampler(size, samples).render(mesh, camera, lights, progress)


class Supersampler:
    """``supersampled`` pictures of one size, again and again with the same buffers."""

    def __init__(self, size, samples=4):
        self._size, self._samples = size, samples
        height, width = size
        self._renderer = Rasterizer((height * samples, width * samples), background=(0.0, 0.0, 0.0))
        self._at_once = max(1, SAMPLES_AT_ONCE // (height * width * samples**2))

    def render(self, mesh, camera, lights=None, progress=None, look=colors):
        """As ``supersampled``; ``look`` is what is shown (``taichi_dr.jobs.pictures.looks``)."""
        (height, width), samples = self._size, self._samples
        pictures = np.empty((camera.views, height, width, 4), np.float32)
        for start, part in portions(camera, self._at_once):
            fine = look(self._renderer.render(mesh, part, lights), part)
            fine = fine.reshape(part.views, height, samples, width, samples, 4).mean(axis=(2, 4))
            done = min(start + part.views, camera.views)
            pictures[start:done] = fine[: done - start]
            if progress is not None:
                progress(done, camera.views)
        return straight(pictures)


def portions(camera, at_once):
    """``(first view, camera)`` for every ``at_once`` views; the last one is filled up with the last view.

    It is one camera whose fields change: Taichi compiles kernels for every new field, and never frees one.
    """
    if camera.views <= at_once:
        yield 0, camera
        return
    part = camera[np.arange(at_once)]
    values = {name: getattr(camera, name).to_numpy() for name in CAMERA_FIELDS}
    for start in range(0, camera.views, at_once):
        views = np.minimum(np.arange(start, start + at_once), camera.views - 1)
        for name, value in values.items():
            getattr(part, name).from_numpy(value[views])
        yield start, part


def straight(premultiplied):
    """RGBA whose colours were multiplied by alpha, with that undone; black where alpha is 0."""
    alpha = premultiplied[..., 3:]
    colors = premultiplied[..., :3] / np.where(alpha > 0, alpha, 1)
    return np.concatenate([np.where(alpha > 0, colors, 0), alpha], axis=-1)


def over(pictures, color):
    """Pictures (..., 4) with straight alpha over a linear RGB colour, opaque; as they are if that is None."""
    if color is None:
        return pictures
    alpha = pictures[..., 3:]
    return np.concatenate([pictures[..., :3] * alpha + color * (1 - alpha), np.ones_like(alpha)], axis=-1)


def named_color(name):
    """Linear RGB of a colour's name or ``#rrggbb``.

    Raises:
        InputError: neither.

    >>> named_color("#ff0000").tolist()
    [1.0, 0.0, 0.0]
    """
    try:
        red, green, blue = ImageColor.getrgb(name)
    except ValueError:  # also of four channels
        raise InputError(f"{name}: no colour: expected a name (white, steelblue, ...) or #rrggbb") from None
    return srgb_to_linear(np.array([red, green, blue]) / 255)


def lighting(name):
    """``"studio"``, ``"soft"`` or ``"none"`` as Lights, or None."""
    if name == "none":
        return None
    if name == "studio":
        return Lights.default()
    # Light that hardly depends on direction: what vertex colours without lighting can learn from all sides.
    sides = [(1.0, 1.0, 0.6), (-1.0, 0.6, 0.4), (0.0, 0.4, -1.0)]
    return Lights(ambient=0.7, directional=[DirectionalLight(side, 0.2) for side in sides])
