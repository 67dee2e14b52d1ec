"""``scene.npz``: a radiance field with the place that it has in the world, as ``taichi-dr render`` draws it."""

import io
from typing import NamedTuple

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.io.archives import DAMAGED, in_words, names_in, read_arrays
from taichi_dr.io.files import atomic_path, read_bytes

KEY = "radiance"


class Scene(NamedTuple):
    """Which kind it is, ``center`` and ``radius`` of the unit scene in the world, which way is ``up``, the arrays."""

    kind: str
    center: np.ndarray
    radius: float
    up: np.ndarray
    arrays: dict


def save_scene(path, scene):
    """Writes a Scene, whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    own = {KEY: np.array(scene.kind), "center": scene.center, "radius": np.array(scene.radius), "up": scene.up}
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **own, **{f"field/{name}": array for name, array in scene.arrays.items()})


def is_radiance(path):
    """Whether a file is one that ``save_scene`` wrote."""
    return KEY in names_in(path)


def load_scene(path):
    """The Scene in a file.

    Raises:
        FileError: it is no such file, or cut short.
    """
    data = io.BytesIO(read_bytes(path))
    try:
        file = read_arrays(data)
        arrays = {name.removeprefix("field/"): array for name, array in file.items() if name.startswith("field/")}
        return Scene(str(file[KEY]), file["center"], float(file["radius"]), file["up"], arrays)
    except DAMAGED as error:
        raise FileError(
            f"{path}: is no scene that can be read ({in_words(error)}); taichi-dr reconstruct writes such"
        ) from error
