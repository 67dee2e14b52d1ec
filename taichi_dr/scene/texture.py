"""A picture that some faces of a mesh show, and what it shows beyond its borders."""

from dataclasses import dataclass

import numpy as np

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.types import Array, ArrayLike

WRAPS = ("repeat", "clamp", "mirror")
"""What lies outside [0, 1]: the picture again, its border, or its mirror image: glTF's REPEAT, CLAMP_TO_EDGE and
MIRRORED_REPEAT."""

NO_TEXTURE = -1
"""In ``face_textures``: the face shows none."""


@dataclass(frozen=True, eq=False, repr=False)
class Texture:
    """A picture for ``Mesh``: ``pixels`` (Ht, Wt, 3), linear RGB, row 0 on top; ``wrap`` along u and v, of ``WRAPS``.

    Raises:
        ShapeError: pixels of another shape.
        InputError: an unknown wrap mode.

    >>> Texture([[[1, 0, 0], [0, 1, 0]]], wrap=("clamp", "repeat")).pixels.shape
    (1, 2, 3)
    """

    pixels: ArrayLike
    wrap: tuple[str, str] = ("repeat", "repeat")

    def __post_init__(self) -> None:
        pixels: Array = np.asarray(self.pixels)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
            raise ShapeError(f"texture: expected shape (Ht, Wt, 3), got {pixels.shape}")
        wrap = tuple(self.wrap) if isinstance(self.wrap, list | tuple) else ()
        if len(wrap) != 2 or any(mode not in WRAPS for mode in wrap):
            raise InputError(f"texture: expected wrap modes along u and v of {', '.join(WRAPS)}, got {self.wrap!r}")
        object.__setattr__(self, "pixels", pixels)
        object.__setattr__(self, "wrap", wrap)

    def __repr__(self):
        height, width = np.shape(self.pixels)[:2]
        return f"Texture({height} x {width}, wrap={self.wrap})"


def codes(wrap):
    """Wrap modes along u and v as ``kernels.shading.texture`` takes them."""
    return tuple(WRAPS.index(mode) for mode in wrap)
