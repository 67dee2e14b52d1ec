"""Smooth pictures of meshes for files: many samples per pixel, straight alpha."""

import numpy as np

from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.render.renderer import image_size
from taichi_dr.tape import off_tape

CAMERA_FIELDS = ("eye", "target", "up", "pose", "lens", "principal")
SAMPLES_AT_ONCE = 1 << 22  # pixels of the finer picture that are held at a time


def rgba(frame, camera):
    """What a frame shows: its colours as rendered over black, and alpha (V, H, W, 4)."""
    return np.concatenate([frame.numpy("color"), frame.numpy("alpha")[..., None]], axis=-1)


def supersampled(mesh, camera, size, lights=None, samples=4, progress=None):
    """Pictures (V, H, W, 4) of a mesh, linear RGB with straight alpha; every pixel the mean of ``samples^2``.

    Colours are averaged premultiplied by alpha, in linear light.  ``size`` is (H, W), or one number for a square;
    ``progress(done, total)`` is called as views are finished.  These are pictures to look at or to compare with: no
    gradient goes through them, and a tape does not record them.
    """
    return Supersampler(size, samples).render(mesh, camera, lights, progress)


class Supersampler:
    """``supersampled`` pictures of one size, again and again with the same buffers."""

    def __init__(self, size, samples=4):
        self._size, self._samples = image_size(size), samples
        height, width = self._size
        self._renderer = Rasterizer((height * samples, width * samples), background=(0.0, 0.0, 0.0))
        self._at_once = max(1, SAMPLES_AT_ONCE // (height * width * samples**2))

    size = property(lambda self: self._size, doc="(height, width) of a picture; fixed.")
    samples = property(lambda self: self._samples, doc="The square root of the samples per pixel; fixed.")

    def __repr__(self):
        return f"Supersampler(size={self.size}, samples={self.samples})"

    @off_tape
    def render(self, mesh, camera, lights=None, progress=None, look=rgba):
        """As ``supersampled``; ``look(frame, camera)`` is what is shown: RGBA (V, H, W, 4), multiplied by alpha."""
        (height, width), samples = self._size, self._samples
        pictures = np.empty((camera.views, height, width, 4), np.float32)
        for start, part in portions(camera, self._at_once):
            fine = look(self._renderer.render(mesh, part, lights), part)
            done = min(start + part.views, camera.views)
            pictures[start:done] = _averaged(fine, samples)[: done - start]
            if progress is not None:
                progress(done, camera.views)
        return straight(pictures)


def _averaged(fine, samples):
    """The mean of every ``samples^2`` pixels of pictures (V, H, W, 4)."""
    parts = (fine[:, row::samples, column::samples] for row in range(samples) for column in range(samples))
    return sum(parts) / np.float32(samples**2)  # three times as fast as numpy.mean over two axes


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
