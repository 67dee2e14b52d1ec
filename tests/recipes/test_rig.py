"""Cameras that move as one about an object."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import taichi_dr as dr
from taichi_dr.recipes.rig import Rig, turns

CENTER = np.array([0.1, -0.2, 0.3])


def rig_of(views=2, guesses=3):
    camera = dr.Camera.orbit([20, 100][:views], [10, 35][:views], 2.5, 50, target=(0.2, 0.1, 0))
    return Rig.around(camera, CENTER, guesses, 0.6)


def seen(rig):
    """The object's middle in the axes of every camera."""
    return np.einsum("kvij,kvj->kvi", rig.axes, CENTER - rig.eyes)


def test_the_first_guess_is_the_camera_itself(cpu64):
    rig = rig_of()
    *axes, eye = rig.camera.frames()
    np.testing.assert_allclose(rig.axes[0], np.stack(axes, axis=1), atol=1e-12)
    np.testing.assert_allclose(rig.eyes[0], eye, atol=1e-12)


def test_its_cameras_are_where_it_says_they_are(cpu64):
    rig = rig_of()
    cameras = rig.cameras()
    assert cameras.views == 6
    *axes, eye = cameras.frames()
    np.testing.assert_allclose(np.stack(axes, axis=1), rig.axes.reshape(6, 3, 3), atol=1e-12)
    np.testing.assert_allclose(eye, rig.eyes.reshape(6, 3), atol=1e-12)
    np.testing.assert_array_equal(cameras.numpy("fov_y"), np.tile(rig.camera.numpy("fov_y"), 3))


def test_turning_leaves_the_object_in_its_place_and_the_cameras_in_theirs(cpu64):
    rig = rig_of()
    before, between = seen(rig), np.einsum("kij,klj->kil", rig.axes[:, 0], rig.axes[:, 1])
    rig.move(np.random.default_rng(1).normal(size=(3, 3)), np.zeros((3, 3)))
    np.testing.assert_allclose(seen(rig), before, atol=1e-12)
    np.testing.assert_allclose(np.einsum("kij,klj->kil", rig.axes[:, 0], rig.axes[:, 1]), between, atol=1e-12)


def test_a_turn_is_one_about_the_axes_of_the_first_view(cpu64):
    rig = rig_of(guesses=1)
    u, axes = rig.axes[0, 0, 0].copy(), rig.axes.copy()
    rig.move(np.array([[0.3, 0, 0]]), np.zeros((1, 3)))
    np.testing.assert_allclose(rig.axes, axes @ Rotation.from_rotvec(0.3 * u).as_matrix().T, atol=1e-12)
    eyes = rig.eyes.copy()
    rig.move(np.zeros((1, 3)), np.array([[0, 0, 2.0]]))
    np.testing.assert_allclose(rig.eyes - eyes, np.tile(2 * rig.axes[0, 0, 2], (1, 2, 1)), atol=1e-12)


def test_gradients_equal_central_differences(cpu64):
    """Of a function of the cameras' axes and eyes, whose gradient by ``pose`` is taken by central differences, too."""
    rig, random, step = rig_of(), np.random.default_rng(2), 1e-5
    on_axes, on_eyes = random.normal(size=(6, 3, 3)), random.normal(size=(6, 3))

    def values(camera):
        *axes, eye = camera.frames()
        return (on_axes * np.stack(axes, axis=1)).sum(axis=(1, 2)) + (on_eyes * eye).sum(axis=1)

    def posed(k, size):
        cameras = rig.cameras()
        cameras.set(pose=size * np.eye(6)[k])
        return values(cameras)

    by_pose = np.stack([(posed(k, step) - posed(k, -step)) / (2 * step) for k in range(6)], axis=1)

    def moved(k, size):
        other = rig.chosen(np.arange(3))
        other.move(*(size * np.tile(np.eye(6)[k], (3, 1))).reshape(3, 2, 3).transpose(1, 0, 2))
        return values(other.cameras()).reshape(3, 2).sum(axis=1)

    expected = np.stack([(moved(k, step) - moved(k, -step)) / (2 * step) for k in range(6)], axis=1)
    np.testing.assert_allclose(np.concatenate(rig.gradients(by_pose), axis=1), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("count", "reach", "farthest"), [(16, 75, 45), (60, 180, 75)])
def test_turns_fill_the_ball(count, reach, farthest):
    vectors = turns(count, np.deg2rad(reach))
    assert not vectors[0].any()
    assert np.linalg.norm(vectors, axis=1).max() <= np.deg2rad(reach)
    random = Rotation.random(20000, rng=1)
    random = random[random.magnitude() < np.deg2rad(min(reach, 60 if reach < 180 else 180))]
    nearest = np.min([(random * turn.inv()).magnitude() for turn in Rotation.from_rotvec(vectors)], axis=0)
    assert np.rad2deg(nearest.max()) < farthest
