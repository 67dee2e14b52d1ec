"""``SoftRasterizer`` of faces of up to a million units, seen from one unit above: depth, coverage, gradients."""

import numpy as np
import pytest
from vast_ground import HALVES, SIZE, UPWARDS, VIEWS, axes, camera, depth_of_ground, ground, offsets

import taichi_dr as dr

SHARP = {"sigma": 1e-9, "gamma": 1e-4}  # edges blur over 1e-4, a pixel is 3e-2


def away_from_edges(frame):
    """The pixels of the first view that one face alone covers, wholly."""
    return frame.alpha.to_numpy()[0] > 0.999


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("view", VIEWS)
def test_depth_and_coverage_are_those_of_the_ground(any32, half, view):
    """On the edge between the two faces alpha is ``1 - D (1 - D)``, no less than 3/4."""
    frame = dr.SoftRasterizer(SIZE, **SHARP).render(ground(half), camera(view, half))
    depth, alpha = frame.depth.to_numpy()[0], frame.alpha.to_numpy()[0]
    expected = depth_of_ground(view)
    near, sky = expected < half / 2, expected > 4 * half
    assert (alpha[near] > 0.7499).all()
    assert (frame.face_id.to_numpy()[0][near] >= 0).all()
    plain = near & away_from_edges(frame)
    assert plain.sum() > near.sum() - SIZE
    np.testing.assert_allclose(depth[plain], expected[plain], rtol=1e-4)
    np.testing.assert_array_equal(depth[sky], np.float32(4 * half))
    np.testing.assert_array_equal(alpha[sky], 0)


@pytest.mark.parametrize("color", ["softmax", "hard"])
@pytest.mark.parametrize("distance", ["euclidean", "hard"])
def test_modes_find_the_same_depth(any32, color, distance):
    draw = dr.SoftRasterizer(SIZE, **SHARP, color=color, distance=distance)
    depth = draw.render(ground(1e6), camera("askew", 1e6)).depth.to_numpy()[0]
    expected = depth_of_ground("askew")
    seen = expected < 1e5
    np.testing.assert_allclose(depth[seen], expected[seen], rtol=1e-4)


@pytest.mark.parametrize("half", HALVES)
def test_depth_of_the_ground_in_a_parallel_view(any32, half):
    """``t = (x right_y + y up_y + eye_y) / back_y``."""
    view = "45 degrees down"
    eye, right, up, back = axes(view)
    x, y = offsets()
    expected = ((3 * (x * right + y * up) + eye) / back[1])[..., 1]
    parallel = dr.Camera(*VIEWS[view], half_height=3, near=-9, far=9)
    frame = dr.SoftRasterizer(SIZE, **SHARP).render(ground(half), parallel)
    plain = away_from_edges(frame)
    assert plain.sum() > SIZE * (SIZE - 2)
    np.testing.assert_allclose(frame.depth.to_numpy()[0][plain], expected[plain], atol=1e-5)


def test_a_near_plane_that_cuts_the_ground_in_sight(any32):
    """Of a ground 2 below, seen 45 degrees downwards, what is nearer than 3 is cut off, along a row of pixels."""
    view, half = "45 degrees down", 1e6
    cut = dr.Camera(*VIEWS[view], fov_y=np.deg2rad(60), near=3.0, far=4 * half)
    frame = dr.SoftRasterizer(SIZE, **SHARP).render(ground(half), cut)
    expected = depth_of_ground(view)
    alpha = frame.alpha.to_numpy()[0]
    assert (expected < 2.99).sum() > SIZE * 10
    np.testing.assert_array_equal(alpha[expected < 2.99], 0)
    seen = (expected > 3.01) & away_from_edges(frame)
    assert seen.sum() > (expected > 3.01).sum() - SIZE
    np.testing.assert_allclose(frame.depth.to_numpy()[0][seen], expected[seen], rtol=1e-4)


def test_each_view_sees_its_own_mesh(any32):
    """Two grounds of a batch, at heights 0 and -2, seen by three cameras."""
    corners = np.concatenate([ground(1e6, height=height).numpy("vertices") for height in (0, -2)])
    mesh, view = dr.Mesh(corners, UPWARDS), "level"
    eyes, targets = zip(*[VIEWS[view]] * 3, strict=True)
    cameras = dr.Camera(eyes, targets, fov_y=np.deg2rad(60), near=0.01, far=4e6)
    depth = dr.SoftRasterizer(SIZE, **SHARP).render(mesh, cameras, view_mesh=[1, 0, 1]).depth.to_numpy()
    for k, height in enumerate((-2, 0, -2)):
        expected = depth_of_ground(view, height)
        seen = expected < 1e5
        np.testing.assert_allclose(depth[k][seen], expected[seen], rtol=1e-4)


def test_a_ball_stands_on_the_ground(any32):
    """Of a ball of radius 1 that touches the ground, only its upper side is seen from above: none of it sinks in."""
    ball = dr.shapes.icosphere(3)
    faces = ball.numpy("faces")
    corners = np.concatenate([ball.numpy("vertices")[0] + (0, 1, -6), ground(1e6).numpy("vertices")[0]])
    both = dr.Mesh(corners, np.concatenate([faces, len(corners) - 4 + np.array(UPWARDS)]))
    view, draw = camera("forward", 1e6), dr.SoftRasterizer(SIZE, sigma=1e-9, gamma=1e-9)
    together = draw.render(both, view).face_id.to_numpy()[0]
    alone = draw.render(dr.Mesh(corners, faces), view).face_id.to_numpy()[0]
    assert (alone >= 0).sum() > 100
    np.testing.assert_array_equal(np.where(together < len(faces), together, -1), alone)


def slope_by_height(half, height, view, size=SIZE):
    """The derivative of the mean depth by the ground's height: found, and ``-depth / (eye_y - height)`` averaged."""
    mesh, draw = ground(half, height=height), dr.SoftRasterizer(size, sigma=1e-12, gamma=1e-4)
    frame = draw.render(mesh, camera(view, half))
    depth = frame.depth.to_numpy()
    frame.depth.grad.from_numpy(np.full(depth.shape, 1 / depth.size))
    draw.backward()
    expected = -depth_of_ground(view, height) / (VIEWS[view][0][1] - height)
    return mesh.vertices.grad.to_numpy()[..., 1].sum(), expected.mean()


@pytest.mark.parametrize("view", ["45 degrees down", "straight down"])
def test_gradients_of_depth(cpu64, view):
    found, expected = slope_by_height(1e3, 0.3, view)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("half", [1e4, 1e6])
def test_gradients_of_depth_in_single_precision(any32, half):
    found, expected = slope_by_height(half, 0.0, "45 degrees down")
    np.testing.assert_allclose(found, expected, rtol=1e-3)


LENSES = {
    "cut": lambda: dr.Camera((0.3, 1.5, 0.2), (0.3, 1.3, -0.8), near=1.0, far=4e3),
    "vast": lambda: dr.Camera((40, 2, 30), (41, 0, 29), near=0.01, far=4e3),
    "parallel": lambda: dr.Camera((0.3, 1.5, 0.2), (0.9, 0.3, -0.8), half_height=2, near=1.2, far=4e3),
}


@pytest.mark.parametrize("lens", LENSES)
def test_gradients_equal_central_differences(cpu64, lens):
    """Of colour, alpha and depth together, by every coordinate of both faces' corners, along and across the ground."""
    random, half, size = np.random.default_rng(5), 2e4, 17
    colors = random.uniform(size=(4, 3))
    corners = ground(half).numpy("vertices")[0] + random.normal(size=(4, 3)) * (300, 0.5, 300)
    mesh, draw = dr.Mesh(corners, UPWARDS, colors=colors), dr.SoftRasterizer(size, sigma=0.02, gamma=1e-3)
    weights = {"color": random.normal(size=(1, size, size, 3)), "alpha": random.normal(size=(1, size, size))}
    weights["depth"] = random.normal(size=(1, size, size)) / half

    def render(at):
        mesh.vertices.from_numpy(at[None])
        return draw.render(mesh, LENSES[lens]())

    def loss(at):
        frame = render(at)
        return sum(np.sum(weights[name] * getattr(frame, name).to_numpy()) for name in weights)

    frame = render(corners)
    for name, weight in weights.items():
        getattr(frame, name).grad.from_numpy(weight)
    draw.backward()
    found = mesh.vertices.grad.to_numpy()[0]
    steps = np.array((1e-1, 1e-5, 1e-1))
    for corner in range(4):
        for axis in range(3):
            shift = np.zeros((4, 3))
            shift[corner, axis] = steps[axis]
            expected = (loss(corners + shift) - loss(corners - shift)) / (2 * steps[axis])
            np.testing.assert_allclose(found[corner, axis], expected, rtol=1e-4, atol=1e-5 * abs(found[:, axis]).max())
