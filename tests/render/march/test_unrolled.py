"""The derivative of the end of a march: its product form, closed forms, and the implicit function theorem."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pytest
import taichi as ti
from oracles import march

import taichi_dr as dr
from taichi_dr.runtime import runtime_token


class Shapes(NamedTuple):
    """Distances and their oracles by name, and the radius that they depend on."""

    radius: Any
    known: dict


@pytest.fixture
def shapes(cpu64):
    shapes = shapes_of(runtime_token())
    shapes.radius[None] = 0.5
    return shapes


@lru_cache(maxsize=1)
def shapes_of(token):
    """Those of all tests in a runtime: compiled once."""
    radius = ti.field(ti.f64, (), needs_grad=True)

    @ti.func
    def ball(p):
        return p.norm(1e-12) - radius[None]

    @ti.func
    def plane(p):
        return (p.z + 0.5 * p.x) / ti.sqrt(1.25) - radius[None]

    @ti.func
    def torus(p):
        return ti.Vector([ti.Vector([p.x, p.z]).norm(1e-12) - 0.6, p.y]).norm(1e-12) - 0.5 * radius[None]

    known = {
        "ball": (ball, lambda p, r: np.linalg.norm(p, axis=-1) - r),
        "plane": (plane, lambda p, r: (p[..., 2] + 0.5 * p[..., 0]) / np.sqrt(1.25) - r),
        "torus": (torus, lambda p, r: march.torus(p, 0.6, 0.5 * r)),
    }
    return Shapes(radius, known)


SIZE = 5
BOX = dr.Box(-1, 1)


def camera():
    return dr.Camera(eye=(0, 0.9, 2), target=(0.02, 0.1, 0.5), fov_y=0.1, near=0.1, far=10.0)


def distances_along(frame):
    """How far the points that are seen are, and the unit directions to them."""
    eye = camera().numpy("eye")[0]
    away = frame.numpy("position")[0] - eye
    t = np.linalg.norm(away, axis=-1)
    return eye, away / t[..., None], t


def gradients(function, radius, **settings):
    """dt/dradius of every pixel's point."""
    tracer = dr.SphereTracer(function, SIZE, bounds=BOX, **settings)
    frame = tracer.render(camera())
    assert np.all(frame.numpy("alpha") == 1)
    _, directions, _ = distances_along(frame)
    found = np.zeros((SIZE, SIZE))
    for row, col in np.ndindex(SIZE, SIZE):
        weights = np.zeros((1, SIZE, SIZE, 3))
        weights[0, row, col] = directions[row, col]  # dt = direction . dposition
        frame.position.grad.from_numpy(weights)
        radius.grad[None] = 0
        tracer.backward()
        found[row, col] = radius.grad[None]
    return frame, found


def product_form(frame, oracle, terms):
    """The same by the formula: a march in NumPy, and all its derivatives by central differences."""
    eye, directions, _ = distances_along(frame)
    found, h = np.zeros((SIZE, SIZE)), 1e-6
    for row, col in np.ndindex(SIZE, SIZE):
        d = directions[row, col]
        enter = ((np.where(d < 0, 1, -1) - eye) / d).max()
        t, trail = enter, []
        for _ in range(256):
            trail.append(t)
            step = oracle(eye + t * d, 0.5)
            t += step
            if abs(step) <= 0.01 * 1e-3 * BOX.radius:
                break
        points = eye + np.array(trail[-terms:])[:, None] * d
        slopes = (oracle(points + h * d, 0.5) - oracle(points - h * d, 0.5)) / (2 * h)
        found[row, col] = march.unrolled((oracle(points, 0.5 + h) - oracle(points, 0.5 - h)) / (2 * h), slopes, 1.0)
    return found


@pytest.mark.parametrize("name", ["ball", "plane", "torus"])
@pytest.mark.parametrize("terms", [1, 3])
def test_the_last_terms_are_those_of_the_product_form(shapes, name, terms):
    function, oracle = shapes.known[name]
    frame, found = gradients(function, shapes.radius, gradient=dr.Unrolled(terms))
    np.testing.assert_allclose(found, product_form(frame, oracle, terms), rtol=3e-3)


@pytest.mark.parametrize("name", ["ball", "plane", "torus"])
def test_many_terms_become_the_implicit_derivative(shapes, name):
    function, _ = shapes.known[name]
    _, expected = gradients(function, shapes.radius)
    _, found = gradients(function, shapes.radius, gradient=dr.Unrolled(60))
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_closed_forms_of_ball_and_plane(shapes):
    frame, found = gradients(shapes.known["plane"][0], shapes.radius)
    _, directions, _ = distances_along(frame)
    np.testing.assert_allclose(found, 1 / (directions @ [0.5, 0, 1]) * np.sqrt(1.25), rtol=1e-6)
    frame, found = gradients(shapes.known["ball"][0], shapes.radius)
    _, directions, _ = distances_along(frame)
    normals = frame.numpy("position")[0] / 0.5
    np.testing.assert_allclose(found, 1 / np.sum(directions * normals, axis=-1), rtol=1e-6)


def test_the_camera_moves_points_as_it_does_implicitly(shapes):
    found = {}
    for name, gradient in {"implicit": "implicit", "unrolled": dr.Unrolled(60)}.items():
        view = camera()
        tracer = dr.SphereTracer(shapes.known["ball"][0], SIZE, bounds=BOX, gradient=gradient)
        frame = tracer.render(view)
        frame.depth.grad.from_numpy(np.random.default_rng(1).normal(size=(1, SIZE, SIZE)))
        tracer.backward()
        found[name] = np.concatenate([view.gradient(part).ravel() for part in ("eye", "pose", "lens")])
    np.testing.assert_allclose(found["unrolled"], found["implicit"], atol=2e-3 * np.abs(found["implicit"]).max())
