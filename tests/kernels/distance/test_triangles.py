"""The lowest face of nodes near a mesh."""

import numpy as np
import taichi as ti

import taichi_dr as dr
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.distance import triangles

SHAPE, SPACING, BAND = (17, 17, 17), (0.15, 0.15, 0.15), 0.3


def test_a_face_is_found_though_two_kernels_round_differently(any32):
    """GPUs fuse products and sums, one kernel others than the next: distances differ by some roundings."""
    sphere = dr.shapes.icosphere(3)
    corners = sphere.numpy("vertices")[0][sphere.topology.faces] + 1.2
    face, layer = (x.reshape(-1) for x in np.indices((len(corners), SHAPE[0])))
    arrays = array_from(corners.reshape(-1, 9)), array_from(face, ti.i32), array_from(layer, ti.i32)
    square, nearest = make_array(SHAPE), make_array(SHAPE)
    triangles.clear(square, nearest)
    triangles.least_squares(*arrays, square, BAND, *SPACING)
    least = square.to_numpy().astype(np.float64)
    near = least < BAND**2
    assert 1000 < near.sum() < 3000
    for roundings in (0, 5):
        less = np.where(near, np.maximum(np.sqrt(least) - roundings * 2.0**-24 * 2.4, 0) ** 2, least)
        nearest.fill(triangles.NOBODY)
        triangles.lowest_faces(*arrays, array_from(less), nearest, BAND, *SPACING, triangles.slack(SHAPE, SPACING))
        np.testing.assert_array_equal(nearest.to_numpy() < triangles.NOBODY, near)
