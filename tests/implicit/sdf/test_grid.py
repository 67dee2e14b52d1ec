"""Distances on grids: from functions, outside the bounds, blended with others, with gradients."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.implicit.sdf.grid import Grid
from taichi_dr.kernels.base.arrays import array_from, make_array

POINTS = np.random.default_rng(1).uniform(-1.5, 1.5, (500, 3))


@ti.func
def ball(p):
    return p.norm() - 0.6


def ball_at(points):
    return np.linalg.norm(points, axis=-1) - 0.6


def test_from_a_function(any32):
    grid = Grid.from_function(ball, (-1, 1), (9, 10, 11))
    np.testing.assert_allclose(grid.numpy(), ball_at(grid.positions()), atol=1e-6)
    assert Grid.from_function(ball, ((-1, -1, -1), (1, 1, 3)), 9).shape == (5, 5, 9)
    assert grid.components == 1


def test_from_a_function_that_is_not_finite(cpu32):
    @ti.func
    def wrong(p):
        return 1.0 / p[0]

    with pytest.raises(dr.InputError, match=r"got inf at \[2, 0, 0\] \(and 24 more\)"):
        Grid.from_function(wrong, (-1, 1), 5)


def test_from_a_function_with_a_loop(cpu32):
    @ti.func
    def loops(p):
        total = 0.0
        for _ in range(3):
            total += p[0]
        return total

    with pytest.raises(dr.GradientError, match=r"loops has a loop"):
        Grid.from_function(loops, (-1, 1), 5)


@pytest.mark.parametrize("interpolation", ["trilinear", "tricubic"])
def test_outside_it_is_a_bound_of_the_distance(cpu64, interpolation):
    grid = Grid.from_function(ball, (-1, 1), 25, interpolation=interpolation)
    inside = np.random.default_rng(2).uniform(-1, 1, (2000, 3))
    error = np.max(grid.at(inside) - ball_at(inside))
    outside = POINTS[np.abs(POINTS).max(axis=1) > 1]
    assert len(outside) > 100
    values = grid.at(outside)
    assert np.all(values <= ball_at(outside) + error)
    assert np.all(values >= np.linalg.norm(outside - np.clip(outside, -1, 1), axis=1) - 1e-12)
    assert np.all(values > 0)


def test_a_solid_that_reaches_the_bounds_ends_there(cpu64):
    grid = Grid(np.full((3, 3, 3), -0.5), (-1, 1))
    np.testing.assert_allclose(grid.at([[1.25, 0, 0], [1.3, 1.4, 0], [0.9, 0, 0]]), [0.25, 0.5, -0.5], atol=1e-12)


def test_blended_with_another_distance(cpu64):
    """The ti.func, outside the bounds too, against the kernel pair."""
    grid = Grid.from_function(ball, (-1, 1), 9)
    point = ti.Vector.field(3, ti.f64, shape=len(POINTS), needs_grad=True)
    loss = ti.field(ti.f64, shape=(), needs_grad=True)
    point.from_numpy(POINTS)

    @ti.func
    def scene(p):
        return ti.min(grid.distance(p), p[1] + 0.8)

    @ti.kernel
    def total():
        for i in point:
            loss[None] += scene(point[i])

    with ti.ad.Tape(loss):
        total()
    values, floor = grid.at(POINTS), POINTS[:, 1] + 0.8
    assert loss[None] == pytest.approx(np.minimum(values, floor).sum(), rel=1e-12)
    seen = (values < floor).astype(float)
    by_points = make_array(POINTS.shape)
    grid.fields.zero_adjoints()
    grid.adjoint(array_from(POINTS), array_from(seen[:, None]), by_points, len(POINTS))
    by_values = grid.fields.adjoints["values"].to_numpy().reshape(grid.shape)
    np.testing.assert_allclose(grid.gradient("values"), by_values, atol=1e-12)
    wanted = by_points.to_numpy() + (1 - seen)[:, None] * np.array([0, 1, 0])
    np.testing.assert_allclose(point.grad.to_numpy(), wanted, atol=1e-12)


def test_gradients_are_smoother_than_slopes(any32):
    grid = Grid.from_function(ball, (-1, 1), 33)
    directions = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    gradients, slopes = make_array((500, 3)), make_array((500, 3))
    grid.gradients(array_from(0.6 * directions), gradients, 500, 0.1)
    grid.fields.zero_adjoints()
    grid.adjoint(array_from(0.6 * directions), array_from(np.ones((500, 1))), slopes, 500)
    assert np.abs(grid.at(0.6 * directions)).max() < 2e-3
    assert np.linalg.norm(gradients.to_numpy() - directions, axis=1).max() < 0.007
    assert np.linalg.norm(slopes.to_numpy() - directions, axis=1).max() > 0.05


def test_one_cell_is_too_thin(cpu64):
    with pytest.raises(dr.ShapeError, match=r"at least 3 points along each axis, got \(2, 5, 5\)"):
        Grid(np.zeros((2, 5, 5)), (-1, 1))
    with pytest.raises(dr.ShapeError, match=r"expected values \(nx, ny, nz\), got shape \(3, 3, 3, 3\)"):
        Grid(np.zeros((3, 3, 3, 3)), (-1, 1))
    with pytest.raises(dr.InputError, match="one or three whole numbers of at least 3, got 2"):
        Grid.from_function(ball, (-1, 1), 2)
    thin = Grid.from_function(ball, ((-1, -1, -0.05), (1, 1, 0.05)), 9)
    assert thin.shape == thin.resampled(9).shape == (9, 9, 3)


def test_from_a_mesh(cpu32):
    grid = Grid.from_mesh(dr.shapes.sphere(2000), (-1.2, 1.2), 25)
    exact = np.linalg.norm(grid.positions(), axis=-1) - 1
    assert np.abs(grid.numpy() - exact)[np.abs(exact) < 0.2].max() < 0.02
    shell = Grid.from_mesh(dr.shapes.sphere(500), (-1.2, 1.2), (20, 21, 22), sign="unsigned", thickness=0.3)
    assert shell.shape == (20, 21, 22)
    assert shell.at([0, 0, 0]) > 0


def test_from_silhouettes(cpu32):
    """Two views along z and x of a square each: a cube, seen from far away."""
    matrices = np.tile(np.eye(4), (2, 1, 1))
    matrices[0, 2, 3] = matrices[1, 0, 3] = 100.0
    matrices[1, :3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    alpha = np.zeros((2, 60, 60), np.float32)
    alpha[:, 15:45, 15:45] = 1
    lens = np.full((2, 2), 3000.0), np.full((2, 2), 30.0)
    posed = dr.PosedImages(np.zeros((2, 60, 60, 3), np.float32), alpha, matrices, *lens, ("a", "b"))
    grid = Grid.from_silhouettes(posed, (-0.9, 0.9), (13, 15, 17))
    assert grid.shape == (13, 15, 17)
    np.testing.assert_allclose(grid.at([[0, 0, 0], [0.4, 0, 0], [0, 0, 0.4]]), [-0.5, -0.1, -0.1], atol=0.06)
    assert np.all(grid.at([[0.6, 0, 0], [0, 0.6, 0], [0, 0, 0.6]]) > 0)


def test_redistancing_keeps_the_surface(cpu32):
    grid = Grid.from_function(ball, (-1, 1), 25)
    exact = grid.numpy()
    grid.set(3 * exact + exact**2)
    grid.redistance()
    errors, cell = np.abs(grid.numpy() - exact), grid.spacing[0]
    assert errors.max() < 0.6 * cell
    assert errors[np.abs(exact) < cell].max() < 0.05 * cell
