"""LLFF's ``poses_bounds.npy`` beside the folder ``images``.

A row of 17 numbers for each picture in the order of their names: a matrix (3, 5) with the columns down, right, backward
and position of the camera, and height, width and focal length in pixels; then the nearest and the farthest depth.
Source: https://github.com/Fyusion/LLFF.
"""

import numpy as np

from taichi_dr.errors import DataSetError
from taichi_dr.io.archives import read_array
from taichi_dr.io.posed.capture import Capture, View, checked_lens, contents_of
from taichi_dr.io.posed.lens import Lens
from taichi_dr.io.posed.parts.file_names import pictures_in, shown
from taichi_dr.io.posed.parts.poses import checked_pose

COLUMNS = 17


def read(path):
    """The Capture of ``poses_bounds.npy``.

    Raises:
        DataSetError: not an array (N, 17), another number of pictures, a row that makes no sense.
    """
    rows = _rows(path)
    folder = path.parent / "images"
    if not folder.is_dir():
        raise DataSetError(f"{path}: the folder {folder} of its pictures is missing")
    pictures = pictures_in(folder)
    if len(pictures) != len(rows):
        names = shown([picture.name for picture in pictures])
        raise DataSetError(f"{path}: has {len(rows)} poses, but {folder} has {len(pictures)} pictures: {names}")
    return Capture("LLFF", path, [_view(path, *item) for item in enumerate(zip(pictures, rows, strict=True))])


def _rows(path):
    try:
        rows = read_array(contents_of(path))
    except ValueError as error:
        raise DataSetError(f"{path}: is no NumPy array, or cut short: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != COLUMNS or not len(rows):
        raise DataSetError(f"{path}: expected an array (N, {COLUMNS}), got {rows.shape}")
    if rows.dtype.kind not in "fiu":
        raise DataSetError(f"{path}: expected real numbers, got {rows.dtype}")
    return rows.astype(np.float64)


def _view(path, index, item):
    picture, row = item
    where = f"{path}: row {index} ({picture.name})"
    (near, far), columns = row[15:], row[:15].reshape(3, 5)
    down, right, backward, position = columns[:, :4].T
    matrix = checked_pose(where, np.stack([right, -down, backward, position], axis=1))
    height, width, focal = columns[:, 4].tolist()
    lens = checked_lens(where, Lens(width, height, (focal, focal), (width / 2, height / 2)))
    if not 0 < near < far < np.inf:
        raise DataSetError(f"{where}: expected depths 0 < near < far, got {near} and {far}")
    return View(picture.name, picture, matrix, lens, depths=(float(near), float(far)))
