"""Signed distances among the things that rays meet: a ball of one is a ball of the other."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr

CAMERA = {"eye": (0, 1.2, 3), "target": (0, 0, 0), "fov_y": 0.6}
MATERIAL = {"reflectivity": 0.4, "specular": 0.3, "shininess": 10.0}


def function_of(radius):
    @ti.func
    def ball(p):
        return p.norm() - radius[None]

    return ball


def both(radius):
    """Scenes of the same ball as a signed distance and as a sphere, with a floor, lights and a second ball."""
    scenes = []
    for make in ("implicit", "sphere"):
        if make == "implicit":
            color = (0.7, 0.6, 0.5)
            ball = dr.Implicit(function_of(radius), dr.Box(-1, 1), color=color, material=dr.Material(**MATERIAL))
        else:
            ball = dr.Sphere((0, 0, 0), radius[None], material=dr.Material(albedo=(0.7, 0.6, 0.5), **MATERIAL))
        floor = dr.Plane(y=-0.8, material=dr.Material(albedo=0.6, reflectivity=0.1))
        other = dr.Sphere((0.9, 0.2, 0.3), 0.3, material=dr.Material(albedo=(0.2, 0.4, 0.9)))
        lights = dr.Lights(
            0.1, point=dr.PointLight((2, 3, 2), 0.7), area=dr.RectangleLight((-1, 3, 0), (0.3, 0, 0), (0, 0, 0.3), 9)
        )
        scenes.append(dr.Scene([ball, floor, other], lights))
    return scenes


def at_outlines(thing):
    """Pixels (V, H, W) that have another thing beside them."""
    result = np.zeros(thing.shape, bool)
    for axis in (1, 2):
        for side in (-1, 1):
            result |= np.roll(thing, side, axis) != thing
    return result


def radius_field(value):
    radius = ti.field(float, (), needs_grad=True)
    radius[None] = value
    return radius


def test_a_ball_is_a_sphere(any32):
    tracer, camera = dr.RayTracer((30, 40), samples=4, background=(0.5, 0.7, 1)), dr.Camera(**CAMERA)
    one, other = (tracer.render(scene, camera).numpy()[0] for scene in both(radius_field(0.55)))
    difference = np.abs(one - other).max(axis=-1)
    assert np.median(difference) < 1e-5
    assert (difference > 0.01).mean() < 0.01  # pixels at outlines
    assert (one != one[0, 0]).any()


def test_gradients_are_the_spheres(cpu64):
    radius = radius_field(0.55)
    tracer = dr.RayTracer((20, 24), samples=4)
    weight, gradients = np.random.default_rng(0).normal(size=(1, 20, 24, 3)), []
    for scene in both(radius):
        camera = dr.Camera(**CAMERA)
        frame = tracer.render(scene, camera)
        weight[at_outlines(frame.numpy("object_id"))] = 0  # where gradients are large, as rays graze
        frame.color.grad.from_numpy(weight)
        tracer.backward()
        ball = scene.objects[0]
        of_radius = ball.gradient("radius")[0] if isinstance(ball, dr.Sphere) else radius.grad[None]
        floor, other = scene.objects[1:]
        rest = camera.gradient("eye"), floor.gradient("point"), other.gradient("center"), scene.gradient("reflectivity")
        gradients.append([of_radius, *np.concatenate([part.ravel() for part in rest])])
    one, sphere = np.array(gradients)
    # normals of a signed distance are differences over 3.5e-3, to 0.6 % of the radius
    assert np.abs(one - sphere).max() < 0.02 * np.abs(sphere).max()


def test_its_own_central_differences(cpu64):
    radius = radius_field(0.55)
    scene, _ = both(radius)
    tracer, camera = dr.RayTracer((20, 24), samples=4), dr.Camera(**CAMERA)
    weight = np.random.default_rng(0).normal(size=(1, 20, 24, 3))
    tracer.render(scene, camera).color.grad.from_numpy(weight)
    tracer.backward()
    found, results = radius.grad[None], []
    for step in (2e-7, -2e-7):
        radius[None] = 0.55 + step
        results.append((tracer.render(scene, camera).numpy() * weight).sum())
    numeric = (results[0] - results[1]) / 4e-7
    assert abs(found - numeric) < 1e-4 * abs(numeric)


def test_it_throws_a_shadow(any32):
    ball = dr.Implicit(function_of(radius_field(0.5)), dr.Ball((0, 0, 0), 0.8))
    scene = dr.Scene([ball, dr.Plane(y=-1)], dr.Lights(0, directional=dr.DirectionalLight((0, 1, 0))))
    camera = dr.Camera(eye=(0, -0.9, 0), target=(0, -1, 0), up=(0, 0, 1), half_height=1, near=0.01)
    color = dr.RayTracer(4).render(scene, camera).numpy()[0, ..., 0]
    lit = np.hypot(*np.meshgrid([-0.75, -0.25, 0.25, 0.75], [-0.75, -0.25, 0.25, 0.75])) > 0.5
    assert np.allclose(color, 0.7 * lit, atol=1e-6)


def test_glass_of_a_signed_distance(any32):
    """A ray through the middle of a ball goes straight on."""
    glass = dr.Material(index_of_refraction=1.5)
    ball = dr.Implicit(function_of(radius_field(0.5)), dr.Box(-1, 1), material=glass)
    wall = dr.Plane(z=-2, material=dr.Material(emission=(0.2, 0.4, 0.6), albedo=0))
    camera = dr.Camera(eye=(0, 0, 3), target=(0, 0, 0), half_height=1e-3)
    color = dr.RayTracer(1, samples=256).render(dr.Scene([ball, wall]), camera).numpy()[0, 0, 0]
    share = ((1.5 - 1) / (1.5 + 1)) ** 2
    through = (1 - share) ** 2 * (1 + share**2 + share**4)  # with reflections inside
    assert np.allclose(color, np.array([0.2, 0.4, 0.6]) * through, rtol=0.06)


def test_bad_arguments(cpu32):
    ball = function_of(radius_field(0.5))
    with pytest.raises(dr.InputError, match=r"bounds: expected a dr.Box"):
        dr.Implicit(ball, (-1, 1))
    with pytest.raises(dr.InputError, match="max_steps"):
        dr.Implicit(ball, dr.Box(-1, 1), max_steps=0)
    with pytest.raises(dr.InputError, match="material"):
        dr.Implicit(ball, dr.Box(-1, 1), material="glass")
