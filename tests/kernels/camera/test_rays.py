"""Rays through points of the screen against their formula, and against the way there, ``transform``."""

import numpy as np
import pytest
import taichi as ti
from oracles import camera as oracle
from oracles import march
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.camera.rays import Eye, footprint, ray, ray_adjoint, ray_components

POINTS = np.array([[0.3, -0.6], [-1.1, 0.2], [0.0, 0.0]])


@ti.kernel
def rays(camera: Rows, orthographic: ti.template(), points: Rows, out: Rows):
    eye = ti.static(Eye(camera, orthographic))
    for i in range(points.shape[0]):
        origin, direction = ray(eye, 1, points[i, 0], points[i, 1])
        for k in ti.static(range(3)):
            out[i, k], out[i, 3 + k] = origin[k], direction[k]


@ti.kernel
def rays_adjoint(camera: Rows, orthographic: ti.template(), points: Rows, weights: Rows, out: Rows):
    eye = ti.static(Eye(camera, orthographic))
    for _ in range(1):
        for i in range(points.shape[0]):
            origin = ti.Vector([weights[i, k] for k in ti.static(range(3))])
            direction = ti.Vector([weights[i, 3 + k] for k in ti.static(range(3))])
            g = ray_adjoint(eye, 1, points[i, 0], points[i, 1], origin, direction)
            for k in ti.static(range(16)):
                out[1, k] += g[k]


@ti.kernel
def widths(camera: Rows, orthographic: ti.template(), points: Rows, pixel: float, out: Rows):
    eye = ti.static(Eye(camera, orthographic))
    for i in range(points.shape[0]):
        _, _, _, _, _, _, cosine = ray_components(eye, 1, points[i, 0], points[i, 1])
        out[i, 0], out[i, 1] = footprint(eye, 1, cosine, pixel)


def cameras():
    """Two packed cameras; the second one is looked at."""
    random = np.random.default_rng(1)
    made = random.normal(size=(2, 16))
    axes, _ = np.linalg.qr(random.normal(size=(3, 3)))
    made[1, :9] = axes.T.ravel()
    made[:, 12:14] = 1.3, 1.7
    return made


@pytest.mark.parametrize("orthographic", [False, True])
def test_rays_equal_the_formula(any32, orthographic):
    out = make_array((3, 6))
    rays(array_from(cameras()), orthographic, array_from(POINTS), out)
    expected = [np.concatenate(march.ray(cameras()[1], x, y, orthographic)) for x, y in POINTS]
    np.testing.assert_allclose(out.to_numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("orthographic", [False, True])
def test_a_point_of_a_ray_is_seen_where_the_ray_was_asked_for(cpu64, orthographic):
    out = make_array((3, 6))
    rays(array_from(cameras()), orthographic, array_from(POINTS), out)
    points = out.to_numpy()[:, :3] + 2.5 * out.to_numpy()[:, 3:]
    clip = oracle.transform(points[None], [0, 0], cameras(), orthographic)[3:]
    np.testing.assert_allclose(clip[:, :2] / clip[:, 2:3], POINTS, atol=1e-12)


@pytest.mark.parametrize("orthographic", [False, True])
def test_the_adjoint_equals_central_differences(cpu64, orthographic):
    weights = np.random.default_rng(2).normal(size=(3, 6))

    def value(x):
        out = make_array((3, 6))
        rays(array_from(x["camera"]), orthographic, array_from(POINTS), out)
        return np.sum(weights * out.to_numpy())

    out, inputs = make_array((2, 16)), {"camera": cameras()}
    rays_adjoint(array_from(inputs["camera"]), orthographic, array_from(POINTS), array_from(weights), out)
    errors = relative_errors(value, inputs, {"camera": out.to_numpy()}, inputs, components=16)
    assert errors["camera"] < 1e-8


def test_a_pixel_in_the_middle_is_as_wide_as_the_lens_says(cpu64):
    camera, out = cameras(), make_array((1, 2))
    camera[1, 12:] = 2.0, 2.0, 0.0, 0.0
    widths(array_from(camera), False, array_from(np.zeros((1, 2))), 0.1, out)
    np.testing.assert_allclose(out.to_numpy(), [[0.0, 0.05]])
    widths(array_from(camera), True, array_from(np.zeros((1, 2))), 0.1, out)
    np.testing.assert_allclose(out.to_numpy(), [[0.05, 0.0]])
