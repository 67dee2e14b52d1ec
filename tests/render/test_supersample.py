"""Supersampled pictures: the same in portions as all at once, and without new fields for every picture."""

import numpy as np
import pytest

from taichi_dr.render import supersample as pictures
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
