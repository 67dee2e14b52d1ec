"""What the renderers of this room share: modules that hold renderers of Taichi's, those of the run."""

from abc import abstractmethod
from collections import namedtuple
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

import torch

from taichi_dr.errors import InputError
from taichi_dr.kernels.shading.light import DIRECTIONAL, POINT, SPOT
from taichi_dr.render.renderer import Renderer
from taichi_dr.scene.light import DirectionalLight, PointLight, SpotLight
from taichi_dr.torch import camera as cameras
from taichi_dr.torch import lights as light_sources
from taichi_dr.torch.call import Call, Slot, Stage
from taichi_dr.torch.function import node
from taichi_dr.torch.kept import Kept
from taichi_dr.torch.owners import TensorCamera, TensorLights

MOST_KEPT = 12  # meshes, cameras and lights, one for every kind and shape
MOST_STAGES = 4

Parts = dict[Slot, torch.Tensor]
"""The tensors of a call, and where they go."""


class RendererModule(torch.nn.Module):
    """Base of the renderers as modules.  They have no parameters: what is rendered is given to ``forward``.

    Arguments:
        size: (height, width) in pixels, or one number.
        outputs: the images that ``forward`` returns, in this order: names of outputs of the renderer.
        settings: those of the renderer, which are checked at once.

    A module follows ``dr.init``: after another one it renders in the new run.  Copies of it, and what a process is
    sent of it, have renderers of their own.
    """

    RENDERER: ClassVar[type[Renderer]]

    def __init__(self, size: Any, *, outputs: tuple[str, ...] = ("color", "alpha"), **settings: Any) -> None:
        super().__init__()
        self._made_with = {"size": size, **settings}
        self.outputs = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        self._stages, self.kept = Kept(MOST_STAGES), Kept(MOST_KEPT)
        known = self.RENDERER.OUTPUTS
        if not self.outputs or len({*self.outputs}) < len(self.outputs) or not {*self.outputs} <= known.keys():
            raise InputError(f"outputs: expected some of {', '.join(known)}, each once; got {outputs!r}")

    @abstractmethod
    def stage(self, *key: Any) -> Stage:
        """The renderer of the run for what ``key`` says."""

    def images(self, stage: Stage, parts: Parts, render: Callable[[], Any]) -> Any:
        """The outputs of a render of tensors, each in its slot, as a named tuple."""
        call = Call(stage, tuple(parts), render, self.outputs)
        return images_type(self.outputs)(*node(call, *parts.values()))

    def camera(self, given: Any, parts: Parts) -> Callable[[], TensorCamera]:
        """What gives the camera that the renderer sees, with the depths of this call; its tensor joins ``parts``."""
        kind, rows, near, far = cameras.parameters_of(given)
        camera = self.kept.get((TensorCamera, kind, len(rows)), lambda: TensorCamera(kind, rows, near, far))
        parts[Slot(camera.fields, "parameters")] = rows

        def with_depths():
            camera.near, camera.far = near, far
            return camera

        return with_depths

    def lights(self, given: Any, parts: Parts) -> TensorLights | None:
        """Lights that the renderer sees, None if there are none; their tensors join ``parts``."""
        if given is None:
            return None
        kinds, color, vector = light_sources.parameters_of(given)

        def make():
            spot = SpotLight((0, 0, 0), (0, 0, 1))
            kinds_of = {"directional": DirectionalLight((0, 0, 1)), "point": PointLight((0, 0, 0)), "spot": spot}
            counts = map(kinds.count, (DIRECTIONAL, POINT, SPOT))
            return TensorLights(**{name: [one] * n for (name, one), n in zip(kinds_of.items(), counts, strict=True)})

        lights = self.kept.get((TensorLights, kinds), make)
        place = light_sources.placed_in(kinds)
        parts |= {Slot(lights.fields, "color"): color, Slot(lights.fields, place): vector}
        return lights

    def extra_repr(self) -> str:
        """The settings, for ``repr``."""
        return ", ".join(f"{name}={value!r}" for name, value in (self._made_with | {"outputs": self.outputs}).items())


@lru_cache(maxsize=64)
def images_type(outputs: tuple[str, ...]) -> Any:
    """The named tuple of these outputs."""
    return namedtuple("Images", outputs)
