"""Faces of a thousand to a million units that rays meet one unit away: depth, barycentrics, shadows, gradients.

A distance is off by the rounding of the direction, 6e-8 / cos in proportion, cos between ray and normal, and of the
few sums that follow; barycentrics by that of the numbers themselves, 6e-8: of a million units 0.06.
"""

import numpy as np
import pytest
import taichi as ti
from vast_ground import HALVES, SIZE, SLOPE, UPWARDS, VIEWS, axes, camera, depth_of_ground, ground, offsets

import taichi_dr as dr

EYE = np.float32([0.3, 1.5, 0.2])


def render(things, view, half=1e6, lights=None, **settings):
    """The frame of a scene of ``things``."""
    return dr.RayTracer(SIZE, **settings).render(dr.Scene(things, lights), camera(view, half))


def directions(count=2000):
    """Unit vectors of all directions."""
    d = np.random.default_rng(0).normal(size=(count, 3))
    return d / np.linalg.norm(d, axis=1, keepdims=True)


def turn():
    """A rotation about no axis in particular."""
    q, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def meet(corners, faces, origin, d):
    """(t, face, barycentrics, cosine) of rays with a surface whose faces hide none of it, in NumPy, float64."""
    t, own, shares, cosine = np.full(len(d), np.inf), np.full(len(d), -1), np.zeros((len(d), 3)), np.ones(len(d))
    for k, face in enumerate(faces):
        a, b, c = corners[face].astype(float) - origin
        n = np.cross(b - a, c - a)
        at = a @ n / (d @ n)
        p = at[:, None] * d
        w = np.stack([np.cross(c - b, p - b) @ n, np.cross(a - c, p - c) @ n, np.cross(b - a, p - a) @ n], 1) / (n @ n)
        met = (w.min(axis=1) >= 0) & (at > 0)
        t[met], own[met], shares[met], cosine[met] = at[met], k, w[met], np.abs(d[met] @ n) / np.linalg.norm(n)
    return t, own, shares, cosine


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("view", VIEWS)
def test_depth_is_that_of_the_ground(any32, view, half):
    depth = render([ground(half)], view, half).depth.to_numpy()[0]
    expected = depth_of_ground(view)
    near, sky = expected < half / 2, expected > 4 * half
    assert near.sum() >= SIZE * SIZE // 4
    np.testing.assert_allclose(depth[near], expected[near], rtol=1e-4)
    np.testing.assert_array_equal(depth[sky], np.float32(4 * half))


@pytest.mark.parametrize("view", ["level", "45 degrees down", "askew"])
def test_depth_far_from_the_middle_of_the_ground(any32, view):
    """Places next to the eye are rounded to 0.03 there; distances are not."""
    there = np.array([3e5, 0, -2e5])
    eye, target = (np.float32(place + there) for place in np.array(VIEWS[view], float))
    expected = depth_of_ground((eye, target))
    moved = dr.Camera(eye, target, fov_y=np.deg2rad(60), near=0.01, far=4e6)
    depth = dr.RayTracer(SIZE).render(dr.Scene([ground(1e6)]), moved).depth.to_numpy()[0]
    near = expected < 1e3
    np.testing.assert_allclose(depth[near], expected[near], rtol=1e-5)


@pytest.mark.parametrize("half", [1e3, 1e6])
def test_position_is_on_the_ground(any32, half):
    """``eye + t d``; its height is off by a rounding or two of the eye's, 1.2e-7."""
    view = "forward"
    position = render([ground(half)], view, half).position.to_numpy()[0]
    expected, (eye, right, up, back), (x, y) = depth_of_ground(view), axes(view), offsets()
    near = expected < 100
    at = eye + (SLOPE * (x * right + y * up) - back) * np.where(near, expected, 0)[..., None]
    np.testing.assert_allclose(position[near], at[near], rtol=1e-5, atol=1e-5)
    assert np.abs(position[near, 1]).max() < 1e-5


@pytest.mark.parametrize("half", [1e3, 1e6])
def test_depth_of_the_ground_in_a_parallel_view(any32, half):
    """``t = (x right_y + y up_y + eye_y) / back_y``; rays of such views go one by one."""
    view = "45 degrees down"
    eye, right, up, back = axes(view)
    x, y = offsets()
    expected = ((3 * (x * right + y * up) + eye) / back[1])[..., 1]
    parallel = dr.Camera(*VIEWS[view], half_height=3, near=0, far=9)
    depth = dr.RayTracer(SIZE).render(dr.Scene([ground(half)]), parallel).depth.to_numpy()[0]
    before = expected > 0.01
    np.testing.assert_allclose(depth[before], expected[before], atol=1e-5)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("half", [1e3, 1e6, 1e8])
def test_rays_meet_the_plane_through_the_corners(any32, half, turned):
    """Of ground along the axes, and of ground along none: through its corners as float32 has them."""
    axes = turn() if turned else np.eye(3)
    corners = (ground(half).numpy("vertices")[0] @ axes.T).astype(np.float32)
    origin, d = (EYE @ axes.T).astype(np.float32), directions() @ axes.T
    hits = dr.RayCaster(dr.Mesh(corners, UPWARDS)).closest(origin, d)
    t, own, shares, cosine = meet(corners, UPWARDS, origin, d)
    met = np.isfinite(t)
    np.testing.assert_array_equal(np.isfinite(hits.t), met)
    assert (np.abs(hits.t[met] / t[met] - 1) * cosine[met]).max() < 3e-7
    same = met & (hits.face_id == own)  # but for rays along the diagonal
    assert (np.abs(hits.barycentrics - shares).max(axis=1) * cosine)[same].max() < 2e-7


def test_a_ball_stands_on_the_ground(any32):
    """Of a ball of radius 1 that touches the ground, only its upper side is seen from above: none of it sinks in."""
    ball = dr.shapes.icosphere(3)
    ball = dr.Mesh(ball.numpy("vertices")[0] + (0, 1, -6), ball.topology.faces)
    together = render([ball, ground(1e6)], "forward").object_id.to_numpy()[0]
    alone = render([ball], "forward").object_id.to_numpy()[0]
    assert (alone == 0).sum() > 100
    np.testing.assert_array_equal(together == 0, alone == 0)


@pytest.mark.parametrize("half", [1e3, 1e6])
@pytest.mark.parametrize("light", ["sun", "lamp"])
def test_the_shadow_of_a_ball_on_the_ground(any32, half, light):
    """A place is in the shadow of a sphere where the way to the light comes nearer to its middle than the radius."""
    middle, radius, eye = np.array([0, 1, -6]), 1.0, np.array(VIEWS["forward"][0])
    white = dr.Mesh(ground(half).numpy("vertices")[0], UPWARDS, colors=(1, 1, 1))
    lights = dr.Lights(ambient=0, directional=dr.DirectionalLight((1, 2, 0.5), 1.0))
    if light == "lamp":
        lights = dr.Lights(ambient=0, point=dr.PointLight((3, 5, -4), 1.0))
    frame = render([dr.Sphere(middle, radius), white], "forward", half, lights)
    _, right, up, back = axes("forward")
    x, y = offsets()
    depth = depth_of_ground("forward")
    near = (frame.object_id.to_numpy()[0] == 1) & (depth < 30)
    place = eye + (SLOPE * (x * right + y * up) - back) * np.where(near, depth, 0)[..., None]
    toward = np.array([3, 5, -4]) - place if light == "lamp" else np.broadcast_to([1, 2, 0.5], place.shape)
    toward = toward / np.linalg.norm(toward, axis=-1, keepdims=True)
    apart = np.linalg.norm(np.cross(middle - place, toward), axis=-1) - radius
    sure = near & (np.abs(apart) > 1e-4)
    assert (sure & (apart < 0)).sum() > 40
    np.testing.assert_allclose(frame.numpy()[0, ..., 1][sure], np.where(apart < 0, 0, toward[..., 1])[sure], atol=1e-5)


def test_a_ball_in_a_mirror_of_a_million_units(any32):
    """The ball in the mirror y = 0 is the one that stands upside down below it."""
    shown = {}
    for side in (1, -1):
        ball = dr.Sphere((0, side * 1.5, -6), 1.0, material=dr.Material(emission=(1, 0.5, 0.2), shading="none"))
        mirror = dr.Mesh(ground(1e6).numpy("vertices")[0], UPWARDS, material=dr.Material(reflectivity=1.0))
        shown[side] = render([ball, mirror] if side > 0 else [ball], "forward").numpy()[0]
    below = depth_of_ground("forward") < 100
    assert (shown[-1][below] > 0).sum() > 300
    straight = render([dr.Sphere((0, 1.5, -6), 1.0)], "forward").object_id.to_numpy()[0] == 0
    np.testing.assert_array_equal(shown[1][below & ~straight] > 0, shown[-1][below & ~straight] > 0)


def test_the_edge_of_a_cliff(any32):
    """Ground of a million units that ends at z = -1 ends there but for the rounding of its corners, 0.06."""
    half, random = 1e6, np.random.default_rng(0)
    cliff = dr.Mesh([[-half, 0, -half], [half, 0, -half], [half, 0, -1], [-half, 0, -1]], UPWARDS)
    x, z = random.uniform(-2, 2, 2000), random.uniform(-1.5, -0.5, 2000)
    met = dr.RayCaster(cliff).closest(EYE, np.stack([x, 0 * x, z], axis=1) - EYE).face_id >= 0
    sure = np.abs(z + 1) > 0.07
    np.testing.assert_array_equal(met[sure], z[sure] < -1)


def by_height():
    """(derivative of the mean square of depth by the height of the ground, the same by its formula).

    ``depth = (eye_y - height) / fall``: ground that rises by dh makes every depth less by ``dh / fall``.
    """
    height, view = 0.3, "45 degrees down"
    mesh = ground(1e6, height=height)
    scene, loss, draw = dr.Scene([mesh]), ti.field(float, (), needs_grad=True), dr.RayTracer(SIZE)
    with ti.ad.Tape(loss):
        frame = draw.render(scene, camera(view, 1e6))
        dr.losses.mse(frame.depth, np.zeros((1, SIZE, SIZE)), loss)
    depth = depth_of_ground(view, height)
    fall = (VIEWS[view][0][1] - height) / depth
    return mesh.vertices.grad.to_numpy()[..., 1].sum(), (-2 * depth / fall).mean()


def test_gradients_of_depth(cpu64):
    np.testing.assert_allclose(*by_height(), rtol=1e-9)


def test_gradients_of_depth_in_single_precision(any32):
    np.testing.assert_allclose(*by_height(), rtol=1e-6)
