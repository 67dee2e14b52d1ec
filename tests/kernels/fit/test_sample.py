"""Numbers of a grid on rays, against SciPy's interpolation, and their adjoint against central differences."""

import numpy as np
import taichi as ti
from oracles.differences import relative_errors
from scipy.ndimage import map_coordinates

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.fit import sample
from taichi_dr.kernels.fit.sample import sample_rays, sample_rays_adjoint

WIDTH, HEIGHT, SHAPE = 6, 5, (7, 8, 6)
LOWER, SPACING = np.array([-1.0, -1.1, -0.8]), 0.3
RAYS = 40


def inputs():
    random = np.random.default_rng(4)
    frame = np.linalg.qr(random.normal(size=(2, 3, 3)))[0]
    views = np.concatenate([frame.reshape(2, 9), random.normal(scale=0.1, size=(2, 3)) + 3 * frame[:, 2]], axis=1)
    views = np.concatenate([views, np.tile([7.0, 8.0, 3.2, 2.4], (2, 1))], axis=1)
    pixels = random.integers(2 * WIDTH * HEIGHT, size=RAYS)
    return {
        "numbers": random.normal(size=(*SHAPE, 2)),
        "views": views,
        "pixels": pixels,
        "depths": random.uniform(2.5, 3.5, RAYS),
    }


def points(x):
    """(B, 3) in cells, and the direction of each ray in cells."""
    view, row, col = x["pixels"] // (WIDTH * HEIGHT), x["pixels"] // WIDTH % HEIGHT, x["pixels"] % WIDTH
    right, up, back, eye = (x["views"][view][:, k : k + 3] for k in (0, 3, 6, 9))
    fx, fy, cx, cy = x["views"][view][:, 12:].T
    d = ((col + 0.5 - cx) / fx)[:, None] * right + ((cy - row - 0.5) / fy)[:, None] * up - back
    return (eye + x["depths"][:, None] * d - LOWER) / SPACING, d / SPACING


def oracle(x):
    q, _ = points(x)
    return np.stack([map_coordinates(x["numbers"][..., c], q.T, order=1, mode="nearest") for c in range(2)], axis=1)


def arguments(x):
    return array_from(x["views"]), array_from(x["pixels"], ti.i32), array_from(x["depths"])


GRID = (WIDTH, HEIGHT, *LOWER, SPACING)


def sampled(x):
    values, slopes = make_array((RAYS, 2)), make_array((RAYS, 2))
    sample_rays(array_from(x["numbers"]), *arguments(x), values, slopes, *GRID)
    return values.to_numpy(), slopes.to_numpy()


def adjoint(x, weights):
    numbers_adjoint = make_array((*SHAPE, 2))
    sample_rays_adjoint(numbers_adjoint, *arguments(x), array_from(weights), *GRID)
    return {"numbers": numbers_adjoint.to_numpy()}


def test_values_and_slopes_equal_the_oracle(cpu64):
    x = inputs()
    values, slopes = sampled(x)
    np.testing.assert_allclose(values, oracle(x), atol=1e-12)
    inside = ((points(x)[0] > 0.01) & (points(x)[0] < np.array(SHAPE) - 1.01)).all(axis=1)
    assert inside.sum() > 10
    step = 1e-7
    high, low = (oracle({**x, "depths": x["depths"] + side * step}) for side in (1, -1))
    np.testing.assert_allclose(slopes[inside], ((high - low) / 2 / step)[inside], rtol=1e-6, atol=1e-6)


def test_the_adjoint_equals_central_differences(cpu64):
    x = inputs()
    weights = np.random.default_rng(5).normal(size=(RAYS, 2))
    errors = relative_errors(lambda x: np.sum(weights * sampled(x)[0]), x, adjoint(x, weights), ["numbers"])
    assert max(errors.values()) < 1e-7


def test_the_adjoint_does_not_depend_on_the_threads(cpu32, monkeypatch):
    x, found = inputs(), []
    for threads in (1, 2, 5):
        monkeypatch.setattr(sample, "cpu_threads", lambda threads=threads: threads)
        found.append(adjoint(x, np.random.default_rng(5).normal(size=(RAYS, 2)))["numbers"])
    assert found[0].any()
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_single_precision(any32):
    x = inputs()
    np.testing.assert_allclose(sampled(x)[0], oracle(x), atol=2e-5)
    weights = np.random.default_rng(5).normal(size=(RAYS, 2))
    errors = relative_errors(lambda x: np.sum(weights * oracle(x)), x, adjoint(x, weights), ["numbers"])
    assert max(errors.values()) < 1e-4
