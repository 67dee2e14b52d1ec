"""Colours that are found again, and what no image shows."""

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.recipes import colors as recipe

FACE_COLORS = np.random.default_rng(3).uniform(0.1, 0.9, (12, 3))
FRONT = dr.Camera.orbit


def cube(**colors):
    return dr.shapes.box(1.0, **colors)


def lights():
    """Coloured ones, which reach every side."""
    return dr.Lights(0.3, [dr.DirectionalLight((1, 2, 3), 0.5, (1, 0.5, 0.8)), dr.DirectionalLight((-3, -1, -2), 0.4)])


def around():
    return dr.Camera.orbit([20, 110, 200, 290, 0, 0], [30, -30, 30, -30, 85, -85], 2.5, 50)


def test_face_colors_without_their_light(cpu32):
    truth = cube(face_colors=FACE_COLORS)
    images = dr.Rasterizer(32, antialias=True).render(truth, around(), lights())
    rgba = np.concatenate([images.numpy("color"), images.numpy("alpha")[..., None]], axis=-1)
    rgba[..., :3] /= np.maximum(rgba[..., 3:], 1e-6)
    start = cube(face_colors=(0.5, 0.5, 0.5))
    fit = dr.fit_colors(start, rgba, around(), lights(), steps=40)
    assert fit.seen.all()
    np.testing.assert_allclose(fit.mesh.numpy("colors")[0], FACE_COLORS, atol=0.01)
    np.testing.assert_array_equal(start.numpy("colors"), 0.5)
    assert len(fit.losses) == 41
    assert (np.diff(fit.losses) < 1e-9).all(), "no step makes it worse"
    assert fit.losses[-1] < 1e-4 * fit.losses[0]


def test_one_step_finds_a_single_color(cpu32):
    """``A x`` with one unknown: the diagonal is all there is."""
    truth, camera = dr.Mesh([[-2, -2, 0], [2, -2, 0], [0, 3, 0]], [[0, 1, 2]], face_colors=(0.2, 0.5, 0.7)), FRONT(0, 0)
    image = dr.Rasterizer(16).render(truth, camera, lights()).numpy("color")
    truth.set("colors", 0.4)
    fit = dr.fit_colors(truth, image, camera, lights(), background=(0, 0, 0), steps=1)
    np.testing.assert_allclose(fit.mesh.numpy("colors")[0, 0], [0.2, 0.5, 0.7], atol=0.01)


def test_vertices_that_no_image_shows_keep_their_colors(cpu32):
    ball = dr.shapes.icosphere(2, colors=(0.2, 0.6, 0.9))
    images = dr.supersampled(ball, FRONT(0, 0, 3.0, 45), 64)
    start = dr.shapes.icosphere(2, colors=(0.5, 0.5, 0.5))
    fit = dr.fit_colors(start, images, FRONT(0, 0, 3.0, 45))
    z = ball.numpy("vertices")[0, :, 2]
    colors = fit.mesh.numpy("colors")[0]
    assert (z[fit.seen] > 0.2).all(), "beyond the horizon, at z = 1/3, there is but the rest of the faces on it"
    assert fit.seen[z > 0.5].all()
    np.testing.assert_array_equal(colors[fit.pixels == 0], 0.5)
    well = fit.pixels > 5
    assert well[z > 0.5].all()
    np.testing.assert_allclose(colors[well], np.tile([0.2, 0.6, 0.9], (well.sum(), 1)), atol=0.05)
    shown = dr.Rasterizer(64, antialias=True).render(ball, FRONT(0, 0, 3.0, 45)).numpy("alpha").sum()
    assert fit.pixels.sum() == pytest.approx(shown, rel=1e-4)


def test_a_texture(cpu32):
    rows, columns = np.mgrid[0:16, 0:32]
    texture = np.stack([rows / 16, columns / 32, (rows + columns) % 2 * 0.5], axis=-1)
    globe = dr.shapes.sphere(500, texture=texture)
    images = dr.supersampled(globe, around(), 64)
    globe.set("texture", 0.5)
    fit = dr.fit_colors(globe, images, around())
    assert fit.seen.shape == (16, 32)
    assert fit.seen.mean() > 0.9
    assert np.abs(fit.mesh.numpy("texture") - texture)[fit.seen].mean() < 0.05


def test_several_textures_that_colors_multiply(cpu32):
    """A tint without red: of a texel's red, nothing is known, but pixels show it all the same."""
    squares = {
        "vertices": [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 0], [2, 1, 0]],
        "faces": [[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]],
        "uv": [[0, 0], [1, 0], [1, 1], [0, 1]],
        "uv_faces": [[0, 1, 2], [0, 2, 3]] * 2,
        "face_textures": [0, 0, 1, 1],
        "face_colors": [[0, 0.5, 1]] * 2 + [[1, 1, 1]] * 2,
    }
    wanted = [np.full((2, 2, 3), (0.5, 0.4, 0.3)), np.full((1, 3, 3), (0.2, 0.6, 0.8))]
    camera = dr.Camera((1, 0.5, 3), (1, 0.5, 0))
    truth = dr.Mesh(texture=[dr.Texture(pixels) for pixels in wanted], **squares)
    images = dr.supersampled(truth, camera, 64)
    start = dr.Mesh(texture=[dr.Texture(0 * pixels + 0.5) for pixels in wanted], **squares)
    fit = dr.fit_colors(start, images, camera, steps=10)
    assert fit.pixels.shape == (7,)
    assert fit.seen.all()
    found = fit.mesh.textures
    np.testing.assert_allclose(found[0].pixels, wanted[0], atol=0.02)
    np.testing.assert_allclose(found[1].pixels, wanted[1], atol=0.02)
    np.testing.assert_array_equal(fit.mesh.numpy("colors"), start.numpy("colors"))


def test_views_that_take_turns_add_up(cpu32, monkeypatch):
    ball = dr.shapes.icosphere(1, colors=np.random.default_rng(4).uniform(size=(42, 3)))
    images = dr.supersampled(ball, around(), 24)
    whole = dr.fit_colors(dr.shapes.icosphere(1), images, around(), steps=3)
    monkeypatch.setattr(recipe, "PIXELS_AT_ONCE", 4 * 24 * 24)
    parts = dr.fit_colors(dr.shapes.icosphere(1), images, around(), steps=3)
    np.testing.assert_allclose(parts.mesh.numpy("colors"), whole.mesh.numpy("colors"), atol=1e-5)
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-4)


def test_highlights_stay_out_of_the_colors(cpu32):
    shiny = dr.Material("phong", specular=0.4, shininess=20)
    ball = dr.shapes.icosphere(2, colors=(0.6, 0.3, 0.2), material=shiny)
    images = dr.supersampled(ball, around(), 48, lights())
    start = dr.shapes.icosphere(2, colors=(0.5, 0.5, 0.5), material=shiny)
    fit = dr.fit_colors(start, images, around(), lights())
    found = fit.mesh.numpy("colors")[0, fit.seen]
    np.testing.assert_allclose(found, np.tile([0.6, 0.3, 0.2], (len(found), 1)), atol=0.05)


def test_those_who_wait_are_told(cpu32, capfd):
    ball, told = dr.shapes.icosphere(1), []
    images = dr.supersampled(ball, around(), 16)
    fit = dr.fit_colors(
        ball, images, around(), steps=2, on_step=lambda fit: told.append(len(fit.losses)), progress=True
    )
    assert told == [1, 2, 3]
    assert "colours, loss" in capfd.readouterr().out
    assert repr(fit).startswith("ColorFit('icosphere', ")


def test_what_is_refused(cpu32):
    ball = dr.shapes.icosphere(1)
    image = dr.supersampled(ball, FRONT(), 8)
    for arguments, error, message in (
        ((ball, image[..., 3], FRONT()), dr.InputError, "expected colours.*got silhouettes"),
        ((ball, image, FRONT([0, 90])), dr.ShapeError, "with V = 2"),
        ((ball, image, dr.Camera(eye=(0, 0, 3), target=(0, 0, 9))), dr.CameraError, "no view shows icosphere"),
    ):
        with pytest.raises(error, match=message):
            dr.fit_colors(*arguments)
    with pytest.raises(dr.InputError, match="steps: expected a positive whole number, got 0"):
        dr.fit_colors(ball, image, FRONT(), steps=0)
