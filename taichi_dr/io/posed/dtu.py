"""``cameras_sphere.npz`` of NeuS and IDR (DTU, BlendedMVS) beside the folders ``image`` and ``mask``.

``world_mat_<i>`` (4, 4) is picture i's projection ``K [R t]``, world to pixels, whose first pixel's centre is (0, 0);
``scale_mat_<i>`` maps the unit sphere around what is to be reconstructed to the world.  The world here is that of
``world_mat``; the sphere becomes the ``region``.  Source: https://github.com/Totoro97/NeuS.
"""

import io

import numpy as np
from scipy.linalg import rq

from taichi_dr.errors import DataSetError
from taichi_dr.io.archives import SMALL, read_arrays
from taichi_dr.io.images import picture_sizes
from taichi_dr.io.posed.capture import Capture, View, checked_lens, contents_of
from taichi_dr.io.posed.lens import Lens
from taichi_dr.io.posed.parts.file_names import pictures_in, shown
from taichi_dr.io.posed.parts.poses import of_opencv

FILES = ("cameras_sphere.npz", "cameras_large.npz", "cameras.npz")
FOLDERS, MASKS = ("image", "images", "rgb"), ("mask", "masks")
SINGULAR = 1e-12  # determinant of a matrix without inverse, in cubes of its largest number
MOST_SKEW = 0.5  # pixels, at the picture's upper edge: a pixel grid that leans more is refused
FIRST_CENTER = 0.5  # where the first pixel's centre is, in pixels from the picture's corner


def read(path):
    """The Capture of a file of ``world_mat_<i>`` and ``scale_mat_<i>``.

    Raises:
        DataSetError: not such a file, another number of pictures or masks, a matrix that makes no sense.
    """
    arrays = _arrays(path)
    pictures, masks = _pictures(path, FOLDERS, "pictures"), _pictures(path, MASKS, None)
    count = sum(name.startswith("world_mat_") and "inv" not in name for name in arrays)
    for what, files in (("pictures", pictures), ("masks", masks or pictures)):
        if len(files) != count:
            raise DataSetError(f"{path}: has {count} world_mat_<i>, but there are {len(files)} {what}")
    views = []
    for i, picture in enumerate(pictures):
        matrix, lens = _camera(path, arrays, i, picture)
        views.append(View(picture.name, picture, matrix, lens, masks[i] if masks else None))
    return Capture("NeuS, IDR (DTU)", path, views, region=_region(path, arrays))


def _arrays(path):
    try:
        return read_arrays(io.BytesIO(contents_of(path)), SMALL)
    except ValueError as error:
        raise DataSetError(f"{path}: is no NumPy archive, or cut short: {error}") from error


def _pictures(path, folders, what):
    folder = next((path.parent / name for name in folders if (path.parent / name).is_dir()), None)
    if folder is None and what:
        raise DataSetError(f"{path}: the folder {folders[0]} of its {what} is missing")
    return pictures_in(folder) if folder is not None else []


def _matrix(path, arrays, name):
    matrix = arrays.get(name)
    if matrix is None:
        raise DataSetError(f"{path}: lacks {name}; it has {shown(sorted(arrays))}")
    if matrix.shape not in ((4, 4), (3, 4)) or matrix.dtype.kind not in "fiu" or not np.isfinite(matrix).all():
        raise DataSetError(f"{path}: {name}: expected finite numbers (4, 4), got {matrix.dtype} {matrix.shape}")
    return matrix.astype(np.float64)


def _camera(path, arrays, index, picture):
    """Camera to world and Lens of ``world_mat_<index>``: ``P = K R [1 | -position]``, K upper triangular."""
    where = f"{path}: world_mat_{index}"
    projection = _matrix(path, arrays, f"world_mat_{index}")[:3]
    with np.errstate(over="ignore", invalid="ignore"):
        has_inverse = abs(np.linalg.det(projection[:, :3])) > SINGULAR * np.abs(projection[:, :3]).max() ** 3
    if not has_inverse:
        raise DataSetError(f"{where} is no camera: its left 3 x 3 part has no inverse")
    projection = projection * np.sign(np.linalg.det(projection[:, :3]))
    K, rotation = rq(projection[:, :3])
    signs = np.sign(np.diag(K))
    K, rotation = K * signs, rotation * signs[:, None]
    K /= K[2, 2]
    matrix = of_opencv(where, rotation, rotation @ np.linalg.solve(projection[:, :3], projection[:, 3]))
    width, height = picture_sizes(picture)[0]
    center = K[0, 2] + FIRST_CENTER, K[1, 2] + FIRST_CENTER
    skew = K[0, 1] / K[1, 1] * height / 2
    if abs(skew) > MOST_SKEW:
        raise DataSetError(f"{where}: its pixels lean by {skew:.3g} pixels at the upper edge: skew is not modelled")
    return matrix, checked_lens(where, Lens(width, height, (K[0, 0], K[1, 1]), center))


def _region(path, arrays):
    """(x, y, z, radius) of the unit sphere that ``scale_mat_0`` maps to the world, None if there is none."""
    if "scale_mat_0" not in arrays:
        return None
    scale = _matrix(path, arrays, "scale_mat_0")
    radius = scale[0, 0]
    if not radius > 0 or np.abs(scale[:3, :3] - radius * np.eye(3)).max() > 1e-6 * radius:
        raise DataSetError(f"{path}: scale_mat_0: expected one positive scale and a translation, got {scale.tolist()}")
    return np.array([*scale[:3, 3], radius])
