"""Where to put cameras: directions spread evenly over the sphere, and how far away."""

import math

import numpy as np

GOLDEN_ANGLE_DEG = 180 * (3 - math.sqrt(5))


def spread_angles(count):
    """Azimuths and elevations in degrees of ``count`` directions spread evenly over the sphere, from the top down.

    Vogel's spiral (the Fibonacci sphere): equal steps in height, turned by the golden angle each.
    """
    i = np.arange(count)
    elevation = np.rad2deg(np.arcsin(1 - (2 * i + 1) / count))
    return (GOLDEN_ANGLE_DEG * i) % 360, elevation


def every_other(count, chosen):
    """``chosen`` of ``count`` indices, evenly spaced, and the others.

    >>> every_other(8, 2)
    (array([2, 6]), array([0, 1, 3, 4, 5, 7]))
    """
    picked = ((np.arange(chosen) + 0.5) * count / max(chosen, 1)).astype(int)
    return picked, np.setdiff1d(np.arange(count), picked)


def distance_for(fov_deg, radius=1.0, margin=1.05):
    """How far a camera of that smaller full angle must be to see a sphere of ``margin`` times ``radius`` whole."""
    return margin * radius / math.sin(math.radians(fov_deg) / 2)
