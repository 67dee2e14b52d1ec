"""Colours of points out of pictures: those of the surface where it is seen, nothing where it is not."""

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr import shapes
from taichi_dr.texture.bake import Bake

FAR_AWAY = {"distance": 3.0, "fov_y_deg": 45, "near": 1.0, "far": 5.0}


def color_at(points):
    """Linear RGB as a smooth function of place."""
    return 0.5 + 0.4 * np.sin(3 * points + (0.0, 1.0, 2.0))


def ball():
    """A finely cut sphere in these colours."""
    vertices = shapes.icosphere(5).numpy("vertices")[0]
    return dr.Mesh(vertices, shapes.icosphere(5).numpy("faces"), colors=color_at(vertices))


def baked(mesh, camera, points, normals, size=(96, 128)):
    frame = dr.Rasterizer(size).render(mesh, camera)
    pictures = np.concatenate([frame.numpy("color"), frame.numpy("alpha")[..., None]], axis=-1)
    bake = Bake(points, normals)
    for view in range(0, camera.views, 2):
        bake.add(camera[[view, view + 1]], frame.numpy("depth")[view : view + 2], pictures[view : view + 2])
    return bake.colors()


def on_sphere(count, seed=0):
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_a_ball_seen_from_all_sides_gives_back_its_colours(any32):
    azimuth, elevation = np.meshgrid([0, 90, 180, 270], [-60, 0, 60])
    camera = dr.Camera.orbit(azimuth.ravel(), elevation.ravel(), **FAR_AWAY)
    points = on_sphere(2000)
    colors, seen = baked(ball(), camera, points, 7 * points)
    assert seen.all()
    np.testing.assert_allclose(colors, color_at(points), atol=0.01)


def test_what_faces_no_camera_is_not_seen(cpu32):
    camera = dr.Camera.orbit([0, 0], [0, 0], **FAR_AWAY)  # twice the same view, from +z
    points = on_sphere(2000)
    colors, seen = baked(ball(), camera, points, points)
    assert not seen[points[:, 2] < 1 / 3].any()  # beyond the horizon of a camera three radii away
    assert seen[points[:, 2] > 0.6].all()
    assert (colors[~seen] == 0).all()


def test_what_stands_before_a_surface_hides_it(cpu32):
    wall = [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]]
    blind = [[-0.5, -2, 1], [0.5, -2, 1], [0.5, 2, 1], [-0.5, 2, 1.0]]
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    colors = np.repeat([[1, 0, 0], [0, 1, 0.0]], 4, axis=0)
    mesh = dr.Mesh(np.concatenate([wall, blind]), np.concatenate([faces, faces + 4]), colors=colors)
    camera = dr.Camera.orthographic([[0, 0, 3]] * 2, half_height=2.0)
    x = np.linspace(-0.95, 0.95, 191)
    points = np.stack([x, 0 * x, 0 * x], axis=1)
    with pytest.raises(dr.CameraError, match="perspective"):
        baked(mesh, camera, points, np.tile([0, 0, 1.0], (191, 1)))
    camera = dr.Camera([[0, 0, 100.0]] * 2, fov_y=0.04)
    found, seen = baked(mesh, camera, points, np.tile([0, 0, 1.0], (191, 1)))
    assert not seen[np.abs(x) < 0.5].any()
    assert seen[np.abs(x) > 0.6].all()
    np.testing.assert_allclose(found[seen], np.tile([1.0, 0, 0], (seen.sum(), 1)), atol=1e-6)


def test_pixels_that_show_more_than_the_object_do_not_count(cpu32):
    camera = dr.Camera.orbit([0, 0], [0, 0], **FAR_AWAY)
    points = on_sphere(500)
    frame = dr.Rasterizer(64).render(ball(), camera)
    pictures = np.concatenate([frame.numpy("color"), 0.9 * frame.numpy("alpha")[..., None]], axis=-1)
    bake = Bake(points, points)
    bake.add(camera, frame.numpy("depth"), pictures)
    assert not bake.colors()[1].any()


def test_views_from_the_front_count_more(cpu32):
    """Two views of one point: at 60 degrees it counts a quarter of what it counts from ahead."""
    camera = dr.Camera.orbit([0, 60], [0, 0], **FAR_AWAY)
    depth = dr.Rasterizer(128).render(ball(), camera).numpy("depth")
    pictures = np.ones((2, 128, 128, 4))
    pictures[1, ..., :3] = 0
    bake = Bake([[0, 0, 1.0]], [[0, 0, 1.0]])
    bake.add(camera, depth, pictures)
    toward = camera.eye.to_numpy()[1] - (0, 0, 1)
    share = 1 / (1 + (toward[2] / np.linalg.norm(toward)) ** 2)
    assert bake.colors()[0][0] == pytest.approx([share] * 3, rel=1e-4)
