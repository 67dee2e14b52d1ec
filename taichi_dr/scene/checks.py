"""Numbers that describe a scene, as users give them."""

import numpy as np

from taichi_dr.errors import InputError

SHORTEST = 1e-12  # length below which a direction is none


def vector(values, name, what):
    """Three finite numbers as an array.

    Raises:
        InputError: they are not; ``name`` says whose they are, ``what`` which.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: expected three finite numbers as {what}, got {values!r}") from None
    if array.shape != (3,) or not np.isfinite(array).all():
        raise InputError(f"{name}: expected three finite numbers as {what}, got {array.tolist()}")
    return array


def direction(values, name, what, meaning):
    """A vector that is not of length zero; ``meaning`` says what it is to be.

    Raises:
        InputError: it is.
    """
    array = vector(values, name, what)
    if np.linalg.norm(array) < SHORTEST:
        raise InputError(f"{name}: expected {meaning}, got {array.tolist()} of length zero")
    return array


def color(values, name, what):
    """Linear RGB >= 0; one number is a grey.

    Raises:
        InputError: a number that is negative or not finite.
    """
    if np.ndim(values) == 0:
        values = (values,) * 3
    array = vector(values, name, what)
    if (array < 0).any():
        raise InputError(f"{name}: expected a {what} >= 0, got {array.tolist()}")
    return array
