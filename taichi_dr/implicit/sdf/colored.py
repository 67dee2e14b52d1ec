"""A solid with colours: distances and colours on one grid, as reconstruction makes them and files keep them."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates
from skimage.measure import marching_cubes

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.archives import DAMAGED, in_words, read_arrays
from taichi_dr.io.files import atomic_path, read_bytes
from taichi_dr.scene.mesh import Mesh
from taichi_dr.types import Array, PathLike

NAMES = "distances", "colors", "lower", "spacing"


@dataclass(frozen=True)
class ColoredSolid:
    """Signed ``distances`` (X, Y, Z), negative inside, and linear RGB ``colors`` (X, Y, Z, 3), at the nodes
    ``lower + spacing (i, j, k)``; world units."""

    distances: Array
    colors: Array
    lower: Array
    spacing: float

    @property
    def bounds(self) -> tuple[Array, Array]:
        """The first and the last node."""
        return self.lower, self.lower + self.spacing * (np.array(self.distances.shape) - 1)

    def normalized(self, name: str = "solid") -> "ColoredSolid":
        """A copy moved and scaled so that its surface is as ``Mesh.normalized`` has it: of radius 1 about the origin.

        Raises:
            GeometryError: there is no surface.
        """
        points = self.mesh(name).numpy("vertices")[0].astype(np.float64)
        center = (points.min(axis=0) + points.max(axis=0)) / 2
        scale = 1 / np.linalg.norm(points - center, axis=1).max()
        return ColoredSolid(scale * self.distances, self.colors, scale * (self.lower - center), scale * self.spacing)

    def mesh(self, name: str = "solid") -> Mesh:
        """The surface, by marching cubes (scikit-image), with vertex colours; its faces look outwards.

        Raises:
            GeometryError: there is no surface.
        """
        if not (self.distances < 0).any() or not (self.distances >= 0).any():
            raise GeometryError(f"{name}: no surface, all of the {self.distances.size} distances have one sign")
        vertices, faces, _, _ = marching_cubes(np.asarray(self.distances, np.float32), 0.0)
        colors = np.stack([map_coordinates(self.colors[..., c], vertices.T, order=1) for c in range(3)], axis=1)
        return Mesh(
            self.lower + self.spacing * vertices, faces.astype(np.int32), colors=np.clip(colors, 0, 1), name=name
        )

    def save(self, path: PathLike) -> None:
        """Writes an ``.npz`` file, whole or not at all; colours with half precision.

        Raises:
            FileError: it cannot be written.
        """
        arrays: dict[str, Any] = {"distances": np.float32(self.distances), "colors": np.float16(self.colors)}
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays, lower=np.float64(self.lower), spacing=np.float64(self.spacing))

    @classmethod
    def load(cls, path: PathLike) -> "ColoredSolid":
        """Reads a file that ``save`` wrote.

        Raises:
            FileError: missing, cut short, or something else.
        """
        data = io.BytesIO(read_bytes(path))
        try:
            file = read_arrays(data)
            distances, colors, lower, spacing = (np.asarray(file[name], np.float64) for name in NAMES)
        except DAMAGED as error:
            raise FileError(
                f"{path}: is no solid that can be read ({in_words(error)}); reconstruct --as sdf writes such"
            ) from error
        right = distances.ndim == 3 and colors.shape == (*distances.shape, 3) and lower.shape == (3,)
        if not (right and spacing.shape == () and spacing > 0 and np.isfinite(distances).all()):
            raise FileError(f"{path}: is no solid: expected distances (X, Y, Z), colors (X, Y, Z, 3), lower, spacing")
        return cls(distances, colors, lower, float(spacing))
