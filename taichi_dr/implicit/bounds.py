"""Where something is: a box or a ball that rays enter and leave."""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.types import ArrayLike

ENDLESS = 1e12  # world units


@dataclass(frozen=True)
class Box:
    """An axis-aligned box between two corners; a number stands for a corner with three equal coordinates.

    Raises:
        InputError: a corner that is no point, or not below the other one in every coordinate.

    >>> Box(-1, 1).radius
    1.7320508075688772
    """

    low: ArrayLike
    high: ArrayLike

    def __post_init__(self):
        low, high = _point("Box.low", self.low), _point("Box.high", self.high)
        if not all(a < b for a, b in zip(low, high, strict=True)):
            raise InputError(f"Box: expected low < high in every coordinate, got {low} and {high}")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Six numbers, as ``kernels.march.bounds`` takes them."""
        return (*_point("Box.low", self.low), *_point("Box.high", self.high))

    @property
    def center(self) -> tuple[float, ...]:
        """The middle."""
        return tuple(0.5 * (a + b) for a, b in zip(self.numbers[:3], self.numbers[3:], strict=True))

    @property
    def radius(self) -> float:
        """That of the ball around the middle that holds it."""
        return 0.5 * math.dist(self.numbers[:3], self.numbers[3:])


@dataclass(frozen=True)
class Ball:
    """A ball around ``center``.

    Raises:
        InputError: a centre that is no point, a radius that is not positive.
    """

    center: ArrayLike = (0.0, 0.0, 0.0)
    radius: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "center", _point("Ball.center", self.center))
        if not (isinstance(self.radius, Real) and math.isfinite(self.radius) and self.radius > 0):
            raise InputError(f"Ball.radius: expected a finite number > 0, got {self.radius!r}")

    @property
    def numbers(self) -> tuple[float, ...]:
        """Six numbers, as ``kernels.march.bounds`` takes them."""
        return (*_point("Ball.center", self.center), self.radius, 0.0, 0.0)


@dataclass(frozen=True)
class Unbounded:
    """All of space, from a camera's near plane to its far plane; what matters most is within ``radius`` of ``center``.

    Rays are sampled evenly as far as ``radius`` from where they start, and ever less often beyond.

    Raises:
        InputError: a centre that is no point, a radius that is not positive.
    """

    center: ArrayLike = (0.0, 0.0, 0.0)
    radius: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "center", _point("Unbounded.center", self.center))
        if not (isinstance(self.radius, Real) and math.isfinite(self.radius) and self.radius > 0):
            raise InputError(f"Unbounded.radius: expected a finite number > 0, got {self.radius!r}")

    @property
    def numbers(self) -> tuple[float, ...]:
        """Six numbers, as ``kernels.march.bounds`` takes them: a box that no far plane reaches out of."""
        return (-ENDLESS,) * 3 + (ENDLESS,) * 3


def _point(name: str, value: ArrayLike) -> tuple[float, float, float]:
    try:
        point = np.broadcast_to(np.asarray(value, float), (3,))
    except (TypeError, ValueError):
        raise InputError(f"{name}: expected a point (x, y, z), or one number for all three; got {value!r}") from None
    if not np.isfinite(point).all():
        raise InputError(f"{name}: expected finite numbers, got {value!r}")
    x, y, z = point.tolist()
    return x, y, z
