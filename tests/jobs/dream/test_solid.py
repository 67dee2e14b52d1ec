"""The solid that a volume looks like: balls, shells and fog, against closed forms."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import taichi_dr as dr
from taichi_dr.errors import GeometryError
from taichi_dr.jobs.dream.solid import seen_solid, solid_mesh
from taichi_dr.measure.connectivity import connectivity
from taichi_dr.measure.volume import enclosed_volume

NODES, SPACING = 33, 0.0625
AXIS = SPACING * (np.arange(NODES) - NODES // 2)
POINTS = np.stack(np.meshgrid(AXIS, AXIS, AXIS, indexing="ij"), axis=-1)
DISTANCE = np.linalg.norm(POINTS, axis=-1)
MIDDLE = (NODES // 2,) * 3


def logit(x):
    return np.log(x / (1 - x))


@pytest.mark.parametrize("density", [0.5, 2.0, 6.0])
def test_the_middle_of_a_ball_of_fog(density):
    """``1 - exp(-density radius)``, whatever the direction; the voxels make its radius uncertain by a part of one."""
    radius = 0.6
    solid = seen_solid(density * (radius >= DISTANCE), SPACING)
    assert solid[MIDDLE] == pytest.approx(1 - np.exp(-density * radius), abs=density * 0.5 * SPACING)
    beyond = radius + 2 * SPACING
    assert solid[beyond < DISTANCE].max() < 1e-3


def test_a_smooth_ball_of_fog():
    """``density = s (1 - (r / R)^2)``: ``2 / 3 s R`` from the middle on, of which chords lose up to a hundredth."""
    density = 3 * np.clip(1 - (DISTANCE / 0.75) ** 2, 0, None)
    depth = -np.log(1 - seen_solid(density, SPACING)[MIDDLE])
    assert 0.985 * 1.5 < depth < 1.5


def test_more_directions_find_the_shortest_way_out():
    """Of the middle of a slab, 7 nodes thick, straight through its side."""
    slab = np.zeros((17, 17, 17))
    slab[5:12] = 2.0
    found = [seen_solid(slab, 0.125, directions)[8, 8, 8] for directions in (4, 16, 64)]
    assert found[0] > found[1] > found[2]
    assert found[2] == pytest.approx(1 - np.exp(-2 * 3.5 * 0.125), abs=0.02)


def test_a_shell_is_the_ball_that_it_looks_like():
    ball = seen_solid(60.0 * (DISTANCE <= 0.7), SPACING) > 0.5
    shell = seen_solid(60.0 * ((DISTANCE <= 0.7) & (DISTANCE > 0.45)), SPACING) > 0.5
    assert ball[MIDDLE]
    np.testing.assert_array_equal(shell, ball)
    assert ball[DISTANCE < 0.7 - SPACING].all()
    assert not ball[DISTANCE > 0.7 + SPACING].any()


def test_a_bowl_is_empty():
    """Half a shell: light falls in."""
    bowl = 60.0 * ((DISTANCE <= 0.7) & (DISTANCE > 0.45) & (POINTS[..., 1] < 0))
    solid = seen_solid(bowl, SPACING) > 0.5
    assert solid[bowl > 0].mean() > 0.95
    assert not solid[(DISTANCE < 0.35) & (POINTS[..., 1] > -0.2)].any()


def test_nothing_is_lost_of_nothing_and_it_scales_with_the_spacing():
    assert not seen_solid(np.zeros((5, 6, 7)), 1.0).any()
    density = np.random.default_rng(0).uniform(size=(9, 10, 11))
    solid = seen_solid(density, 0.1)
    assert solid.shape == density.shape
    assert ((solid >= 0) & (solid < 1)).all()
    np.testing.assert_allclose(seen_solid(10 * density, 0.01), solid, atol=1e-6)


def torus_distance(points):
    return np.hypot(np.hypot(points[..., 0], points[..., 2]) - 0.55, points[..., 1]) - 0.22


def grid_of(distance, resolution=33, color=(0.9, 0.2, 0.6)):
    """A grid that is dense where a distance is negative, of one display colour."""
    grid = dr.radiance.Grid((-1, 1), resolution, degree=0)
    numbers = grid.numpy()
    numbers[:, :3] = logit(np.array(color)) / (np.sqrt(1 / np.pi) / 2)
    numbers[:, 3] = np.clip(-distance(grid.positions()) / grid.spacing, -1, 1) * 8
    grid.set(numbers)
    return grid


def test_the_mesh_of_a_torus_is_one(cpu32):
    mesh = solid_mesh(grid_of(torus_distance), 41)
    found = connectivity(mesh)
    assert (found.parts, found.genus, found.is_watertight) == (1, 1, True)
    points = mesh.numpy("vertices")[0].astype(np.float64)
    assert np.abs(torus_distance(points)).max() < 2 / 32  # a voxel
    volume = enclosed_volume(points[mesh.numpy("faces")])
    assert volume == pytest.approx(2 * np.pi**2 * 0.55 * 0.22**2, rel=0.15)
    linear = ((np.array([0.9, 0.2, 0.6]) + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(mesh.numpy("colors").reshape(-1, 3).mean(axis=0), linear, atol=0.01)


def test_a_mesh_is_where_its_thing_is(cpu32):
    def ball(points):
        return np.linalg.norm(points - [0.3, -0.2, 0.1], axis=-1) - 0.4

    points = solid_mesh(grid_of(ball), 41).numpy("vertices")[0]
    np.testing.assert_allclose((points.max(axis=0) + points.min(axis=0)) / 2, [0.3, -0.2, 0.1], atol=0.02)
    np.testing.assert_allclose(np.ptp(points, axis=0), 0.8, atol=0.08)


def test_what_fills_its_grid_is_closed_at_the_border(cpu32):
    mesh = solid_mesh(grid_of(lambda points: points[:, 0] * 0 - 1, 9), 12)
    found = connectivity(mesh)
    assert (found.parts, found.genus, found.is_watertight) == (1, 0, True)


def test_thin_fog_is_no_solid(cpu32):
    grid = dr.radiance.Grid((-1, 1), 16, degree=0)
    numbers = grid.numpy()
    numbers[:, 3] = -6.0
    grid.set(numbers)
    with pytest.raises(GeometryError, match=r"no surface: .*% of the light is lost at most, 29% would be one"):
        solid_mesh(grid, 16)
