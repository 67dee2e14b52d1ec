"""The gradient of whole renders on Vulkan against that of the CPU, both in single precision."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr

SIZE = (20, 28)
BACKGROUND = (0.1, 0.4, 0.2)
TOLERANCE = 2e-3  # of the largest entry

RENDERERS = {
    "soft": lambda: dr.SoftRasterizer(SIZE, sigma=3e-3, gamma=2e-2, background=BACKGROUND),
    "antialiased": lambda: dr.Rasterizer(SIZE, antialias=True, background=BACKGROUND),
}


@ti.kernel
def add_up(color: ti.template(), alpha: ti.template(), weight: ti.template(), loss: ti.template()):
    for index in ti.grouped(color):
        w = weight[index]
        loss[None] += w[0] * color[index][0] + w[1] * color[index][1] + w[2] * color[index][2] + w[3] * alpha[index]


def gradients(make):
    """Gradients, by the vertices and by the colours (1, N, 3), of a random functional of two views of a bent ball."""
    rng = np.random.default_rng(5)
    ball = dr.shapes.icosphere(1)
    vertices = ball.numpy("vertices")[0] + 0.1 * rng.standard_normal((ball.vertex_count, 3))
    mesh = dr.Mesh(vertices, ball.numpy("faces"), colors=rng.random((ball.vertex_count, 3)))
    camera = dr.Camera.orbit(azimuth_deg=[26, 133], elevation_deg=[17, -21], distance=2.7, fov_y_deg=60)
    weight = ti.Vector.field(4, ti.f32, (2, *SIZE))
    weight.from_numpy(rng.standard_normal((2, *SIZE, 4)).astype(np.float32))
    loss = ti.field(ti.f32, (), needs_grad=True)
    renderer = make()
    with ti.ad.Tape(loss):
        frame = renderer.render(mesh, camera)
        add_up(frame.color, frame.alpha, weight, loss)
    return {name: getattr(mesh, name).grad.to_numpy() for name in ("vertices", "colors")}


@pytest.mark.parametrize("make", RENDERERS.values(), ids=RENDERERS)
def test_vulkan_and_cpu_agree(request, make):
    request.getfixturevalue("cpu32")
    expected = gradients(make)
    request.getfixturevalue("vulkan")
    for name, got in gradients(make).items():
        largest = np.abs(expected[name]).max()
        assert largest > 0.1, name
        np.testing.assert_allclose(got, expected[name], rtol=0, atol=TOLERANCE * largest, err_msg=name)
