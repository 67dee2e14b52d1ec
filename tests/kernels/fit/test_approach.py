"""Where rays come closest to a surface and meet it: a ball of known place and size."""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.fit.approach import NOWHERE, approach

SIZE, FOCAL, N, HALF, RADIUS = 16, 20.0, 48, 1.1, 0.5
CENTER = np.array([0.1, -0.05, 0.2])
EYE = np.array([0.2, 0.1, 4.0])
VIEW = np.array([[1.0, 0, 0, 0, 1, 0, 0, 0, 1, *EYE, FOCAL, FOCAL, SIZE / 2, SIZE / 2]])


def ball():
    axis = np.linspace(-HALF, HALF, N)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    return (np.linalg.norm(nodes - CENTER, axis=-1) - RADIUS)[..., None]


def directions(pixels):
    """(B, 3): of unit depth."""
    row, col = pixels // SIZE, pixels % SIZE
    return np.stack([(col + 0.5 - SIZE / 2) / FOCAL, (SIZE / 2 - row - 0.5) / FOCAL, -np.ones(len(pixels))], axis=1)


def closest_and_met(pixels, wanted):
    closest, met = make_array((len(pixels),)), make_array((len(pixels),))
    arrays = array_from(pixels, ti.i32), array_from(wanted, ti.i32)
    grid = (SIZE, SIZE, -HALF, -HALF, -HALF, 2 * HALF / (N - 1))
    approach(array_from(ball()), array_from(VIEW), *arrays, closest, met, *grid)
    return closest.to_numpy(), met.to_numpy()


def test_rays_past_a_ball_and_through_it(any32):
    pixels = np.arange(SIZE * SIZE)
    closest, met = closest_and_met(pixels, np.zeros(SIZE * SIZE))
    d = directions(pixels)
    every = np.linspace(2.0, 5.5, 1500)
    p = EYE + every[:, None, None] * d
    distance = np.linalg.norm(p - CENTER, axis=-1) - RADIUS
    inside = np.abs(p).max(axis=-1) < HALF
    least = np.where(inside, distance * FOCAL / every[:, None], np.inf).min(axis=0)
    through = inside.any(axis=0)
    found = (np.linalg.norm(EYE + closest[:, None] * d - CENTER, axis=1) - RADIUS) * FOCAL / closest
    near = through & (np.abs(least) < 3)
    assert near.sum() > 50
    assert np.abs(found - least)[near].max() < 0.1  # pixels
    assert (np.abs(found - least) / np.abs(least))[
        through & (least != 0)
    ].max() < 0.5  # of rays that pass far off, roughly
    hits = least < -0.5
    entry = every[np.argmax(distance < 0, axis=0)]
    assert hits.sum() > 10
    np.testing.assert_allclose(met[hits], entry[hits], atol=5e-3)
    assert (met[least > 0.3] == NOWHERE).all()


def test_rays_that_miss_the_grid_are_nowhere(cpu32):
    corners = np.array([0, SIZE - 1, SIZE * SIZE - 1])
    closest, met = closest_and_met(corners, np.ones(3))
    assert (closest == NOWHERE).all()
    assert (met == NOWHERE).all()


def test_rays_that_are_wanted_stop_within(cpu32):
    """They have seen enough ``DEEP`` pixels inside: the others go on to the middle of the ball."""
    pixel = np.array([SIZE // 2 * SIZE + SIZE // 2])
    on, _ = closest_and_met(pixel, np.zeros(1))
    stopped, met = closest_and_met(pixel, np.ones(1))
    assert met[0] < stopped[0] <= on[0]
