"""Faces of a thousand to a million units, seen from one unit above them: depth, coverage, culling, gradients."""

import numpy as np
import pytest
import taichi as ti
from vast_ground import HALVES, SIZE, UPWARDS, VIEWS, axes, camera, depth_of_ground, ground, offsets

import taichi_dr as dr


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("view", VIEWS)
def test_depth_is_that_of_the_ground(any32, view, half):
    depth = dr.Rasterizer(SIZE).render(ground(half), camera(view, half)).depth.to_numpy()[0]
    expected = depth_of_ground(view)
    near, sky = expected < half / 2, expected > 4 * half
    assert near.sum() >= SIZE * SIZE // 4
    np.testing.assert_allclose(depth[near], expected[near], rtol=1e-4)
    np.testing.assert_array_equal(depth[sky], np.float32(4 * half))


@pytest.mark.parametrize("half", HALVES)
def test_depth_of_the_ground_in_a_parallel_view(any32, half):
    """``t = (x right_y + y up_y + eye_y) / back_y``."""
    view = "45 degrees down"
    eye, right, up, back = axes(view)
    x, y = offsets()
    expected = ((3 * (x * right + y * up) + eye) / back[1])[..., 1]
    parallel = dr.Camera(*VIEWS[view], half_height=3, near=-9, far=9)
    depth = dr.Rasterizer(SIZE).render(ground(half), parallel).depth.to_numpy()[0]
    np.testing.assert_allclose(depth, expected, atol=1e-5)


@pytest.mark.parametrize("view", ["level", "along the diagonal"])
@pytest.mark.parametrize("first", [0, 1, 2])
def test_the_ground_has_one_side(any32, view, first):
    """Whatever the corner that a face begins with, culling keeps what is seen from above and drops what is not."""
    faces = np.roll(UPWARDS, first, axis=1)
    draw, seen = dr.Rasterizer(SIZE, cull_back=True), depth_of_ground(view) < 5e5
    above = draw.render(ground(1e6, faces), camera(view, 1e6)).face_id.to_numpy()[0]
    assert (above[seen] >= 0).all()
    below = draw.render(ground(1e6, faces[:, ::-1]), camera(view, 1e6)).face_id.to_numpy()[0]
    assert (below == -1).all()


def test_each_view_sees_its_own_mesh(any32):
    """Two grounds of a batch, at heights 0 and -2, seen by three cameras."""
    corners = np.concatenate([ground(1e6, height=height).numpy("vertices") for height in (0, -2)])
    mesh, view = dr.Mesh(corners, UPWARDS), "45 degrees down"
    eyes, targets = zip(*[VIEWS[view]] * 3, strict=True)
    cameras = dr.Camera(eyes, targets, fov_y=np.deg2rad(60), near=0.01, far=4e6)
    depth = dr.Rasterizer(SIZE).render(mesh, cameras, view_mesh=[1, 0, 1]).depth.to_numpy()
    for k, height in enumerate((-2, 0, -2)):
        expected = depth_of_ground(view, height)
        seen = expected < 1e5
        np.testing.assert_allclose(depth[k][seen], expected[seen], rtol=1e-4)


def test_primitives_find_the_same_depth(any32):
    frame = dr.Primitives(SIZE).rasterize(ground(1e6), camera("askew", 1e6))
    expected = depth_of_ground("askew")
    seen = expected < 1e5
    np.testing.assert_allclose(frame.depth.to_numpy()[0][seen], expected[seen], rtol=1e-4)


def test_a_ball_stands_on_the_ground(any32):
    """Of a ball of radius 1 that touches the ground, only its upper side is seen from above: none of it sinks in."""
    ball = dr.shapes.icosphere(3)
    faces = ball.numpy("faces")
    corners = np.concatenate([ball.numpy("vertices")[0] + (0, 1, -6), ground(1e6).numpy("vertices")[0]])
    both = dr.Mesh(corners, np.concatenate([faces, len(corners) - 4 + np.array(UPWARDS)]))
    view = camera("forward", 1e6)
    together = dr.Rasterizer(SIZE).render(both, view).face_id.to_numpy()[0]
    alone = dr.Rasterizer(SIZE).render(dr.Mesh(corners, faces), view).face_id.to_numpy()[0]
    assert (alone >= 0).sum() > 100
    np.testing.assert_array_equal(np.where(together < len(faces), together, -1), alone)


def test_gradients_of_depth(cpu64):
    """``depth = (eye_y - height) / fall``: ground that rises by dh makes every depth less by ``dh / fall``."""
    height = 0.3
    mesh, view = ground(1e3, height=height), "45 degrees down"
    loss, draw = ti.field(float, (), needs_grad=True), dr.Rasterizer(SIZE)
    target = np.zeros((1, SIZE, SIZE))
    expected = depth_of_ground(view, height)
    with ti.ad.Tape(loss):
        frame = draw.render(mesh, camera(view, 1e3))
        dr.losses.mse(frame.depth, target, loss)
    np.testing.assert_allclose(frame.depth.to_numpy()[0], expected, rtol=1e-4)
    by_height = mesh.vertices.grad.to_numpy()[..., 1].sum()
    fall = (VIEWS[view][0][1] - height) / expected
    np.testing.assert_allclose(by_height, (-2 * expected / fall).mean(), rtol=1e-4)
