"""What two views see of a ball of known place and size, and whether their colours agree."""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.fit.sight import UNSEEN, agreement, look

SIZE, FOCAL, N, HALF, RADIUS, AWAY = 32, 40.0, 48, 1.1, 0.5, 4.0
FRONT = [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, AWAY, FOCAL, FOCAL, SIZE / 2, SIZE / 2]
SIDE = [0, 0, -1, 0, 1, 0, 1, 0, 0, AWAY, 0, 0, FOCAL, FOCAL, SIZE / 2, SIZE / 2]
SPACING = 2 * HALF / (N - 1)
GRID = (-HALF, -HALF, -HALF, SPACING)


def ball():
    axis = np.linspace(-HALF, HALF, N)
    return np.linalg.norm(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1), axis=-1) - RADIUS


def pictures(front, side):
    """(2, H, W, 6): two colours, of spread 0.01, that cover everything."""
    numbers = np.zeros((2, SIZE, SIZE, 6))
    numbers[0, ..., :3], numbers[1, ..., :3] = front, side
    numbers[..., 3], numbers[..., 4], numbers[..., 5] = 0.01, 1.0, -5.0
    return array_from(numbers)


def seen(nodes, front, side, inward=0.0):
    distances, views, colors = array_from(ball()[..., None]), array_from(np.array([FRONT, SIDE])), pictures(front, side)
    depths, solid, found = make_array((2, SIZE, SIZE)), make_array((2, SIZE, SIZE)), make_array((len(nodes), 4))
    look(distances, views, colors, depths, solid, *GRID)
    arrays = distances, array_from(nodes, ti.i32), views, colors, depths, solid, found
    agreement(*arrays, *GRID, inward, 1.5, 0.25, 1.5)
    return depths.to_numpy(), solid.to_numpy(), found.to_numpy()


def nodes_near(direction):
    """(A, 3): those within a cell of the surface whose direction from the centre is within 0.1 of this."""
    near = np.argwhere(np.abs(ball()) < SPACING)
    place = near * SPACING - HALF
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    return near[np.linalg.norm(place - np.array(direction) / np.linalg.norm(direction), axis=1) < 0.1]


def test_depths_and_thickness_of_a_ball(any32):
    depths, solid, _ = seen(nodes_near((0, 0, 1)), 0, 0)
    col = (np.arange(SIZE) + 0.5 - SIZE / 2) / FOCAL
    x, y = np.meshgrid(col, col)
    a, c = 1 + x**2 + y**2, AWAY**2 - RADIUS**2  # |p|^2 = R^2 at p = (x t, y t, A - t)
    inside = AWAY**2 - a * c
    meets, misses = inside > 0.2, inside < -0.2
    depth = (AWAY - np.sqrt(np.where(meets, inside, 0))) / a
    length = 2 * np.sqrt(np.where(meets, inside, 0) / a) / SPACING
    for view in range(2):
        np.testing.assert_allclose(depths[view][meets], depth[meets], atol=5e-3)
        np.testing.assert_allclose(solid[view][meets], length[meets], atol=3.0)
        assert (depths[view][misses] == np.float32(UNSEEN)).all()
        assert (solid[view][misses] == 0).all()


def test_variance_of_two_colors_by_hand(any32):
    between = nodes_near((1, 0, 1))
    _, _, found = seen(between, (0.6, 0.5, 0.5), (0.4, 0.5, 0.5))
    # Both see it alike: variance 2 (0.1^2 + 0.1^2) / 2, a little less where one sees it better.
    np.testing.assert_allclose(found[:, 0], 0.02, atol=5e-4)
    np.testing.assert_allclose(found[:, 1], 0.01, atol=1e-6)
    assert (found[:, 2] == 2).all()
    assert np.abs(found[:, 3] * SPACING - 2 * RADIUS / np.sqrt(2)).max() < 0.3  # a chord


def test_one_view_has_no_variance(any32):
    _, _, found = seen(nodes_near((-1, 0, 1)), (1, 0, 0), (0, 0, 1))
    assert (found[:, 2] == 1).all()
    assert (found[:, 0] == 0).all()


def test_points_deep_behind_what_is_seen_are_not(cpu32):
    _, _, found = seen(nodes_near((1, 0, 1)), 0, 1, inward=4.0)
    assert (found[:, 2] == 0).all()
