"""Where an object is and how large the pictures of it are, in world units."""

import numpy as np

from taichi_dr.kernels.camera.pack import F
from taichi_dr.scene.bounds import sphere_around, used_points
from taichi_dr.types import Array


def center_of(mesh) -> Array:
    """The middle (3,) of the box around a mesh."""
    return sphere_around(used_points(mesh))[0]


def visible_radius(camera, center, size) -> float:
    """Half of what the shorter side of an image of ``size`` (H, W) shows at ``center``, the mean of all views.

    ``distance / f``, or ``1 / f`` for parallel projection.  At a distance of 2.7 with ``fov_y`` of 45 degrees it is
    2.7 tan(22.5 deg) = 1.12.
    """
    height, width = size
    packed = camera.pack(width, height).to_numpy().astype(np.float64)
    eye = packed[:, 9:12]
    distance = 1.0 if camera.is_orthographic else np.linalg.norm(eye - center, axis=1)
    return float(np.mean(distance / packed[:, F : F + 2].max(axis=1)))
