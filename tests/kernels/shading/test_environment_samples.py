"""Directions in which an environment is bright: probabilities that add up, and estimates that are right on average."""

import numpy as np
import pytest
import taichi as ti
from names import ROOT
from oracles.environment import look_up

from taichi_dr.io.images import load_image
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.shading.environment_samples import density_at, sample_environment, sampling_tables

SKY = ROOT.parent / "shared" / "data" / "envmaps" / "venice_sunset_1k.hdr"


@ti.kernel
def sample(rows: Rows, columns: Rows, numbers: Rows, out: Rows):
    for i in range(numbers.shape[0]):
        direction, solid_angle = sample_environment(rows, columns, numbers[i, 0], numbers[i, 1])
        out[i, 4] = density_at(rows, columns, direction)
        for c in ti.static(range(3)):
            out[i, c] = direction[c]
        out[i, 3] = solid_angle


def samples(texels, side=256):
    """(directions, W) of stratified random numbers."""
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)
    numbers = (cells + np.random.default_rng(0).random((side * side, 2))) / side
    out = make_array((side * side, 5))
    numbers = np.floor(numbers * 2**24) / 2**24
    sample(*map(array_from, sampling_tables(texels)), array_from(numbers), out)
    out = out.to_numpy().astype(float)
    # a direction between two texels may count as the other one's by rounding
    assert np.mean(np.abs(out[:, 4] * out[:, 3] - 1) > 1e-4) < 1e-3
    return out[:, :3], out[:, 3]


def on_the_sphere(height=400):
    """Midpoints (N, 3) of a fine grid, and the solid angle of each."""
    theta = (np.arange(height) + 0.5) * np.pi / height
    phi = (np.arange(2 * height) + 0.5) * np.pi / height
    theta, phi = (x.ravel() for x in np.meshgrid(theta, phi, indexing="ij"))
    d = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), -np.sin(theta) * np.cos(phi)], 1)
    return d, 2 * np.sin(theta) * np.sin(np.pi / height / 2) * np.pi / height


def pictures():
    rng = np.random.default_rng(1)
    sun = np.full((8, 16, 3), 0.2)
    sun[2, 3] = 500
    return {
        "of one colour": np.ones((1, 1, 3)),
        "of one row": rng.random((1, 5, 3)),
        "with a sun": sun,
        "half black": np.concatenate([np.zeros((6, 9, 3)), rng.lognormal(size=(3, 9, 3))]),
    }


@pytest.mark.parametrize("name", pictures())
def test_means_are_integrals(any32, name):
    texels = pictures()[name]
    d, solid_angle = samples(texels)
    np.testing.assert_allclose(np.linalg.norm(d, axis=1), 1, atol=1e-6)
    assert abs(solid_angle.mean() / (4 * np.pi) - 1) < 3 * solid_angle.std() / len(d) ** 0.5 / (4 * np.pi) + 1e-6
    n = np.array([0.48, 0.6, -0.64])
    every, area = on_the_sphere()
    expected = (look_up(texels, every) * (np.maximum(every @ n, 0) * area)[:, None]).sum(0)
    each = look_up(texels, d) * (np.maximum(d @ n, 0) * solid_angle)[:, None]
    error = each.std(0) / len(d) ** 0.5
    assert (abs(each.mean(0) - expected) < 3 * error + 2e-5 * expected).all()


def test_one_colour_is_looked_at_evenly(any32):
    for shape in ((1, 1, 3), (7, 12, 3)):
        d, solid_angle = samples(np.full(shape, 0.3))
        np.testing.assert_allclose(solid_angle, 4 * np.pi, rtol=2e-6)
        np.testing.assert_allclose(d.T @ d / len(d), np.eye(3) / 3, atol=1e-4)


def test_black_is_looked_at_evenly_too(any32):
    np.testing.assert_allclose(samples(np.zeros((4, 8, 3)))[1], 4 * np.pi, rtol=1e-5)


def test_rows_and_columns_by_hand(cpu64):
    """Two rows, the upper one three times as bright: interpolated by (1, 6, 1) / 8, and a tenth of the mean."""
    rows, columns = sampling_tables(np.array([[[3.0] * 3], [[1.0] * 3]]))
    upper, lower, mean = (3 + 6 * 3 + 1) / 8, (3 + 6 + 1) / 8, 2
    assert abs(rows[0, 0] - (upper + 0.1 * mean) / (upper + lower + 0.2 * mean)) < 2**-24
    assert rows[0, 1] == 1
    assert columns.tolist() == [[1], [1]]


@pytest.mark.skipif(not SKY.exists(), reason="needs the shared data")
def test_a_sky_has_less_noise_than_even_samples(cpu32):
    texels = load_image(SKY)
    d, solid_angle = samples(texels)
    each = look_up(texels, d)[:, 1] * solid_angle
    every, area = on_the_sphere()
    evenly = look_up(texels, every)[:, 1] * area
    mean = evenly.sum()
    assert abs(each.mean() / mean - 1) < 1e-3
    variance = ((evenly / area * 4 * np.pi - mean) ** 2 * area).sum() / (4 * np.pi)
    assert each.var() < 0.1 * variance
