"""Images with known cameras, in the format of NeRF's Blender scenes (``transforms_train.json`` and RGBA pictures)."""

import json
import math
import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from taichi_dr.errors import DataSetError, FileError, InputError, ShapeError
from taichi_dr.io.files import atomic_path, read_bytes
from taichi_dr.io.folders import whole_folder
from taichi_dr.io.images import PICTURES, load_image, save_image
from taichi_dr.types import Array, ArrayLike, PathLike, Progress, Size

SUFFIXES = ("", ".png", ".jpg", ".jpeg")
RIGID_TOLERANCE = 1e-3
NAMES_SHOWN = 20


@dataclass(frozen=True)
class PosedImages:
    """V views of one scene, all of H x W pixels.

    ``images`` (V, H, W, 3): linear RGB, *straight* (not multiplied by alpha; 0 where alpha is 0), float32;
    ``alpha`` (V, H, W): 1 where the scene covers the pixel; all ones if ``has_alpha`` is false;
    ``camera_to_world`` (V, 4, 4): columns u, v, w, e of each camera (OpenGL: x right, y up, looking along -z), float64;
    ``focal`` (V, 2): fl_x, fl_y in pixels; ``principal_point`` (V, 2): cx, cy in pixels from the top left *corner* of
    the image (its centre is (W/2, H/2)); ``names`` (V,): the file of each view.
    """

    images: Array
    alpha: Array
    camera_to_world: Array
    focal: Array
    principal_point: Array
    names: tuple[str, ...]
    has_alpha: bool = True

    def __post_init__(self):
        views, height, width = self.alpha.shape
        expected = {
            "images": (views, height, width, 3),
            "camera_to_world": (views, 4, 4),
            "focal": (views, 2),
            "principal_point": (views, 2),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ShapeError(f"PosedImages.{name}: expected shape {shape}, got {getattr(self, name).shape}")
        if len(self.names) != views:
            raise ShapeError(f"PosedImages.names: expected {views} names, got {len(self.names)}")

    def __len__(self):
        return len(self.alpha)

    def __repr__(self):
        alpha = "with alpha" if self.has_alpha else "opaque"
        shown = ", ".join(self.names[:2]) + (", ..." if len(self) > 2 else "")
        return f"PosedImages({len(self)} views of {self.height} x {self.width}, {alpha}: {shown})"

    @property
    def height(self) -> int:
        """H, pixels."""
        return self.alpha.shape[1]

    @property
    def width(self) -> int:
        """W, pixels."""
        return self.alpha.shape[2]

    @property
    def fov_x(self) -> Array:
        """(V,): full horizontal angle ``2 atan(W / (2 fl_x))`` in radians."""
        return 2 * np.arctan(self.width / (2 * self.focal[:, 0]))

    @property
    def fov_y(self) -> Array:
        """(V,): full vertical angle ``2 atan(H / (2 fl_y))`` in radians."""
        return 2 * np.arctan(self.height / (2 * self.focal[:, 1]))

    def over(self, background: ArrayLike = (1.0, 1.0, 1.0)) -> Array:
        """The images composed over a linear RGB background: ``c alpha + b (1 - alpha)``, (V, H, W, 3).

        As a renderer's it is a colour (3,), one for each view (V, 3), an image (H, W, 3), or an image for each view
        (V, H, W, 3).

        Raises:
            ShapeError: another shape.
        """
        behind = np.asarray(background, dtype=np.float32)
        size = (self.height, self.width, 3)
        shapes = ((3,), (len(self), 3), size, (len(self), *size))
        if behind.shape not in shapes:
            raise ShapeError(f"background: expected shape {', '.join(map(str, shapes))}; got {behind.shape}")
        alpha = self.alpha[..., None]
        return self.images * alpha + (behind[:, None, None] if behind.ndim == 2 else behind) * (1 - alpha)

    def subset(self, views: Sequence[int] | slice | Array) -> "PosedImages":
        """The views of the given indices (a list, an array or a slice)."""
        views = np.arange(len(self))[views]
        return replace(
            self,
            images=self.images[views],
            alpha=self.alpha[views],
            camera_to_world=self.camera_to_world[views],
            focal=self.focal[views],
            principal_point=self.principal_point[views],
            names=tuple(self.names[i] for i in views),
        )

    def resized(self, size: Size) -> "PosedImages":
        """The views averaged down to ``size``: (H, W), or the longer side alone; cameras follow.

        Raises:
            InputError: the size is larger than the images or not positive.
        """
        height, width = _target_size(size, 1.0, (self.height, self.width))
        images = np.empty((len(self), height, width, 3), dtype=np.float32)
        alpha = np.empty((len(self), height, width), dtype=np.float32)
        for i in range(len(self)):
            images[i], alpha[i] = _downscaled(self.images[i], self.alpha[i], (height, width))
        ratio = np.array([width / self.width, height / self.height])
        return replace(
            self, images=images, alpha=alpha, focal=self.focal * ratio, principal_point=self.principal_point * ratio
        )


def splits(folder):
    """The splits that a data set has: ``["train", "test"]`` for ``transforms_train.json``, ...; ``["train"]`` for one
    ``transforms.json``."""
    folder = Path(folder)
    found = sorted((path.stem.removeprefix("transforms_") for path in folder.glob("transforms_*.json")), reverse=True)
    return found or (["train"] if (folder / "transforms.json").is_file() else [])


def load_posed_images(
    folder: PathLike,
    split: str = "train",
    *,
    size: Size | None = None,
    scale: float = 1.0,
    require_alpha: bool = False,
    progress: Progress | None = None,
) -> PosedImages:
    """Reads ``folder/transforms_<split>.json`` (for ``"train"`` also ``transforms.json``) and the pictures it names.

    ``size`` ((H, W), or the longer side) or ``scale`` <= 1 average the pictures down over pixel areas, in linear light
    and weighted by alpha.  ``progress(done, total)`` is called after each picture.
    Focal lengths come from ``fl_x``, ``fl_y`` or ``camera_angle_x``, ``camera_angle_y``; the principal point from
    ``cx``, ``cy`` (default: the centre); of the frame or of the whole file.  If the file's ``w``, ``h`` differ from
    the pictures', the intrinsics are scaled to the pictures.  Lens distortion is not modelled (warns).

    Raises:
        DataSetError: no or corrupt JSON, missing keys, no frames, missing or unreadable pictures, pictures of differing
            size, no alpha where ``require_alpha``, a camera matrix that is not finite or not rigid.
        InputError: a size larger than the pictures, or not positive.
    """
    json_path = _json_path(Path(folder), split)
    contents = _read_json(json_path)
    frames = contents["frames"]
    names = [_frame_name(json_path, i, frame) for i, frame in enumerate(frames)]
    matrices = np.stack([_matrix(json_path, name, frame) for name, frame in zip(names, frames, strict=True)])
    paths = _picture_paths(json_path, names)

    with_alpha, sizes = [], []
    for i, path in enumerate(paths):
        picture = _read_picture(path)
        sizes.append(picture.shape[:2])
        with_alpha.append(picture.shape[2] == 4)
        _check_sizes(json_path, paths, sizes)
        if require_alpha and not with_alpha[i]:
            raise DataSetError(f"{path}: has no alpha channel, which silhouettes are taken from")
        if i == 0:
            height, width = _target_size(size, scale, sizes[0])
            given = [_intrinsics(json_path, n, contents | f, sizes[0]) for n, f in zip(names, frames, strict=True)]
            lenses = np.array(given) * np.tile([width / sizes[0][1], height / sizes[0][0]], 2)
            images = np.empty((len(paths), height, width, 3), dtype=np.float32)
            alpha = np.empty((len(paths), height, width), dtype=np.float32)
        opacity = picture[:, :, 3] if with_alpha[i] else np.ones(sizes[i], dtype=np.float32)
        images[i], alpha[i] = _downscaled(picture[:, :, :3], opacity, (height, width))
        if progress is not None:
            progress(i + 1, len(paths))

    return PosedImages(
        images, alpha, matrices, lenses[:, :2], lenses[:, 2:], tuple(p.name for p in paths), any(with_alpha)
    )


def save_posed_images(
    folder: PathLike, posed: PosedImages, split: str = "train", *, progress: Progress | None = None
) -> None:
    """Writes ``folder/<split>/r_<i>.png`` (RGBA, 8-bit sRGB) and ``folder/transforms_<split>.json``, that one last.

    All of them appear, in place of what an earlier call wrote, or nothing changes.

    Raises:
        InputError: a pixel or a camera is not finite.
        FileError: a file cannot be written, or ``folder/<split>`` holds something else.
    """
    folder = Path(folder)
    if not all(np.isfinite(a).all() for a in (posed.camera_to_world, posed.focal, posed.principal_point)):
        raise InputError("save_posed_images: a camera matrix, focal length or principal point is not finite")
    _check_replaceable(folder / split)
    with atomic_path(folder / f"transforms_{split}.json") as description:
        description.write_text(json.dumps(_description(posed, split), indent=1) + "\n", encoding="utf-8")
        with whole_folder(folder / split) as pictures:
            for i in range(len(posed)):
                save_image(pictures / f"r_{i}.png", posed.images[i], alpha=posed.alpha[i])
                if progress is not None:
                    progress(i + 1, len(posed))


def _check_replaceable(folder):
    strange = sorted(path.name for path in folder.glob("*") if not re.fullmatch(r"r_\d+\.png", path.name))
    if strange:
        raise FileError(f"{folder} holds files that are not replaced, and is left as it is: {_shown(strange)}")


def _shown(names):
    return ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")


def _description(posed, split):
    """The contents of the JSON file; what is the same for all cameras stands there once."""
    cameras = [_camera_keys(posed, i) for i in range(len(posed))]
    frames = [
        {"file_path": f"./{split}/r_{i}", "transform_matrix": matrix.tolist()}
        for i, matrix in enumerate(posed.camera_to_world)
    ]
    size = {"w": posed.width, "h": posed.height}
    if cameras and all(camera == cameras[0] for camera in cameras):
        return cameras[0] | size | {"frames": frames}
    return size | {"frames": [frame | camera for frame, camera in zip(frames, cameras, strict=True)]}


def _camera_keys(posed, view):
    (fl_x, fl_y), (cx, cy) = posed.focal[view].tolist(), posed.principal_point[view].tolist()
    return {"camera_angle_x": float(posed.fov_x[view]), "fl_x": fl_x, "fl_y": fl_y, "cx": cx, "cy": cy}


def _json_path(folder, split):
    if not folder.is_dir():
        raise DataSetError(f"{folder}: no such folder")
    candidates = [f"transforms_{split}.json"] + (["transforms.json"] if split == "train" else [])
    for name in candidates:
        if (folder / name).is_file():
            return folder / name
    found = ", ".join(sorted(path.name for path in folder.glob("transforms*.json"))) or "none"
    raise DataSetError(f"{folder}: expected {' or '.join(candidates)}; transforms files found: {found}")


def _read_json(path):
    try:
        contents = json.loads(read_bytes(path).decode("utf-8"))
    except FileError as error:
        raise DataSetError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise DataSetError(f"{path}: is not valid JSON: {error}") from error
    if not isinstance(contents, dict) or not isinstance(contents.get("frames"), list):
        raise DataSetError(f"{path}: missing key 'frames' (a list)")
    if not contents["frames"]:
        raise DataSetError(f"{path}: has no frames")
    return contents


def _frame_name(path, index, frame):
    missing = [key for key in ("file_path", "transform_matrix") if not isinstance(frame, dict) or key not in frame]
    if missing:
        raise DataSetError(f"{path}: frame {index} lacks {', '.join(missing)}")
    if not isinstance(frame["file_path"], str) or "\0" in frame["file_path"]:
        raise DataSetError(f"{path}: frame {index}: file_path is not a file name: {frame['file_path']!r}")
    return frame["file_path"]


def _matrix(path, name, frame):
    where = f"{path}: frame {name}: transform_matrix"
    try:
        matrix = np.array(frame["transform_matrix"], dtype=np.float64)
    except (TypeError, ValueError):
        raise DataSetError(f"{where} is not a matrix of numbers") from None
    if matrix.shape == (3, 4):
        matrix = np.concatenate([matrix, [[0, 0, 0, 1]]])
    if matrix.shape != (4, 4):
        raise DataSetError(f"{where}: expected shape (4, 4), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise DataSetError(f"{where} holds a number that is not finite")
    rotation = matrix[:3, :3]
    error = np.abs(rotation.T @ rotation - np.eye(3)).max()
    if error > RIGID_TOLERANCE or np.linalg.det(rotation) < 0 or np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-6:
        raise DataSetError(
            f"{where} is not rigid: its rotation's RᵀR differs from the identity by {error:.3g},"
            f" its determinant is {np.linalg.det(rotation):.3g} and its last row {matrix[3].tolist()}"
        )
    return matrix


def _picture_paths(json_path, names):
    found = []
    for name in names:
        candidates = [json_path.parent / (name + suffix) for suffix in SUFFIXES]
        found.append(next((path for path in candidates if path.is_file()), None))
    missing = [_expected_file(name) for name, path in zip(names, found, strict=True) if path is None]
    if missing:
        raise DataSetError(f"{json_path}: {len(missing)} of {len(names)} images are missing: {_shown(missing)}")
    return found


def _expected_file(name):
    """What the format's own data sets would call the image ``name``, which they give without suffix."""
    return str(Path(name if name.lower().endswith(PICTURES) else f"{name}.png"))


def _read_picture(path):
    try:
        return load_image(path)
    except FileError as error:
        raise DataSetError(str(error)) from error


def _check_sizes(json_path, paths, sizes):
    if sizes[-1] != sizes[0]:
        (first_h, first_w), (h, w) = sizes[0], sizes[-1]
        first, other = (os.path.relpath(path, json_path.parent) for path in (paths[0], paths[len(sizes) - 1]))
        raise DataSetError(
            f"{json_path}: images differ in size: {first} is {first_w} × {first_h}, {other} is {w} × {h}"
        )


def _intrinsics(path, name, keys, size):
    """fl_x, fl_y, cx, cy in pixels of pictures of (height, width) ``size``."""
    height, width = size
    w, h = _number(path, name, keys, "w", width), _number(path, name, keys, "h", height)
    lengths = [_focal(path, name, keys, "x", w), _focal(path, name, keys, "y", h)]
    known = [length for length in lengths if length is not None]
    if not known:
        raise DataSetError(f"{path}: frame {name}: missing camera_angle_x or fl_x")
    fl_x, fl_y = (known[0] if length is None else length for length in lengths)
    cx, cy = _number(path, name, keys, "cx", w / 2), _number(path, name, keys, "cy", h / 2)
    if min(w, h, fl_x, fl_y) <= 0:
        raise DataSetError(f"{path}: frame {name}: w, h and focal lengths must be positive: {w}, {h}, {fl_x}, {fl_y}")
    if any(_number(path, name, keys, key, 0) for key in ("k1", "k2", "k3", "k4", "p1", "p2")):
        warnings.warn(f"{path}: lens distortion (k1, k2, p1, p2, …) is not modelled", stacklevel=3)
    return [fl_x * width / w, fl_y * height / h, cx * width / w, cy * height / h]


def _focal(path, name, keys, axis, side):
    length = _number(path, name, keys, f"fl_{axis}", None)
    if length is not None:
        return length
    angle = _number(path, name, keys, f"camera_angle_{axis}", None)
    if angle is None:
        return None
    if not 0 < angle < math.pi:
        raise DataSetError(f"{path}: frame {name}: camera_angle_{axis} must be in (0, π), got {angle}")
    return side / (2 * math.tan(angle / 2))


def _number(path, name, keys, key, default):
    value = keys.get(key, default)
    if value is default:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DataSetError(f"{path}: frame {name}: {key} is not a finite number: {value!r}")
    return float(value)


def _target_size(size, scale, original):
    height, width = original
    if size is None:
        target = (max(1, round(height * scale)), max(1, round(width * scale)))
        if not 0 < scale <= 1:
            raise InputError(f"scale: expected a number in (0, 1], got {scale!r}")
        return target
    if np.ndim(size) == 0:
        ratio = size / max(height, width)
        size = (max(1, round(height * ratio)), max(1, round(width * ratio))) if size > 0 else (0, 0)
    target = tuple(int(side) for side in size)
    if len(target) != 2 or not (0 < target[0] <= height and 0 < target[1] <= width):
        raise InputError(f"size: expected at most the pictures' {height} × {width} (height × width), got {size}")
    return target


def _downscaled(colors, alpha, size):
    """Area averages of alpha, and of colour weighted by alpha (of premultiplied colour, made straight again)."""
    if alpha.shape == size:
        return np.where(alpha[..., None] > 0, colors, 0), alpha
    rows, columns = _area_weights(alpha.shape[0], size[0]), _area_weights(alpha.shape[1], size[1])
    premultiplied = np.concatenate([colors * alpha[..., None], alpha[..., None]], axis=2)
    averaged = np.einsum("rh,hwc->rwc", rows, premultiplied, optimize=True)
    averaged = np.einsum("sw,rwc->rsc", columns, averaged, optimize=True)
    opacity = averaged[..., 3]
    straight = averaged[..., :3] / np.where(opacity > 0, opacity, 1)[..., None]
    return straight, np.minimum(opacity, 1)


def _area_weights(length, target):
    """(target, length): the share of each old pixel in each new one, for pixels as intervals of a line."""
    edges = np.linspace(0, length, target + 1)
    old = np.arange(length)
    overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return (np.maximum(overlap, 0) * (target / length)).astype(np.float32)
