"""Orbit and fly: poses after events, worked out by hand; no window."""

import math

import numpy as np
import pytest

from taichi_dr.gui.fly import fly
from taichi_dr.gui.orbit import orbit
from taichi_dr.gui.pose import Pose, camera_of, pose_of, pose_of_axes
from taichi_dr.gui.recording import Turntable
from taichi_dr.gui.windows.base import Events
from taichi_dr.scene.camera import Camera

FRONT = Pose((0.0, 0.0, 0.0), 0.0, 0.0, 2.0, fov_y_deg=90.0)


def test_no_events_leave_the_pose():
    assert orbit(FRONT, Events()) == FRONT
    assert fly(FRONT, Events()) == FRONT


def test_half_a_height_to_the_right_turns_by_ninety_degrees_and_what_was_in_front_goes_right():
    turned = orbit(FRONT, Events(drag=(0.5, 0.0)))
    np.testing.assert_allclose(turned.eye, [-2, 0, 0], atol=1e-12)
    u, _, _ = turned.axes
    assert u @ [0, 0, 1] == pytest.approx(1)  # the point (0, 0, 1), before the middle, is on the right now


def test_dragging_down_looks_from_above_and_stops_short_of_the_pole():
    assert orbit(FRONT, Events(drag=(0.0, -0.25))).elevation_deg == 45
    assert orbit(FRONT, Events(drag=(0.0, -9.0))).elevation_deg == 89


def test_shift_drag_moves_what_is_at_the_targets_depth_with_the_pointer():
    moved = orbit(FRONT, Events(drag=(0.25, 0.1), held=frozenset({"Shift"})))
    np.testing.assert_allclose(moved.target, [-1.0, -0.4, 0.0], atol=1e-12)  # the window shows 4 units at distance 2
    assert moved.azimuth_deg == 0


def test_a_step_of_the_wheel_and_an_eighth_of_the_height_with_the_right_button_go_as_near():
    assert orbit(FRONT, Events(wheel=1.0)).distance == pytest.approx(1.7)
    assert orbit(FRONT, Events(push=(0.0, 0.125))).distance == pytest.approx(1.7)
    assert orbit(FRONT, Events(held=frozenset("w"), seconds=0.2)).distance == pytest.approx(1.7)
    assert orbit(FRONT, Events(held=frozenset("s"), seconds=0.2)).distance == pytest.approx(2 / 0.85)


def test_arrows_turn_by_sixty_degrees_in_a_second():
    held = Events(held=frozenset({"Right", "Up"}), seconds=0.5)
    assert orbit(FRONT, held)[1:3] == (30, 30)
    both = Events(held=frozenset({"Right", "Left"}), seconds=0.5)
    assert orbit(FRONT, both) == FRONT


def test_flying_looks_around_from_one_place():
    turned = fly(FRONT, Events(drag=(1.0, 0.0)))
    np.testing.assert_allclose(turned.eye, FRONT.eye, atol=1e-12)
    np.testing.assert_allclose(turned.backward, [1, 0, 0], atol=1e-12)  # it looks left, towards -x
    down = fly(FRONT, Events(drag=(0.0, 0.5)))
    np.testing.assert_allclose(-down.backward, [0, -math.sqrt(0.5), -math.sqrt(0.5)], atol=1e-12)


def test_flying_walks_half_the_distance_in_a_second():
    np.testing.assert_allclose(fly(FRONT, Events(held=frozenset("w"), seconds=1.0)).eye, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(fly(FRONT, Events(held=frozenset("d"), seconds=1.0)).eye, [1, 0, 2], atol=1e-12)
    fast = Events(held=frozenset({"e", "Shift"}), seconds=1.0)
    np.testing.assert_allclose(fly(FRONT, fast).eye, [0, 3, 2], atol=1e-12)
    np.testing.assert_allclose(fly(FRONT, Events(wheel=2.0)).eye, [0, 0, 1.6], atol=1e-12)


def test_the_camera_of_a_pose_is_that_of_orbit(cpu64):
    pose = Pose((0.1, 0.2, 0.3), 75.0, -20.0, 3.0, fov_y_deg=50.0)
    expected = Camera.orbit(75, -20, 3.0, 50, target=(0.1, 0.2, 0.3))
    for mine, theirs in zip(camera_of(pose, 0.1, 9).frames(), expected.frames(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    np.testing.assert_allclose(pose_of(expected).eye, pose.eye, atol=1e-12)
    assert pose_of(expected)[1:4] == pytest.approx(pose[1:4])


def test_the_pose_of_a_rolled_camera_has_its_axes_until_one_turns_it(cpu64):
    axes, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    axes *= np.linalg.det(axes)  # columns right, up, backward
    for matrix in (axes, np.eye(3)[:, [2, 0, 1]], np.eye(3)[:, [1, 2, 0]], -np.eye(3)[:, [1, 0, 2]]):
        pose = pose_of_axes((1.0, 2.0, 3.0), matrix[:, 2], (0, 1, 0), 2.5, 40.0, matrix[:, 0])
        np.testing.assert_allclose(pose.axes, matrix.T, atol=1e-4)  # 0.001 degrees, for one that looks straight down
        for mine, theirs in zip(camera_of(pose, 0.1, 9).frames()[:3], pose.axes, strict=True):
            np.testing.assert_allclose(mine[0], theirs, atol=1e-9)
        assert orbit(pose, Events()) == pose
        assert orbit(pose, Events(wheel=1.0)).roll_deg == pose.roll_deg
        assert orbit(pose, Events(drag=(0.1, 0.0))).axes[0] @ [0, 1, 0] == pytest.approx(0, abs=1e-12)


def test_a_rolled_cameras_right_goes_up():
    u, v, _ = FRONT._replace(roll_deg=30.0).axes
    np.testing.assert_allclose(u, [math.sqrt(0.75), 0.5, 0], atol=1e-12)
    np.testing.assert_allclose(v, [-0.5, math.sqrt(0.75), 0], atol=1e-12)


def test_a_turntable_is_upright():
    assert {Turntable(FRONT._replace(roll_deg=30.0)).pose.roll_deg} == {0.0}


def test_a_frame_is_around_points_and_touches_the_outermost_on_both_sides():
    points = np.random.default_rng(5).normal([3.0, -2.0, 1.0], [2.0, 0.5, 1.0], (50, 3))
    pose = FRONT.turned(70.0, 30.0)._replace(fov_y_deg=50.0).framing(points, 0.8)
    u, v, w = pose.axes
    local = points - pose.eye
    places = np.stack([local @ u, local @ v]) / -(local @ w) / math.tan(math.radians(25))  # in half image heights
    low, high = places.min(axis=1), places.max(axis=1)
    assert np.abs(places).max() == pytest.approx(0.8)
    fuller = np.argmax(high - low)
    assert -low[fuller] == pytest.approx(high[fuller])


@pytest.mark.parametrize("up", [(0, 1, 0), (0, 0, 1), (0, -1, 0), (0.6, 0, -0.8)])
def test_any_axis_may_be_up(up):
    backward = np.array([0.48, 0.6, 0.64])
    pose = pose_of_axes((1.0, 2.0, 3.0), backward, up, 2.5, 40.0)
    np.testing.assert_allclose(pose.eye, [1, 2, 3], atol=1e-12)
    np.testing.assert_allclose(pose.backward, backward, atol=1e-12)
    u, v, _ = pose.axes
    assert u @ up == pytest.approx(0, abs=1e-12)
    assert v @ up > 0
