"""The gradient of whole renders on GPUs against that of the CPU, both in single precision."""

import numpy as np
import pytest
import taichi as ti
from backends import GPUS

import taichi_dr as dr

SIZE = (20, 28)
BACKGROUND = (0.1, 0.4, 0.2)
IMAGES = np.random.default_rng(8).random((2, *SIZE, 3))
TOLERANCE = 2e-3  # of the largest entry

RENDERERS = {
    "hard": lambda: dr.Rasterizer(SIZE, background=BACKGROUND),
    "soft": lambda: dr.SoftRasterizer(SIZE, sigma=3e-3, gamma=2e-2, background=BACKGROUND),
    "antialiased": lambda: dr.Rasterizer(SIZE, antialias=True, background=BACKGROUND),
    "antialiased, images": lambda: dr.Rasterizer(SIZE, antialias=True, background=IMAGES),
    "soft, images": lambda: dr.SoftRasterizer(SIZE, sigma=3e-3, gamma=2e-2, background=IMAGES),
    "soft, nothing": lambda: dr.SoftRasterizer(SIZE, sigma=3e-3, gamma=2e-2, background=None),
}


@ti.kernel
def add_up(color: ti.template(), alpha: ti.template(), weight: ti.template(), loss: ti.template()):
    for index in ti.grouped(color):
        w = weight[index]
        loss[None] += w[0] * color[index][0] + w[1] * color[index][1] + w[2] * color[index][2] + w[3] * alpha[index]


def bent_ball(rng, **extras):
    ball = dr.shapes.icosphere(1)
    vertices = ball.numpy("vertices")[0] + 0.1 * rng.standard_normal((ball.vertex_count, 3))
    return dr.Mesh(vertices, ball.numpy("faces"), **extras)


def plain(rng):
    """Vertex colours as they are: the mesh, no lights, and the fields whose gradients are compared."""
    mesh = bent_ball(rng, colors=rng.random((42, 3)))
    return mesh, None, {"vertices": mesh.vertices, "colors": mesh.colors}


def lit(rng, shading="phong"):
    """A texture under the lights."""
    uv, texture = 0.2 + 0.1 * rng.random((42, 2)), rng.random((8, 9, 3))
    mesh = bent_ball(rng, uv=uv, texture=texture, material=dr.Material(shading, specular=0.3, shininess=7.0))
    return under_lights(mesh, {"vertices": mesh.vertices, "uv": mesh.uv, "texture": mesh.texture})


def gouraud(rng):
    """A texture that light is found for at the vertices."""
    return lit(rng, "gouraud")


def faces(rng):
    """Face colours under the lights, Gouraud-shaded."""
    mesh = bent_ball(rng, face_colors=rng.random((80, 3)), material=dr.Material(specular=0.3, shininess=7.0))
    return under_lights(mesh, {"vertices": mesh.vertices, "colors": mesh.colors})


def under_lights(mesh, fields):
    lights = dr.Lights(0.3, dr.DirectionalLight((0.4, 1.0, 0.7), 0.5), dr.PointLight((1.5, 2.0, 2.5), 0.4))
    return mesh, lights, fields | {"light colors": lights.color, "light vectors": lights.vector}


def gradients(make_scene):
    """Gradients, by renderer and field, of a random functional of two views; one scene for all, as fields compile."""
    rng = np.random.default_rng(5)
    mesh, lights, fields = make_scene(rng)
    camera = dr.Camera.orbit(azimuth_deg=[26, 133], elevation_deg=[17, -21], distance=2.7, fov_y_deg=60)
    fields |= {"eye": camera.eye, "pose": camera.pose, "fov_y": camera.fov_y}
    weight = ti.Vector.field(4, ti.f32, (2, *SIZE))
    weight.from_numpy(rng.standard_normal((2, *SIZE, 4)).astype(np.float32))
    loss = ti.field(ti.f32, (), needs_grad=True)
    found = {}
    for kind, make in RENDERERS.items():
        renderer = make()
        with ti.ad.Tape(loss):
            frame = renderer.render(mesh, camera, lights)
            add_up(frame.color, frame.alpha, weight, loss)
        found |= {f"{kind}: {name}": field.grad.to_numpy() for name, field in fields.items()}
    return found


@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize("make_scene", [plain, lit, gouraud, faces])
def test_gpus_and_the_cpu_agree(request, make_scene, gpu):
    request.getfixturevalue("cpu32")
    expected = gradients(make_scene)
    request.getfixturevalue(gpu)
    for name, got in gradients(make_scene).items():
        largest = np.abs(expected[name]).max()
        assert largest > 0.01, name
        np.testing.assert_allclose(got, expected[name], rtol=0, atol=TOLERANCE * largest, err_msg=name)
