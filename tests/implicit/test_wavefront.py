"""Marching in lock-step finds what single rays find, and asks far less than marching every ray to the end."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.implicit.bounds import Ball, Box
from taichi_dr.implicit.inline import InlineDistance
from taichi_dr.implicit.sdf.latent import Latent
from taichi_dr.implicit.wavefront import WavefrontFunction
from taichi_dr.kernels.march.evaluate import evaluate
from taichi_dr.render.march.sphere_tracer import SphereTracer

SIZE = 48
OUTPUTS = ("alpha", "depth", "normal", "position", "closest")


@ti.func
def scene(p):
    """A ball before a torus that one looks through, and a rod beside it."""
    ball = (p - ti.Vector([0.2, 0.1, 0.5])).norm() - 0.25
    q = ti.Vector([ti.sqrt(p[0] * p[0] + p[1] * p[1]) - 0.6, p[2]])
    torus = q.norm() - 0.15
    rod = ti.sqrt((p[0] - 0.85) * (p[0] - 0.85) + p[2] * p[2]) - 0.06
    return ti.min(ti.min(ball, torus), rod)


class InRows(WavefrontFunction):
    """The scene, as a function that is asked for many points at once; ``asked`` notes for how many."""

    def __init__(self):
        self.asked = []

    def check(self):
        """Nothing."""

    def forward(self, points, values, count):
        self.asked.append(count)
        evaluate(scene, 1, points, values, count)

    def adjoint(self, points, values_adjoint, points_adjoint, count):
        raise AssertionError("not asked for")


CAMERAS = {
    "two views": lambda: dr.Camera.orbit([25, 200], [15, -20], 2.6, fov_y_deg=50),
    "orthographic": lambda: dr.Camera.orthographic(eye=(1.5, 1.2, 1.7), half_height=1.1),
    "inside": lambda: dr.Camera(eye=(0.1, 0.0, -0.4), target=(0.2, 0.1, 0.5), fov_y=1.2),
}


def rendered(function, camera, bounds, **settings):
    tracer = SphereTracer(function, SIZE, bounds=bounds, **settings)
    frame = tracer.render(camera)
    return {name: frame.numpy(name) for name in (*OUTPUTS, "steps")}


def differing(one, other):
    """The share of numbers that differ: some of silhouettes with a kink, whose closest point is found in two ways."""
    return (np.abs(one - other) > 2e-3).mean()


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("bounds", [Box(-1, 1), Ball((0, 0, 0), 0.9)], ids=["box", "ball"])
def test_rays_meet_what_single_rays_meet(cpu64, name, bounds):
    single = rendered(InlineDistance(scene), CAMERAS[name](), bounds)
    waves = rendered(InRows(), CAMERAS[name](), bounds)
    for output in OUTPUTS[:4]:
        assert differing(waves[output], single[output]) < 5e-3, output
    farther = (waves["closest"] - single["closest"]) / (1 + np.abs(single["closest"]))

    assert np.quantile(farther, 0.95) < 0.01
    assert np.median(np.abs(farther)) < 1e-3
    clear = np.abs(single["closest"]) > 2
    assert (waves["steps"][clear] == single["steps"][clear]).mean() > 0.99, "all but those that go past an edge"
    assert clear.mean() > 0.6


def test_single_precision(any32):
    camera = CAMERAS["two views"]()
    single, waves = rendered(InlineDistance(scene), camera, Box(-1, 1)), rendered(InRows(), camera, Box(-1, 1))
    for output in OUTPUTS[:4]:
        assert differing(waves[output], single[output]) < 5e-3, output


def test_too_few_steps_end_like_those_of_single_rays(cpu64):
    camera = CAMERAS["two views"]()
    single = rendered(InlineDistance(scene), camera, Box(-1, 1), max_steps=6)
    waves = rendered(InRows(), camera, Box(-1, 1), max_steps=6)
    assert differing(waves["alpha"], single["alpha"]) < 4e-3


def test_nothing_is_asked_where_nothing_is(cpu32):
    function = InRows()
    frame = SphereTracer(function, SIZE, bounds=Ball((0, 0, 0), 0.5)).render(dr.Camera(eye=(0, 0, 3), target=(0, 0, 9)))
    assert not frame.numpy("alpha").any()
    assert sum(function.asked) <= (SIZE // 8) ** 2, "the cones of blocks, at most"


def test_codes_that_are_not_finite_are_named(any32):
    function = Latent()
    function.fields.set("code", np.full(function.fields.get("code").shape, np.nan))
    with pytest.raises(dr.InputError, match="NaN or infinite on the rays of 2304 of 2304 pixels"):
        rendered(function, dr.Camera(eye=(0, 0, 3), fov_y=0.6), Box(-1, 1))


@pytest.fixture
def latent(cpu32):
    """A network that has learned a few tori."""
    random = np.random.default_rng(1)
    points, radii = random.uniform(-1, 1, (4, 4096, 3)), np.linspace(0.45, 0.6, 4)[:, None]
    rings = np.hypot(points[..., 0], points[..., 1]) - radii
    latent = Latent(2, (32, 32, 32))
    latent.fit(points, np.hypot(rings, points[..., 2]) - 0.2, steps=250, batch=(4, 512))
    latent.set("code", latent.codes[2])
    return latent


def test_cones_and_early_exit_halve_the_evaluations(latent, monkeypatch):
    """Against marching every ray step by step until none is on its way; and each of them helps by itself."""
    camera, asked = dr.Camera.orbit(20, 60, 2.6, fov_y_deg=50), []
    forward = latent.forward

    def counted(points, values, count):
        asked.append(count)
        forward(points, values, count)

    monkeypatch.setattr(latent, "forward", counted)
    tracer = SphereTracer(latent, SIZE, bounds=Box(-1, 1))
    frame = tracer.render(camera)
    depth, closest = frame.numpy("depth")[0], frame.numpy("closest")[0]
    marched = asked_by_trace(latent, tracer, camera, asked)
    plain_depth, evaluations, with_exit = plain_march(latent, camera)
    clear = np.abs(closest) > 0.05  # pixels
    hit, plain_hit = depth < camera.far, plain_depth < camera.far
    assert clear.mean() > 0.98
    assert hit.sum() > 300
    np.testing.assert_array_equal(hit[clear], plain_hit[clear])
    assert np.abs(depth - plain_depth)[hit & plain_hit & clear].max() < 0.02
    assert marched < 0.5 * evaluations
    assert marched < with_exit


def asked_by_trace(latent, tracer, camera, asked):
    """Evaluations of ``trace`` alone."""
    trace, counts = latent.trace, []

    def counted(*arguments):
        before = len(asked)
        trace(*arguments)
        counts.append(sum(asked[before:]))

    latent.trace = counted
    tracer.render(camera)
    del latent.trace
    return counts[0]


def plain_march(latent, camera, closeness=0.02):
    """Depths, evaluations, and those that rays needed that stop by themselves: NumPy, every ray from the bounds on."""
    origin, direction, cosine, pixel = numpy_rays(camera)
    with np.errstate(divide="ignore"):
        sides = np.sort([(side - origin) / direction for side in (-1, 1)], axis=0)
    t, leave = np.maximum(sides[0].max(axis=-1), 0), sides[1].min(axis=-1)
    alive, hit, evaluations, with_exit = t < leave, np.zeros(t.shape, bool), 0, 0
    while alive.any():
        f = latent.at(origin + t[..., None] * direction)
        evaluations, with_exit = evaluations + f.size, with_exit + alive.sum()
        near = alive & (f < closeness * pixel * t * cosine)
        hit |= near
        alive &= ~near
        t = np.where(alive, t + np.maximum(f, 0.2 * pixel * t), t)
        alive &= t < leave
    return np.where(hit, t * cosine, camera.far), evaluations, with_exit


def numpy_rays(camera):
    """Origin, unit directions, cosines to the viewing axis, and the width of a pixel at depth 1."""
    u, v, w, eye = (axis[0].astype(np.float64) for axis in camera.frames())
    slope = np.tan(0.5 * float(camera.numpy("fov_y")[0]))
    x = slope * (2 * np.arange(SIZE) + 1 - SIZE) / SIZE
    direction = x[None, :, None] * u - x[:, None, None] * v - w
    cosine = 1 / np.linalg.norm(direction, axis=-1)
    return eye, direction * cosine[..., None], cosine, 2 * slope / SIZE
