"""What all renderers share: inputs and frame, and their place on the user's tape."""

import math
import weakref
from abc import ABC, abstractmethod
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from taichi_dr.errors import GradientError, InputError, RuntimeStateError
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.memory import check_count, check_memory
from taichi_dr.render.background import background_values, is_varied, require_size
from taichi_dr.render.frame import INDEX, Frame
from taichi_dr.render.shot import Shot
from taichi_dr.runtime import check_runtime, recording_tape, runtime_token
from taichi_dr.tape import enclosing_tape, is_stand_in, off_tape, tape_operation
from taichi_dr.types import Array, ArrayLike, Field, Size


class Renderer(ABC):
    """Base of all renderers: stages between inputs and a frame, as one operation on the user's tape.

    A renderer has

    * ``OUTPUTS``: the images of its frames, as ``Frame`` takes them; ``ON_DEMAND``: those of them that are not made
      until they are asked for;
    * a ``render`` with a signature of its own, which makes a ``Shot`` of its arguments, with ``self._frame(views)`` and
      with everything that gets gradients among the ``Inputs``, and returns ``self._submit(shot)``;
    * ``_forward``, ``_adjoint`` and ``_produce``, which read the inputs' ``arrays`` and add to their ``adjoints``.

    The rest is final, but for ``_taken_background``: nothing else needs to be overridden.

    Its settings are properties: those with a setter may be changed between renders, the others are fixed, and every
    other public name is refused.

    Arguments:
        size: (height, width) in pixels, or one number; may be changed between renders.
        background: what is behind everything; may be changed between renders.
    """

    OUTPUTS: ClassVar[dict]
    ON_DEMAND: ClassVar[tuple] = ()

    def __init__(self, size: Size, background: ArrayLike | Field | None = (0.0, 0.0, 0.0)) -> None:
        self._token = runtime_token()
        self._buffers = Buffers()
        self._frames = {}
        self._operation = tape_operation(self._run, self._run_adjoint)
        self._latest = None  # the latest shot; None while one is half rendered, or after one that raised
        self._size = image_size(size)
        self.background = background

    if not TYPE_CHECKING:  # with it, type checkers would accept every name

        @final
        def __setattr__(self, name, value):
            if not name.startswith("_"):
                self._require_setting(name)
            super().__setattr__(name, value)

    def __repr__(self):
        values = {name: repr(getattr(self, name)) for name in settings_of(type(self))}
        if is_varied(self._background):
            values["background"] = f"<array of shape {self._background.shape}>"
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in values.items())})"

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels; may be changed between renders.

        Renders of the new size have new frames; those of the old one keep what is in them, but for outputs on demand
        that have not been asked for, and their gradients can no longer be taken.
        """
        return self._size

    @size.setter
    def size(self, size: Size) -> None:
        size = image_size(size)
        if size != self._size:
            self._size, self._latest = size, None
            self._frames.clear()
            self._buffers.clear()  # frames hold arrays of theirs, which the next render would write to

    @property
    def height(self) -> int:
        """In pixels; ``size`` changes it."""
        return self._size[0]

    @property
    def width(self) -> int:
        """In pixels; ``size`` changes it."""
        return self._size[1]

    @property
    def background(self) -> tuple[float, float, float] | Array | None:
        """What is behind everything, linear RGB; may be changed between renders, without compiling anything again.

        A colour (3,), one for each view (V, 3), an image (H, W, 3), or one for each view (V, H, W, 3): numbers, which
        are copied and have no gradient.  None: nothing, and colours are then multiplied by alpha, so that a kernel of
        yours lays anything behind them, with gradients for both: ``color + (1 - alpha) background``.

        Raises:
            ShapeError: another shape, or images of another size.
            InputError: no numbers, or some that are not finite.
        """
        return self._background

    @background.setter
    def background(self, given: ArrayLike | Field | None) -> None:
        self._background = self._taken_background(given)

    def _taken_background(self, given: Any) -> Any:
        """What ``background`` keeps of what it is given; renderers that take more than numbers override it."""
        return background_values(given, self._size)

    @abstractmethod
    def _forward(self, shot):
        """Writes (or binds) the arrays of the frame's outputs, but for those on demand, from the inputs' arrays."""

    @abstractmethod
    def _adjoint(self, shot):
        """Adds what the adjoints of the frame's outputs in use imply to the inputs' adjoints, which are zero before."""

    @abstractmethod
    def _produce(self, shot, name):
        """Writes (or binds) the array of an output that is made on demand, of the latest shot."""

    @final
    @off_tape
    def backward(self) -> None:
        """Adds the latest render's gradients by hand, from what the caller wrote into the outputs' ``.grad`` fields.

        For programs without a tape; inside one it happens by itself.

        Raises:
            RuntimeStateError: the renderer is older than the latest ``ti.init``.
            GradientError: there is no render, or the latest one raised an error.
        """
        self._check()
        if self._latest is None:
            raise GradientError("backward() before any render(), or after one that raised an error")
        self._run_adjoint(self._latest)

    @final
    def _submit(self, shot: Shot) -> Frame:
        """Renders a shot, as an operation on the tape if one is open, and returns its frame.

        Raises:
            RuntimeStateError: the renderer or an input is older than the latest ``ti.init``.
            GradientError: this renderer has rendered within the open tape before, or it is a step of ``checkpointed``.
        """
        self._check()
        self._require_first_render()
        tape = recording_tape()
        if tape is not None:
            shot.tape = weakref.ref(tape)
        self._operation(shot)
        return shot.frame

    @final
    def _frame(self, views):
        """The frame for so many views: one and the same from render to render.

        Raises:
            ShapeError: the background is of another number of views, or of another size.
            TooLargeError: more memory than there is.
        """
        require_size(self._background, self._size, views)
        if views not in self._frames:
            shape = (views, *self._size)
            _check_room(f"{views} views of" if views > 1 else "a frame of", shape, self.OUTPUTS)
            self._frames[views] = Frame(self.OUTPUTS, shape, off_tape(self._produce_for))
        return self._frames[views]

    @final
    def _adjoint_or_zero(self, frame, name):
        """The adjoint array of an output, zeros if it is not in use."""
        adjoint = frame.adjoint(name)
        return self._buffers.zeroed(f"no_{name}", frame.array(name).shape) if adjoint is None else adjoint

    @final
    def _check(self):
        """Raises RuntimeStateError if ``ti.init`` was called since the renderer was made."""
        check_runtime(self._token, "renderer")

    @final
    def _require_first_render(self):
        """Raises GradientError if a gradient of the open tape could not be taken then, on the tape or kept off it."""
        tape = enclosing_tape()
        if is_stand_in(recording_tape()):
            raise GradientError(
                "a step of dr.checkpointed may not render, as its frames would keep gradients from step to step: let it"
                " write what is to be seen into fields of yours, and render them all at once after the run"
            )
        if (
            tape is not None
            and self._latest is not None
            and self._latest.tape is not None
            and self._latest.tape() is tape
        ):
            raise GradientError(
                "this renderer has rendered within this tape before, and a second render would overwrite what the first"
                " one's gradient needs: render all views in one call (a camera of several views, a batch of meshes), or"
                " use one renderer for each"
            )

    @final
    def _produce_for(self, frame, name):
        if name not in self.ON_DEMAND:
            return
        if self._latest is None or frame is not self._latest.frame:
            raise RuntimeStateError(
                "this renderer has rendered another number of views since, or another size, or raised an error while"
                f" rendering: ask for frame.{name} before the next render"
            )
        self._produce(self._latest, name)

    @final
    def _require_setting(self, name):
        """Raises AttributeError if ``name`` is no setting that may be changed."""
        kind, settings = type(self), settings_of(type(self))
        if name not in settings or settings[name].fset is None:
            problem = "is fixed: make another renderer" if hasattr(kind, name) else "there is no such setting"
            changeable = ", ".join(name for name, setting in settings.items() if setting.fset)
            raise AttributeError(f"{kind.__name__}.{name}: {problem}; between renders you may change {changeable}")

    @final
    def _run(self, shot):
        self._latest = None
        for inputs in shot.inputs:
            inputs.pull()
        self._forward(shot)
        self._latest = shot
        shot.frame.refresh(premultiplied=self._background is None)

    @final
    def _run_adjoint(self, shot):
        if shot is not self._latest:
            raise GradientError(
                "this renderer has rendered again, or changed its size, since the render whose gradient is asked for"
            )
        for inputs in shot.inputs:
            inputs.zero_adjoints()
        self._adjoint(shot)
        for inputs in shot.inputs:
            inputs.push_gradients()


def settings_of(kind):
    """The properties of a class of renderers by name, those of its bases first."""
    members = {name: value for base in kind.__mro__[::-1] for name, value in vars(base).items()}
    return {
        name: value
        for name, value in members.items()
        if isinstance(value, property) and name not in ("height", "width")  # they are in the size
    }


def image_size(size):
    """(height, width) from one number (a square image) or from two.

    Raises:
        InputError: not one or two positive integers.
        TooLargeError: a picture of that size takes more memory than there is.
    """
    sides = (size, size) if np.ndim(size) == 0 else tuple(size)
    if len(sides) != 2 or not all(isinstance(side, Integral) and side > 0 for side in sides):
        raise InputError(f"size: expected (height, width) in pixels, or one number for a square; got {size!r}")
    sides = int(sides[0]), int(sides[1])
    _check_room("size: a frame of", sides, {"color": 3, "alpha": 0})
    return sides


def _check_room(what, shape, outputs):
    """Raises TooLargeError if the outputs of ``shape`` (..., H, W) cannot be had."""
    pixels, components = math.prod(shape), [1 if kind == INDEX else max(kind, 1) for kind in outputs.values()]
    what, advice = f"{what} {shape[-2]:,} × {shape[-1]:,} pixels", "take a smaller size, or fewer views at a time"
    check_memory(what, 4 * sum(components) * pixels, advice)
    check_count(what, 4 * pixels, advice)
