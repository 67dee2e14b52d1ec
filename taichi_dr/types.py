"""The words of the package's type hints: what arguments may be, and what fields can do.

Taichi's fields and kernels have no types of their own that a checker could use; ``Field`` says what this package
and its users do with fields.  Shapes are in docstrings.
"""

import os
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Array", "ArrayLike", "Color", "Field", "PathLike", "Progress", "Schedule", "Size"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""A NumPy array; the docstring says of what shape."""

Color: TypeAlias = ArrayLike
"""Three numbers, linear RGB; where a docstring says so also several of them, or one number for a grey."""

PathLike: TypeAlias = str | os.PathLike[str]
"""Where a file or a folder is."""

Progress: TypeAlias = Callable[[int, int], object]
"""Called as ``progress(done, total)``."""

Schedule: TypeAlias = Callable[[int], float]
"""Step, counted from 0, to the factor of the learning rate."""

Size: TypeAlias = int | tuple[int, int]
"""(height, width) of an image in pixels, or one number for a square."""

Backend: TypeAlias = Literal["cpu", "cuda", "vulkan"]


class Field(Protocol):
    """A field of Taichi, one of this package or one's own: ``ti.field(...)``, ``ti.Vector.field(n, ...)``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """That of its elements: a field (V, H, W) of vectors has three."""

    @property
    def dtype(self) -> Any:
        """Taichi's type of its numbers: ``ti.f32``, ..."""

    @property
    def grad(self) -> "Field | Any":
        """The field of its gradient, if it was made with ``needs_grad=True``."""

    def to_numpy(self) -> Array:
        """Its numbers as a new array, the components of vectors last."""

    def from_numpy(self, arr: Array) -> None:
        """Writes an array of its shape, the components of vectors last."""

    def fill(self, val: Any) -> None:
        """Writes one value to every element."""

    def __getitem__(self, key: Any, /) -> Any: ...

    def __setitem__(self, key: Any, value: Any, /) -> None: ...


class GridLike(Protocol):
    """A ``dr.sdf.Grid``, or what has values at the points of a grid as it has."""

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Between neighbouring points, along each axis."""

    def variable(self, name: str) -> Any:
        """Its ``"values"`` (nx, ny, nz), numbers or vectors, as a ``Variable``."""


class MeshLike(Protocol):
    """A ``Mesh``, or what has vertices and a topology as it has."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def topology(self) -> Any:
        """A ``Topology``: how its faces hang together."""

    def variable(self, name: str) -> Any:
        """Its ``"vertices"`` (B, N) of 3-vectors as a ``Variable``."""
