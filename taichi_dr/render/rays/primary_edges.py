"""What the outlines of all that cameras see imply, when they move: gradients of visibility."""

from typing import Any, NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.scatter import scatter_rows
from taichi_dr.kernels.camera.pack import PACKED, F, P
from taichi_dr.kernels.rays.outlines import OutlineSums
from taichi_dr.kernels.rays.primary_edges import accumulate, measure, place
from taichi_dr.kernels.rays.strata import strata
from taichi_dr.runtime import float_dtype

LEAST_ASIDE = 1e-9  # from an outline to rays beside it, in screen units: further than rays begin above mirrors
MOST = 1 << 20  # samples of one view, whatever is asked for: a few hundred bytes each


class Film(NamedTuple):
    """What images are taken with: packed cameras (V, 16), and what they have in common."""

    camera: Any
    orthographic: bool
    width: int
    height: int
    near: float
    far: float

    @property
    def screen(self):
        """As kernels take it."""
        return self.camera, self.orthographic, self.width, self.height

    @property
    def aside(self):
        """From an outline to the rays on either side of it, in screen units: as little as the precision allows.

        Of crops places on the screen are differences of numbers as large as how far out the principal point is, and a
        unit of the screen is as little of the world as the focal length is large.
        """
        epsilon = float(np.finfo(ti.lang.util.to_numpy_type(float_dtype())).eps)
        return max(32 * epsilon, LEAST_ASIDE) * (1 + float(np.abs(self.camera.to_numpy()[:, F : P + 2]).max()))


class Moved(NamedTuple):
    """Adjoints to add to: of points (N, 3), of solids (S, >= 4: center and radius first) and of packed cameras."""

    points: Any
    solids: Any
    camera: Any


def add_primary_edges(outlines, folds, film, view, image_adjoint, trace, per_pixel, seed, moved):
    """Adds to ``moved`` what ``image_adjoint`` (V*H*W, C) implies for whatever moves the outlines that a view sees.

    Args:
        outlines: ``Outlines``, arrays.
        folds (E,): which edges between two faces count though they are no silhouettes; see ``measure``.
        trace: ``trace(origins, directions, ends)`` gives (radiance (2M, C), what (2M,), hits (2M, 3)) of pairs of rays
            2i and 2i + 1, both with the same random numbers.
        per_pixel: samples for each pixel that outlines are long.
        seed: of the places of samples.
    """
    edges = outlines.edges.shape[0]
    spans, lengths = make_array((edges, 4)), make_array((edges,))
    measure(*outlines, folds, *film.screen, film.near, view, spans, lengths)
    long = lengths.to_numpy()
    pixels = float(long.sum(dtype=np.float64)) * min(film.width, film.height) / 2
    pieces, places, each = strata(long, min(int(np.ceil(per_pixel * pixels)), MOST), seed)
    count = len(pieces)
    if not count:
        return
    piece, within = array_from(pieces, ti.i32), array_from(places)
    where, pixel = make_array((count, 4)), make_array((count,), ti.i32)
    rays = tuple(make_array((2 * count, columns)) for columns in (3, 3, 2))
    place(*outlines, *film.screen, film.near, film.far, film.aside, view, spans, piece, within, where, pixel, *rays)
    sums, packed = new_sums(count), make_array((count, PACKED))
    arrays = (*outlines, *film.screen, view, piece, lengths, each, where, pixel, *trace(*rays), image_adjoint)
    accumulate(*arrays, *sums, packed)
    add_sums(sums, moved)
    scatter_rows(packed, array_from(np.full(count, view), ti.i32), moved.camera)


def new_sums(count):
    """``OutlineSums`` of so many samples."""
    return OutlineSums(
        make_array((2 * count, 3)),
        make_array((2 * count,), ti.i32),
        make_array((count, 4)),
        make_array((count,), ti.i32),
    )


def add_sums(sums, moved):
    """Adds ``OutlineSums`` to the adjoints of points and solids."""
    scatter_rows(sums.ends, sums.end_owner, moved.points)
    scatter_rows(sums.sphere, sums.sphere_owner, moved.solids)
