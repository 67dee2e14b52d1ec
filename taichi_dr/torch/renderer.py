"""What the renderers of this room share: modules that hold a renderer of Taichi's, one per runtime."""

from collections import namedtuple
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

import torch

from taichi_dr.errors import InputError
from taichi_dr.render.renderer import Renderer
from taichi_dr.torch.call import Call, Slot, Stage
from taichi_dr.torch.function import node
from taichi_dr.torch.kept import Kept

MOST_KEPT = 12  # meshes, cameras and lights, one for every kind and shape


class RendererModule(torch.nn.Module):
    """Base of the renderers as modules.  They have no parameters: what is rendered is given to ``forward``.

    Arguments:
        size: (height, width) in pixels, or one number.
        outputs: the images that ``forward`` returns, in this order: names of outputs of the renderer.
        settings: those of the renderer, which are checked at once.

    A module follows ``dr.init``: after another one it renders in the new run.  Copies of it, and what a process is
    sent of it, have a renderer of their own.
    """

    RENDERER: ClassVar[type[Renderer]]

    def __init__(self, size: Any, *, outputs: tuple[str, ...] = ("color", "alpha"), **settings: Any) -> None:
        super().__init__()
        self._made_with = {"size": size, **settings}
        self.outputs = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        self._stage, self.kept = Kept(1), Kept(MOST_KEPT)
        known = self.RENDERER.OUTPUTS
        if not self.outputs or len({*self.outputs}) < len(self.outputs) or not {*self.outputs} <= known.keys():
            raise InputError(f"outputs: expected some of {', '.join(known)}, each once; got {outputs!r}")
        self._stage_now()

    @property
    def renderer(self) -> Renderer:
        """The renderer of the run, whose settings may be changed between calls: ``module.renderer.sigma = 1e-5``.

        The way back of earlier calls has the settings that they had.
        """
        return self._stage_now().renderer

    def images(self, parts: dict[Slot, torch.Tensor], render: Callable[[], Any]) -> Any:
        """The outputs of a render of tensors, each in its slot, as a named tuple."""
        call = Call(self._stage_now(), tuple(parts), render, self.outputs)
        return images_type(self.outputs)(*node(call, *parts.values()))

    def extra_repr(self) -> str:
        """The settings, for ``repr``."""
        return ", ".join(f"{name}={value!r}" for name, value in (self._made_with | {"outputs": self.outputs}).items())

    def _stage_now(self):
        return self._stage.get("stage", lambda: Stage(self.RENDERER(**self._made_with)))


@lru_cache(maxsize=64)
def images_type(outputs: tuple[str, ...]) -> Any:
    """The named tuple of these outputs."""
    return namedtuple("Images", outputs)
