"""Supersampled pictures: the same in portions as all at once, without new fields for every picture, off the tape."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.compilation import watching
from taichi_dr.errors import InputError
from taichi_dr.render.mesh import supersample as pictures
from taichi_dr.scene import shapes
from taichi_dr.scene.camera import Camera


@pytest.mark.usefixtures("cpu32")
def test_portions_make_the_same_pictures(monkeypatch):
    mesh, camera = shapes.car(), Camera.orbit([0, 50, 100, 150, 200], 20, fov_y_deg=[40, 42, 44, 46, 48])
    whole = pictures.supersampled(mesh, camera, (12, 16), samples=2)
    monkeypatch.setattr(pictures, "SAMPLES_AT_ONCE", 2 * 12 * 16 * 4)
    done, compiled = [], []

    def progress(*now):
        done.append((*now, len(compiled)))

    with watching(compiled.append):
        parts = pictures.supersampled(mesh, camera, (12, 16), samples=2, progress=progress)
    assert np.array_equal(parts, whole)
    assert done == [(2, 5, len(compiled)), (4, 5, len(compiled)), (5, 5, len(compiled))], "the first part compiles all"


@pytest.mark.usefixtures("cpu32")
def test_a_look_is_averaged_as_colours_are():
    mesh, camera = shapes.car(), Camera.orbit([0, 50], 20)
    supersampler = pictures.Supersampler((12, 16), samples=3)

    def green(frame, camera):
        alpha = frame.numpy("alpha")
        return np.stack([0 * alpha, 0.5 * alpha, 0 * alpha, alpha], axis=-1)

    plain, shown = supersampler.render(mesh, camera), supersampler.render(mesh, camera, look=green)
    assert np.array_equal(shown[..., 3], plain[..., 3])
    assert np.count_nonzero((plain[..., 3] > 0) & (plain[..., 3] < 1)) > 0
    assert np.allclose(shown[..., 1], np.where(plain[..., 3] > 0, 0.5, 0))
    assert not shown[..., [0, 2]].any()


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
