"""Grids that users hold: what they refuse, files, other resolutions, and their ti.func in a function of one's own."""

import numpy as np
import pytest
import taichi as ti
from oracles import voxel_grid as oracle

import taichi_dr as dr
from taichi_dr.implicit.voxel_grid import VoxelGrid
from taichi_dr.kernels.base.arrays import array_from, make_array

BOUNDS = (-1.0, 0.0, -2.0), (1.0, 1.0, 2.0)
POINTS = np.random.default_rng(1).uniform(-2.5, 2.5, (40, 3))


def numbers(*shape):
    return np.random.default_rng(2).normal(size=shape)


@pytest.mark.parametrize("interpolation", ["trilinear", "tricubic"])
def test_values_of_vectors(cpu64, interpolation):
    values = numbers(4, 3, 5, 2)
    grid = VoxelGrid(values, BOUNDS, interpolation=interpolation)
    wanted = oracle.value(values, BOUNDS, POINTS, interpolation == "tricubic")
    np.testing.assert_allclose(grid.at(POINTS.reshape(2, 20, 3)), wanted.reshape(2, 20, 2), atol=1e-12)
    np.testing.assert_allclose(grid.at(grid.positions()), values, atol=1e-12)


def test_the_field_holds_the_numbers_once_it_is_asked_for(cpu64):
    grid = VoxelGrid(numbers(3, 2, 2), BOUNDS)
    grid.values[1, 0, 1] = 7.0
    assert grid.numpy()[1, 0, 1] == 7.0
    assert grid.at([0.0, 0.0, 2.0]) == 7.0
    grid.set(np.zeros((3, 2, 2)))
    assert grid.values[1, 0, 1] == 0.0


@pytest.mark.parametrize("interpolation", ["trilinear", "tricubic"])
def test_a_function_of_ones_own(cpu64, interpolation):
    """Taichi differentiates it; the gradient is that of the kernel pair."""
    grid = VoxelGrid(numbers(4, 3, 5), BOUNDS, interpolation=interpolation)
    point = ti.Vector.field(3, ti.f64, shape=len(POINTS), needs_grad=True)
    weight = ti.field(ti.f64, shape=len(POINTS))
    loss = ti.field(ti.f64, shape=(), needs_grad=True)
    point.from_numpy(POINTS)
    weight.from_numpy(numbers(40))

    @ti.kernel
    def total():
        for i in point:
            loss[None] += weight[i] * grid.sample(point[i])

    with ti.ad.Tape(loss):
        total()
    assert loss[None] == pytest.approx(np.sum(numbers(40) * grid.at(POINTS)), rel=1e-12)
    by_points, by_numbers = adjoints(grid, POINTS, numbers(40))
    np.testing.assert_allclose(point.grad.to_numpy(), by_points, atol=1e-12)
    np.testing.assert_allclose(grid.gradient("values"), by_numbers, atol=1e-12)


def adjoints(grid, points, weights):
    by_points = make_array(points.shape)
    grid.fields.zero_adjoints()
    grid.adjoint(array_from(points), array_from(weights[:, None]), by_points, len(points))
    return by_points.to_numpy(), grid.fields.adjoints["values"].to_numpy().reshape(grid.shape)


def test_a_vector_function_in_single_precision(any32):
    grid = VoxelGrid(numbers(4, 3, 5, 3), BOUNDS)
    out = ti.Vector.field(3, ti.f32, shape=len(POINTS))
    point = ti.Vector.field(3, ti.f32, shape=len(POINTS))
    point.from_numpy(POINTS.astype(np.float32))

    @ti.kernel
    def write():
        for i in point:
            out[i] = grid.sample(point[i])

    write()
    np.testing.assert_allclose(out.to_numpy(), oracle.value(numbers(4, 3, 5, 3), BOUNDS, POINTS, 0), atol=1e-5)
    np.testing.assert_allclose(grid.at(POINTS), out.to_numpy(), atol=1e-6)


def test_doubling_keeps_the_function(cpu64):
    grid = VoxelGrid(numbers(4, 3, 5, 2), BOUNDS)
    double = grid.doubled()
    assert double.shape == (7, 5, 9)
    np.testing.assert_allclose(double.at(POINTS), grid.at(POINTS), atol=1e-12)
    assert grid.resampled(9).shape == (5, 3, 9)


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 5, 3)])
def test_files(cpu64, tmp_path, shape):
    grid = VoxelGrid(numbers(*shape), BOUNDS, interpolation="tricubic", name="colours")
    grid.save(tmp_path / "folder" / "grid.npz")
    again = VoxelGrid.load(tmp_path / "folder" / "grid.npz")
    np.testing.assert_array_equal(again.numpy(), grid.numpy())
    assert (again.bounds, again.interpolation, again.name) == (BOUNDS, "tricubic", "colours")


def test_files_that_are_none(cpu64, tmp_path):
    path = tmp_path / "grid.npz"
    with pytest.raises(dr.FileError, match=r"grid\.npz: no such file"):
        VoxelGrid.load(path)
    VoxelGrid(numbers(30, 4, 5), BOUNDS).save(path)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[1000] ^= 255
    for data in (b"", whole[:1000], whole[:-30], bytes(damaged), b"no archive"):
        path.write_bytes(data)
        with pytest.raises(dr.FileError, match=r"grid\.npz"):
            VoxelGrid.load(path)
    np.savez(path, values=numbers(3, 3, 3))
    with pytest.raises(dr.FileError, match="grid that can be read"):
        VoxelGrid.load(path)


@pytest.mark.parametrize(
    ("values", "bounds", "error", "message"),
    [
        (np.zeros((0, 3, 3)), (0, 1), dr.ShapeError, r"\(nx, ny, nz\).*got shape \(0, 3, 3\)"),
        (np.zeros((3, 3)), (0, 1), dr.ShapeError, r"got shape \(3, 3\)"),
        (np.zeros((3, 1, 3)), (0, 1), dr.ShapeError, r"at least 2 points along each axis, got \(3, 1, 3\)"),
        ([[["a"]]], (0, 1), dr.InputError, "expected numbers"),
        (np.zeros((3, 3, 3)), (1, 1), dr.InputError, "lower < upper along each axis, got"),
        (np.zeros((3, 3, 3)), (0, np.inf), dr.InputError, "lower < upper"),
        (np.zeros((3, 3, 3)), (0, 1, 2), dr.InputError, r"expected \(lower, upper\)"),
        (np.zeros((3, 3, 3)), ((0, 0), 1), dr.InputError, "one or three numbers each"),
        (np.zeros((3, 3, 3)), 1.0, dr.InputError, r"expected \(lower, upper\)"),
    ],
)
def test_what_is_refused(cpu64, values, bounds, error, message):
    with pytest.raises(error, match=message):
        VoxelGrid(values, bounds)


def test_values_that_are_not_finite_are_counted(cpu64):
    values = np.zeros((3, 4, 5))
    values[1, 2, 3] = np.nan
    values[2, 0, 0] = -np.inf
    with pytest.raises(dr.InputError, match=r"grid: expected finite values, got nan at \[1, 2, 3\] \(and 1 more\)"):
        VoxelGrid(values, (0, 1))
    grid = VoxelGrid(np.zeros((3, 4, 5)), (0, 1))
    with pytest.raises(dr.InputError, match=r"got nan at \[1, 2, 3\]"):
        grid.set(values)
    with pytest.raises(dr.ShapeError, match=r"expected shape \(3, 4, 5\), got \(3, 4\)"):
        grid.set(np.zeros((3, 4)))
    with pytest.raises(dr.InputError, match="expected one of trilinear, tricubic, got 'cubic'"):
        VoxelGrid(np.zeros((3, 4, 5)), (0, 1), interpolation="cubic")
    with pytest.raises(AttributeError, match=r"grid\.set\(values\)"):
        grid.values = values


def test_another_init_is_noticed(own_runtime):
    dr.init("cpu")
    grid = VoxelGrid(np.zeros((3, 4, 5)), (0, 1))
    dr.init("cpu")
    for use in (grid.check, grid.numpy, lambda: grid.at([0, 0, 0])):
        with pytest.raises(dr.RuntimeStateError, match="grid: made before the latest"):
            use()
