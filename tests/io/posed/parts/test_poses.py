"""Matrices of cameras: which are repaired, to what, what is said of it, and which are refused in which words."""

import warnings

import numpy as np
import pytest

from taichi_dr.errors import DataSetError
from taichi_dr.io.posed.parts.poses import checked_pose, rigid_poses

ANGLE = 0.3
TURN = np.array([[np.cos(ANGLE), -np.sin(ANGLE), 0], [np.sin(ANGLE), np.cos(ANGLE), 0], [0, 0, 1]])


def matrix(axes, place=(1, 2, 3)):
    return np.concatenate([np.column_stack([axes, place]), [[0, 0, 0, 1.0]]])


def repaired(*matrices):
    return rigid_poses("file", [f"r_{i}" for i in range(len(matrices))], [checked_pose("r", one) for one in matrices])


def test_what_is_rigid_stays_as_it_is():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(repaired(matrix(TURN))[0], matrix(TURN))


def test_a_matrix_without_its_last_row():
    np.testing.assert_array_equal(checked_pose("r", matrix(TURN)[:3].tolist()), matrix(TURN))


def test_rounded_matrices_become_the_nearest_rotations():
    with pytest.warns(UserWarning, match=r"^file: 1 of 2 camera matrices are rounded: .* by up to 0\.000\d+ \(r_1\)$"):
        same, found = repaired(matrix(np.eye(3)), np.round(matrix(TURN), 3))
    np.testing.assert_array_equal(same, matrix(np.eye(3)))
    axes = found[:3, :3]
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    # 0.955 and 0.296 of a turn about z: the nearest rotation has the angle atan(0.296 / 0.955)
    np.testing.assert_allclose(np.arctan2(axes[1, 0], axes[0, 0]), np.arctan2(0.296, 0.955), atol=1e-9)
    assert found[:3, 3].tolist() == [1, 2, 3]


def test_a_scale_is_taken_out_and_the_place_stays():
    with pytest.warns(UserWarning, match=r"1 of 1 camera matrices have a scale, 2\.5 in r_0: it is taken out"):
        (found,) = repaired(matrix(2.5 * TURN))
    np.testing.assert_allclose(found, matrix(TURN), atol=1e-12)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (matrix(TURN * [1, 1, -1]), "r is not rigid: it is a mirror, .* its determinant is -1"),
        (matrix(TURN * [1, 1, 1.1]), r"stretches by 1\.1, 1, 1 in three directions, its columns are 1, 1, 1\.1 long"),
        (matrix(TURN + [[0, 0.2, 0], [0, 0, 0], [0, 0, 0]]), "r is not rigid: .* stretches by"),
        (matrix(TURN).T, "r is transposed: its last row is .1.0, 2.0, 3.0, 1.0."),
        (matrix(np.zeros((3, 3))), "its rotation is zero"),
        (matrix(np.diag([1, 8e-320, 8e-320])), "stretches by 1, 0, 0 in three directions"),
        (matrix(1e200 * TURN), "its numbers are too large"),
        ([[1, 0, 0, 0], None, [0, 0, 1, 0], [0, 0, 0, 1]], "r has null in it"),
        ([[1, 0, 0, None], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], "r has null in it"),
        ([["a"] * 4] * 4, "r is not a matrix of numbers"),
        (np.eye(3).tolist(), "expected shape .4, 4., got .3, 3."),
        (matrix(TURN, (np.nan, 0, 0)), "holds a number that is not finite"),
    ],
)
def test_what_cannot_be_repaired_is_refused(bad, message):
    with pytest.raises(DataSetError, match=message):
        checked_pose("r", bad)
