"""Redistancing: the surface stays, signs stay, and values become distances."""

import numpy as np
import pytest
from skimage.measure import marching_cubes

from taichi_dr.errors import GeometryError, InputError, ShapeError
from taichi_dr.implicit.sdf.redistance import redistance


def nodes(n, shift=0.137):
    """(n, n, n, 3): nodes a cell apart about the origin."""
    return np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 + shift] * 3, indexing="ij"), axis=-1)


def sphere(n, radius):
    return np.linalg.norm(nodes(n), axis=-1) - radius


def torus(n, major, minor):
    p = nodes(n)
    return np.hypot(np.hypot(p[..., 0], p[..., 1]) - major, p[..., 2]) - minor


def surface(values):
    return marching_cubes(values.astype(np.float32), 0.0)[0]


@pytest.mark.parametrize("shape", [sphere(32, 11.0), torus(32, 9.0, 4.0)])
def test_the_surface_stays(cpu32, shape):
    crooked = shape * (0.2 + 0.002 * nodes(32)[..., 0] + 0.01 * shape**2)
    found = redistance(crooked, 1.0)
    assert ((found < 0) == (shape < 0)).all()
    assert np.abs(surface(found) - surface(crooked)).max() < 0.02
    assert np.abs(found - shape)[np.abs(shape) < 0.5].max() < 0.08


def test_fifty_times_move_a_surface_no_more_than_once(cpu32):
    values = before = torus(32, 9.0, 4.0)
    for _ in range(50):
        values = redistance(values, 1.0)
    assert np.abs(surface(values) - surface(before)).max() < 0.02


@pytest.mark.parametrize("radius", [1.0, 2.0])
@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 1, 0), (1, 2, 0.3)])
def test_a_rod_two_cells_thick_survives_fifty_times(cpu32, radius, axis):
    p, axis = nodes(20), np.array(axis) / np.linalg.norm(axis)
    rod = np.linalg.norm(p - (p @ axis)[..., None] * axis, axis=-1) - radius
    values = rod
    for _ in range(50):
        values = redistance(values, 1.0)

    def mean_radius(values):
        points = surface(values) + p[0, 0, 0]
        return np.linalg.norm(points - (points @ axis)[:, None] * axis, axis=-1).mean()

    assert mean_radius(values) == pytest.approx(mean_radius(rod), rel=0.02)


def test_far_values_are_distances(any32):
    exact = sphere(40, 11.0)
    error = np.abs(redistance(0.05 * 3 * exact, 0.05) / 0.05 - exact)
    assert error.mean() < 0.06
    assert error.max() < 0.6


def test_cells_need_not_be_cubes(cpu32):
    spacing = np.array([1.0, 0.7, 0.5])
    shape = (28, 40, 56)
    p = (np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) - np.array(shape) / 2 + 0.6) * spacing
    exact = np.linalg.norm(p, axis=-1) - 9.0
    found = redistance(3 * exact * (1 + 0.01 * exact**2), spacing)
    assert np.abs(found - exact).mean() < 0.06
    assert np.abs(found - exact)[np.abs(exact) < 0.4].max() < 0.03
    assert np.abs(surface(found) - surface(exact)).max() < 0.02


def test_what_is_flat_at_the_surface_is_capped(cpu32):
    x = np.arange(-4.0, 5.0)[:, None, None] * np.ones((9, 9, 9))
    found = redistance(np.where(x < 0, -1.0, 1e-6 * x), 1.0)
    assert np.abs(found[3:5]).max() <= 1.5
    assert (np.diff(found[:, 4, 4]) > 0).all()


def test_what_is_refused(cpu32):
    with pytest.raises(GeometryError, match="no surface, all of the 27 values say outside"):
        redistance(np.ones((3, 3, 3)), 1.0)
    with pytest.raises(ShapeError, match=r"at least 2 nodes, got shape \(3, 1, 3\)"):
        redistance(np.ones((3, 1, 3)), 1.0)
    wrong = np.ones((3, 3, 3))
    wrong[1, 2, 0] = np.nan
    with pytest.raises(InputError, match=r"1 values are not finite, the first at \[1, 2, 0\]"):
        redistance(wrong, 1.0)
    with pytest.raises(InputError, match="spacing"):
        redistance(sphere(4, 1.0), (1.0, 1.0, 0.0))
