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
    "early stop": ({"bounds": dr.Box(-0.8, 0.7), "tolerance": 0.4}, perspective),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_central_differences(cpu64, case):
    settings, make_camera = CASES[case]
    scene, camera = cloud(runtime_token()), make_camera()
    renderer = dr.VolumeRenderer(scene.function, SIZE, samples=6, background=(0.9, 0.2, 0.4), **settings)
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
