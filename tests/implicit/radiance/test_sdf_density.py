"""Densities of distances: literal values, and what comes through a wall in closed form, with its derivative."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Numbers


@ti.kernel
def _evaluate(distance: Numbers, beta: float, sharpness: float, slope: float, laplace: Numbers, logistic: Numbers):
    for i in distance:
        laplace[i] = dr.radiance.sdf_density(distance[i], beta)
        logistic[i] = dr.radiance.neus_density(distance[i], sharpness, slope)


def densities(distance, beta=0.5, sharpness=2.0, slope=-1.0):
    out = make_array(len(distance)), make_array(len(distance))
    _evaluate(array_from(distance), beta, sharpness, slope, *out)
    return [array.to_numpy() for array in out]


def test_literal(any32):
    """exp(-1) = 0.36788; 1/(1 + e) = 0.26894."""
    laplace, logistic = densities([0.0, 0.5, -0.5, 1e4, -1e4])
    assert np.allclose(laplace, [1.0, 0.36788, 2 - 0.36788, 0.0, 2.0], atol=1e-5)
    assert np.allclose(logistic, [1.0, 2 * 0.26894, 2 * (1 - 0.26894), 0.0, 2.0], atol=1e-5)


def test_neus_sees_no_surface_from_behind(cpu32):
    assert not densities([-0.3, 0.0, 0.3], slope=0.4)[1].any()
    half, whole = densities([-0.3, 0.0, 0.3], slope=-0.5)[1], densities([-0.3, 0.0, 0.3])[1]
    assert np.allclose(half, 0.5 * whole)


@pytest.mark.parametrize("kind", ["volsdf", "neus"])
def test_what_comes_through_a_wall(cpu64, kind):
    """From 1 in front of a plane to 1 behind it: e^(-1/beta) of the light, or Phi(-1) / Phi(1)."""
    width = ti.field(ti.f64, (), needs_grad=True)
    width[None] = 0.4 if kind == "volsdf" else 3.0

    @ti.func
    def volsdf(p, d):
        return dr.Sample(dr.radiance.sdf_density(p.z, width[None]), (1.0, 1.0, 1.0))

    @ti.func
    def neus(p, d):
        return dr.Sample(dr.radiance.neus_density(p.z, width[None], d.z), (1.0, 1.0, 1.0))

    function = volsdf if kind == "volsdf" else neus
    renderer = dr.VolumeRenderer(function, 2, bounds=dr.Box(-1, 1), samples=4000, tolerance=0)
    loss = ti.field(ti.f64, (), needs_grad=True)
    frame = renderer.render(dr.Camera.orthographic(eye=(0, 0, 3), half_height=0.5))
    through = frame.transmittance

    @ti.kernel
    def first(image: ti.template()):
        loss[None] += image[0, 0, 0]

    with ti.ad.Tape(loss):
        renderer.render(dr.Camera.orthographic(eye=(0, 0, 3), half_height=0.5))
        first(through)
    w = width[None]
    if kind == "volsdf":
        expected, slope = np.exp(-1 / w), np.exp(-1 / w) / w**2
    else:
        expected, slope = np.exp(-w), -np.exp(-w)  # Phi(-1) / Phi(1) = e^-w
    assert abs(loss[None] - expected) < 1e-6
    assert abs(width.grad[None] - slope) < 1e-5


def test_a_ball_is_found_in_photographs_without_masks(cpu32):
    """Before a colourful background, by colours alone: its place and size, and how sharp its surface is."""
    center, radius = ti.Vector.field(3, ti.f32, (), needs_grad=True), ti.field(ti.f32, (), needs_grad=True)
    beta = ti.field(ti.f32, (), needs_grad=True)

    @ti.func
    def ball(p, d):
        distance = (p - center[None]).norm(1e-12) - radius[None]
        color = 0.5 + 0.4 * ti.Vector([ti.sin(9.0 * p.x), ti.cos(8.0 * p.y), ti.sin(7.0 * p.z)])
        return dr.Sample(dr.radiance.sdf_density(distance, ti.abs(beta[None]) + 1e-3), color)

    size = 20
    background = np.random.default_rng(0).random((size, size, 3))
    camera = dr.Camera.orbit([0, 100, 220], [10, 30, -20], distance=2.5, fov_y_deg=45)
    renderer = dr.VolumeRenderer(ball, size, bounds=dr.Box(-1, 1), samples=48, background=background)
    center[None], radius[None], beta[None] = (0.12, -0.08, 0.1), 0.5, 0.02
    photographs = renderer.render(camera).numpy()
    center[None], radius[None], beta[None] = (0, 0, 0), 0.3, 0.1
    optimizer = dr.Adam({"center": center, "radius": radius, "beta": beta}, lr=0.01)
    loss = ti.field(ti.f32, (), needs_grad=True)
    for _ in range(120):
        with ti.ad.Tape(loss):
            dr.losses.mse(renderer.render(camera).variable("color"), photographs, loss)
        optimizer.step()
    assert np.allclose(center.to_numpy(), [0.12, -0.08, 0.1], atol=0.01)
    assert abs(radius[None] - 0.5) < 0.01
