"""Gradients of what a sphere tracer shows, away from silhouettes, against central differences in float64."""

from functools import lru_cache

import numpy as np
import pytest
import taichi as ti
from oracles.differences import relative_errors
from scipy.ndimage import binary_erosion

import taichi_dr as dr
from taichi_dr.runtime import runtime_token

SIZE = 24


class Scene:
    """A ball blended into a torus, coloured by a function of the place; every number of it is a field."""

    def __init__(self):
        numbers = {"center": ((), 3), "major": ((), 0), "tint": ((), 3)}
        self.fields = {
            name: ti.Vector.field(n, ti.f64, shape, needs_grad=True) if n else ti.field(ti.f64, shape, needs_grad=True)
            for name, (shape, n) in numbers.items()
        }
        center, major, tint = self.fields.values()
        center[None], major[None], tint[None] = [0.1, 0.05, -0.02], 0.8, [0.3, 0.2, 0.1]

        @ti.func
        def distance(p):
            ball = (p - center[None]).norm(1e-12) - 0.5
            ring = ti.Vector([ti.sqrt(p.x * p.x + p.z * p.z + 1e-12) - major[None], p.y]).norm(1e-12) - 0.2
            h = ti.max(0.1 - ti.abs(ball - ring), 0.0) / 0.1
            return ti.min(ball, ring) - h * h * 0.025

        @ti.func
        def color(p):
            return ti.Vector([0.5, 0.5, 0.5]) + tint[None] * ti.Vector([p.x, p.y, ti.sin(p.z)])

        self.distance, self.color = distance, color
        self.camera = dr.Camera(eye=[(0, 0.8, 2.5), (1.0, 2.0, 1.0)], target=(0, 0.05, 0), fov_y=0.9)
        directional, point = dr.DirectionalLight((1, 2, 2), 0.8), dr.PointLight((2, 1, 2), 0.5)
        self.lights = dr.Lights(0.2, directional=directional, point=point)

    def tracer(self, **settings):
        material = dr.Material(shading="phong", specular=0.3, shininess=8.0)
        given = {"bounds": dr.Box(-1.2, 1.2), "color": self.color, "background": (1, 0.5, 0.2), "material": material}
        return dr.SphereTracer(self.distance, SIZE, **given | settings)

    def inputs(self):
        own = {name: field.to_numpy() for name, field in self.fields.items()}
        camera = {name: self.camera.numpy(name) for name in ("eye", "target", "up", "pose", "lens", "principal")}
        return own | camera | {f"light_{name}": self.lights.numpy(name) for name in ("color", "vector")}

    def write(self, values):
        for name, value in values.items():
            if name in self.fields:
                self.fields[name].from_numpy(np.asarray(value))
            elif name.startswith("light_"):
                self.lights.fields.set(name.removeprefix("light_"), value)
            else:
                self.camera.fields.set(name, value)

    def gradients(self):
        own = {name: field.grad.to_numpy() for name, field in self.fields.items()}
        camera = {name: self.camera.gradient(name) for name in ("eye", "target", "up", "pose", "lens", "principal")}
        return own | camera | {f"light_{name}": self.lights.gradient(name) for name in ("color", "vector")}


@lru_cache(maxsize=1)
def traced(token):
    """The scene of all tests in a runtime, and its tracer: compiled once."""
    scene = Scene()
    return scene, scene.tracer()


def away_from_silhouettes(frame):
    """Pixels (V, H, W) whose neighbours show the same surface, not far from theirs."""
    whole = np.stack([binary_erosion(alpha == 1) for alpha in frame.numpy("alpha")])
    slopes = np.abs(np.gradient(frame.numpy("depth"), axis=(1, 2))).max(axis=0)
    return whole & (slopes < 0.15)


def weighted(frame, name, mask):
    """Random weights (V, H, W[, 3]) of an output, where ``mask`` says so."""
    weights = np.random.default_rng(1).normal(size=frame.numpy(name).shape)
    return weights * (mask if weights.ndim == 3 else mask[..., None])


@pytest.mark.parametrize("output", ["color", "depth", "normal", "position"])
def test_gradients_equal_central_differences(cpu64, output):
    scene, tracer = traced(runtime_token())
    frame = tracer.render(scene.camera, scene.lights)
    weights = weighted(frame, output, away_from_silhouettes(frame))
    assert np.mean(weights != 0) > 0.15

    def value(x):
        scene.write(x)
        return np.sum(weights * tracer.render(scene.camera, scene.lights).numpy(output))

    inputs = scene.inputs()
    value(inputs)
    loss = ti.field(ti.f64, (), needs_grad=True)
    seed = dr.tape_operation(lambda: None, lambda: getattr(frame, output).grad.from_numpy(weights))
    getattr(frame, output)
    with ti.ad.Tape(loss):
        tracer.render(scene.camera, scene.lights)
        seed()
    gradients = scene.gradients()
    moved = [name for name in inputs if np.abs(gradients[name]).max() > 1e-12]
    expected = {"center", "major", "eye", "target", "up", "pose", "lens", "principal"}
    if output == "color":
        expected |= {"tint", "light_color", "light_vector"}
    assert set(moved) == expected
    errors = relative_errors(value, inputs, gradients, moved, step=1e-5)
    assert max(errors.values()) < 1e-5, errors
