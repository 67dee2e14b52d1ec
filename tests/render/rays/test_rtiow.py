"""The sphere of normals of Ray Tracing in One Weekend (Shirley, Black and Hollasch), chapter 6, image 1.04."""

import imageio.v3 as iio
import numpy as np
import pytest
from names import ROOT

import taichi_dr as dr

PICTURE = ROOT.parent / "shared" / "data" / "reference" / "rtiow" / "img-1.04-normals-sphere.png"
HEIGHT, WIDTH = 225, 400

pytestmark = pytest.mark.skipif(not PICTURE.exists(), reason="needs the shared data")


def drawn():
    """(bytes as the book writes them, whether the sphere is hit), (H, W, ...)."""
    tracer = dr.RayTracer((HEIGHT, WIDTH))
    camera = dr.Camera(eye=(0, 0, 0), target=(0, 0, -1), fov_y=np.pi / 2)
    frame = tracer.render(dr.Scene(dr.Sphere((0, 0, -1), 0.5)), camera)
    normal, hit = frame.numpy("normal")[0].astype(float), frame.numpy("object_id")[0] == 0
    x = (2 * np.arange(WIDTH) + 1 - WIDTH) / HEIGHT
    y = (HEIGHT - 1 - 2 * np.arange(HEIGHT)) / HEIGHT
    up = (y[:, None] / np.sqrt(1 + x**2 + y[:, None] ** 2) + 1)[..., None] / 2
    sky = (1 - up) + up * [0.5, 0.7, 1.0]
    return np.floor(255.999 * np.where(hit[..., None], (normal + 1) / 2, sky)), hit


def test_every_byte_in_double_precision(cpu64):
    assert (drawn()[0] == iio.imread(PICTURE)[..., :3]).all()


def test_single_precision_rounds_a_few_bytes(any32):
    found, hit = drawn()
    book = iio.imread(PICTURE)[..., :3]
    assert np.abs(found - book).max() <= 1
    assert (found != book)[hit].mean() < 1e-3
