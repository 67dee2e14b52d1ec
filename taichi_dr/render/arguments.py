"""What all renderers ask of their arguments."""

import math
from numbers import Integral, Real

from taichi_dr.errors import InputError
from taichi_dr.scene.light import Lights


def require_kind(name, value, kind):
    """Raises InputError if the argument of that name is not an object of a class."""
    if not isinstance(value, kind):
        raise InputError(f"{name}: expected a {kind.__name__} object, got {value!r}")


def require_lights_without_area(lights):
    """Raises InputError for what are no lights, and for those that ray tracing alone can show; None is no lights."""
    if lights is None:
        return
    require_kind("lights", lights, Lights)
    if lights.area:
        raise InputError(
            f"lights: expected ambient, directional, point and spot lights, got {lights.area[0]!r}: area lights are"
            " for the RayTracer"
        )


def positive(name, value):
    """The number.

    Raises:
        InputError: it is not a finite number above 0.
    """
    if not (isinstance(value, Real) and math.isfinite(value) and value > 0):
        raise InputError(f"{name}: expected a finite number > 0, got {value!r}")
    return value


def whole(name, value):
    """The number.

    Raises:
        InputError: it is not a whole number of at least 1.
    """
    if not (isinstance(value, Integral) and value >= 1):
        raise InputError(f"{name}: expected a whole number of at least 1, got {value!r}")
    return value
