"""The smooth visual hull: the largest solid that silhouettes allow, as signed distances on a grid."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import binary_dilation, sobel

from taichi_dr.errors import DataSetError
from taichi_dr.implicit.sdf.redistance import checked_spacing, redistance
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.distance import anchor, closest_points, silhouettes
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike

COVERED = 0.5
PARTLY = 0.48
CROSS = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], dtype=bool)  # a pixel and those next to it


@off_tape
def visual_hull(posed: PosedImages, lower: ArrayLike, spacing: float | Sequence[float], shape: Sequence[int]) -> Array:
    """Signed distances (X, Y, Z) to the visual hull of the silhouettes of ``posed``, negative inside.

    The first node is at ``lower``, the others ``spacing`` apart (a number, or one for each axis).  The hull is where
    every view has alpha above 1/2; between the nodes it is smooth, ``kernels.distance.silhouettes`` says how.  It holds
    the object, and fills the hollows that no silhouette shows.  Where a silhouette is cut off by the border of its
    picture, that view allows everything.

    Raises:
        DataSetError: a picture without a silhouette, or silhouettes that have nothing in common on the grid.
    """
    spacing = checked_spacing(spacing)
    empty = [name for name, alpha in zip(posed.names, posed.alpha, strict=True) if not (alpha > COVERED).any()]
    if empty:
        raise DataSetError(f"visual hull: no silhouette (alpha above 0.5) in {', '.join(empty[:5])}")
    values = make_array(tuple(shape))
    arrays = (
        array_from(signed_pixels(posed.alpha)),
        array_from(view_rows(posed)),
        array_from(np.asarray(lower, dtype=np.float64)),
    )
    silhouettes.hull(*arrays, values, *spacing)
    found = values.to_numpy()
    if not (found < 0).any():
        raise DataSetError(
            "visual hull: the silhouettes have no volume in common on the grid: expected bounds that hold the object,"
            " cells smaller than it is thick, and matrices camera-to-world"
        )
    return redistance(found, spacing) if (found >= 0).any() else found


def signed_pixels(alpha: Array) -> Array:
    """(V, H, W): the signed distance of every pixel's centre from its silhouette's edge in pixels, negative inside.

    The edge is where alpha crosses 1/2: with a unit normal (nx, ny), it is ``(1/2 - alpha) max(|nx|, |ny|)`` from the
    centre of a pixel that it passes through.  Elsewhere the distance is that from the nearest of such places.  Source:
    Gustavson and Strand, Anti-aliased Euclidean distance transform, 2011.

    >>> row = np.array([[[0, 0, 0.25, 1, 1, 1.0]]])
    >>> signed_pixels(row.repeat(3, axis=1))[0, 1].tolist()
    [2.25, 1.25, 0.25, -0.75, -1.75, -2.75]
    """
    inside = alpha > COVERED
    normals = np.stack([sobel(alpha, axis=axis, mode="nearest") for axis in (1, 2)], axis=-1)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
    distance = (COVERED - alpha) * np.abs(normals).max(axis=-1)
    border = binary_dilation(inside, CROSS) & binary_dilation(~inside, CROSS)
    partly = np.abs(COVERED - alpha) < PARTLY
    border &= partly | ~binary_dilation(partly, CROSS)
    spacing = [2.0 * sum(alpha.shape), 1.0, 1.0]  # views do not see each other
    closest = np.full((*alpha.shape, 4), closest_points.FAR)
    view, row, col = np.nonzero(border)
    edge = np.stack([row, col], axis=1) + distance[border][:, None] * normals[border]
    closest[border] = np.column_stack([view * spacing[0], edge, np.full(len(view), closest_points.FIXED)])
    points, distances = array_from(closest), array_from(np.abs(distance))
    anchor.continue_upwind(points, distances, *spacing)
    closest_points.spread(points, spacing)
    closest_points.add_distances(points, distances)
    return np.where(inside, -1.0, 1.0) * np.minimum(distances.to_numpy(), 2.0 * max(alpha.shape[1:]))


def view_rows(posed):
    """(V, 16): views as ``kernels.distance.silhouettes`` and ``kernels.fit.rays`` have them."""
    matrices = posed.camera_to_world[:, :3]
    return np.concatenate([matrices.transpose(0, 2, 1).reshape(len(posed), 12), posed.focal, posed.principal_point], 1)
