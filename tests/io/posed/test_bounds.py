"""Where cameras look: closed forms, and what misread poses look like."""

import numpy as np
import pytest
from oracles.photographs import looking

from taichi_dr.io.posed.bounds import common_place, meeting_place, scene_bounds
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.pictures.poses import spread_angles
from taichi_dr.scene.camera_poses import orbit_eye

SIDE, FOCAL = 100, 100.0


def posed_of(matrices, **more):
    count = len(matrices)
    blank = np.zeros((count, SIDE, SIDE, 3), np.float32)
    lens = np.full((count, 2), FOCAL), np.full((count, 2), SIDE / 2)
    return PosedImages(blank, blank[..., 0], np.array(matrices), *lens, tuple(map(str, range(count))), **more)


def around(center=(0.0, 0.0, 0.0), distance=4.0, views=20):
    """Cameras on a sphere, looking at its centre."""
    angles = spread_angles(views)
    eyes, up = orbit_eye(*angles, np.full(views, distance), np.zeros(3))
    return [looking(eye + center, np.array(center), u) for eye, u in zip(eyes, up, strict=True)]


def forward_facing():
    """A row of parallel cameras that look along -z."""
    return [looking((x, y, 0), (x, y, -1)) for x in (-0.2, 0.0, 0.2) for y in (-0.1, 0.1)]


def test_cameras_around_an_object():
    """Half the angle has the tangent 1/2, so a sphere of radius 4 sin(atan(1/2)) is seen whole."""
    bounds = scene_bounds(posed_of(around((1, 2, 3))))
    np.testing.assert_allclose(bounds.center, [1, 2, 3], atol=1e-9)
    np.testing.assert_allclose(bounds.common, [1, 2, 3], atol=1e-9)
    assert bounds.share == 1
    assert bounds.radius == pytest.approx(4 / np.sqrt(5))
    np.testing.assert_allclose(bounds.near, 4 - 4 / np.sqrt(5))
    np.testing.assert_allclose(bounds.far, 4 + 4 / np.sqrt(5))


def test_points_and_depths_are_believed():
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (200, 3))
    bounds = scene_bounds(posed_of(around(), points=points))
    assert bounds.radius == pytest.approx(np.percentile(np.linalg.norm(points, axis=1), 99))
    assert ((bounds.near > 3) & (bounds.near < 4) & (bounds.far < 5) & (bounds.far > 4)).all()
    depths = np.array([[2.0, 9.0]] * 20)
    depths[3] = np.nan
    bounds = scene_bounds(posed_of(around(), depths=depths))
    assert bounds.near[:3].tolist() == [2] * 3
    assert bounds.far[:3].tolist() == [9] * 3
    assert bounds.near[3] == pytest.approx(4 - 4 / np.sqrt(5))
    bounds = scene_bounds(posed_of(around(), points=points, region=np.array([0.0, 0.0, 0.5, 2.0])))
    assert (bounds.center.tolist(), bounds.radius, bounds.source) == ([0, 0, 0.5], 2, "the data's own sphere")


def test_cameras_side_by_side():
    """Their axes meet nowhere; all of them see what is far enough away."""
    matrices = np.array(forward_facing())
    assert meeting_place(matrices[:, :3, 3], -matrices[:, :3, 2]) is None
    assert common_place(posed_of(matrices))[1] == 1
    bounds = scene_bounds(posed_of(matrices, depths=np.array([[2.0, 6.0]] * 6)))
    np.testing.assert_allclose(bounds.center, [0, 0, -4], atol=1e-9)
    assert bounds.radius == pytest.approx(np.hypot(2, 3))  # half the depths, and half the width at 6
    points = np.random.default_rng(0).normal((0, 0, -5), 0.3, (500, 3))
    bounds = scene_bounds(posed_of(matrices, points=points))
    np.testing.assert_allclose(bounds.center, [0, 0, -5], atol=0.05)
    assert bounds.source == "500 points"
    assert bounds.radius == pytest.approx(0.3 * 2.795, rel=0.1)  # 95 % of a normal distribution in 3-D
    assert "guess" in scene_bounds(posed_of(matrices)).source


def test_misread_poses_look_at_nothing_in_common():
    matrices = np.array(around((0.3, 0.2, 0.1)))
    assert common_place(posed_of(matrices))[1] == 1
    opencv = matrices * [1, -1, -1, 1]  # right, down, forward, taken as right, up, backward
    assert common_place(posed_of(opencv))[1] < 0.5
    shuffled = matrices.copy()
    shuffled[:, :3, 3] = np.roll(shuffled[:, :3, 3], 7, axis=0)  # positions of other cameras
    assert common_place(posed_of(shuffled))[1] < 0.8


def test_one_camera():
    bounds = scene_bounds(posed_of(around(views=1)))
    assert np.isfinite(bounds.center).all()
    assert bounds.radius > 0
    assert bounds.share == 1
