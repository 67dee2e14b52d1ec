"""Images with known cameras, whatever format they came in: ``io.posed`` reads and writes them."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.types import Array, ArrayLike, Size


@dataclass(frozen=True)
class PosedImages:
    """V views of one scene, all of H x W pixels.

    ``images`` (V, H, W, 3): linear RGB, *straight* (not multiplied by alpha; 0 where alpha is 0), float32;
    ``alpha`` (V, H, W): 1 where the scene covers the pixel; all ones if ``has_alpha`` is false;
    ``camera_to_world`` (V, 4, 4): columns u, v, w, e of each camera (OpenGL: x right, y up, looking along -z), float64;
    ``focal`` (V, 2): fl_x, fl_y in pixels; ``principal_point`` (V, 2): cx, cy in pixels from the top left *corner* of
    the image (its centre is (W/2, H/2)); ``names`` (V,): the file of each view.

    What only some data have, else None: ``points`` (P, 3), places on surfaces, in world units (COLMAP); ``depths``
    (V, 2), the nearest and the farthest depth of what a view shows, along its axis in world units, NaN where unknown
    (COLMAP, LLFF); ``region`` (4,), a sphere x, y, z, radius that holds what is to be reconstructed (NeuS).
    """

    images: Array
    alpha: Array
    camera_to_world: Array
    focal: Array
    principal_point: Array
    names: tuple[str, ...]
    has_alpha: bool = True
    points: Array | None = None
    depths: Array | None = None
    region: Array | None = None

    def __post_init__(self):
        views, height, width = self.alpha.shape
        expected = {
            "images": (views, height, width, 3),
            "camera_to_world": (views, 4, 4),
            "focal": (views, 2),
            "principal_point": (views, 2),
        }
        if self.depths is not None:
            expected["depths"] = (views, 2)
        if self.region is not None:
            expected["region"] = (4,)
        if self.points is not None:
            expected["points"] = (len(self.points), 3)
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
            depths=None if self.depths is None else self.depths[views],
        )

    def moved(self, center: ArrayLike, radius: float) -> "PosedImages":
        """The same views of a world of which ``center`` is the origin and ``radius`` the unit: ``(x - center) /
        radius``."""
        center, matrices = np.asarray(center, dtype=np.float64), self.camera_to_world.copy()
        matrices[:, :3, 3] = (matrices[:, :3, 3] - center) / radius
        return replace(
            self,
            camera_to_world=matrices,
            points=None if self.points is None else (self.points - center) / radius,
            depths=None if self.depths is None else self.depths / radius,
            region=None if self.region is None else (self.region - [*center, 0.0]) / radius,
        )

    def resized(self, size: Size) -> "PosedImages":
        """The views averaged down to ``size``: (H, W), or the longer side alone; cameras follow.

        Raises:
            InputError: the size is larger than the images or not positive.
        """
        height, width = target_size(size, 1.0, (self.height, self.width))
        images = np.empty((len(self), height, width, 3), dtype=np.float32)
        alpha = np.empty((len(self), height, width), dtype=np.float32)
        for i in range(len(self)):
            images[i], alpha[i] = averaged_down(self.images[i], self.alpha[i], (height, width))
        ratio = np.array([width / self.width, height / self.height])
        return replace(
            self, images=images, alpha=alpha, focal=self.focal * ratio, principal_point=self.principal_point * ratio
        )


def target_size(size, scale, original):
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


def averaged_down(colors, alpha, size):
    """Area averages of alpha, and of colour weighted by alpha (of premultiplied colour, made straight again)."""
    if alpha.shape == size:
        return np.where(alpha[..., None] > 0, colors, 0), alpha
    (height, width), (rows, columns) = alpha.shape, size
    premultiplied = np.concatenate([colors * alpha[..., None], alpha[..., None]], axis=2)
    averaged = _area_weights(height, rows) @ premultiplied.reshape(height, width * 4)
    averaged = averaged.reshape(rows, width, 4).transpose(1, 0, 2).reshape(width, rows * 4)
    averaged = (_area_weights(width, columns) @ averaged).reshape(columns, rows, 4).transpose(1, 0, 2)
    opacity = averaged[..., 3]
    straight = averaged[..., :3] / np.where(opacity > 0, opacity, 1)[..., None]
    return straight, np.minimum(opacity, 1)


@functools.lru_cache(maxsize=8)
def _area_weights(length, target):
    """(target, length), sparse: the share of each old pixel in each new one, for pixels as intervals of a line."""
    edges = np.linspace(0, length, target + 1)
    old = np.arange(length)
    overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return csr_array((np.maximum(overlap, 0) * (target / length)).astype(np.float32))
