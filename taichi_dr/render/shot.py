"""One call of ``render``, from its arguments to its frame and back."""

from dataclasses import dataclass, field
from typing import Any

from taichi_dr.render.frame import Frame


@dataclass(kw_only=True, eq=False)
class Shot:
    """Where a renderer renders to and what it reads; a renderer's own shot adds what its stages hand on.

    A shot lives until the same renderer's next one: the way back finds in it what the way there has left.
    """

    frame: Frame
    inputs: tuple  # of Inputs: every array that has an adjoint
    tape: Any = None  # weak reference to the tape that was open; the renderer's base sets it
    width: int = field(init=False)
    height: int = field(init=False)

    def __post_init__(self):
        _, self.height, self.width = self.frame.shape
