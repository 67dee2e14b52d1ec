"""Light of environments: closed forms, noise, and gradients with directions held."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.rays.sky import shine_down, shine_down_adjoint
from taichi_dr.kernels.rays.surface import ALBEDO, MATERIALS, NORMAL, SEEN

CAMERA = {"eye": (0, 0, 4), "target": (0, 0, 0), "fov_y": 0.3}  # sees nothing but the ball


def test_a_ball_in_a_furnace(any32):
    """A convex surface of albedo a sends back a L of every light L that comes from everywhere."""
    ball = dr.Sphere((0, 0, 0), 1, material=dr.Material(albedo=(0.2, 0.5, 0.8)))
    scene = dr.Scene(ball, environment=dr.Environment.constant((1.0, 2.0, 3.0)))
    color = dr.RayTracer(16, samples=256).render(scene, dr.Camera(**CAMERA)).numpy()
    assert np.allclose(color.mean(axis=(0, 1, 2)), [0.2, 1.0, 2.4], rtol=2e-3)
    assert (color.std(axis=(0, 1, 2)) < 0.03 * color.mean(axis=(0, 1, 2))).all()


def test_an_environment_may_be_a_path(cpu32, tmp_path):
    dr.save_image(tmp_path / "sky.exr", np.full((2, 4, 3), 3.0))
    for path in (tmp_path / "sky.exr", str(tmp_path / "sky.exr")):
        assert (dr.Scene(dr.Plane(y=0), environment=path).environment.numpy() == 3).all()
    with pytest.raises(dr.FileError, match=r"none\.hdr"):
        dr.Scene(dr.Plane(y=0), environment=tmp_path / "none.hdr")


def test_a_gradient_from_below_to_above(any32):
    """Of L = 1 + y a floor receives pi (1 + 2/3), a ceiling pi (1 - 2/3)."""
    theta = (np.arange(64) + 0.5) / 64 * np.pi
    texels = np.broadcast_to((1 + np.cos(theta))[:, None, None], (64, 128, 3))
    for up, expected in ((1, 5 / 3), (-1, 1 / 3)):
        scene = dr.Scene(
            dr.Plane((0, 0, 0), (0, up, 0), material=dr.Material(albedo=1)), environment=dr.Environment(texels)
        )
        camera = dr.Camera(eye=(0, up, 0), target=(0, 0, 0), up=(0, 0, 1), half_height=0.1)
        color = dr.RayTracer(4, samples=1024).render(scene, camera).numpy()
        assert abs(color.mean() - expected) < 4e-3 * expected


def test_a_small_sun_has_little_noise(any32):
    """Of 1 in 2,000 directions 64 even ones would meet it once in 32 pixels: a noise of 570 %."""
    texels = np.zeros((32, 64, 3))
    texels[5, 40] = 1000.0
    scene = dr.Scene(dr.Plane(y=0, material=dr.Material(albedo=1)), environment=dr.Environment(texels))
    camera = dr.Camera(eye=(0, 1, 0), target=(0, 0, 0), up=(0, 0, 1), half_height=0.1)
    color = dr.RayTracer(8, samples=64).render(scene, camera).numpy()
    assert color.std() < 0.2 * color.mean()


def test_half_of_the_sky_is_hidden(any32):
    wall = dr.Plane(x=0, material=dr.Material(albedo=0))
    scene = dr.Scene([dr.Plane(y=0, material=dr.Material(albedo=1)), wall], environment=dr.Environment.constant(1.0))
    camera = dr.Camera(eye=(1, 1, 0), target=(1, 0, 0), up=(0, 0, 1), half_height=0.1)
    assert abs(dr.RayTracer(4, samples=1024).render(scene, camera).numpy().mean() - 0.5) < 0.01


def test_it_is_seen_unless_the_background_is_none(any32):
    scene = dr.Scene(dr.Sphere((0, 0, 0), 0.1), environment=dr.Environment.constant(0.25))
    camera = dr.Camera(eye=(0, 0, 3), target=(0, 0, 0), fov_y=0.8)
    seen = dr.RayTracer(9, background=(1, 0, 0)).render(scene, camera)
    assert (seen.numpy()[0, 0, 0] == 0.25).all()
    assert seen.numpy("alpha")[0, 0, 0] == 0
    assert (dr.RayTracer(9, background=None).render(scene, camera).numpy()[0, 0, 0] == 0).all()


def test_gradients_are_linear_in_the_light(cpu64):
    """With directions held a picture is a sum of texels times their gradients."""
    rng = np.random.default_rng(0)
    mirror = dr.Sphere((0.6, 0, 0), 0.5, material=dr.Material(reflectivity=0.5))
    scene = dr.Scene([mirror, dr.Plane(y=-0.6)], environment=dr.Environment(rng.random((6, 12, 3))))
    frame = dr.RayTracer((9, 12), samples=16)
    color = frame.render(scene, dr.Camera(eye=(0, 0.4, 3), target=(0, 0, 0), fov_y=0.8)).color
    weight = rng.normal(size=(1, 9, 12, 3))
    color.grad.from_numpy(weight)
    frame.backward()
    environment = scene.environment
    assert np.isclose((environment.gradient("texels") * environment.numpy()).sum(), (color.to_numpy() * weight).sum())


def test_a_mirror_moves_what_it_shows(cpu64):
    """Without own colours nothing depends on directions that are chosen."""
    rng = np.random.default_rng(0)
    ball = dr.Sphere((0, 0, 0), 1, material=dr.Material(albedo=0, reflectivity=1.0))
    scene = dr.Scene(ball, environment=dr.Environment(rng.random((6, 12, 3))))
    camera, tracer = dr.Camera(**CAMERA), dr.RayTracer(8, samples=4)
    weight = rng.normal(size=(1, 8, 8, 3))
    tracer.render(scene, camera).color.grad.from_numpy(weight)
    tracer.backward()
    for owner, name, index in ((ball, "center", (0, 1)), (camera, "eye", (0, 0)), (ball, "radius", (0,))):
        numbers, results = owner.fields.get(name), []
        for step in (1e-7, -1e-7):
            moved = numbers.copy()
            moved[index] += step
            owner.fields.set(name, moved)
            results.append((tracer.render(scene, camera).numpy() * weight).sum())
        owner.fields.set(name, numbers)
        numeric = (results[0] - results[1]) / 2e-7
        assert abs(owner.gradient(name)[index] - numeric) < 1e-5 * max(abs(numeric), 0.1)


def test_the_adjoint_with_directions_held(cpu64):
    rng, count = np.random.default_rng(0), 30
    seen, arriving, inverse = rng.normal(size=(count, SEEN)), rng.random((count, 3)), rng.random(count)
    directions, weight = rng.normal(size=(count, 3)), rng.normal(size=(count, 3))
    zeros, met = make_array((count,), ti.i32), array_from((np.arange(count) % 5 == 0)[None], ti.i32)
    materials, up = make_array((1, MATERIALS)), array_from(directions)

    def value(seen, arriving):
        local = make_array((count, 3))
        arrays = zeros, materials, up, array_from(inverse), array_from(arriving), met, local
        shine_down(zeros, array_from(seen), count, *arrays)
        return (local.to_numpy() * weight).sum()

    seen_adjoint, arriving_adjoint = make_array((count, 9)), make_array((count, 3))
    arrays = zeros, materials, up, array_from(inverse), array_from(arriving), met, array_from(weight)
    shine_down_adjoint(zeros, array_from(seen), count, *arrays, seen_adjoint, arriving_adjoint)
    for array, found, columns in (
        (seen, seen_adjoint, [NORMAL, NORMAL + 2, ALBEDO + 1]),
        (arriving, arriving_adjoint, [0, 2]),
    ):
        for i, c in ((i, c) for i in range(0, count, 3) for c in columns):
            moved = array.copy()
            moved[i, c] += 1e-6
            above = value(moved, arriving) if array is seen else value(seen, moved)
            moved[i, c] -= 2e-6
            below = value(moved, arriving) if array is seen else value(seen, moved)
            assert abs(found.to_numpy()[i, c] - (above - below) / 2e-6) < 1e-7


@pytest.mark.parametrize("texels", [np.full((2, 4, 3), np.nan), -np.ones((2, 4, 3))])
def test_bad_environments(cpu32, texels):
    with pytest.raises(dr.InputError, match="expected finite numbers"):
        dr.Environment(texels)
