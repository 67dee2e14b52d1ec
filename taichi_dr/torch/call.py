"""One call of a renderer in a network, from tensors to images and back."""

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import torch

from taichi_dr.render.frame import Frame
from taichi_dr.render.renderer import Renderer, settings_of
from taichi_dr.tape import off_tape
from taichi_dr.torch import tensors
from taichi_dr.torch.function import Differentiable


class Numbers(Protocol):
    """Arrays that tensors are copied to, and what their adjoints are read from: ``TensorGroup``, or the like of it.

    ``latest``: a mark of the call whose tensors are in them.
    """

    latest: Any

    def write(self, name: str, tensor: torch.Tensor) -> None:
        """Copies a tensor to the array of that name."""

    def clear_adjoints(self) -> None:
        """Makes them zero, unless the renderer does."""

    def read_adjoint(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The adjoint of the array of that name, as a new tensor."""


class Slot(NamedTuple):
    """Where the numbers of a tensor go."""

    group: Numbers
    name: str


class Stage:
    """A renderer, and a mark of the latest call that it has rendered.

    ``grids`` or ``numbers`` are what a renderer shows whose function is its own.
    """

    renderer: Any
    latest: Any
    grids: tuple
    numbers: Any

    def __init__(self, renderer: Renderer) -> None:
        self.renderer, self.latest = renderer, None
        self.changeable = [name for name, setting in settings_of(type(renderer)).items() if setting.fset]

    def settings(self) -> dict[str, Any]:
        """The settings that may change between renders, as they are now."""
        return {name: getattr(self.renderer, name) for name in self.changeable}


class Call(Differentiable):
    """A render of tensors.

    Arguments:
        stage: whose turn it is.
        slots: where each tensor goes.
        render: renders what is in the slots' groups.
        outputs: the names of the images that are asked for.
    """

    def __init__(
        self, stage: Stage, slots: tuple[Slot, ...], render: Callable[[], Frame], outputs: tuple[str, ...]
    ) -> None:
        self._stage, self._slots, self._render, self._outputs = stage, slots, render, outputs
        self._settings, self._mark = stage.settings(), object()
        self._frame: Frame

    @off_tape
    def run(self, tensors_: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        self._draw(tensors_)
        return tuple(self._image(name) for name in self._outputs)

    @off_tape
    def run_adjoint(self, tensors_, output_adjoints, wanted):
        with self._settings_of_then():
            if not self._is_there():
                self._draw(tensors_)
            self._frame.clear_seeds(self._outputs)
            for name, adjoint in zip(self._outputs, output_adjoints, strict=True):
                self._write_adjoint(name, adjoint)
            for slot in self._slots:
                slot.group.clear_adjoints()
            self._stage.renderer.backward()
            return tuple(
                slot.group.read_adjoint(slot.name, tensor.shape) if wants else None
                for slot, tensor, wants in zip(self._slots, tensors_, wanted, strict=True)
            )

    def _draw(self, tensors_):
        self._stage.latest = None  # until it has rendered: it may raise
        for slot, tensor in zip(self._slots, tensors_, strict=True):
            slot.group.latest = self._mark
            slot.group.write(slot.name, tensor)
        self._frame = self._render()
        self._stage.latest = self._mark

    def _is_there(self):
        """Whether its render, and its tensors (stages share cameras and lights), still are in the arrays."""
        return all(part.latest is self._mark for part in (self._stage, *(slot.group for slot in self._slots)))

    def _image(self, name):
        frame = self._frame
        components = 0 if frame.is_index(name) else frame.outputs[name]
        return tensors.read(*frame.columns(name), (*frame.shape, components) if components else frame.shape)

    def _write_adjoint(self, name, adjoint):
        if self._frame.is_index(name):
            return
        seed = self._frame.seed(name)
        if adjoint is None:
            seed.fill(0)
        else:
            tensors.write(seed, adjoint)

    @contextmanager
    def _settings_of_then(self):
        """Gives the renderer the settings of this call for a while, if they have been changed since."""
        stage, now = self._stage, self._stage.settings()
        changed = [name for name in stage.changeable if now[name] is not self._settings[name]]
        if not changed:
            yield
            return
        self._set(changed, self._settings)
        stage.latest = None
        try:
            yield
        finally:
            self._set(changed, now)
            stage.latest = None

    def _set(self, names, values):
        for name in names:
            setattr(self._stage.renderer, name, values[name])
