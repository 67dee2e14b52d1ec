"""Coverage of a pixel by an edge: the area of a square beside a line, and its derivative."""

import numpy as np
import pytest
import taichi as ti
from oracles import march
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.march.coverage import middle_depth
from taichi_dr.kernels.march.edges import cover, cover_adjoint

ANGLES = np.radians([0.0, 10.0, 45.0, 80.0, 90.0, 137.0, 250.0])
NORMALS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
DISTANCES = np.array([-0.1, 0.3, 0.55, -0.62, 0.49, -0.35, 0.02])
SCALE = np.array([1.0, 2.0, 1.0, 0.5, 3.0, 1.0, 1.0])


def covered(distances, width=1.0):
    out = make_array((7,))
    values = array_from((distances / SCALE)[:, None])
    cover(values, array_from(SCALE), array_from(NORMALS), 7, width, out)
    return out.to_numpy()


def test_coverage_is_the_area_of_the_square_behind_the_edge(any32):
    expected = [march.coverage(-x, normal) for x, normal in zip(DISTANCES, NORMALS, strict=True)]
    np.testing.assert_allclose(covered(DISTANCES), expected, atol=2e-6)
    np.testing.assert_allclose(covered(DISTANCES * 3, 3.0), expected, atol=2e-6)


@pytest.mark.parametrize(("x", "expected"), [(-0.8, 1.0), (0.0, 0.5), (0.8, 0.0)])
def test_it_is_whole_half_or_nothing(cpu64, x, expected):
    np.testing.assert_allclose(covered(np.full(7, x)), expected, atol=1e-12)


def test_the_derivative_equals_central_differences(cpu64):
    weights, out = np.random.default_rng(3).normal(size=7), make_array((7, 1))
    values = DISTANCES / SCALE
    arrays = (array_from(values[:, None]), array_from(SCALE), array_from(NORMALS))
    cover_adjoint(*arrays, 7, 1.0, array_from(weights), out)
    value = lambda x: np.sum(weights * covered(x["values"] * SCALE))  # noqa: E731
    errors = relative_errors(value, {"values": values}, {"values": out.to_numpy()[:, 0]}, ["values"], components=7)
    assert errors["values"] < 1e-8


@ti.kernel
def middles(x: Numbers, sides: Rows, out: Rows):
    for i in range(x.shape[0]):
        out[i, 0], out[i, 1] = middle_depth(x[i], sides[i, 0], sides[i, 1])


def middle_of(x):
    """Depths and their derivatives, behind the edges of ``NORMALS``."""
    sides = np.abs(NORMALS)
    sides = np.stack([sides.max(axis=1), np.maximum(sides.min(axis=1), 1e-6)], axis=1)
    out = make_array((7, 2))
    middles(array_from(x), array_from(sides), out)
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
