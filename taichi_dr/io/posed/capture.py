"""What a reader finds out about photographs before their pixels are read: cameras, files, points; and its checks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taichi_dr.errors import DataSetError, FileError
from taichi_dr.io.files import read_bytes
from taichi_dr.io.posed.lens import Lens

MOST = 1e9  # pixels: of a side, of a focal length, from the corner to the principal point
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


def checked_lens(where, lens):
    """The lens, if its numbers are finite, its size and focal lengths positive, and all of them pixels of a
    picture: sides of 1 and more, nothing beyond a billion.

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
    if min(lens.width, lens.height) < 1 or max(lens.width, lens.height, *lens.focal, *np.abs(lens.center)) > MOST:
        raise DataSetError(
            f"{where}: w, h, focal lengths and principal point must be in pixels, w and h 1 at least: {lens.width:g},"
            f" {lens.height:g}, {lens.focal[0]:g}, {lens.focal[1]:g}, {lens.center[0]:g}, {lens.center[1]:g}"
        )
    return lens


def contents_of(path):
    """The bytes of a file of a data set.

    Raises:
        DataSetError: it is missing, empty or cannot be read.
    """
    try:
        return read_bytes(path)
    except FileError as error:
        raise DataSetError(str(error)) from error
