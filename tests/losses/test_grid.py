"""Losses of grids: literal values, NumPy's differences, gradients by central differences, both backends, errors."""

import numpy as np
import pytest
import taichi as ti
from oracles import losses as oracle
from oracles.differences import relative_errors

import taichi_dr as dr
from taichi_dr import losses
from taichi_dr.implicit.voxel_grid import VoxelGrid
from taichi_dr.runtime import float_dtype

BOUNDS = (0.0, 0.0, 0.0), (1.0, 2.0, 1.5)
CASES = pytest.mark.parametrize(("name", "shape"), [("eikonal", (4, 3, 5)), ("grid_laplacian", (4, 3, 5, 2))])


def numbers(shape):
    return np.random.default_rng(1).normal(size=shape)


def measure(name, values, weight=1.3, with_field=False):
    """Value and gradient by the values, which a field may hold."""
    grid, loss = VoxelGrid(values, BOUNDS), ti.field(float_dtype(), shape=(), needs_grad=True)
    if with_field:
        grid.values  # noqa: B018
    with ti.ad.Tape(loss):
        getattr(losses, name)(grid, loss, weight)
    return loss[None], grid.gradient("values")


def reference(name, values):
    spacing = np.subtract(BOUNDS[1], BOUNDS[0]) / (np.array(values.shape[:3]) - 1)
    return 1.3 * getattr(oracle, name)(values, spacing)


@CASES
@pytest.mark.parametrize("with_field", [False, True])
def test_values_and_gradients(cpu64, name, shape, with_field):
    x = {"values": numbers(shape)}
    value, gradient = measure(name, x["values"], with_field=with_field)
    assert value == pytest.approx(reference(name, x["values"]), rel=1e-12)
    errors = relative_errors(lambda x: reference(name, x["values"]), x, {"values": gradient}, x, components=6)
    assert errors["values"] < 1e-7


@CASES
def test_single_precision(any32, name, shape):
    x = {"values": numbers(shape)}
    value, gradient = measure(name, x["values"])
    assert value == pytest.approx(reference(name, x["values"]), rel=1e-5)
    errors = relative_errors(lambda x: reference(name, x["values"]), x, {"values": gradient}, x, components=6)
    assert errors["values"] < 1e-5


def test_literal_values(cpu64):
    x, y, z = np.moveaxis(VoxelGrid(np.zeros((5, 3, 4)), BOUNDS).positions(), -1, 0)
    assert measure("eikonal", 3 * x, 1.0)[0] == pytest.approx(4)
    assert measure("eikonal", (x - 2 * y + 2 * z) / 3, 1.0)[0] == pytest.approx(0, abs=1e-24)
    assert measure("grid_laplacian", x - y + z, 1.0)[0] == pytest.approx(0, abs=1e-20)
    assert measure("grid_laplacian", x**2, 1.0)[0] == pytest.approx(2**2 * 3 / 5)  # not at the ends along x


def test_a_slope_of_zero_has_no_gradient(cpu64):
    value, gradient = measure("eikonal", np.full((3, 3, 3), 0.5), 1.0)
    assert value == 1
    assert not gradient.any()


def test_what_is_refused(cpu64):
    loss = ti.field(ti.f64, shape=(), needs_grad=True)
    with pytest.raises(dr.ShapeError, match=r"expected a grid of numbers \(nx, ny, nz\), got shape \(3, 3, 3, 3\)"):
        losses.eikonal(VoxelGrid(np.zeros((3, 3, 3, 3)), (0, 1)), loss)
    with pytest.raises(dr.ShapeError, match="at least 3 points along each axis"):
        losses.grid_laplacian(VoxelGrid(np.zeros((3, 2, 3)), (0, 1)), loss)
    grid = VoxelGrid(np.zeros((3, 3, 3)), (0, 1))
    grid.values[0, 1, 2] = np.nan
    with pytest.raises(dr.InputError, match=r"eikonal: expected finite numbers, got nan .* at \[0, 1, 2\]"):
        losses.eikonal(grid, loss)
