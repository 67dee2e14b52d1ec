"""Record3D's ``metadata.json`` (or ``metadata``) beside the folder ``rgb`` (or ``rgbd``) of ``0.jpg``, ``1.jpg``, ...

Camera to world, axes right, up, backward, as quaternions (x, y, z, w) and positions in metres; the matrix ``K`` column
by column.  Source: https://record3d.app and nerfstudio's ``process_data/record3d_utils.py``.
"""

import numpy as np

from taichi_dr.errors import DataSetError
from taichi_dr.io.files import parse_json
from taichi_dr.io.posed.capture import Capture, View, checked_lens, contents_of
from taichi_dr.io.posed.lens import Lens
from taichi_dr.io.posed.parts.file_names import found_file
from taichi_dr.io.posed.parts.poses import checked_pose, of_quaternion

FILES = ("metadata.json", "metadata")
FOLDERS = ("rgb", "rgbd", "images", ".")
SUFFIXES = (".jpg", ".png", ".jpeg")


def is_metadata(path):
    """Whether a file is Record3D's: a JSON object with ``poses``, and without ``frames``, which others write."""
    try:
        contents = parse_json(contents_of(path))
    except (ValueError, DataSetError):
        return False
    return isinstance(contents, dict) and "poses" in contents and "frames" not in contents


def read(path):
    """The Capture of Record3D's metadata.

    Raises:
        DataSetError: no or corrupt JSON, missing keys, another number of lenses than poses, a pose that makes no sense.
    """
    try:
        contents = parse_json(contents_of(path))
    except ValueError as error:
        raise DataSetError(f"{path}: is not valid JSON: {error}") from error
    missing = [key for key in ("poses", "w", "h", "K") if not isinstance(contents, dict) or key not in contents]
    if missing:
        raise DataSetError(f"{path}: missing keys {', '.join(missing)}")
    poses = _numbers(path, contents, "poses", 7)
    if not len(poses):
        raise DataSetError(f"{path}: has no poses")
    (size,) = _numbers(path, {"w, h": [[contents["w"], contents["h"]]]}, "w, h", 2)
    lenses = _lenses(path, contents, len(poses))
    folder = next((path.parent / name for name in FOLDERS if (path.parent / name).is_dir()), path.parent)
    return Capture("Record3D", path, [_view(path, folder, i, poses[i], lenses[i], size) for i in range(len(poses))])


def _lenses(path, contents, count):
    """fl_x, fl_y, cx, cy of each frame."""
    if contents.get("perFrameIntrinsicCoeffs"):
        lenses = _numbers(path, contents, "perFrameIntrinsicCoeffs", 4)
        if len(lenses) != count:
            raise DataSetError(f"{path}: has {count} poses, but {len(lenses)} perFrameIntrinsicCoeffs")
        return lenses
    (K,) = _numbers(path, {"K": [contents["K"]]}, "K", 9)
    return np.tile(K[[0, 4, 6, 7]], (count, 1))


def _numbers(path, contents, key, columns):
    """A list of lists as an array (N, columns) of finite numbers."""
    try:
        rows = np.array(contents[key], np.float64).reshape(-1, columns)
    except (TypeError, ValueError, OverflowError):
        raise DataSetError(f"{path}: {key}: expected {columns} numbers each") from None
    if len(contents[key]) and not len(rows):
        raise DataSetError(f"{path}: {key}: expected {columns} numbers each, got none")
    bad = ~np.isfinite(rows).all(axis=1)
    if bad.any():
        raise DataSetError(f"{path}: {key}: {int(np.argmax(bad))} is not finite: {rows[np.argmax(bad)].tolist()}")
    return rows


def _view(path, folder, index, pose, lens, size):
    where = f"{path}: pose {index}"
    x, y, z, w, *position = pose.tolist()
    rotation = of_quaternion(where, (w, x, y, z))
    matrix = checked_pose(where, np.concatenate([rotation, np.array(position)[:, None]], axis=1))
    fl_x, fl_y, cx, cy = lens.tolist()
    lens = checked_lens(where, Lens(float(size[0]), float(size[1]), (fl_x, fl_y), (cx, cy)))
    picture = found_file(folder, str(index), SUFFIXES)
    expected = f"{folder.name}/{index}.jpg"
    return View(
        expected if picture is None else picture.name, picture, matrix, lens, missing="" if picture else expected
    )
