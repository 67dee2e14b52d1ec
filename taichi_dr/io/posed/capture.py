"""What a reader finds out about photographs before their pixels are read: cameras, files, points; and its checks."""

from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

from taichi_dr.errors import DataSetError, FileError
from taichi_dr.io.files import read_bytes
from taichi_dr.io.images import PICTURES
from taichi_dr.io.posed.lens import Lens

RIGID_TOLERANCE = 1e-3
NAMES_SHOWN = 20
FISHEYE_ADVICE = "undistort the images first (colmap image_undistorter) and read those"


@dataclass(frozen=True)
class View:
    """One photograph: ``name`` as its format calls it, ``picture`` where it is, ``mask`` that of its foreground if it
    has one, ``missing`` what one of the two is called that is not there, ``camera_to_world`` (4, 4) with columns right,
    up, backward, position, the ``lens``, and the ``depths`` (near, far) of what it shows along its axis if they are
    known.

    ``own_lens``: the lens is that of this photograph and not of all, so that others may differ in size.
    ``is_raw``: the lens is for the pixels as stored, whatever the picture's orientation tag says.
    """

    name: str
    picture: Path | None
    camera_to_world: np.ndarray
    lens: Lens
    mask: Path | None = None
    missing: str = ""
    depths: tuple[float, float] | None = None
    own_lens: bool = True
    is_raw: bool = True


@dataclass(frozen=True)
class Capture:
    """All of them: ``format`` in words, the ``file`` that has the cameras, ``points`` (P, 3) on surfaces in world
    units, and ``region``, a sphere (x, y, z, radius) that holds what is to be reconstructed, where the data have it.
    """

    format: str
    file: Path
    views: list[View]
    points: np.ndarray | None = None
    region: np.ndarray | None = None


def rigid(where, matrix):
    """A camera-to-world matrix (4, 4) of nested numbers of shape (4, 4) or (3, 4).

    Raises:
        DataSetError: not numbers, of another shape, not finite or not rigid; ``where`` begins the message.
    """
    try:
        matrix = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataSetError(f"{where} is not a matrix of numbers") from None
    if matrix.shape == (3, 4):
        matrix = np.concatenate([matrix, [[0, 0, 0, 1]]])
    if matrix.shape != (4, 4):
        raise DataSetError(f"{where}: expected shape (4, 4), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise DataSetError(f"{where} holds a number that is not finite")
    rotation = matrix[:3, :3]
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(rotation.T @ rotation - np.eye(3)).max()
        determinant = np.linalg.det(rotation)
    if not error <= RIGID_TOLERANCE or determinant < 0 or np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-6:
        raise DataSetError(
            f"{where} is not rigid: its rotation's RᵀR differs from the identity by {error:.3g},"
            f" its determinant is {determinant:.3g} and its last row {matrix[3].tolist()}"
        )
    return matrix


def of_opencv(where, rotation, translation):
    """Camera-to-world of OpenCV's world-to-camera ``x_camera = R x + t``, whose axes are right, down, forward."""
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = np.concatenate([rotation.T * [1, -1, -1], -(rotation.T @ translation)[:, None]], axis=1)
    return rigid(where, matrix)


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


def checked_lens(where, lens):
    """The lens, if its numbers are finite, and its size and focal lengths positive.

    Raises:
        DataSetError: they are not.
    """
    numbers = [lens.width, lens.height, *lens.focal, *lens.center, *lens.radial, *lens.divisor, *lens.tangential]
    if not np.isfinite(numbers).all():
        raise DataSetError(f"{where}: a number of the lens is not finite: {lens}")
    if min(lens.width, lens.height, *lens.focal) <= 0:
        raise DataSetError(
            f"{where}: w, h and focal lengths must be positive: {lens.width}, {lens.height}, {lens.focal[0]},"
            f" {lens.focal[1]}"
        )
    return lens


def found_file(folder, name, suffixes=("",)):
    """The file ``name`` of a data set in ``folder``, None if it is missing.

    ``name`` may have the backslashes of Windows or another letter case.  Of a path that leads elsewhere, to the machine
    that the data were made on, as much of the end as leads to a file is taken.
    """
    as_given = (Path(folder, name + suffix) for suffix in suffixes)
    if (path := next(filter(_is_file, as_given), None)) is not None:
        return path
    windows = PureWindowsPath(name)  # takes both kinds of slashes
    parts = windows.parts
    leads_elsewhere = bool(windows.anchor) or ".." in parts
    for start in range(len(parts) if leads_elsewhere else min(1, len(parts))):
        for suffix in suffixes:
            path = _regardless_of_case(folder, [*parts[start:-1], parts[-1] + suffix])
            if path is not None:
                return path
    return None


def _is_file(path):
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, a zero byte
        return False


def _regardless_of_case(folder, parts):
    path = Path(folder)
    try:
        for part in parts:
            if not (path / part).exists():
                part = next((one.name for one in path.iterdir() if one.name.lower() == part.lower()), None)
            if part is None:
                return None
            path /= part
        return path if path.is_file() else None
    except (OSError, ValueError):  # not a folder, a name that is too long, a zero byte
        return None


def pictures_in(folder):
    """The pictures of a folder by name, numbers in names by their value where names are numbers."""
    found = [path for path in Path(folder).iterdir() if path.suffix.lower() in PICTURES and path.is_file()]
    if all(path.stem.isdecimal() for path in found):
        return sorted(found, key=lambda path: (int(path.stem), path.name))
    return sorted(found, key=lambda path: path.name)


def contents_of(path):
    """The bytes of a file of a data set.

    Raises:
        DataSetError: it is missing, empty or cannot be read.
    """
    try:
        return read_bytes(path)
    except FileError as error:
        raise DataSetError(str(error)) from error


def shown(names):
    """A list of names, cut short."""
    return ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
