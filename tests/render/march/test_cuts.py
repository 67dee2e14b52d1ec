"""What bounds and the near plane cut off: where it stays as the camera moves, in closed form and by differences."""

import numpy as np
import pytest
import taichi as ti
from oracles.differences import relative_errors
from scipy.ndimage import binary_erosion

import taichi_dr as dr

OUTPUTS = ("color", "depth", "normal", "position")
PARTS = ("eye", "target", "up", "pose", "lens", "principal")
NEAR = 1.9


@ti.func
def waves(p):
    return p.y - 0.1 * ti.sin(3.0 * p.x) * ti.cos(2.0 * p.z) - 0.2


@ti.func
def color(p):
    return 0.5 + 0.3 * ti.Vector([ti.sin(2.0 * p.x), ti.cos(3.0 * p.y), ti.sin(p.z + p.x)])


def two_views(**settings):
    return dr.Camera(eye=[(0.2, 1.0, 2.5), (1.5, 0.4, 1.6)], target=(0, -0.3, 0), fov_y=0.9, **settings)


def orthographic(**settings):
    return dr.Camera.orthographic(eye=(1.1, 0.4, 2.1), half_height=0.8, **settings)


def off_box(p, camera):
    return np.abs(np.abs(p).max(axis=-1) - 0.7)


def off_ball(p, camera):
    return np.abs(np.linalg.norm(p - [0.1, 0, 0], axis=-1) - 0.8)


def off_near(p, camera):
    _, _, backward, eye = camera.frames()
    return np.abs(np.sum((eye[:, None, None] - p) * backward[:, None, None], axis=-1) - NEAR)


CASES = {
    "box": (dr.Box(-0.7, 0.7), two_views, {}, off_box),
    "ball": (dr.Ball((0.1, 0, 0), 0.8), two_views, {}, off_ball),
    "ball, orthographic": (dr.Ball((0.1, 0, 0), 0.8), orthographic, {}, off_ball),
    "near": (dr.Box(-3, 3), two_views, {"near": NEAR}, off_near),
    "near, orthographic": (dr.Box(-3, 3), orthographic, {"near": NEAR}, off_near),
}


@pytest.mark.parametrize("name", CASES)
def test_cuts_move_with_the_camera_as_central_differences_say(cpu64, name):
    bounds, make_camera, settings, off = CASES[name]
    camera, lights = make_camera(**settings), dr.Lights(0.2, directional=dr.DirectionalLight((1, 2, 2), 0.8))
    tracer = dr.SphereTracer(waves, 20, bounds=bounds, color=color, scale=0.8)
    frame = tracer.render(camera, lights)
    points = frame.numpy("position")
    cut = np.stack([binary_erosion(view) for view in off(points, camera) < 1e-12])
    cut &= np.abs(np.stack(np.gradient(points, axis=(1, 2)))).max(axis=(0, -1)) < 0.2  # not from one face to the next
    assert cut.sum() > 60
    rng, weights = np.random.default_rng(1), {}
    for output in OUTPUTS:
        image = frame.numpy(output)
        weights[output] = rng.normal(size=image.shape) * cut.reshape(cut.shape + (1,) * (image.ndim - 3))
        getattr(frame, output).grad.from_numpy(weights[output])
    tracer.backward()
    gradients, inputs = ({part: of(part) for part in PARTS} for of in (camera.gradient, camera.numpy))

    def value(x):
        for part, numbers in x.items():
            camera.fields.set(part, numbers)
        frame = tracer.render(camera, lights)
        return sum(np.sum(weights[output] * frame.numpy(output)) for output in OUTPUTS)

    moved = [part for part in PARTS if np.abs(gradients[part]).max() > 1e-9]
    assert {"eye", "target", "pose", "lens", "principal"} <= set(moved)
    errors = relative_errors(value, inputs, gradients, moved, step=1e-5)
    assert max(errors.values()) < 1e-6, errors


def test_a_face_of_the_box_stays_where_it_is(any32):
    camera = dr.Camera(eye=(0, 0, 3), fov_y=0.5)
    tracer = dr.SphereTracer(waves, 5, bounds=dr.Box(-0.7, 0.7))  # the pixel in the middle looks into the solid
    frame = tracer.render(camera)
    assert frame.numpy("depth")[0, 2, 2] == pytest.approx(2.3, abs=1e-6)
    image = np.zeros((1, 5, 5), np.float32)
    image[0, 2, 2] = 1
    frame.depth.grad.from_numpy(image)
    tracer.backward()
    np.testing.assert_allclose(camera.gradient("eye"), [[0, 0, 1]], atol=1e-6)
