"""Poses of cameras: matrices and quaternions checked, and made rigid where rounding or a scale is all that is wrong."""

import warnings
from typing import NamedTuple

import numpy as np

from taichi_dr.errors import DataSetError

UNEVEN = (
    0.02  # by how much the scales of a matrix's axes may differ: rounding to two decimals makes them differ by 0.015
)
ROUNDED = 1e-4  # entries of a rotation that is changed by more are spoken of
EXACT = 1e-6  # one that is off by less stays as it is
LAST_ROW = np.array([0.0, 0.0, 0.0, 1.0])
SMALLEST = 1e-9  # scale of a matrix's axes
NOTHING = 1e-30  # entries of a matrix that are as good as 0


class Repaired(NamedTuple):
    """A rigid ``matrix`` (4, 4), the ``scale`` taken out of its axes, and by how much an entry then ``changed``."""

    matrix: np.ndarray
    scale: float
    changed: float


def checked_pose(where, matrix):
    """A camera-to-world matrix (4, 4) of nested numbers of shape (4, 4) or (3, 4), as it is given.

    Its axes may all have one scale, as ``rigid_poses`` takes it out, and may be rounded.

    Raises:
        DataSetError: not numbers, of another shape, not finite, transposed, or its axes are no rotation's: mirrored, of
            different lengths or not at right angles; ``where`` begins the message.
    """
    matrix = _numbers(where, matrix)
    if matrix.shape == (3, 4):
        matrix = np.concatenate([matrix, LAST_ROW[None]])
    if matrix.shape != (4, 4):
        raise DataSetError(f"{where}: expected shape (4, 4), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise DataSetError(f"{where} holds a number that is not finite")
    _check_last_row(where, matrix)
    _check_axes(where, matrix[:3, :3])
    return matrix


def _numbers(where, matrix):
    if isinstance(matrix, list) and any(row is None or (isinstance(row, list) and None in row) for row in matrix):
        raise DataSetError(f"{where} has null in it: {matrix}")
    try:
        return np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataSetError(f"{where} is not a matrix of numbers") from None


def _check_last_row(where, matrix):
    if np.abs(matrix[3] - LAST_ROW).max() <= EXACT:
        return
    if np.abs(matrix[:, 3] - LAST_ROW).max() <= EXACT:
        raise DataSetError(
            f"{where} is transposed: its last row is {matrix[3].tolist()}; expected the camera's place in the last"
            " column, and the last row [0, 0, 0, 1]"
        )
    raise DataSetError(f"{where} is not rigid: its last row is {matrix[3].tolist()}; expected [0, 0, 0, 1]")


def _check_axes(where, axes):
    with np.errstate(over="ignore", invalid="ignore"):
        error, determinant = np.abs(axes.T @ axes - np.eye(3)).max(), np.linalg.det(axes)
        lengths = np.linalg.norm(axes, axis=0)
        found = f"its columns are {_list(lengths)} long, its determinant is {determinant:.3g}"
        if not np.isfinite([error, determinant]).all():
            raise DataSetError(f"{where} is not rigid: its numbers are too large: {found}")
        if lengths.max() < SMALLEST:
            raise DataSetError(f"{where} is not rigid: its rotation is zero")
        some = np.where(np.abs(axes) < NOTHING, 0.0, axes)  # LAPACK writes to the terminal of numbers below 1e-308
        scales = np.linalg.svd(some, compute_uv=False)
    if not scales[0] - scales[2] <= UNEVEN * scales[0]:
        raise DataSetError(
            f"{where} is not rigid: its rotation's RᵀR differs from the identity by {error:.3g}; it stretches by"
            f" {_list(scales)} in three directions, {found}: expected a rotation, with one scale at most"
        )
    if determinant < 0:
        raise DataSetError(
            f"{where} is not rigid: it is a mirror, {found}: expected a rotation, with determinant 1; one axis"
            " of the camera or of the world has been turned round alone"
        )


def rigid_poses(where, names, matrices):
    """The nearest rigid matrices (V, 4, 4) of checked ones: a scale is taken out, rounded axes become a rotation's.

    Of a scale ``s`` and axes ``A = U S V'`` the rotation is ``U V'``; cameras stay in their places.  Warns once, and
    names the matrix that changes most.  Source: Schoenemann, A generalized solution of the orthogonal Procrustes
    problem, 1966.
    """
    repaired = [_repaired(matrix) for matrix in matrices]
    scales, changed = np.array([one.scale for one in repaired]), np.array([one.changed for one in repaired])
    scaled = np.abs(scales - 1) > UNEVEN
    if scaled.any():
        worst = int(np.argmax(np.abs(np.log(scales))))
        warnings.warn(
            f"{where}: {scaled.sum()} of {len(scales)} camera matrices have a scale, {scales[worst]:.4g} in"
            f" {names[worst]}: it is taken out, the cameras stay in their places",
            stacklevel=2,
        )
    if (changed > ROUNDED).any():
        worst = int(np.argmax(changed))
        warnings.warn(
            f"{where}: {(changed > ROUNDED).sum()} of {len(changed)} camera matrices are rounded: the nearest rotations"
            f" are taken, which differ by up to {changed[worst]:.2g} ({names[worst]})",
            stacklevel=2,
        )
    return [one.matrix for one in repaired]


def _repaired(matrix):
    axes = matrix[:3, :3]
    if np.abs(axes.T @ axes - np.eye(3)).max() <= EXACT:
        return Repaired(matrix, 1.0, 0.0)
    left, scales, right = np.linalg.svd(axes)
    scale, rotation = float(scales.mean()), left @ right
    rigid = matrix.copy()
    rigid[:3, :3] = rotation
    return Repaired(rigid, scale, float(np.abs(axes / scale - rotation).max()))


def of_opencv(where, rotation, translation):
    """Camera-to-world of OpenCV's world-to-camera ``x_camera = R x + t``, whose axes are right, down, forward."""
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = np.concatenate([rotation.T * [1, -1, -1], -(rotation.T @ translation)[:, None]], axis=1)
    return checked_pose(where, matrix)


def of_quaternion(where, quaternion):
    """The rotation (3, 3) of a quaternion (w, x, y, z), whose length need not be 1.

    >>> of_quaternion("", (1, 0, 0, 1)).round(6).tolist()  # a quarter turn about z: x goes to y
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]

    Raises:
        DataSetError: no rotation: not finite, or of length 0.
    """
    quaternion = np.array(quaternion, dtype=np.float64)
    length = np.linalg.norm(quaternion)
    if not (np.isfinite(length) and length > 1e-6):
        raise DataSetError(f"{where}: the quaternion {quaternion.tolist()} is no rotation")
    w, x, y, z = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _list(numbers):
    return ", ".join(f"{number:.4g}" for number in numbers)
