"""Cameras on a smooth way past those of the photographs, for the video: beyond them nothing is known."""

import numpy as np
from scipy.interpolate import interp1d
from scipy.ndimage import gaussian_filter1d

from taichi_dr.jobs.reconstruct.radiance.film import film, framed

FRAMES = 60
SMOOTHED = 3.0  # frames
TURNING = 0.5  # of the distance to the origin, that a turn by one radian counts as


def path(posed, frames=FRAMES, size=320):
    """PosedImages without pictures (black, transparent) of cameras that go from each view to the nearest of those left.

    The way is smoothed, and passed at an even speed; it closes where it would end next to where it began.
    """
    matrices = posed.camera_to_world[tour(posed.camera_to_world)]
    steps = _apart(matrices[:-1], matrices[1:])
    closed = _apart(matrices[-1], matrices[0]) < 2 * steps.max(initial=0)
    if closed:
        matrices = np.concatenate([matrices, matrices[:1]])
        steps = np.append(steps, _apart(matrices[-2], matrices[-1]))
    along = np.concatenate([[0], np.cumsum(np.maximum(steps, 1e-6 * max(steps.sum(), 1e-9)))])
    at = np.linspace(0, along[-1], frames, endpoint=not closed)
    numbers = interp1d(along, matrices[:, :3, 1:4].reshape(len(matrices), 9), axis=0)(at)
    numbers = gaussian_filter1d(numbers, SMOOTHED, axis=0, mode="wrap" if closed else "nearest").reshape(-1, 3, 3)
    cameras = np.stack([framed(*columns.T) for columns in numbers])
    return film(posed, cameras, np.median(posed.focal, axis=0), size, "path")


def tour(matrices):
    """The numbers of all cameras (V, 4, 4), each the nearest to the one before of those that are left."""
    left, order = list(range(1, len(matrices))), [0]
    while left:
        nearest = left[int(np.argmin(_apart(matrices[order[-1]], matrices[left])))]
        left.remove(nearest)
        order.append(nearest)
    return order


def _apart(a, b):
    """How far cameras are from each other: how far they went, and how far they turned."""
    distance = np.linalg.norm(a[..., :3, 3] - b[..., :3, 3], axis=-1)
    turn = np.linalg.norm(a[..., :3, 2] - b[..., :3, 2], axis=-1)
    return distance + TURNING * np.linalg.norm(b[..., :3, 3], axis=-1) * turn
