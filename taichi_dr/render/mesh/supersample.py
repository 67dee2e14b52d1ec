"""Smooth pictures of meshes for files: many samples per pixel, straight alpha."""

from collections.abc import Callable

import numpy as np

from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.screen.average import average_squares
from taichi_dr.memory import check_memory
from taichi_dr.render.frame import Frame
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.render.renderer import image_size
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, Progress, Size

SAMPLES_AT_ONCE = 1 << 22  # pixels of the finer picture that are held at a time


def supersampled(
    mesh: Mesh,
    camera: Camera,
    size: Size,
    lights: Lights | None = None,
    samples: int = 4,
    progress: Progress | None = None,
) -> Array:
    """Pictures (V, H, W, 4) of a mesh, linear RGB with straight alpha; every pixel the mean of ``samples^2``.

    Colours are averaged premultiplied by alpha, in linear light.  ``size`` is (H, W), or one number for a square;
    ``progress(done, total)`` is called as views are finished.  These are pictures to look at or to compare with: no
    gradient goes through them, and a tape does not record them.
    """
    return Supersampler(size, samples).render(mesh, camera, lights, progress)


class Supersampler:
    """``supersampled`` pictures of one size, again and again with the same buffers."""

    def __init__(self, size: Size, samples: int = 4) -> None:
        self._size, self._samples = image_size(size), samples
        height, width = self._size
        self._renderer = Rasterizer((height * samples, width * samples), background=None)
        self._at_once = max(1, SAMPLES_AT_ONCE // (height * width * samples**2))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a picture; fixed."""
        return self._size

    @property
    def samples(self) -> int:
        """The square root of the samples per pixel; fixed."""
        return self._samples

    def __repr__(self):
        return f"Supersampler(size={self.size}, samples={self.samples})"

    @off_tape
    def render(
        self,
        mesh: Mesh,
        camera: Camera,
        lights: Lights | None = None,
        progress: Progress | None = None,
        look: Callable[[Frame, Camera], Array] | None = None,
    ) -> Array:
        """As ``supersampled``; ``look(frame, camera)`` is what is shown in place of the colours: RGBA (V, H, W, 4),
        multiplied by alpha."""
        height, width = self._size
        check_memory(f"{camera.views} pictures of {height} × {width} pixels", 16 * camera.views * height * width)
        pictures = np.empty((camera.views, height, width, 4), np.float32)
        for start, part in portions(camera, self._at_once):
            frame = self._renderer.render(mesh, part, lights)
            done = min(start + part.views, camera.views)
            pictures[start:done] = self._averaged(frame, part, look)[: done - start]
            if progress is not None:
                progress(done, camera.views)
        return pictures

    def _averaged(self, frame, camera, look):
        rgba = frame.array("color") if look is None else array_from(look(frame, camera).reshape(-1, 4))  # with alpha
        pictures = np.empty((camera.views, *self._size, 4), np.float32)
        average_squares(rgba, self._samples, pictures)
        return pictures


def portions(camera, at_once):
    """``(first view, camera)`` for every ``at_once`` views; the last one is filled up with the last view."""
    if camera.views <= at_once:
        yield 0, camera
        return
    for start in range(0, camera.views, at_once):
        yield start, camera.select(np.minimum(np.arange(start, start + at_once), camera.views - 1))
