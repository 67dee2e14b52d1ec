"""Coverage of a pixel by an edge: the area of a square beside a line, and its derivative."""

import numpy as np
import pytest
import taichi as ti
from oracles import march

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.march.coverage import half_plane_coverage, half_plane_slope, middle_depth

ANGLES = np.radians([0.0, 10.0, 45.0, 80.0, 90.0, 137.0, 250.0])
NORMALS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
DISTANCES = np.array([-0.1, 0.3, 0.55, -0.62, 0.49, -0.35, 0.02])
SIDES = np.sort(np.maximum(np.abs(NORMALS), 1e-6), axis=1)[:, ::-1]


@ti.kernel
def areas(x: Numbers, sides: Rows, out: Rows):
    for i in range(x.shape[0]):
        out[i, 0] = half_plane_coverage(x[i], sides[i, 0], sides[i, 1])
        out[i, 1] = half_plane_slope(x[i], sides[i, 0], sides[i, 1])


def covered(distances):
    """Areas behind edges that are so far from the middle of the square, and their derivatives by that."""
    out = make_array((7, 2))
    areas(array_from(-distances), array_from(SIDES), out)
    area, slope = out.to_numpy().T
    return area, -slope


def test_coverage_is_the_area_of_the_square_behind_the_edge(any32):
    expected = [march.coverage(-x, normal) for x, normal in zip(DISTANCES, NORMALS, strict=True)]
    np.testing.assert_allclose(covered(DISTANCES)[0], expected, atol=2e-6)


@pytest.mark.parametrize(("x", "expected"), [(-0.8, 1.0), (0.0, 0.5), (0.8, 0.0)])
def test_it_is_whole_half_or_nothing(cpu64, x, expected):
    np.testing.assert_allclose(covered(np.full(7, x))[0], expected, atol=1e-12)


def test_the_derivative_equals_central_differences(cpu64):
    step = 1e-6
    difference = (covered(DISTANCES + step)[0] - covered(DISTANCES - step)[0]) / (2 * step)
    np.testing.assert_allclose(covered(DISTANCES)[1], difference, atol=1e-8)


@ti.kernel
def middles(x: Numbers, sides: Rows, out: Rows):
    for i in range(x.shape[0]):
        out[i, 0], out[i, 1] = middle_depth(x[i], sides[i, 0], sides[i, 1])


def middle_of(x):
    """Depths and their derivatives, behind the edges of ``NORMALS``."""
    out = make_array((7, 2))
    middles(array_from(x), array_from(SIDES), out)
    return out.to_numpy().T


def test_the_middle_of_what_is_covered_is_its_centroid(cpu64):
    """Everywhere between nothing and all, and at the corners, where a diagonal edge leaves a triangle."""
    for x in np.linspace(-0.45, 0.75, 25):
        expected = [march.middle_depth(x, normal) if march.coverage(x, normal) < 1 else None for normal in NORMALS]
        for found, wanted, reach in zip(
            middle_of(np.full(7, x))[0], expected, np.abs(NORMALS).sum(axis=1), strict=True
        ):
            assert found == pytest.approx(reach / 2 if wanted is None else wanted, abs=2e-6)


def test_the_derivative_of_the_middle_equals_central_differences(cpu64):
    for x in (-0.4, -0.1, 0.0, 0.2, 0.45):
        step = 1e-6
        difference = (middle_of(np.full(7, x + step))[0] - middle_of(np.full(7, x - step))[0]) / (2 * step)
        np.testing.assert_allclose(middle_of(np.full(7, x))[1], difference, atol=1e-5)
