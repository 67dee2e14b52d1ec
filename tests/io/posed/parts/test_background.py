"""Backgrounds of one colour: found, keyed, and how far the alpha is from the true one."""

import io
import json
import warnings

import numpy as np
import pytest
from PIL import Image

from taichi_dr.errors import DataSetError, InputError
from taichi_dr.io.images import display_color, linear_to_srgb, quantized, save_image, srgb_to_linear
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.io.posed.parts.background import border_color, hexadecimal, keyed

SIZE = 192


def ring(shift=0.0):
    """A shaded ring: linear colours (H, W, 3) and alpha (H, W) that is covered area, by 8 x 8 samples."""
    fine = (np.mgrid[0 : SIZE * 8, 0 : SIZE * 8] + 0.5) / 8
    radius = np.hypot(fine[0] - SIZE / 2, fine[1] - SIZE / 2 - shift)
    alpha = ((radius < 80) & (radius > 28)).reshape(SIZE, 8, SIZE, 8).astype(float).mean(axis=(1, 3))
    row, column = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    return np.stack([0.2 + 0.3 * row, 0.1 + 0.1 * column, 0.35 - 0.3 * row], axis=2), alpha


def photograph(background, shift=0.0, quality=None):
    """The ring before a background, display values as a file has them, and its alpha."""
    colors, alpha = ring(shift)
    linear = colors * alpha[..., None] + srgb_to_linear(display_color(background)) * (1 - alpha[..., None])
    picture, file = Image.fromarray(quantized(linear_to_srgb(linear))), io.BytesIO()
    picture.save(file, "png" if quality is None else "jpeg", **({} if quality is None else {"quality": quality}))
    return np.asarray(Image.open(file)) / 255, alpha


def overlap(one, other):
    one, other = np.asarray(one, float), np.asarray(other, float)
    return (one * other).sum() / (one + other - one * other).sum()


@pytest.mark.parametrize("background", ["white", "black", "#3c8c50"])
@pytest.mark.parametrize(("quality", "least"), [(None, 0.99), (90, 0.98)])
def test_keyed_alpha_is_the_true_one(background, quality, least):
    display, truth = photograph(background, quality=quality)
    colors, alpha = keyed(srgb_to_linear(display).astype(np.float32), display_color(background))
    assert overlap(alpha > 0.5, truth > 0.5) > least
    assert overlap(alpha, truth) / overlap(truth, truth) > least
    assert alpha[SIZE // 2, SIZE // 2] == 0  # the hole
    if quality is None:  # the background is taken out of the edge: its own colour is left
        edge = (truth > 0.3) & (truth < 0.9) & (alpha > 0.3)
        assert np.abs(linear_to_srgb(colors[edge]) - linear_to_srgb(ring()[0][edge])).max() < 0.12


def test_specks_of_the_background_within_the_object_stay_and_those_beside_it_go():
    display, _ = photograph("white")
    display[40, 96] = 1.0  # a highlight
    display[2, 2] = 0.9  # dust
    _, alpha = keyed(srgb_to_linear(display), np.ones(3))
    assert alpha[40, 96] == 1
    assert alpha[2, 2] == 0


def test_the_colour_of_borders_is_found():
    pictures = [photograph("#f0e8d0", shift)[0] for shift in (0, 10)]
    assert hexadecimal(border_color(pictures, "here")) == "#f0e8d0"
    noise = np.random.default_rng(0).random((8, 8, 3))
    with pytest.raises(DataSetError, match=r"^here: the borders of the images have no one colour: .* \(--background"):
        border_color([noise], "here")


def folder(path, background, alpha=None):
    """A data set of three rings before a background."""
    frames = []
    for i in range(3):
        pixels, _ = photograph(background, 2 * i)
        save_image(path / f"{i}.png", srgb_to_linear(pixels), alpha=alpha)
        frames.append(f'{{"file_path": "{i}.png", "transform_matrix": {np.eye(4).tolist()}}}')
    (path / "transforms.json").write_text(f'{{"fl_x": 180, "frames": [{", ".join(frames)}]}}')
    return path


@pytest.mark.parametrize("background", ["white", "#ffffff", "auto"])
def test_posed_images_without_alpha_are_keyed(tmp_path, background):
    posed = load_posed_images(folder(tmp_path, "white"), background=background, require_alpha=True)
    assert posed.has_alpha
    for i in range(3):
        assert overlap(posed.alpha[i] > 0.5, ring(2 * i)[1] > 0.5) > 0.99


def test_what_has_alpha_is_not_keyed(tmp_path):
    half = np.full((SIZE, SIZE), 128 / 255)
    assert np.allclose(load_posed_images(folder(tmp_path, "white", half), background="auto").alpha, half)


def test_without_alpha_the_option_is_named(tmp_path):
    with pytest.raises(DataSetError, match=r"has no alpha channel.*and no mask: --background auto keys"):
        load_posed_images(folder(tmp_path, "white"), require_alpha=True)
    with pytest.raises(InputError, match="reddish: no colour"):
        load_posed_images(tmp_path, background="reddish")


def test_a_named_colour_that_no_border_has_is_warned_of(tmp_path):
    save_image(tmp_path / "a.png", srgb_to_linear(photograph("white")[0]))
    frames = [{"file_path": "a.png", "transform_matrix": np.eye(4).tolist()}]
    (tmp_path / "transforms.json").write_text(json.dumps({"fl_x": 200.0, "frames": frames}))
    with pytest.warns(
        UserWarning, match="--background blue: 0% of the pixels at the borders .* the middle one is #ffffff"
    ):
        load_posed_images(tmp_path, background="blue")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_posed_images(tmp_path, background="white")
