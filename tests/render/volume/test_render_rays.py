"""Rays without a camera: a trained NeRF against the program it was trained with, in NumPy; and what is refused."""

import numpy as np
import pytest
import taichi as ti
from oracles import nerf as oracle
from oracles import volume

import taichi_dr as dr
from taichi_dr.implicit.radiance.inline import InlineRadiance
from tests.implicit.radiance.test_nerf import TRAINED

NEAR, FAR, SAMPLES, ADDED = 2.0, 6.0, 64, 128


def rays(size=8, view=30.0, tilt=-30.0):
    """Of a picture (size, size) as the program has them: depth grows by 1 along them, pixels without half a pixel."""
    focal = 0.5 * size / np.tan(0.5 * 0.6911112)
    row, column = np.mgrid[:size, :size]
    local = np.stack([(column - size * 0.5) / focal, -(row - size * 0.5) / focal, -np.ones((size, size))], axis=-1)
    a, b = np.radians(view), np.radians(tilt)
    pitch = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turn = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    rotation = np.array([[-1, 0, 0], [0, 0, 1], [0, 1, 0]]) @ turn @ pitch
    return 4 * rotation[:, 2], local @ rotation.T


def expected(arrays, origin, directions):
    """Colour over white of each ray: 64 samples of the coarse network, 128 more of the fine one."""
    layers = {
        which: {name.removeprefix(which): array for name, array in arrays.items() if name.startswith(which)}
        for which in ("coarse.", "fine.")
    }
    t, pictures = np.linspace(NEAR, FAR, SAMPLES), []
    for d in directions.reshape(-1, 3):
        length = np.linalg.norm(d)
        for which in ("coarse.", "fine."):
            view = np.broadcast_to(d / length, (len(t), 3))
            values = oracle.flexible_values(layers[which], origin + t[:, None] * d, view)
            weights = volume.weights(np.append(np.diff(t), 1e10) * length, values[:, 0])
            color = weights @ values[:, 1:] + 1 - weights.sum()
            t = np.sort(np.append(t, volume.inverse(t, weights, np.linspace(0, 1, ADDED))))
        pictures.append(color)
        t = np.linspace(NEAR, FAR, SAMPLES)
    return np.reshape(pictures, directions.shape)


@pytest.mark.skipif(not TRAINED.exists(), reason="no trained network at hand")
def test_a_trained_network_has_the_pixels_of_its_program(any32):
    origin, directions = rays()
    nerf = dr.radiance.NeRF.load(TRAINED)
    seen = dr.render_rays(nerf, origin, directions, NEAR, FAR, samples=SAMPLES, added=ADDED, background=1)
    difference = np.abs(seen.color - expected(dict(np.load(TRAINED)), origin, directions))
    assert difference.max() < 1e-4
    assert difference.mean() < 1e-5
    assert seen.color.std() > 0.1, "there is something to be seen"


@ti.func
def fog(p, d):
    return dr.Sample(0.5, (0.2, 0.4, 0.8))


def test_fog_has_its_closed_form(cpu64):
    """A ray of directions twice as long is twice as long."""
    seen = dr.render_rays(InlineRadiance(fog), (0, 0, 0), [(1, 0, 0), (0, 2, 0)], 0, [1, 1], background=1)
    through = np.exp([-0.5, -1.0])
    np.testing.assert_allclose(seen.opacity, 1 - through, atol=1e-12)
    np.testing.assert_allclose(seen.color, through[:, None] + (1 - through)[:, None] * [0.2, 0.4, 0.8], atol=1e-12)


def test_what_is_refused(cpu32):
    function = InlineRadiance(fog)
    with pytest.raises(dr.ShapeError, match=r"expected origins and directions"):
        dr.render_rays(function, np.ones((2, 3)), np.ones((3, 3)), 0, 1)
    with pytest.raises(dr.InputError, match=r"length above 0"):
        dr.render_rays(function, (0, 0, 0), (0, 0, 0), 0, 1)
    with pytest.raises(dr.InputError, match=r"near < far"):
        dr.render_rays(function, (0, 0, 0), (0, 0, 1), 2, 1)
    with pytest.raises(dr.InputError, match=r"samples: expected a whole number"):
        dr.render_rays(function, (0, 0, 0), (0, 0, 1), 0, 1, samples=0)
    with pytest.raises(dr.InputError, match=r"at least 3 samples and 2 added"):
        dr.render_rays(function, (0, 0, 0), (0, 0, 1), 0, 1, samples=2, added=4)
