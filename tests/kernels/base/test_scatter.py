"""Rows added to their owners."""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.scatter import scatter_rows


def test_rows_are_added_to_their_owners_and_to_nobody(any32):
    out = array_from([[1.0, 0.0, 7.0], [0.0, 0.0, 7.0]])
    scatter_rows(array_from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), array_from([1, -1, 1], ti.i32), out)
    assert out.to_numpy().tolist() == [[1.0, 0.0, 7.0], [6.0, 8.0, 7.0]]


def test_small_rows_beside_large_ones_are_not_lost(cpu32):
    out = array_from([[0.0]])
    scatter_rows(array_from([[1e8]] + [[1.0]] * 100 + [[-1e8]]), array_from(np.zeros(102), ti.i32), out)
    assert out.to_numpy().tolist() == [[100.0]]
