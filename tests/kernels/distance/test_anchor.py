"""Nodes beside a surface: the upwind distance against numbers worked out by hand."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.distance.anchor import upwind


@ti.kernel
def upwind_rows(near: Rows, distance: Numbers, hx: float):
    for i in distance:
        distance[i] = upwind(ti.Vector([near[i, 0], near[i, 1], near[i, 2]]), ti.Vector([hx, 1.0, 1.0]))


def test_upwind_by_hand(any32):
    rows = [(0, 0, 0), (0, 5, 5), (5, 0, 5), (0.2, 0.2, 9), (0, 0.6, 0.6), (1, 2, 3)]
    distance = make_array((len(rows),))
    upwind_rows(array_from(rows), distance, 1.0)
    # The fifth: 3 d^2 - 2.4 d + 0.72 = 1 has the root 0.4 + sqrt(0.16 + 0.28 / 3).
    expected = [3**-0.5, 1, 1, 0.2 + 0.5**0.5, 0.4 + (0.16 + 0.28 / 3) ** 0.5, 2]
    assert distance.to_numpy() == pytest.approx(expected, rel=1e-6)
    excess = np.maximum(distance.to_numpy()[:, None] - np.array(rows), 0)
    assert (excess**2).sum(axis=1) == pytest.approx(1, rel=1e-5)


def test_upwind_of_a_plane_over_cells_that_are_no_cubes(any32):
    normal = np.array([0.6, 0.64, 0.48])
    distance = make_array((1,))
    upwind_rows(array_from([3.0 - normal * (2.0, 1.0, 1.0)]), distance, 2.0)
    assert distance.to_numpy() == pytest.approx(3.0)
