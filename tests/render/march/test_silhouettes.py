"""Coverage at silhouettes: areas, and the image's gradient against that of a supersampled one."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr


def disc(radius, size):
    """The alpha of a ball of a radius in pixels, seen by an orthographic camera, off the middle of a pixel."""
    numbers = ti.field(ti.f64, 3)
    for k, value in enumerate((0.013, -0.021, radius * 2 / size)):
        numbers[k] = value

    @ti.func
    def ball(p):
        return (p - ti.Vector([numbers[0], numbers[1], 0.0])).norm() - numbers[2]

    camera = dr.Camera.orthographic(eye=(0, 0, 3), half_height=1.0, near=0.1, far=10.0)
    return dr.SphereTracer(ball, size, bounds=dr.Box(-1.2, 1.2)).render(camera).numpy("alpha")


@pytest.mark.parametrize(("size", "within"), [(16, 2e-3), (256, 1e-4)])
def test_the_mean_of_alpha_is_the_area(cpu64, size, within):
    radius = 0.31 * size
    area = np.pi * radius**2 + np.pi / 12  # the second term is the band's
    assert disc(radius, size).sum() / size**2 == pytest.approx(area / size**2, abs=within)


def test_closest_approach_and_its_gradient(cpu64):
    radius = ti.field(ti.f64, (), needs_grad=True)
    radius[None] = 0.4

    @ti.func
    def ball(p):
        return p.norm() - radius[None]

    tracer = dr.SphereTracer(ball, 16, bounds=dr.Box(-1.2, 1.2))
    camera = dr.Camera.orthographic(eye=(0, 0, 3), half_height=1.0, near=0.1, far=10.0)
    frame = tracer.render(camera)
    x = (2 * np.arange(16) - 15) / 16
    expected = (np.hypot(*np.meshgrid(x, x)) - 0.4) * 8  # pixels
    np.testing.assert_allclose(frame.numpy("closest")[0], expected, atol=2e-2)
    frame.closest.grad.fill(1.0)
    tracer.backward()
    assert radius.grad[None] == pytest.approx(-8 * 256, rel=1e-6)
