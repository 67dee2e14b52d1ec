"""Where points are: the sphere around them, and how far they are from the origin for what single precision holds."""

import warnings

import numpy as np

from taichi_dr.types import Array

LEAST_DIGITS = 1e-5
"""The largest gap between numbers of single precision, as a share of a shape's extent, that leaves its form alone."""


def sphere_around(points) -> tuple[Array, float]:
    """The middle (3,) of the box around ``points`` (P, 3), and the distance from it of the furthest of them."""
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    return center, float(np.linalg.norm(points - center, axis=1).max())


def used_points(mesh) -> Array:
    """(P, 3), float64: the vertices of all meshes of a batch that some face uses."""
    return mesh.numpy("vertices").astype(np.float64)[:, mesh.topology.used].reshape(-1, 3)


def warn_of_lost_digits(points, used, name) -> None:
    """Warns where single precision cannot hold the shape of ``points`` (B, N, 3), of which ``used`` (N,) count."""
    offset = offset_of(points[:, used].reshape(-1, 3))
    if offset.any() and (points != points.astype(np.float32)).any():
        warnings.warn(
            f"{name}: its vertices are so far from the origin that single precision cannot hold their shape: give them"
            f" less {offset.tolist()}, and set its offset to that",
            stacklevel=4,
        )


def world_vertices(mesh, index=0) -> Array:
    """(N, 3): the vertices of mesh ``index`` in the world; float64 where the mesh has an offset."""
    vertices = mesh.numpy("vertices")[index]
    return vertices + mesh.offset if mesh.offset.any() else vertices


def text_digits(mesh) -> str:
    """The format of coordinates of ``world_vertices`` as text that keeps all their digits."""
    return ".15g" if mesh.offset.any() else ".9g"


def offset_of(points) -> Array:
    """What to take from ``points`` (P, 3), float64, so that single precision holds their shape: zeros if it does.

    It does where its numbers there are no further apart than ``LEAST_DIGITS`` of the points' extent.  Else the offset
    is the middle of the box around them, rounded to a power of ten that is no more than the extent.

    >>> offset_of(np.array([[500000.2, 4500000.0, 100.0], [500004.2, 4500004.0, 104.0]])).tolist()
    [500002.0, 4500002.0, 102.0]
    """
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    largest = max(abs(low).max(), abs(high).max())
    if not (np.isfinite(extent) and extent > 0 and largest < np.finfo(np.float32).max):
        return np.zeros(3)
    if np.spacing(np.float32(largest)) <= LEAST_DIGITS * extent:
        return np.zeros(3)
    step = 10.0 ** np.floor(np.log10(extent))
    return np.round((low + high) / 2 / step) * step
