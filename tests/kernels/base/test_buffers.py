"""Arrays that a renderer keeps."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.kernels.base import launch
from taichi_dr.kernels.base.buffers import Buffers


def test_constants_of_a_name_share_one_array(any32):
    """A job that draws a random background for every step would otherwise fill the device's memory."""
    buffers = Buffers()
    one, other = buffers.constant("one", (1.0, 2.0, 3.0)), buffers.constant("other", (1.0, 2.0, 3.0))
    assert buffers.constant("one", (4.0, 5.0, 6.0)) is one
    np.testing.assert_array_equal(one.to_numpy(), (4, 5, 6))
    np.testing.assert_array_equal(other.to_numpy(), (1, 2, 3))
    assert buffers.constant("one", ((7.0, 8.0),)).to_numpy().tolist() == [[7, 8]]
    whole = buffers.constant("one", ((7, 8),), ti.i32)
    assert (whole.dtype, whole.to_numpy().tolist()) == (ti.i32, [[7, 8]])


def test_arrays_of_at_least_no_rows_are_arrays(cpu32):
    assert Buffers().at_least("rows", 0, columns=(3,)).shape == (1, 3)


@pytest.mark.parametrize("size", [(1, 2), (2, 3), (9, 7)])
def test_another_number_of_views_finds_clean_scratch(any32, size):
    """Images of a few pixels, where arrays of whole blocks of pixels fit several numbers of views."""
    mesh, renderer = dr.shapes.box((1.2, 0.9, 1.0)), dr.Rasterizer(size, antialias=True)
    for views in (4, 3, 1, 4):
        camera = dr.Camera.orbit(azimuth_deg=30.0 + 25 * np.arange(views), elevation_deg=20, distance=2.2)
        got, expected = (r.render(mesh, camera).numpy() for r in (renderer, dr.Rasterizer(size, antialias=True)))
        np.testing.assert_array_equal(got, expected)


def test_threads_render_and_differentiate_as_one_does(cpu32, monkeypatch):
    """Antialiasing and its adjoints: which pixels a thread takes makes no difference."""
    camera = dr.Camera.orbit(azimuth_deg=[0.0, 40.0], elevation_deg=20, distance=2.7)
    results = []
    for limit in (launch.SERIAL_PIXELS, 0):
        monkeypatch.setattr(launch, "SERIAL_PIXELS", limit)
        mesh = dr.shapes.icosphere(3)
        mesh.colors.from_numpy(np.random.default_rng(0).random((1, mesh.vertex_count, 3), np.float32))
        renderer = dr.Rasterizer((90, 75), antialias=True)
        frame = renderer.render(mesh, camera)
        frame.color.grad.from_numpy(np.random.default_rng(1).normal(size=(2, 90, 75, 3)).astype(np.float32))
        renderer.backward()
        results.append((frame.numpy(), mesh.colors.grad.to_numpy(), mesh.vertices.grad.to_numpy()))
    for one, many in zip(*results, strict=True):
        np.testing.assert_allclose(many, one, rtol=1e-5, atol=1e-5 * np.abs(one).max())
