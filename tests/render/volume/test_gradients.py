"""Gradients of what a volume renderer shows, from every output to every field, against central differences."""

from functools import lru_cache

import numpy as np
import pytest
import taichi as ti
from oracles.differences import relative_errors

import taichi_dr as dr
from taichi_dr.runtime import runtime_token

SIZE = (7, 9)
CAMERA = ("eye", "target", "up", "pose", "lens", "principal")
OUTPUTS = ("color", "alpha", "depth", "transmittance")


class Cloud:
    """A blob of fog that glows differently from every side; dense where the bounds cut it off."""

    def __init__(self):
        self.center, self.tint = (ti.Vector.field(3, ti.f64, (), needs_grad=True) for _ in range(2))
        self.thickness = ti.field(ti.f64, (), needs_grad=True)
        self.center[None], self.tint[None], self.thickness[None] = [0.1, 0.05, -0.02], [0.3, 0.2, 0.1], 1.7
        self.fields = {"center": self.center, "tint": self.tint, "thickness": self.thickness}
        center, tint, thickness = self.fields.values()

        @ti.func
        def fog(p, d):
            q = p - center[None]
            color = ti.Vector([0.5, 0.4, 0.6]) + tint[None] * ti.Vector([p.x, ti.sin(p.y), d.x + d.z * p.z])
            return dr.Sample(density=thickness[None] * ti.exp(-q.dot(q)), color=color)

        self.function = fog

    def inputs(self, camera):
        own = {name: field.to_numpy() for name, field in self.fields.items()}
        return own | {name: camera.numpy(name) for name in CAMERA}

    def write(self, camera, values):
        for name, value in values.items():
            if name in self.fields:
                self.fields[name].from_numpy(np.asarray(value))
            else:
                camera.fields.set(name, value)

    def gradients(self, camera):
        own = {name: field.grad.to_numpy() for name, field in self.fields.items()}
        return own | {name: camera.gradient(name) for name in CAMERA}


@lru_cache(maxsize=1)
def cloud(token):
    """The scene of all tests in a runtime: compiled once."""
    return Cloud()


def perspective(**planes):
    return dr.Camera(eye=[(0.3, 0.8, 2.5), (1.2, 2.0, 1.0)], target=(0, 0.05, 0), fov_y=0.9, **planes)


CASES = {
    "a box": ({"bounds": dr.Box(-0.8, (0.7, 0.9, 0.6))}, perspective),
    "a ball": ({"bounds": dr.Ball((0.1, 0, 0), 0.9)}, perspective),
    "stratified": ({"bounds": dr.Box(-0.8, 0.7), "sampling": "stratified", "seed": 3}, perspective),
    "cut by planes": ({"bounds": dr.Box(-0.8, 0.7)}, lambda: perspective(near=2.2, far=2.9)),
    "orthographic": (
        {"bounds": dr.Box(-0.8, 0.7)},
        lambda: dr.Camera.orthographic(eye=(1.1, 0.8, 2.1), half_height=1.2, near=0.3, far=6.0),
    ),
    "camera inside": (
        {"bounds": dr.Box(-0.8, 0.7)},
        lambda: dr.Camera(eye=(0.2, 0.1, 0.3), target=(0, 0, 0), fov_y=1.2),
    ),
    "unbounded": ({"bounds": dr.Unbounded((0, 0, 0), 1.3)}, lambda: perspective(near=0.7, far=9.0)),
    "contracted": ({"bounds": dr.Unbounded((0.1, 0, 0), 0.6), "sampling": "stratified"}, perspective),
    "early stop": ({"bounds": dr.Box(-0.8, 0.7), "tolerance": 0.4}, perspective),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_central_differences(cpu64, case):
    settings, make_camera = CASES[case]
    scene, camera = cloud(runtime_token()), make_camera()
    function = scene.function
    if case == "contracted":
        function = dr.radiance.Contracted(function, settings["bounds"])
    renderer = dr.VolumeRenderer(function, SIZE, samples=6, background=(0.9, 0.2, 0.4), **settings)
    frame = renderer.render(camera)
    assert np.ptp(frame.numpy("alpha")) > 0.05
    rng = np.random.default_rng(1)
    weights = {name: rng.standard_normal(frame.numpy(name).shape) for name in OUTPUTS}
    weights["depth"] = weights["depth"] * (frame.numpy("alpha") > 1e-3)

    def value(x):
        scene.write(camera, x)
        frame = renderer.render(camera)
        return sum(np.sum(weights[name] * frame.numpy(name)) for name in OUTPUTS)

    inputs = scene.inputs(camera)
    loss = ti.field(ti.f64, (), needs_grad=True)
    fields = {name: frame.field(name) for name in OUTPUTS}
    seed = dr.tape_operation(lambda: None, lambda: [fields[name].grad.from_numpy(weights[name]) for name in OUTPUTS])
    with ti.ad.Tape(loss):
        renderer.render(camera)
        seed()
    gradients = scene.gradients(camera)
    moved = [name for name in inputs if np.abs(gradients[name]).max() > 1e-12]
    assert {"center", "tint", "thickness", "eye", "lens"} <= set(moved)
    errors = relative_errors(value, inputs, gradients, moved, step=1e-6)
    scene.write(camera, inputs)
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("shape", [(), (2,), SIZE, (2, *SIZE)])
def test_gradient_of_a_field_behind(cpu64, shape):
    """What is behind is seen through what is in front: its gradient is the transmittance, summed where it is one."""
    behind = ti.Vector.field(3, ti.f64, shape, needs_grad=True)
    rng = np.random.default_rng(2)
    values = rng.random((*shape, 3))
    behind.from_numpy(values)
    scene = cloud(runtime_token())
    settings = {"bounds": dr.Box(-0.8, 0.7), "samples": 6}
    renderer = dr.VolumeRenderer(scene.function, SIZE, background=behind, **settings)
    frame = renderer.render(perspective())
    alone = dr.VolumeRenderer(scene.function, SIZE, background=values.reshape(values.shape), **settings)
    assert np.allclose(frame.numpy("color"), alone.render(perspective()).numpy("color"), atol=1e-14)
    weights = rng.standard_normal((2, *SIZE, 3))
    loss, color = ti.field(ti.f64, (), needs_grad=True), frame.color
    seed = dr.tape_operation(lambda: None, lambda: color.grad.from_numpy(weights))
    with ti.ad.Tape(loss):
        renderer.render(perspective())
        seed()
    expected = frame.numpy("transmittance")[..., None] * weights
    if len(shape) in (0, 1):
        expected = expected.sum(axis=(1, 2))
    if len(shape) in (0, 2):
        expected = expected.sum(axis=0)
    assert np.allclose(behind.grad.to_numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["function", "environment"])
def test_gradient_of_a_sky(cpu64, kind):
    scene, camera = cloud(runtime_token()), perspective()
    rng = np.random.default_rng(3)
    blue = ti.field(ti.f64, (), needs_grad=True)
    blue[None] = 0.7

    @ti.func
    def sky(d):
        return ti.Vector([0.2 + d.x * d.y, 0.3, blue[None] * (1.0 + d.y)])

    environment = dr.Environment(rng.random((5, 9, 3)))
    background = sky if kind == "function" else environment
    renderer = dr.VolumeRenderer(scene.function, SIZE, bounds=dr.Box(-0.8, 0.7), samples=6, background=background)
    frame = renderer.render(camera)
    weights = rng.standard_normal(frame.numpy("color").shape)

    def value(x):
        blue[None] = x["blue"]
        environment.set(x["texels"])
        scene.write(camera, {name: x[name] for name in CAMERA})
        return np.sum(weights * renderer.render(camera).numpy("color"))

    inputs = {"blue": np.array(0.7), "texels": environment.numpy()} | {name: camera.numpy(name) for name in CAMERA}
    loss, color = ti.field(ti.f64, (), needs_grad=True), frame.color
    seed = dr.tape_operation(lambda: None, lambda: color.grad.from_numpy(weights))
    with ti.ad.Tape(loss):
        renderer.render(camera)
        seed()
    gradients = {name: camera.gradient(name) for name in CAMERA}
    gradients |= {"blue": np.array(blue.grad[None]), "texels": environment.gradient("texels")}
    moved = [name for name in inputs if np.abs(gradients[name]).max() > 1e-12]
    assert ("blue" if kind == "function" else "texels") in moved
    assert {"eye", "target", "lens"} <= set(moved)
    errors = relative_errors(value, inputs, gradients, moved)
    scene.write(camera, {name: inputs[name] for name in CAMERA})
    assert max(errors.values()) < 1e-6, errors
