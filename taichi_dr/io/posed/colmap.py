"""COLMAP's sparse models, text and binary: ``cameras``, ``images`` and ``points3D`` beside the folder ``images``.

World to camera, axes right, down, forward; the first pixel's centre is (0.5, 0.5).
Source: https://colmap.github.io/format.html and https://colmap.github.io/cameras.html.
"""

import os
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from taichi_dr.errors import DataSetError
from taichi_dr.io.posed.capture import FISHEYE_ADVICE, Capture, View, checked_lens, contents_of
from taichi_dr.io.posed.lens import Lens
from taichi_dr.io.posed.parts.file_names import found_file
from taichi_dr.io.posed.parts.poses import of_opencv, of_quaternion

FOLDERS = ("sparse/0", "sparse", "colmap/sparse/0", "colmap/sparse", ".")
"""Where models are, below a data set's folder."""

MODELS = {
    "SIMPLE_PINHOLE": (0, "f cx cy"),
    "PINHOLE": (1, "fx fy cx cy"),
    "SIMPLE_RADIAL": (2, "f cx cy k1"),
    "RADIAL": (3, "f cx cy k1 k2"),
    "OPENCV": (4, "fx fy cx cy k1 k2 p1 p2"),
    "OPENCV_FISHEYE": (5, "fx fy cx cy k1 k2 k3 k4"),
    "FULL_OPENCV": (6, "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6"),
    "FOV": (7, "fx fy cx cy omega"),
    "SIMPLE_RADIAL_FISHEYE": (8, "f cx cy k"),
    "RADIAL_FISHEYE": (9, "f cx cy k1 k2"),
    "THIN_PRISM_FISHEYE": (10, "fx fy cx cy k1 k2 p1 p2 k3 k4 sx1 sy1"),
    "RAD_TAN_THIN_PRISM_FISHEYE": (11, "fx fy cx cy k0 k1 k2 k3 k4 k5 p0 p1 s0 s1 s2 s3"),
}
"""Of each camera model: its number in binary files, and its parameters."""

PINHOLES = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
"""Those that are a pinhole, distorted or not."""

SEEN = (1.0, 99.0)  # percent: the depths of a view leave out what is nearer or farther; a few points are far off

_POINT = np.dtype([("xy", "<f8", 2), ("point", "<i8")])


class _Image(NamedTuple):
    """A photograph: its file's name, world to camera, its camera's number and the points that it shows."""

    name: str
    quaternion: tuple
    translation: tuple
    camera: int
    points: np.ndarray


class _Model(NamedTuple):
    """A sparse model: lenses and images by number, points (P, 3) and their numbers (P,)."""

    lenses: dict
    images: dict
    points: np.ndarray
    point_ids: np.ndarray


def model_in(folder):
    """The file ``cameras.bin`` or ``cameras.txt`` of the model in a data set's folder, None if there is none."""
    candidates = (Path(folder, place, f"cameras.{suffix}") for place in FOLDERS for suffix in ("bin", "txt"))
    return next((path for path in candidates if path.is_file()), None)


def read(cameras):
    """The Capture of the model that the file ``cameras`` (``cameras.bin``, ``cameras.txt``) belongs to.

    Raises:
        DataSetError: a file that is missing, cut short or makes no sense; no images; a camera model that is no pinhole.
    """
    read_cameras, read_images, read_points = _BINARY if cameras.suffix == ".bin" else _TEXT
    lenses = read_cameras(cameras)
    images = read_images(cameras.with_stem("images"))
    points = cameras.with_stem("points3D")
    numbers, places = read_points(points) if points.is_file() else (np.zeros(0, np.int64), np.zeros((0, 3)))
    if not np.isfinite(places).all():
        bad = numbers[~np.isfinite(places).all(axis=1)]
        raise DataSetError(f"{points}: point {bad[0]} is not finite ({len(bad)} of {len(places)} are not)")
    model = _Model(lenses, images, places, numbers)
    if not images:
        raise DataSetError(f"{cameras.with_stem('images')}: has no images")
    folder = _folder_beside(cameras, "images")
    ordered = sorted(images.items(), key=lambda item: item[1].name)
    views = [_view(cameras.with_stem("images"), folder, number, image, model) for number, image in ordered]
    return Capture("COLMAP", cameras, views, places if len(places) else None)


def _view(path, folder, number, image, model):
    where = f"{path}: image {number} ({image.name})"
    if image.camera not in model.lenses:
        raise DataSetError(f"{where}: its camera {image.camera} is not in {path.with_stem('cameras').name}")
    rotation = of_quaternion(where, image.quaternion)
    matrix = of_opencv(where, rotation, np.array(image.translation))
    masks = folder.parent / "masks"
    suffixes = (f"{image.name}.png", f"{os.path.splitext(image.name)[0]}.png", image.name)
    mask = next((masks / name for name in suffixes if os.path.isfile(masks / name)), None) if masks.is_dir() else None
    picture, depths = found_file(folder, image.name), _depths(matrix, image.points, model)
    missing = "" if picture is not None else f"{folder.name}/{image.name}"
    return View(image.name, picture, matrix, model.lenses[image.camera], mask, missing, depths)


def _depths(matrix, seen, model):
    """Of the points that an image shows, along its axis: percentiles of their depths, None if there are none."""
    places = model.points[np.isin(model.point_ids, seen[seen >= 0])]
    depths = (matrix[:3, 3] - places) @ matrix[:3, 2]
    depths = depths[depths > 0]
    return tuple(np.percentile(depths, SEEN).tolist()) if len(depths) else None


def _folder_beside(cameras, name):
    """The folder of pictures: beside the model's, or beside that of all models."""
    candidates = [folder / name for folder in list(cameras.resolve().parents)[:4]]
    return next((folder for folder in candidates if folder.is_dir()), candidates[min(2, len(candidates) - 1)])


def _lens(where, name, width, height, numbers):
    """The Lens of a camera model's parameters.

    Raises:
        DataSetError: no pinhole, unknown, or another number of parameters.
    """
    if name not in PINHOLES:
        known = ", ".join(PINHOLES)
        advice = f"; {FISHEYE_ADVICE}" if name in MODELS else ""
        raise DataSetError(f"{where}: its model {name} is not one of the pinholes {known}{advice}")
    keys = MODELS[name][1].split()
    if len(numbers) != len(keys):
        raise DataSetError(f"{where}: {name} has {len(keys)} parameters ({', '.join(keys)}), got {len(numbers)}")
    given = dict(zip(keys, numbers, strict=True))
    focal = given.get("fx", given.get("f")), given.get("fy", given.get("f"))
    radial, divisor, tangential = (
        tuple(given.get(key, 0.0) for key in names) for names in (("k1", "k2", "k3"), ("k4", "k5", "k6"), ("p1", "p2"))
    )
    lens = Lens(width, height, focal, (given["cx"], given["cy"]), radial, divisor, tangential)
    return checked_lens(where, lens)


class _Reader:
    """Takes little-endian numbers from the front of a file's bytes, and says where they end too soon."""

    def __init__(self, path):
        self._path, self._data, self._at = path, contents_of(path), 0

    def take(self, layout):
        """The numbers of a ``struct`` layout."""
        size = struct.calcsize("<" + layout)
        self._require(size)
        numbers = struct.unpack_from("<" + layout, self._data, self._at)
        self._at += size
        return numbers

    def rows(self, count, kind):
        """An array of ``count`` rows of a NumPy type."""
        self._require(count * kind.itemsize)
        rows = np.frombuffer(self._data, kind, count, self._at)
        self._at += count * kind.itemsize
        return rows

    def name(self):
        """Text up to a zero byte."""
        end = self._data.find(b"\0", self._at)
        if end < 0:
            self._require(len(self._data))
        text = self._data[self._at : end].decode("utf-8", errors="replace")
        self._at = end + 1
        return text

    def count(self):
        """How many of something follow."""
        return self.take("Q")[0]

    def skip(self, size):
        """Leaves out so many bytes."""
        self._require(size)
        self._at += size

    def end(self):
        """Checks that nothing follows."""
        if self._at < len(self._data):
            raise DataSetError(
                f"{self._path}: {len(self._data) - self._at} bytes too many: its counts are wrong, or it is no COLMAP"
                " file"
            )

    def _require(self, size):
        if self._at + size > len(self._data):
            raise DataSetError(
                f"{self._path}: is cut short or no COLMAP file: {size} bytes expected at byte {self._at} of"
                f" {len(self._data)}"
            )


def _cameras_bin(path):
    reader, names, lenses = _Reader(path), {number: name for name, (number, _) in MODELS.items()}, {}
    for _ in range(reader.count()):
        number, model, width, height = reader.take("iiQQ")
        where = f"{path}: camera {number}"
        if model not in names:
            raise DataSetError(f"{where}: its model, number {model}, is unknown; {FISHEYE_ADVICE}")
        values = reader.take(f"{len(MODELS[names[model]][1].split())}d")
        lenses[number] = _lens(where, names[model], width, height, values)
    reader.end()
    return lenses


def _images_bin(path):
    reader, images = _Reader(path), {}
    for _ in range(reader.count()):
        number, *pose, camera = reader.take("i7di")
        name = reader.name()
        points = reader.rows(reader.count(), _POINT)["point"]
        images[number] = _Image(name, tuple(pose[:4]), tuple(pose[4:]), camera, points)
    reader.end()
    return images


def _points_bin(path):
    reader, numbers, places = _Reader(path), [], []
    for _ in range(reader.count()):
        number, x, y, z, *_ = reader.take("q3d3Bd")
        reader.skip(8 * reader.count())  # its track
        numbers.append(number)
        places.append((x, y, z))
    reader.end()
    return np.array(numbers, np.int64), np.array(places, np.float64).reshape(-1, 3)


def _lines(path):
    """``(number, words)`` of the lines of a text file that are no comments; empty ones stay."""
    try:
        text = contents_of(path).decode("utf-8")
    except UnicodeDecodeError:
        raise DataSetError(f"{path}: is not a text file") from None
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if not line.startswith("#")]


def _numbers(path, line, words, kind=float):
    try:
        numbers = [kind(word) for word in words]
    except ValueError as error:
        raise DataSetError(f"{path}, line {line}: {error}") from None
    if kind is int and any(abs(number) >= 2**63 for number in numbers):
        raise DataSetError(f"{path}, line {line}: a number of more than 64 bits")
    return numbers


def _cameras_txt(path):
    lenses = {}
    for line, text in _lines(path):
        words = text.split()
        if not words:
            continue
        if len(words) < 5:
            raise DataSetError(f"{path}, line {line}: expected CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[], got {text!r}")
        number, width, height = _numbers(path, line, [words[0], *words[2:4]], int)
        where = f"{path}: camera {number}"
        lenses[number] = _lens(where, words[1], width, height, _numbers(path, line, words[4:]))
    return lenses


def _images_txt(path):
    lines, images = _lines(path), {}
    while lines and not lines[-1][1]:
        lines.pop()
    rows = iter(lines)
    for line, text in rows:
        if not text:
            continue
        words = text.split(maxsplit=9)
        if len(words) < 10:
            raise DataSetError(
                f"{path}, line {line}: expected IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME, got"
                f" {text[:80]!r}"
            )
        number, camera = _numbers(path, line, [words[0], words[8]], int)
        pose = _numbers(path, line, words[1:8])
        line, text = next(rows, (line + 1, ""))
        seen = text.split()
        if len(seen) % 3:
            raise DataSetError(
                f"{path}, line {line}: expected POINTS2D[] as (X, Y, POINT3D_ID), got {len(seen)} numbers"
            )
        points = np.array(_numbers(path, line, seen[2::3], int), np.int64)
        images[number] = _Image(words[9], tuple(pose[:4]), tuple(pose[4:]), camera, points)
    return images


def _points_txt(path):
    numbers, places = [], []
    for line, text in _lines(path):
        words = text.split()
        if not words:
            continue
        if len(words) < 8:
            raise DataSetError(f"{path}, line {line}: expected POINT3D_ID, X, Y, Z, R, G, B, ERROR, got {text[:80]!r}")
        numbers += _numbers(path, line, words[:1], int)
        places.append(_numbers(path, line, words[1:4]))
    return np.array(numbers, np.int64), np.array(places, np.float64).reshape(-1, 3)


_BINARY = (_cameras_bin, _images_bin, _points_bin)
_TEXT = (_cameras_txt, _images_txt, _points_txt)
