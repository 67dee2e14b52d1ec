"""Conversions between ways to write a camera down, in NumPy float64; no class of the package in here."""

import numpy as np

from taichi_dr.errors import CameraError

ORTHONORMAL = 1e-3  # how far R^T R may be from the identity: text files round


def orbit_eye(azimuth_deg, elevation_deg, distance, target):
    """Eyes (V, 3) and up vectors (V, 3) on spheres around ``target``.

    eye = target + distance (sin(az) cos(el), sin(el), cos(az) cos(el)); up is +y, and at the poles, where that is
    parallel to the view, the direction in which the elevation grows.
    """
    azimuth, elevation = np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg)
    if (np.abs(elevation_deg) > 90).any():
        raise CameraError(f"expected elevation_deg in [-90, 90], got {np.asarray(elevation_deg).tolist()}")
    if not (distance > 0).all():
        raise CameraError(f"expected distance > 0, got {np.asarray(distance).tolist()}")
    outward = np.stack(
        [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], axis=-1
    )
    rising = np.stack(
        [-np.sin(azimuth) * np.sin(elevation), np.cos(elevation), -np.cos(azimuth) * np.sin(elevation)], axis=-1
    )
    pole = np.abs(elevation_deg) > 89.9
    up = np.where(pole[:, None], rising, np.array([0.0, 1.0, 0.0]))
    return target + distance[:, None] * outward, up


def axes_of_matrices(camera_to_world):
    """Splits camera-to-world matrices (4, 4), (3, 4) or (V, 3 or 4, 4) into u, v, w, e, each (V, 3).

    The columns are the camera's right, up and backward axes and its origin (Blender, OpenGL).
    """
    matrices = np.asarray(camera_to_world, dtype=np.float64)
    if matrices.ndim == 2:
        matrices = matrices[None]
    if matrices.ndim != 3 or matrices.shape[1:] not in ((3, 4), (4, 4)):
        raise CameraError(f"expected camera_to_world of shape (V, 4, 4) or (4, 4), got {np.shape(camera_to_world)}")
    return tuple(matrices[:, :3, k] for k in range(4))


def axes_of_extrinsics(rotation, translation):
    """u, v, w, e of OpenCV's world-to-camera ``x_camera = R x + t``, whose axes are right, down, forward."""
    rotation, translation = np.asarray(rotation, dtype=np.float64), np.asarray(translation, dtype=np.float64)
    rotation = rotation[None] if rotation.ndim == 2 else rotation
    if rotation.ndim != 3 or rotation.shape[1:] != (3, 3):
        raise CameraError(f"expected rotation of shape (V, 3, 3) or (3, 3), got {rotation.shape}")
    if translation.size not in (3, 3 * len(rotation)):
        raise CameraError(f"expected translation of shape ({len(rotation)}, 3), got {translation.shape}")
    translation = np.broadcast_to(translation.reshape(-1, 3), (len(rotation), 3))
    origin = -np.einsum("vij,vi->vj", rotation, translation)
    return rotation[:, 0], -rotation[:, 1], -rotation[:, 2], origin


def require_orthonormal(u, v, w):
    """Raises CameraError unless every (u, v, w) is a right-handed orthonormal frame."""
    frames = np.stack([u, v, w], axis=-1)
    for view, frame in enumerate(frames):
        if not np.isfinite(frame).all() or np.abs(frame.T @ frame - np.eye(3)).max() > ORTHONORMAL:
            raise CameraError(
                f"camera, view {view}: expected an orthonormal rotation, got\n{frame.round(4)}; "
                "remove scale and shear from the matrix"
            )
        if np.linalg.det(frame) < 0:
            raise CameraError(
                f"camera, view {view}: expected right-handed axes (right, up, backward), got a mirrored frame; "
                "OpenCV's axes (right, down, forward) go through from_opencv"
            )


def pixels_to_half_heights(fl_x, fl_y, cx, cy, width, height):
    """Focal lengths and principal points in pixels to (focal (V, 2), principal (V, 2)) in half image heights.

    ``cx, cy`` run right and down from the image's upper left corner (the first pixel's centre is (0.5, 0.5)); without
    them the principal point is the middle of the image.  ``fl_y`` defaults to ``fl_x``.
    """
    _require_size(width, height)
    fl_y = fl_x if fl_y is None else fl_y
    cx = width / 2 if cx is None else cx
    cy = height / 2 if cy is None else cy
    fl_x, fl_y, cx, cy = (np.asarray(number, dtype=np.float64) for number in (fl_x, fl_y, cx, cy))
    half = height / 2
    numbers = (fl_x / half, fl_y / half, (cx - width / 2) / half, (height / 2 - cy) / half)
    fx, fy, px, py = np.broadcast_arrays(*(np.atleast_1d(number) for number in numbers))
    return np.stack([fx, fy], axis=-1), np.stack([px, py], axis=-1)


def fov_y_of_angle_x(camera_angle_x, width, height):
    """The vertical angle of a lens whose horizontal angle is ``camera_angle_x``, in radians."""
    _require_size(width, height)
    return 2 * np.arctan(np.tan(np.asarray(camera_angle_x, dtype=np.float64) / 2) * height / width)


def _require_size(width, height):
    if not width or not height or width <= 0 or height <= 0:
        raise CameraError(f"expected the image's width and height in pixels, got width = {width}, height = {height}")
