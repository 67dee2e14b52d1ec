"""``transforms_train.json``, ``transforms.json``: the format of NeRF's Blender scenes, nerfstudio and instant-ngp.

Camera to world, axes right, up, backward; pixels count from the upper left corner.
Source: https://docs.nerf.studio/quickstart/data_conventions.html.
"""

import json
import math
import os
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from taichi_dr.errors import DataSetError, FileError, InputError
from taichi_dr.io.files import atomic_path, parse_json
from taichi_dr.io.folders import whole_folder
from taichi_dr.io.images import PICTURES, picture_sizes, save_image
from taichi_dr.io.ply.read import read_points
from taichi_dr.io.ply.write import encode_points
from taichi_dr.io.posed.capture import FISHEYE_ADVICE, Capture, View, checked_lens, contents_of
from taichi_dr.io.posed.lens import Lens
from taichi_dr.io.posed.parts.file_names import found_file, found_picture, shown
from taichi_dr.io.posed.parts.poses import checked_pose
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.types import PathLike, Progress

PINHOLES = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV", "PERSPECTIVE")
OTHER_LENSES = ("is_fisheye", "ftheta_p0", "latlong", "equirectangular", "orthographic")
"""Keys that say, for instant-ngp and others, that a lens is no pinhole."""
RADIAL, TANGENTIAL = ("k1", "k2", "k3", "k4", "k5", "k6"), ("p1", "p2")
NUMBERS = ("w", "h", "fl_x", "fl_y", "camera_angle_x", "camera_angle_y", "cx", "cy", *RADIAL, *TANGENTIAL)
DISAGREE = 0.02  # by which the focal lengths of fl_x and of camera_angle_x may differ unsaid
LARGEST = 1e100  # that a number of a lens may be
POINTS = "points.ply"
OWN = ("fl_x", "camera_angle_x", "w")
"""Keys of a frame, one of which says that its lens is its own."""


def splits_in(folder):
    """``{split: (file, key)}`` of a folder: its ``transforms_<split>.json``, and ``transforms.json``, in which
    ``<split>_filenames`` (the key, else None) say which frames are a split's."""
    found = {path.stem.removeprefix("transforms_"): (path, None) for path in sorted(folder.glob("transforms_*.json"))}
    whole = folder / "transforms.json"
    if whole.is_file() and "train" not in found:
        keys = {"train": "train_filenames", "test": "test_filenames"}
        contents = _json(whole) if b"_filenames" in contents_of(whole) else {}
        named = {split: (whole, key) for split, key in keys.items() if contents.get(key)}
        found = {"train": (whole, None)} | named | found
    return found


def read(path, key=None):
    """The Capture of the frames of a JSON file; of those that ``contents[key]`` names, if a key is given.

    Raises:
        DataSetError: no or corrupt JSON, missing keys, no frames, a camera that makes no sense or is no pinhole.
    """
    contents = _json(path)
    frames = contents["frames"]
    if key is not None:
        frames = _chosen(path, frames, contents[key], key)
    whole = {name: value for name, value in contents.items() if value is not None}
    views = _once(path, [_view(path, i, frame, whole) for i, frame in enumerate(frames)])
    return Capture("NeRF (Blender), nerfstudio, instant-ngp", path, views, _points(path, contents))


def _chosen(path, frames, names, key):
    if not isinstance(names, list):
        raise DataSetError(f"{path}: {key} is not a list of file names")
    by_name = {frame.get("file_path"): frame for frame in frames if isinstance(frame, dict)}
    missing = [str(name) for name in names if not isinstance(name, str) or name not in by_name]
    if missing:
        raise DataSetError(f"{path}: {key} names {len(missing)} files that no frame has: {shown(missing)}")
    return [by_name[name] for name in names]


def _json(path):
    try:
        contents = parse_json(contents_of(path))
    except ValueError as error:
        raise DataSetError(
            f"{path}: is not valid JSON: {error}; JSON has no comments, and no comma before a closing bracket"
        ) from error
    if not isinstance(contents, dict) or not isinstance(contents.get("frames"), list):
        raise DataSetError(f"{path}: missing key 'frames' (a list)")
    if not contents["frames"]:
        raise DataSetError(f"{path}: has no frames")
    return contents


def _view(path, index, frame, contents):
    if isinstance(frame, dict):
        frame = {name: value for name, value in frame.items() if value is not None}
    missing = [key for key in ("file_path", "transform_matrix") if not isinstance(frame, dict) or key not in frame]
    if missing:
        raise DataSetError(f"{path}: frame {index} lacks {', '.join(missing)}")
    name = frame["file_path"]
    if not isinstance(name, str) or "\0" in name:
        raise DataSetError(f"{path}: frame {index}: file_path is not a file name: {name!r}")
    where, keys = f"{path}: frame {name}", _keys(contents, frame)
    matrix = checked_pose(f"{where}: transform_matrix", frame["transform_matrix"])
    picture = found_picture(path.parent, name)
    lens, is_raw = _lens(path, where, keys, picture)
    missing = "" if picture is not None else expected_file(name)
    view = View(picture.name if picture is not None else missing, picture, matrix, lens, missing=missing, is_raw=is_raw)
    if not any(key in frame for key in OWN):
        view = replace(view, own_lens=False)
    return _masked(where, path, keys, view)


def _keys(contents, frame):
    """What is said of a frame: its own words before those about all, a field of view of its own before their focal
    length."""
    above = dict(contents)
    for axis in "xy":
        if f"camera_angle_{axis}" in frame and f"fl_{axis}" not in frame:
            above.pop(f"fl_{axis}", None)
    return above | frame


def _once(path, views):
    """The views without those that say again what another has said.

    Raises:
        DataSetError: a picture has two different poses.
    """
    kept, twice = {}, []
    for view in views:
        key = view.picture or view.name
        other = kept.setdefault(key, view)
        if other is not view and not np.allclose(other.camera_to_world, view.camera_to_world):
            raise DataSetError(f"{path}: two frames have the picture {view.name}, with different poses")
        if other is not view:
            twice.append(view.name)
    if twice:
        warnings.warn(f"{path}: {len(twice)} frames are there twice, and read once: {shown(twice)}", stacklevel=4)
    return list(kept.values())


def expected_file(name):
    """What the format's own data sets would call the image ``name``, which they give without suffix."""
    return str(Path(name if name.lower().endswith(PICTURES) else f"{name}.png"))


def _masked(where, path, keys, view):
    name = keys.get("mask_path")
    if name is None:
        return view
    if not isinstance(name, str) or "\0" in name:
        raise DataSetError(f"{where}: mask_path is not a file name: {name!r}")
    mask = found_picture(path.parent, name)
    return replace(view, mask=mask, missing=view.missing or ("" if mask is not None else name))


def _lens(path, where, keys, picture):
    """The Lens of a frame, and whether it is for the pixels as stored: where w and h say so."""
    _refuse_fisheye(where, keys)
    given = {key: _number(where, keys, key) for key in NUMBERS}
    w, h = given["w"], given["h"]
    is_raw = w is not None and h is not None
    if not is_raw:
        width, height = picture_sizes(picture)[1] if picture is not None else (1, 1)
        w, h = width if w is None else w, height if h is None else h
    lengths = [_focal(path, where, given, "x", w), _focal(path, where, given, "y", h)]
    known = [length for length in lengths if length is not None]
    if not known:
        raise DataSetError(f"{where}: missing camera_angle_x or fl_x")
    focal = tuple(known[0] if length is None else length for length in lengths)
    center = tuple(side / 2 if given[key] is None else given[key] for key, side in (("cx", w), ("cy", h)))
    radial, tangential = (tuple(given[key] or 0.0 for key in names) for names in (RADIAL, TANGENTIAL))
    radial, divisor = (radial[:3], radial[3:]) if _model(keys) == "FULL_OPENCV" else (radial[:4], ())
    return checked_lens(where, Lens(w, h, focal, center, radial, divisor, tangential)), is_raw


def _refuse_fisheye(where, keys):
    named = [key for key in OTHER_LENSES if keys.get(key) not in (None, False, 0, "", "false", "False", "0")]
    if named:
        raise DataSetError(f"{where}: {named[0]}: lenses that are no pinhole are not read; {FISHEYE_ADVICE}")
    if _model(keys) not in PINHOLES:
        raise DataSetError(
            f"{where}: its camera_model {keys['camera_model']} is not one of the pinholes {', '.join(PINHOLES)};"
            f" {FISHEYE_ADVICE}"
        )


def _model(keys):
    """The camera model, in capitals."""
    return str(keys.get("camera_model", "OPENCV")).upper()


def _focal(path, where, given, axis, side):
    length, angle = given[f"fl_{axis}"], given[f"camera_angle_{axis}"]
    if angle is None:
        return length
    if not 0 < angle < math.pi:
        raise DataSetError(
            f"{where}: camera_angle_{axis} must be in (0, π), got {angle}: it is in radians, and {angle:g} degrees are"
            f" {math.radians(angle):.4g}"
        )
    seen = side / (2 * math.tan(angle / 2))
    if length is None:
        return seen
    if side > 1 and not abs(seen - length) <= DISAGREE * abs(length):
        warnings.warn(
            f"{path}: camera_angle_{axis} {angle:.4g} and fl_{axis} {length:.4g} contradict each other: in pictures of"
            f" {side:g} pixels the angle is a focal length of {seen:.4g}; fl_{axis} is used",
            stacklevel=6,
        )
    return length


def _number(where, keys, key):
    """A finite number, also one written as text; None if the key is not there."""
    value = keys.get(key)
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, int | float | str) else float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not abs(number) < LARGEST:
        raise DataSetError(f"{where}: {key} is not a finite number: {value!r}")
    return number


def _points(path, contents):
    """Points on surfaces, where nerfstudio's ``ply_file_path`` names them."""
    name = contents.get("ply_file_path")
    if name is None:
        return None
    found = found_file(path.parent, name) if isinstance(name, str) and "\0" not in name else None
    if found is None:
        warnings.warn(f"{path}: the points of ply_file_path are missing: {name}", stacklevel=2)
        return None
    try:
        return read_points(found)
    except FileError as error:
        raise DataSetError(f"{path}: ply_file_path: {error}") from error


def save_posed_images(
    folder: PathLike, posed: PosedImages, split: str = "train", *, progress: Progress | None = None
) -> None:
    """Writes ``folder/<split>/r_<i>.png`` (8-bit sRGB, with alpha if ``posed`` has some) and
    ``folder/transforms_<split>.json``, that one last; points, if there are any, to ``folder/<split>/points.ply``.

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
                alpha = posed.alpha[i] if posed.has_alpha else None
                save_image(pictures / f"r_{i}.png", posed.images[i], alpha=alpha)
                if progress is not None:
                    progress(i + 1, len(posed))
            if posed.points is not None:
                (pictures / POINTS).write_bytes(encode_points(posed.points))


def _check_replaceable(folder):
    own = rf"r_\d+\.png|{re.escape(POINTS)}"
    names = os.listdir(folder) if os.path.isdir(folder) else []
    strange = sorted(name for name in names if not re.fullmatch(own, name))
    if strange:
        raise FileError(f"{folder} holds files that are not replaced, and is left as it is: {shown(strange)}")


def _description(posed, split):
    """The contents of the JSON file; what is the same for all cameras stands there once."""
    cameras = [_camera_keys(posed, i) for i in range(len(posed))]
    frames = [
        {"file_path": f"./{split}/r_{i}", "transform_matrix": matrix.tolist()}
        for i, matrix in enumerate(posed.camera_to_world)
    ]
    whole = {"w": posed.width, "h": posed.height}
    if posed.points is not None:
        whole["ply_file_path"] = f"./{split}/{POINTS}"
    if cameras and all(camera == cameras[0] for camera in cameras):
        return cameras[0] | whole | {"frames": frames}
    return whole | {"frames": [frame | camera for frame, camera in zip(frames, cameras, strict=True)]}


def _camera_keys(posed, view):
    (fl_x, fl_y), (cx, cy) = posed.focal[view].tolist(), posed.principal_point[view].tolist()
    return {"camera_angle_x": float(posed.fov_x[view]), "fl_x": fl_x, "fl_y": fl_y, "cx": cx, "cy": cy}
