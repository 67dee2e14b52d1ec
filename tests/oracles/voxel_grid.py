"""Grids in slow NumPy: scipy's linear interpolation, Catmull and Rom's cubic one, central differences."""

import itertools

import numpy as np
from scipy.ndimage import map_coordinates

LINEAR, CUBIC = range(2)


def value(numbers, bounds, points, method):
    """(P, C): ``numbers`` (nx, ny, nz, C) at the points of the bounds nearest to ``points`` (P, 3)."""
    interpolate = linear if method == LINEAR else catmull_rom
    place = _place(numbers, bounds, points)
    return np.stack([interpolate(numbers[..., c], place) for c in range(numbers.shape[3])], axis=-1)


def distance(numbers, bounds, points, method):
    """(P,): a distance ``numbers`` (nx, ny, nz), more outside the bounds."""
    inside = value(numbers[..., None], bounds, points, method)[:, 0]
    far = np.linalg.norm(points - np.clip(points, *bounds), axis=1)
    return np.where(far > 0, np.sqrt(far**2 + np.maximum(inside, 0) ** 2), inside)


def gradient(numbers, bounds, points, method):
    """(P, 3): linear: NumPy's central (at the ends one-sided) differences of ``numbers`` (nx, ny, nz), interpolated;
    cubic: the slope of the interpolation."""
    spacing = np.subtract(bounds[1], bounds[0]) / (np.array(numbers.shape) - 1)
    if method == LINEAR:
        return value(np.stack(np.gradient(numbers, *spacing), axis=-1), bounds, points, LINEAR)
    place = _place(numbers, bounds, points)
    return np.stack([catmull_rom(numbers, place, along=k) / spacing[k] for k in range(3)], axis=-1)


def _place(numbers, bounds, points):
    """(P, 3): the nearest points of the bounds, in cells."""
    return (
        (np.clip(points, *bounds) - bounds[0]) / np.subtract(bounds[1], bounds[0]) * (np.array(numbers.shape[:3]) - 1)
    )


def linear(numbers, place):
    return map_coordinates(numbers, place.T, order=1, mode="nearest")


def catmull_rom(numbers, place, along=None):
    """The cubic through the two points around with the slopes of their central differences, axis by axis.

    Its slope along an axis, if one is given.
    """
    padded = np.pad(numbers, 1, mode="reflect", reflect_type="odd")  # v[-1] = 2 v[0] - v[1]
    cell = np.minimum(place.astype(int), np.array(numbers.shape) - 2)
    total = np.zeros(len(place))
    for offset in itertools.product(range(4), repeat=3):
        kernels = [cardinal_slope if k == along else cardinal for k in range(3)]
        weight = np.prod([kernels[k](place[:, k] - cell[:, k] + 1 - offset[k]) for k in range(3)], axis=0)
        total += weight * padded[tuple((cell + offset).T)]
    return total


def cardinal(x):
    """Keys' cubic convolution kernel with a = -1/2, which is Catmull and Rom's spline."""
    x = np.abs(x)
    return np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0))


def cardinal_slope(x):
    """The derivative of ``cardinal``."""
    a = np.abs(x)
    return np.sign(x) * np.where(a <= 1, 4.5 * a**2 - 5 * a, np.where(a < 2, -1.5 * a**2 + 5 * a - 4, 0))
