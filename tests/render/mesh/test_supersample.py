"""Supersampled pictures: the same in portions as all at once, without new fields for every picture, off the tape."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.errors import InputError
from taichi_dr.render.mesh import supersample as pictures
from taichi_dr.scene import shapes
from taichi_dr.scene.camera import Camera


@pytest.mark.usefixtures("cpu32")
def test_portions_make_the_same_pictures(monkeypatch):
    mesh, camera = shapes.car(), Camera.orbit([0, 50, 100, 150, 200], 20, fov_y_deg=[40, 42, 44, 46, 48])
    whole = pictures.supersampled(mesh, camera, (12, 16), samples=2)
    monkeypatch.setattr(pictures, "SAMPLES_AT_ONCE", 2 * 12 * 16 * 4)
    made, plain, done = [], Camera.select, []
    monkeypatch.setattr(Camera, "select", lambda self, views: made.append(plain(self, views)) or made[-1])
    parts = pictures.supersampled(mesh, camera, (12, 16), samples=2, progress=lambda *now: done.append(now))
    assert np.array_equal(parts, whole)
    assert done == [(2, 5), (4, 5), (5, 5)]
    assert len(made) <= 1


@pytest.mark.usefixtures("cpu32")
def test_a_tape_does_not_record_pictures(monkeypatch):
    mesh, camera = shapes.car(), Camera.orbit([0, 50, 100], 20)
    loss = ti.field(ti.f32, (), needs_grad=True)
    whole = pictures.supersampled(mesh, camera, (12, 16), samples=2)
    monkeypatch.setattr(pictures, "SAMPLES_AT_ONCE", 2 * 12 * 16 * 4)
    with ti.ad.Tape(loss) as tape:
        supersampler = pictures.Supersampler((12, 16), samples=2)
        for _ in range(2):
            assert np.array_equal(supersampler.render(mesh, camera), whole)
        assert tape.calls == []


@pytest.mark.usefixtures("cpu32")
def test_one_number_is_the_size_of_a_square():
    mesh, camera = shapes.car(), Camera.orbit(50, 20)
    square = pictures.supersampled(mesh, camera, 12, samples=2)
    assert np.array_equal(square, pictures.supersampled(mesh, camera, (12, 12), samples=2))
    with pytest.raises(InputError, match="size: expected"):
        pictures.supersampled(mesh, camera, (12, 0))
