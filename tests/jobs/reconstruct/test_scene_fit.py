"""The visual hull and the scale found from silhouettes of a ball of known place and size."""

import numpy as np
import pytest

from taichi_dr.errors import DataSetError
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.pictures.poses import every_other, spread_angles
from taichi_dr.jobs.reconstruct.scene_fit import SceneFit, fit_scene
from taichi_dr.scene.camera_poses import orbit_eye
from taichi_dr.scene.topology import Topology

SIDE, FOCAL = 96, 120.0


def ball_views(center, radius, views=20):
    """Silhouettes of a ball, from the quadratic that says whether a ray meets it."""
    azimuth, elevation = spread_angles(views)
    eyes, up = orbit_eye(azimuth, elevation, np.full(views, 4 * radius), np.asarray(center))
    matrices = np.tile(np.eye(4), (views, 1, 1))
    w = (eyes - center) / np.linalg.norm(eyes - center, axis=1, keepdims=True)
    u = np.cross(up, w)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    matrices[:, :3] = np.stack([u, np.cross(w, u), w, eyes], axis=-1)
    y, x = np.mgrid[0.5:SIDE, 0.5:SIDE]
    rays = np.stack([(x - SIDE / 2) / FOCAL, (SIDE / 2 - y) / FOCAL, -np.ones_like(x)], axis=-1)
    rays = np.einsum("vij,hwj->vhwi", matrices[:, :3, :3], rays)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    offset = eyes - center
    along = np.einsum("vhwi,vi->vhw", rays, offset)
    alpha = along**2 - (np.sum(offset**2, axis=1) - radius**2)[:, None, None] > 0
    return PosedImages(
        images=np.full((views, SIDE, SIDE, 3), 0.5, np.float32),
        alpha=alpha.astype(np.float32),
        camera_to_world=matrices,
        focal=np.full((views, 2), FOCAL),
        principal_point=np.full((views, 2), SIDE / 2),
        names=tuple(f"view {i}" for i in range(views)),
    )


@pytest.mark.parametrize(("center", "radius"), [((0, 0, 0), 1.0), ((30, -5, 12), 0.02), ((-4, 8, 1), 70.0)])
def test_a_ball_of_any_size_anywhere_is_found(center, radius):
    fit = fit_scene(ball_views(np.array(center, float), radius))
    assert fit.center == pytest.approx(np.array(center, float), abs=0.06 * radius)
    assert fit.radius == pytest.approx(radius, rel=0.15)


def test_unit_scene_and_world_are_inverse():
    views = ball_views(np.array([3.0, 2, 1]), 2.0)
    fit = fit_scene(views)
    points = np.random.default_rng(0).normal(size=(5, 3))
    assert fit.from_world(fit.to_world(points)) == pytest.approx(points)
    eyes = fit.to_unit(views).camera_to_world[:, :3, 3]
    assert fit.to_world(eyes) == pytest.approx(views.camera_to_world[:, :3, 3])


def test_the_hull_mesh_is_a_closed_ball_facing_outwards():
    fit = fit_scene(ball_views(np.zeros(3), 1.0))
    vertices, faces = fit.hull_mesh(32)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    volume = np.sum(np.cross(a, b) * c) / 6
    assert volume * fit.radius**3 == pytest.approx(4 / 3 * np.pi, rel=0.2)
    center, half = fit.hull_extent()
    assert center == pytest.approx(np.zeros(3), abs=0.05)
    assert half * fit.radius == pytest.approx(np.ones(3), rel=0.1)


def test_the_hull_mesh_of_a_thin_plate_is_the_plate():
    occupancy = np.zeros((24, 24, 24), np.float32)
    occupancy[4:20, 4:20, 11] = 0.75
    fit = SceneFit(np.zeros(3), 1.0, np.zeros(3), 1.0, occupancy)
    vertices, faces = fit.hull_mesh(8)
    assert vertices.min(axis=0) == pytest.approx([3.5, 3.5, 10.5], abs=0.5)
    assert vertices.max(axis=0) == pytest.approx([19.5, 19.5, 11.5], abs=0.5)
    assert Topology(faces, len(vertices)).is_closed


def test_empty_silhouettes_are_named():
    views = ball_views(np.zeros(3), 1.0)
    views.alpha[3] = 0
    with pytest.raises(DataSetError, match="view 3"):
        fit_scene(views)


def test_cameras_that_look_elsewhere_have_no_common_volume():
    views = ball_views(np.zeros(3), 1.0)
    random = np.random.default_rng(1)
    views.camera_to_world[:, :3, 3] += random.normal(0, 40, (20, 3))
    with pytest.raises(DataSetError, match="common volume"):
        fit_scene(views)


def test_spread_angles_cover_the_sphere_evenly():
    azimuth, elevation = np.deg2rad(spread_angles(200))
    points = np.stack([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)])
    assert np.abs(points.mean(axis=1)).max() < 0.01
    assert points @ points.T / 200 == pytest.approx(np.eye(3) / 3, abs=0.01)


def test_test_views_lie_between_training_views():
    test, train = every_other(32, 8)
    assert len(test) == 8
    assert len(train) == 24
    assert np.diff(test).tolist() == [4] * 7
    assert len(every_other(5, 0)[0]) == 0
