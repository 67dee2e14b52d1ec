"""Pictures of distances on grids: where their rays hit, gradients by their values, the same on every backend."""

import numpy as np
import pytest
import taichi as ti
from backends import GPUS
from scipy.ndimage import binary_erosion

import taichi_dr as dr

SIZE = 48
CAMERA = {"eye": (0.5, 1.2, 2.4), "fov_y": 0.8}


@ti.func
def scene(p):
    ring = dr.sdf.torus(p, 0.6, 0.2)
    return dr.sdf.smooth_union(ring, dr.sdf.sphere(p - ti.Vector([0.1, 0.2, 0.0]), 0.35), 0.1)


def picture(function, size=SIZE, **settings):
    tracer = dr.SphereTracer(function, size, bounds=dr.Box(-1, 1), **settings)
    return tracer, tracer.render(dr.Camera(**CAMERA), dr.Lights.default())


@pytest.mark.parametrize("interpolation", ["trilinear", "tricubic"])
def test_rays_hit_where_they_hit_the_function(cpu32, interpolation):
    _, exact = picture(scene)
    grid = dr.sdf.Grid.from_function(scene, (-1, 1), 33, interpolation=interpolation)
    _, frame = picture(grid)
    both = (frame.numpy("alpha") == 1) & (exact.numpy("alpha") == 1)
    assert both.mean() > 0.2
    inside = binary_erosion(both[0])
    voxel = grid.spacing[0]
    distances = np.linalg.norm(frame.numpy("position") - exact.numpy("position"), axis=-1)[0]
    assert np.quantile(distances[inside], 0.98) < 0.5 * voxel
    assert np.abs(frame.numpy("alpha") - exact.numpy("alpha")).mean() < 0.01
    cosines = (frame.numpy("normal") * exact.numpy("normal")).sum(axis=-1)[0][inside]
    assert np.median(cosines) > 0.9995
    assert np.quantile(cosines, 0.02) > 0.95


@pytest.mark.parametrize("gpu", GPUS)
def test_gpus_draw_the_same_as_the_cpu(request, gpu):
    request.getfixturevalue("cpu32")
    references = drawn()
    request.getfixturevalue(gpu)
    for name, values in drawn().items():
        wrong = np.abs(values - references[name]) > 1e-4 * np.abs(references[name]).max()
        assert wrong.mean() < 2e-3, name  # rays that graze something may miss it


def drawn():
    grid = dr.sdf.Grid.from_function(scene, (-1, 1), 17)
    tracer, frame = picture(grid)
    for name in ("color", "alpha"):
        getattr(frame, name).grad.fill(1.0)
    tracer.backward()
    return {name: frame.numpy(name) for name in ("color", "alpha", "normal", "closest")} | {
        "gradient": grid.gradient("values")
    }


@pytest.mark.parametrize("output", ["color", "normal", "position"])
def test_gradients_by_the_values(cpu64, output):
    """Away from silhouettes, against central differences."""
    grid = dr.sdf.Grid.from_function(scene, (-1, 1), 13)
    values = grid.numpy()
    tracer, frame = picture(grid, 24)
    random = np.random.default_rng(1)
    whole = binary_erosion(frame.numpy("alpha")[0] == 1)
    whole &= np.abs(np.gradient(frame.numpy("depth")[0])).max(axis=0) < 0.15
    weights = random.normal(size=(24, 24, 3)) * whole[..., None]
    assert whole.sum() > 40
    getattr(frame, output).grad.from_numpy(weights[None])
    tracer.backward()
    gradient = grid.gradient("values")
    for _ in range(3):
        change, step = random.normal(size=values.shape), 1e-6
        totals = []
        for sign in (1, -1):
            grid.set(values + sign * step * change)
            _, moved = picture(grid, 24)
            totals.append(np.sum(weights * moved.numpy(output)[0]))
        difference = (totals[0] - totals[1]) / (2 * step)
        assert np.sum(gradient * change) == pytest.approx(difference, rel=1e-5, abs=1e-5 * np.abs(gradient).max())


def test_a_grid_as_color(cpu64):
    """The colour of a point is interpolated, and its gradient goes to the grid."""
    corners = np.random.default_rng(1).uniform(size=(2, 2, 2, 3))
    colors = dr.VoxelGrid(corners, (-1, 1))
    tracer = dr.SphereTracer(scene, 24, bounds=dr.Box(-1, 1), color=colors)
    frame = tracer.render(dr.Camera(**CAMERA))
    whole = frame.numpy("closest") < -0.75  # one surface covers the pixel, not two side by side
    assert whole.sum() > 40
    np.testing.assert_allclose(frame.numpy("color")[whole], colors.at(frame.numpy("position")[whole]), atol=1e-9)
    frame.color.grad.from_numpy(np.ones((1, 24, 24, 3)) * whole[..., None])
    tracer.backward()
    assert colors.gradient("values").sum() == pytest.approx(3 * whole.sum())


def test_distances_that_are_not_finite(cpu32):
    grid = dr.sdf.Grid.from_function(scene, (-1, 1), 9)
    grid.values[1, 2, 3] = np.nan
    grid.values[4, 4, 4] = np.inf
    with pytest.raises(dr.InputError, match=r"grid: expected finite values, got nan at \[1, 2, 3\] \(and 1 more\)"):
        picture(grid)
