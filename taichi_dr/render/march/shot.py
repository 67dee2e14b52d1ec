"""One call of a sphere tracer's ``render``."""

from dataclasses import dataclass
from typing import Any

from taichi_dr.kernels.march.rows import Rows
from taichi_dr.kernels.march.settings import March, Rays
from taichi_dr.render.camera_input import CameraInput
from taichi_dr.render.shot import Shot
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights


@dataclass(kw_only=True, eq=False)
class MarchShot(Shot):
    """What the user gave, and the arrays that the stages hand on."""

    camera: Camera
    lights: Lights | None
    background: Any  # as ``Renderer.background`` has it
    packed: CameraInput  # ``camera`` for the image size
    march: March
    rays: Rays | None = None
    rows: Rows | None = None
    count: int = 0  # of rows
    edges: int = 0
    coverage: Any = None  # of every edge
    shown: tuple = ()  # the outputs on demand that have been made

    pixels = property(lambda self: self.width * self.height)
    camera_array = property(lambda self: self.packed.arrays["camera"])
    camera_adjoint = property(lambda self: self.packed.adjoints["camera"])
    view = property(lambda self: (self.camera_array, self.camera.is_orthographic, self.width, self.height))
    """The first arguments of kernels that find the ray of a pixel."""
