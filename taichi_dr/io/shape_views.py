"""Sets of shapes as 24 small pictures of each, and as voxels: what a network that sees one picture is trained on.

A folder with ``shape_views.json`` and, for the splits ``train`` and ``test``, a folder of arrays that are mapped into
memory, not read: ``images.npy`` (S, 24, 64, 64, 4) uint8, sRGB with straight alpha; ``voxels.npy`` (S, 4096) uint8, the
bits of 32^3 voxels of the cube [-0.5, 0.5]^3, for evaluation alone; ``categories.npy`` (S,) uint8.

The views are those of Liu et al. (Soft Rasterizer, 2019) and of Kato et al. (Neural 3D Mesh Renderer, 2018): 15 degrees
of azimuth apart, from an elevation of 30 degrees and a distance of 2.732, through an angle of 30 degrees.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from taichi_dr.errors import DataSetError
from taichi_dr.io.archives import DAMAGED, map_array
from taichi_dr.io.files import parse_json, read_bytes, write_json
from taichi_dr.scene.camera import Camera
from taichi_dr.types import Array, ArrayLike, PathLike

NAME = "shape_views.json"
SPLITS = ("train", "test")
FORMAT = "taichi_dr shape views 1"
VIEWS, SIZE, RESOLUTION = 24, 64, 32
STEP_DEG, ELEVATION_DEG, DISTANCE, FOV_DEG = 15.0, 30.0, 2.732, 30.0
NEAR, FAR = 1.5, 4.0  # around the cube, which is at 1.87 to 3.60


def view_camera(views: ArrayLike) -> Camera:
    """The cameras of views by their numbers, 0 to 23: view 0 looks from +z, view 6 from +x.

    >>> (1000 * view_camera([0, 6]).numpy("eye")).round().tolist()
    [[0.0, 1366.0, 2366.0], [2366.0, 1366.0, 0.0]]
    """
    return Camera.orbit(STEP_DEG * np.asarray(views), ELEVATION_DEG, DISTANCE, FOV_DEG, near=NEAR, far=FAR)


@dataclass(frozen=True)
class ShapeViews:
    """A split of a set: S shapes."""

    images: Array
    """(S, 24, 64, 64, 4) uint8: sRGB with straight alpha."""
    packed_voxels: Array
    """(S, 4096) uint8: the bits of ``voxels``."""
    categories: Array
    """(S,) uint8: which of ``names`` a shape is of."""
    names: tuple[str, ...]
    """Of the categories."""

    def __len__(self) -> int:
        return len(self.images)

    def voxels(self, shapes: Any = slice(None)) -> Array:
        """(..., 32, 32, 32) bool: which voxels along x, y and z are inside; of some shapes, or of all."""
        packed = np.asarray(self.packed_voxels[shapes])
        return np.unpackbits(packed, axis=-1).view(bool).reshape(*packed.shape[:-1], *(RESOLUTION,) * 3)


def pack_voxels(voxels: Array) -> Array:
    """(..., 4096) uint8 of voxels (..., 32, 32, 32)."""
    return np.packbits(voxels.reshape(*voxels.shape[:-3], -1), axis=-1)


def save_shape_views(folder: PathLike, split: str, views: ShapeViews) -> None:
    """Writes a split's arrays; ``write_description`` completes the set."""
    path = Path(folder) / split
    path.mkdir(parents=True, exist_ok=True)
    np.save(path / "images.npy", views.images)
    np.save(path / "voxels.npy", views.packed_voxels)
    np.save(path / "categories.npy", views.categories)


def write_description(folder: PathLike, names: tuple[str, ...], made: dict) -> None:
    """Writes ``shape_views.json``: the format, the categories' names, the cameras, and what the set was ``made`` of."""
    camera = {"azimuth_step_deg": STEP_DEG, "elevation_deg": ELEVATION_DEG, "distance": DISTANCE, "fov_y_deg": FOV_DEG}
    contents = {"format": FORMAT, "categories": list(names), "cameras": camera, "views": VIEWS, "size": SIZE}
    write_json(Path(folder) / NAME, contents | {"made": made})


def load_shape_views(folder: PathLike, split: str = "train") -> ShapeViews:
    """A split of the set in a folder, mapped into memory.

    Raises:
        DataSetError: no such set or split, one of another format, or arrays that are cut short or of other shapes.
    """
    folder = Path(folder)
    if not (folder / NAME).exists():
        raise DataSetError(f"{folder}: expected a set of shapes as train-reconstructor makes it, with {NAME}")
    try:
        described = parse_json(read_bytes(folder / NAME))
        found, names = described["format"], tuple(described["categories"])
    except DAMAGED as error:
        raise DataSetError(f"{folder / NAME}: cannot be read ({error!r}); remove the folder to make it anew") from error
    if found != FORMAT:
        raise DataSetError(f"{folder / NAME}: expected the format {FORMAT!r}, got {found!r}")
    categories = _mapped(folder / split / "categories.npy", ())
    images = _mapped(folder / split / "images.npy", (VIEWS, SIZE, SIZE, 4), len(categories))
    voxels = _mapped(folder / split / "voxels.npy", (RESOLUTION**3 // 8,), len(categories))
    if len(categories) and categories.max() >= len(names):
        raise DataSetError(f"{folder}: category {categories.max()} of {len(names)}, which are {', '.join(names)}")
    return ShapeViews(images, voxels, categories, names)


def _mapped(path, shape, rows=None):
    try:
        array = map_array(path)
    except FileNotFoundError:
        raise DataSetError(f"{path}: no such file; remove the folder to make it anew") from None
    except (OSError, ValueError) as error:
        raise DataSetError(f"{path}: cut short or damaged ({error}); remove the folder to make it anew") from error
    if array.dtype != np.uint8 or array.shape[1:] != shape or rows not in (None, len(array)):
        expected = (rows if rows is not None else "S", *shape)
        raise DataSetError(f"{path}: expected uint8 of shape {expected}, got {array.dtype} of {array.shape}")
    return array
