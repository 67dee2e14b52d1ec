"""One call of a ray tracer's ``render``."""

from dataclasses import dataclass, field
from typing import Any

from taichi_dr.render.camera_input import CameraInput
from taichi_dr.render.rays.scene import Scene
from taichi_dr.render.shot import Shot
from taichi_dr.scene.camera import Camera

BLACK = (0.0, 0.0, 0.0)


@dataclass(kw_only=True, eq=False)
class RayShot(Shot):
    """What the user gave, and what of it was traced last."""

    scene: Scene
    camera: Camera
    background: Any  # as ``Renderer.background`` has it
    packed: CameraInput  # ``camera`` for the image size
    elements: tuple  # of a batch's elements: (element, views that show it)
    samples: tuple  # (columns, rows) of each pixel
    seed: int
    traced: dict = field(default_factory=dict)  # by slots of ``Paths``: which batch of rays it has

    ground = property(lambda self: self.background if isinstance(self.background, tuple) else BLACK)
    is_behind_shown = property(lambda self: self.scene.environment is not None and self.background is not None)
    camera_array = property(lambda self: self.packed.arrays["camera"], doc="(V, 16) of kernels.camera.")
    camera_adjoint = property(lambda self: self.packed.adjoints["camera"], doc="(V, 16); cameras' adjoints add to it.")
