"""Poses that are found again, and what cannot be."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import taichi_dr as dr
from taichi_dr.recipes.pose import blurred, levels_for

SIDEWAYS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, -0.6, 0.53]])


def wedge():
    """A mesh of eight faces that looks different from every side."""
    box = dr.shapes.box((1.2, 0.8, 0.5))
    vertices = box.numpy("vertices")[0]
    vertices[vertices[:, 0] > 0] *= 0.5
    colors = np.array([[a, b, c] for a in (0.1, 0.9) for b in (0.2, 0.8) for c in (0.1, 0.7)])
    return dr.Mesh(vertices, box.numpy("faces"), colors=colors, name="wedge")


def orbit(views=1):
    return dr.Camera.orbit([35, 155, 275][:views], [20, -10, 40][:views], 2.2, 45, target=(0.04, -0.03, 0))


def turned(camera, axis, degrees):
    """A camera of the same lens that is turned about the origin, and looks at it."""
    rotation = Rotation.from_rotvec(np.deg2rad(degrees) * axis / np.linalg.norm(axis)).as_matrix()
    eye, up = camera.numpy("eye") @ rotation.T, camera.numpy("up") @ rotation.T
    return dr.Camera(eye, (0, 0, 0), up, fov_y=np.deg2rad(45))


def angle(camera, truth):
    """Degrees between the first views' axes."""
    axes, true_axes = (np.stack(view.frames()[:3])[:, 0] for view in (camera, truth))
    return np.rad2deg(Rotation.from_matrix(axes.T @ true_axes).magnitude())


@pytest.fixture
def scene(cpu32):
    return wedge(), dr.Lights.default()


@pytest.mark.parametrize("axis", SIDEWAYS, ids=str)
def test_found_from_sixty_degrees_off(scene, axis):
    mesh, lights = scene
    truth = orbit()
    image = dr.supersampled(mesh, truth, 48, lights)
    guess = turned(truth, axis, 60)
    assert angle(guess, truth) > 55
    fit = dr.fit_pose(mesh, image, guess, lights, steps=40)
    assert angle(fit.camera, truth) < 1
    assert np.linalg.norm(fit.camera.frames()[3] - truth.frames()[3]) < 0.05
    assert len(fit.losses) == 3 * 40 + 1
    assert fit.losses[-1] < 0.01 * fit.losses[0]


def test_the_same_again(scene):
    mesh, lights = scene
    image = dr.supersampled(mesh, orbit(), 32, lights)
    found = [dr.fit_pose(mesh, image, dr.Camera.orbit(60, 20, 2.2, 45), lights, guesses=2, steps=3) for _ in range(2)]
    np.testing.assert_array_equal(found[0].camera.numpy("eye"), found[1].camera.numpy("eye"))
    assert found[0].losses == found[1].losses


def test_before_a_background_and_by_silhouette(scene):
    mesh, lights = scene
    truth, guess = orbit(), dr.Camera.orbit(45, 25, 2.2, 45)
    image = dr.supersampled(mesh, truth, 48, lights)
    sky = np.array([0.1, 0.3, 0.9])
    before_sky = image[..., :3] * image[..., 3:] + sky * (1 - image[..., 3:])
    for images, background in ((before_sky, tuple(sky)), (image[..., 3], None)):
        fit = dr.fit_pose(mesh, images, guess, lights, background=background, guesses=1, steps=40)
        assert angle(fit.camera, truth) < 1.5


def test_several_views_move_as_one(scene):
    mesh, lights = scene
    truth = orbit(3)
    images = dr.supersampled(mesh, truth, (32, 40), lights)
    eye, target, up = (truth.numpy(name) for name in ("eye", "target", "up"))
    rotation = Rotation.from_rotvec(np.deg2rad(40) * SIDEWAYS[3]).as_matrix()
    guess = dr.Camera(eye @ rotation.T, target @ rotation.T, up @ rotation.T, fov_y=np.deg2rad(45))
    fit = dr.fit_pose(mesh, images, guess, lights, guesses=3, steps=40)
    assert fit.camera.views == 3
    for ours, true in zip(fit.camera.frames(), truth.frames(), strict=True):
        np.testing.assert_allclose(ours, true, atol=0.02)


def test_those_who_wait_are_told(scene, capfd):
    mesh, lights = scene
    told = []
    fit = dr.fit_pose(
        mesh,
        dr.supersampled(mesh, orbit(), 40, lights),
        orbit(),
        lights,
        steps=2,
        on_step=lambda fit: told.append((len(fit.losses), fit.size, fit.camera.views)),
        progress=True,
    )
    sizes = [(32, 32)] * 2 + [(40, 40)] * 5
    assert told == [(number + 1, size, 1) for number, size in enumerate(sizes)]
    assert "pose, loss" in capfd.readouterr().out
    assert repr(fit).startswith("PoseFit(loss ")


def test_blurring_is_its_own_adjoint_and_keeps_what_is_far_from_the_border():
    a, b = np.random.default_rng(1).normal(size=(2, 1, 1, 20, 24, 3))
    assert np.vdot(blurred(a, 2.0), b) == pytest.approx(np.vdot(a, blurred(b, 2.0)), rel=1e-12)
    dot = np.zeros((1, 1, 41, 41))
    dot[0, 0, 20, 20] = 1
    spread = blurred(dot, 3.0)[0, 0]
    assert spread.sum() == pytest.approx(1)
    assert (spread * (np.arange(41) - 20) ** 2).sum() == pytest.approx(9, rel=0.05), "but for what is cut off"


def test_levels_are_no_larger_than_the_images():
    assert [level.size for level in levels_for((480, 640))] == [32, 64, 128, 256]
    assert [level.size for level in levels_for((128, 200))] == [32, 64, 128]
    assert [level.size for level in levels_for((20, 24))] == [20, 20, 20]


def test_what_is_refused(scene):
    mesh, _ = scene
    image, camera = np.ones((8, 8, 4)), orbit()
    away = dr.Camera(eye=(0, 0, 3), target=(0, 0, 9))
    batch = dr.Mesh(np.repeat(mesh.numpy("vertices"), 2, axis=0), mesh.numpy("faces"))
    for arguments, error, message in (
        ((mesh, image, away), dr.CameraError, "none of the 1 guesses sees wedge"),
        ((batch, image, camera), dr.InputError, "got a batch of 2"),
        ((mesh, np.ones((2, 8, 8, 4)), camera), dr.ShapeError, "with V = 1"),
    ):
        with pytest.raises(error, match=message):
            dr.fit_pose(*arguments, guesses=1)
    for settings, message in (({"guesses": 0}, "guesses: expected"), ({"reach_deg": 200}, "from 0 to 180, got 200")):
        with pytest.raises(dr.InputError, match=message):
            dr.fit_pose(mesh, image, camera, **settings)
