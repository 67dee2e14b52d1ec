"""What a notebook shows of a mesh."""

import io
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.render.mesh.preview import PAPER, SIZE


def picture(mesh):
    return iio.imread(io.BytesIO(mesh._repr_png_()))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_mesh_is_shown_whole_and_shaded(any32, scale):
    """A red ball off the origin, of any size: within the picture, lit from above, on the paper."""
    vertices = scale * (dr.shapes.icosphere(3).numpy("vertices")[0] + (5, -2, 1))
    ball = dr.Mesh(vertices, dr.shapes.icosphere(3).numpy("faces"), colors=(0.8, 0.1, 0.1))
    image = picture(ball)
    paper = np.round(255 * dr.linear_to_srgb(PAPER)).astype(int)
    assert image.shape == (SIZE, SIZE, 3)
    painted = (image != paper).any(axis=-1)
    rows, columns = np.flatnonzero(painted.any(axis=1)), np.flatnonzero(painted.any(axis=0))
    for first, last in (rows[[0, -1]], columns[[0, -1]]):
        assert 4 < first < 16
        assert abs(first + last - (SIZE - 1)) <= 1
    assert (image[painted][:, 0] > image[painted][:, 1]).all()
    red = np.where(painted, image[..., 0], np.nan)
    assert np.nanmean(red[: SIZE // 2]) > np.nanmean(red[SIZE // 2 :]) + 10


def test_a_mesh_is_shown_in_the_middle_of_a_tape_which_does_not_record_it(cpu32):
    mesh, loss = dr.shapes.box(), ti.field(ti.f32, (), needs_grad=True)
    with ti.ad.Tape(loss) as tape:
        assert picture(mesh).std() > 1
        assert tape.calls == []


def test_of_a_batch_the_first_is_shown(cpu32):
    ball = dr.shapes.icosphere(2)
    both = dr.Mesh(ball.numpy("vertices") * np.array([1.0, 0.1]).reshape(2, 1, 1), ball.numpy("faces"))
    np.testing.assert_array_equal(picture(both), picture(dr.Mesh(ball.numpy("vertices")[0], ball.numpy("faces"))))


def test_a_mesh_that_cannot_be_drawn_shows_its_text_alone(own_runtime):
    dr.init("cpu")
    mesh = dr.shapes.box()
    mesh.vertices[0, 0] = (float("nan"), 0, 0)
    assert mesh._repr_png_() is None
    dr.init("cpu")
    assert mesh._repr_png_() is None


def test_without_taichi_there_is_no_picture():
    program = "import taichi_dr as dr; print(dr.shapes.box()._repr_png_())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"
