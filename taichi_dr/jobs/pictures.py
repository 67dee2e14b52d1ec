"""Smooth pictures of meshes for files: many samples per pixel, straight alpha."""

import numpy as np

from taichi_dr.render.rasterizer import Rasterizer
from taichi_dr.scene.light import DirectionalLight, Lights

SAMPLES_AT_ONCE = 1 << 22  # pixels of the finer picture that are held at a time


def supersampled(mesh, camera, size, lights=None, samples=4, progress=None):
    """Pictures (V, H, W, 4) in linear RGB with straight alpha; every pixel is the mean of ``samples``² samples.

    Colours are averaged premultiplied by alpha, in linear light.  ``size`` is (H, W); ``progress(done, total)`` is
    called as views are finished.
    """
    height, width = size
    renderer = Rasterizer((height * samples, width * samples), background=(0.0, 0.0, 0.0))
    at_once = max(1, min(camera.views, SAMPLES_AT_ONCE // (height * width * samples**2)))
    pictures = np.empty((camera.views, height, width, 4), np.float32)
    for start in range(0, camera.views, at_once):
        views = np.arange(start, min(start + at_once, camera.views))
        frame = renderer.render(mesh, camera[views], lights)
        fine = np.concatenate([frame.numpy("color"), frame.numpy("alpha")[..., None]], axis=-1)
        pictures[views] = fine.reshape(len(views), height, samples, width, samples, 4).mean(axis=(2, 4))
        if progress is not None:
            progress(int(views[-1]) + 1, camera.views)
    return straight(pictures)


def straight(premultiplied):
    """RGBA whose colours were multiplied by alpha, with that undone; black where alpha is 0."""
    alpha = premultiplied[..., 3:]
    colors = premultiplied[..., :3] / np.where(alpha > 0, alpha, 1)
    return np.concatenate([np.where(alpha > 0, colors, 0), alpha], axis=-1)


def lighting(name):
    """``"studio"``, ``"soft"`` or ``"none"`` as Lights, or None."""
    if name == "none":
        return None
    if name == "studio":
        return Lights.default()
    # Light that hardly depends on direction: what vertex colours without lighting can learn from all sides.
    sides = [(1.0, 1.0, 0.6), (-1.0, 0.6, 0.4), (0.0, 0.4, -1.0)]
    return Lights(ambient=0.7, directional=[DirectionalLight(side, 0.2) for side in sides])
