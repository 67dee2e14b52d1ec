"""Lenses of photographs, and photographs as a pinhole camera without distortion would have taken them."""

import functools
from typing import NamedTuple

import numpy as np
from scipy.ndimage import map_coordinates

from taichi_dr.errors import DataSetError

STEPS = 50  # of the search for what a distorted place is the image of
CLOSE = 1e-9  # in focal lengths: where it has arrived
MOST_GROWN = 3  # times as wide or high as the photograph that an undistorted one may be
OUTSIDE = 0.01  # pixels that a sample may lie outside its photograph


class Lens(NamedTuple):
    """A pinhole, and how it is distorted.

    A point at ``(x, y, 1)`` of the camera (x right, y down, looking along +z, OpenCV's axes) is seen at
    ``(focal[0] x' + center[0], focal[1] y' + center[1])``, pixels from the upper left corner of a picture of ``width``
    x ``height`` pixels (the first pixel's centre is (0.5, 0.5)), with ``(x', y') = distorted(x, y)``.
    """

    width: float
    height: float
    focal: tuple[float, float]
    center: tuple[float, float]
    radial: tuple[float, ...] = ()
    divisor: tuple[float, ...] = ()
    tangential: tuple[float, float] = (0.0, 0.0)

    @property
    def is_distorted(self):
        """Whether any coefficient differs from 0."""
        return any(self.radial) or any(self.divisor) or any(self.tangential)

    def distorted(self, x, y):
        """``x' = x s + 2 p1 x y + p2 (r^2 + 2 x^2)``, ``y' = y s + p1 (r^2 + 2 y^2) + 2 p2 x y`` with ``r^2 = x^2 +
        y^2``, ``s = (1 + k1 r^2 + k2 r^4 + ...) / (1 + d1 r^2 + d2 r^4 + ...)``.

        k are ``radial``, d ``divisor`` and p ``tangential``.  Source: OpenCV (calib3d), COLMAP's OPENCV and
        FULL_OPENCV.  ``x = 1/2, y = 0, k1 = 0.1, p2 = 0.01`` give ``x' = 0.5125 + 0.0075 = 0.52``.
        """
        square = x * x + y * y
        scale = _polynomial(self.radial, square) / _polynomial(self.divisor, square)
        p1, p2 = self.tangential
        across = 2 * x * y
        return (
            x * scale + p1 * across + p2 * (square + 2 * x * x),
            y * scale + p1 * (square + 2 * y * y) + p2 * across,
        )

    def scaled(self, width, height):
        """The lens of the same pictures at another size."""
        across, down = width / self.width, height / self.height
        focal, center = self.focal, self.center
        scaled = (focal[0] * across, focal[1] * down), (center[0] * across, center[1] * down)
        return self._replace(width=width, height=height, focal=scaled[0], center=scaled[1])

    def with_sides_swapped(self):
        """The lens with width and height swapped; the principal point too if that brings it nearer to the middle."""
        (x, y), w, h = self.center, self.height, self.width
        stays = abs(x / w - 0.5) + abs(y / h - 0.5) <= abs(y / w - 0.5) + abs(x / h - 0.5)
        return self._replace(width=w, height=h, center=(x, y) if stays else (y, x))

    def cut(self, left, top, width, height):
        """The lens of a part of the picture, whose upper left corner is at ``(left, top)``."""
        return self._replace(width=width, height=height, center=(self.center[0] - left, self.center[1] - top))

    def rays(self, x, y):
        """``(x, y)`` of the camera, at depth 1, of places in the picture; the distortion undone.

        Raises:
            DataSetError: nothing is seen there: the distortion folds before it gets that far.
        """
        wanted = (x - self.center[0]) / self.focal[0], (y - self.center[1]) / self.focal[1]
        found = self._undistorted(*wanted) if self.is_distorted else wanted
        if found is None:
            raise DataSetError(
                "the lens distortion (radial"
                f" {', '.join(f'{k:.4g}' for k in self.radial)}, tangential {self.tangential[0]:.4g},"
                f" {self.tangential[1]:.4g}) is not one to one over the picture: wrong coefficients, or a fisheye lens"
            )
        return found

    def _undistorted(self, wanted_x, wanted_y):
        """Newton's method, from the distorted place; None where it does not arrive."""
        x, y, small = wanted_x, wanted_y, 1e-6
        for _ in range(STEPS):
            at_x, at_y = self.distorted(x, y)
            error_x, error_y = at_x - wanted_x, at_y - wanted_y
            (right_x, right_y), (down_x, down_y) = self.distorted(x + small, y), self.distorted(x, y + small)
            xx, yx, xy, yy = right_x - at_x, right_y - at_y, down_x - at_x, down_y - at_y
            determinant = xx * yy - xy * yx
            if not (determinant > 0).all():  # folded, or not a number
                return None
            if max(np.abs(error_x).max(), np.abs(error_y).max()) < CLOSE:
                return x, y
            x = x - small * (yy * error_x - xy * error_y) / determinant
            y = y - small * (xx * error_y - yx * error_x) / determinant
        return None


def _polynomial(coefficients, square):
    """``1 + c1 r^2 + c2 r^4 + ...`` of ``square = r^2``."""
    value = 0.0
    for coefficient in reversed(coefficients):
        value = (value + coefficient) * square
    return 1.0 + value


@functools.lru_cache(maxsize=64)
def straight_lens(lens):
    """The pinhole of an undistorted photograph: that of ``lens``, on the largest whole pixels that it sees all of.

    Its focal lengths stay, so that pixels in the middle keep their size; where the lens is a barrel the picture grows,
    where it is a cushion it loses its edges.

    Raises:
        DataSetError: a distortion that is not one to one.
    """
    if not lens.is_distorted:
        return lens
    across, down = np.linspace(0, lens.width, 65), np.linspace(0, lens.height, 65)
    left, _ = lens.rays(np.zeros(65), down)
    right, _ = lens.rays(np.full(65, lens.width), down)
    _, top = lens.rays(across, np.zeros(65))
    _, bottom = lens.rays(across, np.full(65, lens.height))
    (fx, fy), (cx, cy) = lens.focal, lens.center
    left, right = np.ceil(fx * left.max() + cx - OUTSIDE), np.floor(fx * right.min() + cx + OUTSIDE)
    top, bottom = np.ceil(fy * top.max() + cy - OUTSIDE), np.floor(fy * bottom.min() + cy + OUTSIDE)
    if right - left < 1 or bottom - top < 1:
        raise DataSetError("the lens distortion leaves no rectangle of the picture")
    if right - left > MOST_GROWN * lens.width or bottom - top > MOST_GROWN * lens.height:
        raise DataSetError(
            f"undoing the lens distortion makes pictures of {lens.width:g} × {lens.height:g} pixels more than"
            f" {MOST_GROWN} times as wide or high: wrong coefficients, or a fisheye lens"
        )
    pinhole = lens._replace(radial=(), divisor=(), tangential=(0.0, 0.0))
    return pinhole.cut(float(left), float(top), int(right - left), int(bottom - top))


def undistorted(picture, lens):
    """A photograph (H, W, channels) by ``lens``, H and W those of the lens, as its ``straight_lens`` sees it.

    Colours are interpolated by cubic splines, as they are: give premultiplied ones.
    """
    if not lens.is_distorted:
        return picture
    places = _places(lens)
    planes = [
        map_coordinates(picture[:, :, channel], places, order=3, mode="nearest") for channel in range(picture.shape[2])
    ]
    return np.clip(np.stack(planes, axis=2), 0, 1)


@functools.lru_cache(maxsize=1)
def _places(lens):
    """(2, H, W): row and column, counted from the first pixel's centre, where each pixel of the pinhole looks."""
    straight = straight_lens(lens)
    y, x = np.mgrid[0.5 : straight.height, 0.5 : straight.width]
    x, y = lens.distorted(*straight.rays(x, y))
    rows, columns = lens.focal[1] * y + lens.center[1] - 0.5, lens.focal[0] * x + lens.center[0] - 0.5
    return np.stack([rows, columns]).astype(np.float32)
