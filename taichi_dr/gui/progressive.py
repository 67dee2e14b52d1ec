"""How finely to draw next: coarsely while something moves, then finer and finer, and then the mean of many pictures."""

import math
from typing import Any, NamedTuple

import numpy as np

COARSEST = 8
SECONDS = 1 / 20  # that a picture may take while the camera moves
SETTLED = 0.15  # s without a movement, after which it is refined
PASSES = 16


class Pass(NamedTuple):
    """A picture to draw: 1 / ``shrink`` as high and wide; the ``number``-th of those whose mean is shown.

    ``jitter``: by what part of a pixel to shift it, right and up, in [-1/2, 1/2).
    """

    shrink: int
    number: int
    jitter: tuple[float, float]


class Progressive:
    """Says which ``Pass`` is next, and adds up what was drawn.

    While something moves, a power of two by which pictures are smaller is chosen so that one takes no longer than
    1/20 s, from how long the last ones took per pixel.  Once it has been still for 0.15 s, each picture is twice as
    fine as the last one, up to the full size; of that, ``passes`` pictures with other places in pixels are averaged.
    """

    def __init__(self, passes: int = PASSES) -> None:
        self.passes = passes
        self._per_pixel, self._moved, self._shrink, self._count = 0.0, -math.inf, COARSEST, 0
        self._sum: Any = None
        self._pixels = 0

    def next(self, moved: bool, now: float, full: bool = False) -> Pass | None:
        """The Pass to draw at the time ``now``; None: all is done.

        ``moved``: whether what is to be seen has changed since; ``full``: draw in full size nevertheless.
        """
        if moved:
            self._moved, self._count, self._sum = now, 0, None
            self._shrink = 1 if full else self._affordable()
        elif self._count == 0:
            pass
        elif self._shrink > 1:
            if now - self._moved < SETTLED:
                return None
            self._shrink, self._count, self._sum = self._shrink // 2, 0, None
        elif self._count >= self.passes:
            return None
        return Pass(self._shrink, self._count, jitter(self._count))

    def drawn(self, picture, seconds: float):
        """Takes the picture (H, W, C) of the last pass and how long it took; returns the mean (H, W, C) to be shown."""
        self._per_pixel = seconds / (picture.shape[0] * picture.shape[1])
        self._pixels = self._shrink**2 * picture.shape[0] * picture.shape[1]
        self._sum = picture.astype(np.float32) if self._sum is None else self._sum + picture
        self._count += 1
        return self._sum / self._count

    @property
    def count(self) -> int:
        """How many pictures the mean is of."""
        return self._count

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be refined."""
        return self._shrink == 1 and self._count >= self.passes

    def _affordable(self):
        if not self._per_pixel:
            return COARSEST
        shrink = 1
        while shrink < COARSEST and self._per_pixel * self._pixels / shrink**2 > SECONDS:
            shrink *= 2
        return shrink


def jitter(index):
    """The ``index``-th place in a pixel: Halton's sequence of bases 2 and 3, and the centre first."""
    if index == 0:
        return 0.0, 0.0
    return _radical_inverse(index, 2) - 0.5, _radical_inverse(index, 3) - 0.5


def _radical_inverse(index, base):
    """The digits of ``index`` mirrored at the point: 1, 2, 3 are 0.5, 0.25, 0.75 in base 2."""
    value, digit = 0.0, 1.0 / base
    while index:
        index, remainder = divmod(index, base)
        value += digit * remainder
        digit /= base
    return value
