"""The visual hull's values at nodes, by hand."""

import numpy as np
import pytest

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.distance.silhouettes import hull

IDENTITY = [1.0, 0, 0, 0, 1, 0, 0, 0, 1]


def values_at(points, distances, views):
    """phi at ``points``, each as a grid of one node."""
    found = []
    for point in points:
        values = make_array((1, 1, 1))
        hull(array_from(distances), array_from(views), array_from(np.array(point)), values, 1.0, 1.0, 1.0)
        found.append(values.to_numpy().item())
    return found


def test_a_square_seen_from_one_side(any32):
    """From (0, 0, 4) with f = 16 pixels on pictures of 16 x 16: distances grow by a pixel per pixel to the right."""
    distances = np.tile(np.arange(16.0) - 9.5, (1, 16, 1))
    view = np.array([[*IDENTITY, 0, 0, 4, 16, 16, 8, 8]])
    points = [(0, 0, 0), (0.5, 0, 0), (1, 1, 2), (0, 0, 6)]
    # They fall on columns 7.5, 9.5 and, at depth 2, 15.5: half a pixel beyond the last one, and with row -0.5 as far
    # above; a pixel is 4/16, 4/16 and 2/16 wide there.  The last point is 2 behind the camera.
    expected = [-2 * 0.25, 0.0, (5.5 + 0.5**0.5) / 8, 2.0]
    assert values_at(points, distances, view) == pytest.approx(expected, abs=1e-6)


def test_the_view_that_says_most_counts(any32):
    distances = np.stack([np.full((4, 4), -3.0), np.full((4, 4), -1.0)])
    view = [*IDENTITY, 0, 0, 4, 8, 2, 2, 2]
    assert values_at([(0, 0, 0)], distances, np.array([view, view])) == pytest.approx([-1.0 * 4 / 4])
