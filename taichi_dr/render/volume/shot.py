"""One call of a volume renderer's ``render``."""

from dataclasses import dataclass
from typing import Any

from taichi_dr.render.camera_input import CameraInput
from taichi_dr.render.shot import Shot
from taichi_dr.scene.camera import Camera


@dataclass(kw_only=True, eq=False)
class VolumeShot(Shot):
    """What the user gave, and what the way back needs."""

    camera: Camera
    background: Any  # as ``Renderer.background`` has it
    packed: CameraInput  # ``camera`` for the image size
    view: tuple = ()  # the first arguments of kernels that find the rays of pixels
    count: int = 0  # of rays that cross the bounds
    seed: int = 0

    pixels = property(lambda self: self.frame.shape[0] * self.width * self.height)
    """Of all views."""
    camera_array = property(lambda self: self.packed.arrays["camera"])
