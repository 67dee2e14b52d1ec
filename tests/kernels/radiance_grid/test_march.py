"""Rays through a radiance grid against the oracle, and the gradient of a fit against central differences."""

import numpy as np
import pytest
import taichi as ti
from oracles import radiance_grid as oracle
from oracles.differences import relative_errors
from oracles.march import ray, screen

from taichi_dr.implicit.radiance.cells import cells_with
from taichi_dr.implicit.radiance.grid import EMPTY, Grid
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.random import uniform
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.radiance_grid.fit import GOLDEN, TILE, fit
from taichi_dr.kernels.radiance_grid.render import SEEN, render, render_adjoint
from taichi_dr.scene.camera import Camera

DEGREES = pytest.mark.parametrize("degree", [0, 1, 2])
STEPS = pytest.mark.parametrize("length", [1.0, 0.4])
SHAPE, LOWER, SPACING = (7, 6, 8), (-0.6, -0.5, -0.7), 0.2
SIZE = 8, 8


def inputs(degree, seed=1):
    random = np.random.default_rng(seed)
    inside = np.zeros(SHAPE, bool)
    inside[1:-1, 1:-1, 1:-1] = random.random(np.subtract(SHAPE, 2)) < 0.5
    numbers = random.normal(size=(inside.sum(), 3 * (degree + 1) ** 2 + 1))
    numbers[:, -1] += 0.5
    return inside, numbers


class Case:
    """A grid and one camera."""

    def __init__(self, inside, numbers, degree):
        self.degree, self.inside = degree, inside
        self.grid = Grid.of_shape(SHAPE, LOWER, SPACING, degree, inside)
        self.vertices = tuple(self.grid.vertices().T)
        self.grid.set(numbers)
        self.camera = Camera.orbit(25, 35, 2.4, 30, near=0.1, far=5)

    def dense(self, numbers):
        out = np.zeros((*SHAPE, numbers.shape[1]))
        out[..., -1] = EMPTY
        out[self.vertices] = numbers
        return out

    def oracle(self, numbers, length, shifts):
        """(H W, 5): colour, depth along the viewing axis, what comes through."""
        packed = self.camera.pack(SIZE[1], SIZE[0]).to_numpy()[0].astype(float)
        places = np.column_stack([part.ravel() for part in screen(SIZE[1], SIZE[0])])
        origins, directions = np.moveaxis([ray(packed, x, y, False) for x, y in places], 1, 0)
        rays = (origins - LOWER) / SPACING, directions, self.degree, length, shifts
        color, depth, through = oracle.march(self.dense(numbers), cells_with(self.inside), *rays)
        depth *= SPACING * -(directions @ packed[6:9])
        return np.column_stack([color, depth, through])


def rendered(case, length):
    seen = case.grid.render(case.camera, SIZE, length)
    flat = [seen.color[0], (seen.depth * seen.alpha)[0][..., None], (1 - seen.alpha)[0][..., None]]
    return np.concatenate(flat, axis=-1).reshape(-1, 5)


@DEGREES
@STEPS
def test_pictures_equal_the_oracle(cpu64, degree, length):
    inside, numbers = inputs(degree)
    case = Case(inside, numbers, degree)
    expected = case.oracle(numbers, length, np.full(64, 0.5))
    np.testing.assert_allclose(rendered(case, length), expected, atol=1e-12)
    assert (expected[:, 4] == 1).any()
    assert expected[:, 4].min() < 0.5


@ti.kernel
def _numbers(seed: ti.i32, out: Rows):
    for dimension in range(4):
        out[0, dimension] = uniform(seed, 0, dimension)


def drawn(seed):
    """Where the samples of the first tile begin, and what is behind it."""
    out = make_array((1, 4))
    _numbers(seed, out)
    numbers = out.to_numpy()[0].astype(float)
    return (numbers[0] + GOLDEN * np.arange(TILE * TILE)) % 1, numbers[1:]


def mean_error(seen, pixels, back):
    alpha = pixels[:, 3:] / 255
    wanted = alpha * pixels[:, :3] / 255 + (1 - alpha) * back
    return np.sum((seen[:, :3] + seen[:, 4:] * back - wanted) ** 2) / len(pixels)


def fitted(case, pixels, length, seed=5):
    """The error of a tile, and its gradient by the numbers."""
    grid, errors = case.grid, make_array((1,))
    packed, tiles = case.camera.pack(SIZE[1], SIZE[0]), np.zeros((1, 3), np.int32)
    style = grid.layout, length == 1, grid.layout.lanes
    pictures = pixels.reshape(1, *SIZE, 4).astype(np.uint8)
    fit(grid.rows, grid.sums, *grid.where, packed, pictures, tiles, 0, 1, seed, length, errors, *style)
    return errors.to_numpy()[0] / len(pixels), grid.gradient()


@DEGREES
@STEPS
def test_a_fit_has_the_error_and_the_gradient_of_the_oracle(cpu64, degree, length):
    inside, numbers = inputs(degree)
    case, pixels = Case(inside, numbers, degree), np.random.default_rng(3).integers(0, 256, (64, 4))
    shifts, back = drawn(5)

    def error(x):
        return mean_error(case.oracle(x["numbers"], length, shifts), pixels, back)

    found, gradient = fitted(case, pixels, length)
    assert found == pytest.approx(error({"numbers": numbers}), rel=1e-12)
    errors = relative_errors(error, {"numbers": numbers}, {"numbers": gradient}, ["numbers"])
    assert errors["numbers"] < 1e-7


def picture_gradient(case, length, weights):
    """The gradient by the numbers of the sum of ``weights`` (H W, 4) times colour and opacity of a picture."""
    grid, picture = case.grid, make_array((len(weights), SEEN))
    eye = case.camera.pack(SIZE[1], SIZE[0]), False, SIZE[1], SIZE[0]
    style = grid.layout, length == 1, grid.layout.lanes
    render(grid.rows, *grid.where, *eye, length, picture, *style)
    render_adjoint(grid.rows, grid.sums, *grid.where, *eye, length, picture, array_from(weights), *style)
    return grid.gradient()


def weighted(seen, weights):
    return np.sum(weights[:, :3] * seen[:, :3]) + np.sum(weights[:, 3] * (1 - seen[:, 4]))


@DEGREES
@STEPS
def test_a_picture_has_the_gradient_of_the_oracle(cpu64, degree, length):
    inside, numbers = inputs(degree)
    case, weights = Case(inside, numbers, degree), np.random.default_rng(4).normal(size=(64, 4))

    def error(x):
        return weighted(case.oracle(x["numbers"], length, np.full(64, 0.5)), weights)

    gradient = picture_gradient(case, length, weights)
    errors = relative_errors(error, {"numbers": numbers}, {"numbers": gradient}, ["numbers"])
    assert errors["numbers"] < 1e-7
    np.testing.assert_allclose(picture_gradient(case, length, weights), 2 * gradient, rtol=1e-12)  # it adds


def test_a_picture_has_its_gradient_in_single_precision(any32):
    inside, numbers = inputs(1)
    case, weights = Case(inside, numbers, 1), np.random.default_rng(4).normal(size=(64, 4))
    errors = relative_errors(
        lambda x: weighted(case.oracle(x["numbers"], 1.0, np.full(64, 0.5)), weights),
        {"numbers": numbers},
        {"numbers": picture_gradient(case, 1.0, weights)},
        ["numbers"],
        directions=1,
    )
    assert errors["numbers"] < 1e-4


@DEGREES
def test_single_precision(any32, degree):
    inside, numbers = inputs(degree)
    case, pixels = Case(inside, numbers, degree), np.random.default_rng(3).integers(0, 256, (64, 4))
    shifts, back = drawn(5)
    np.testing.assert_allclose(rendered(case, 1.0), case.oracle(numbers, 1.0, np.full(64, 0.5)), atol=2e-5)
    found, gradient = fitted(case, pixels, 1.0)
    assert found == pytest.approx(mean_error(case.oracle(numbers, 1.0, shifts), pixels, back), rel=1e-4)
    names = {"numbers": numbers}
    errors = relative_errors(
        lambda x: mean_error(case.oracle(x["numbers"], 1.0, shifts), pixels, back),
        names,
        {"numbers": gradient},
        names,
        directions=1,
        components=1,
    )
    assert errors["numbers"] < 1e-4


def test_a_fit_is_the_same_every_time(cpu32):
    inside, numbers = inputs(1)
    pixels = np.random.default_rng(3).integers(0, 256, (64, 4))
    first, second = (fitted(Case(inside, numbers, 1), pixels, 1.0)[1] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_parts_of_the_tiles_add_up_to_all(cpu64):
    inside, numbers = inputs(1)
    pixels = np.random.default_rng(3).integers(0, 256, (1, 16, 16, 4)).astype(np.uint8)
    tiles = np.array([[0, 0, 0], [0, 0, 8], [0, 4, 4], [0, 8, 0], [0, 8, 8]], np.int32)

    def fitted(*parts):
        case, errors = Case(inside, numbers, 1), make_array((5,))
        grid, packed = case.grid, case.camera.pack(16, 16)
        style = grid.layout, True, grid.layout.lanes
        for part in parts:
            fit(grid.rows, grid.sums, *grid.where, packed, pixels, tiles, *part, 5, 1.0, errors, *style)
        return errors.to_numpy(), grid.gradient()

    errors, gradient = fitted((0, 5))
    errors_of_parts, sum_of_parts = fitted((0, 2), (2, 2), (2, 5))
    np.testing.assert_array_equal(errors_of_parts, errors)
    np.testing.assert_allclose(sum_of_parts, gradient, atol=1e-14)
    assert np.abs(gradient).max() > 1e-4
    assert fitted((0, 2))[0][2:].tolist() == [0, 0, 0]


def test_opaque_cells_hide_what_is_behind_them(any32):
    """60 per cell: an opacity of 1 to single precision, and nothing behind it has a gradient."""
    inside = np.zeros(SHAPE, bool)
    inside[1:-1, 1:-1, 1:-1] = True
    numbers = np.random.default_rng(0).normal(size=(inside.sum(), 13))
    numbers[:, -1] = 60.0
    case = Case(inside, numbers, 1)
    assert np.isfinite(rendered(case, 1.0)).all()
    _, gradient = fitted(case, np.full((64, 4), 255), 1.0)
    assert np.isfinite(gradient).all()
    axes = case.camera.pack(8, 8).to_numpy()[0, :9].reshape(3, 3)
    right, up, backward = axes @ case.grid.positions().T
    behind = (np.hypot(right, up) < 0.25) & (backward < 0.0)
    assert behind.sum() > 5
    assert np.abs(gradient[behind]).max() == 0
    assert np.abs(gradient[~behind]).max() > 0
