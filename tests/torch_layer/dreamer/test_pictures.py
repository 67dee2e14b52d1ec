"""Pictures of things: their formula, and that a picture does not depend on its company."""

import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.render.mesh.supersample import Supersampler
from taichi_dr.torch.dreamer.pictures import (
    AMBIENT,
    BACKGROUNDS,
    ELEVATIONS_DEG,
    Pictures,
    camera,
    lights,
    random_greys,
    random_views,
    take_pictures,
)
from taichi_dr.torch.dreamer.things import thing
from taichi_dr.torch.dreamer.words import COLORS, SHAPES, SIZES


def colored(shading, alpha, color, grey):
    """The picture of a thing of a single shading and coverage."""
    full = np.ones((1, 1, 1, 2, 2), np.float32)
    pictures = Pictures(full * np.float32(shading), full * np.float32(alpha), np.zeros(1), np.zeros(1))
    zero = np.zeros(1, int)
    return pictures.colored(zero, np.array([list(COLORS).index(color)]), zero, zero, np.array([grey]))[0]


def srgb(linear):
    linear = np.asarray(linear)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_a_pixel_is_its_formula():
    for grey in (0.25, 0.6):
        np.testing.assert_array_equal(colored(1.0, 0.0, "red", grey), np.full((2, 2, 3), grey, np.float32))
        full = colored(0.5, 1.0, "orange", grey)
        assert full.dtype == np.float32
        np.testing.assert_allclose(full, np.broadcast_to(srgb([0.45, 0.14, 0.01]), (2, 2, 3)), atol=1e-6)
        part = colored(1.0, 0.25, "white", grey)
        np.testing.assert_allclose(part, np.full((2, 2, 3), 0.25 * srgb(0.9) + 0.75 * grey), atol=1e-6)


def test_pictures_are_chosen_by_shape_colour_size_and_view(pictures):
    assert pictures.shading.shape == pictures.alpha.shape == (10, 2, 3, 32, 32)
    numbers = [np.array(part) for part in ([4, 0, 9], [0, 7, 3], [1, 0, 1], [2, 2, 0], [0.3, 0.5, 0.7])]
    together = pictures.colored(*numbers)
    assert (together.shape, together.dtype) == ((3, 32, 32, 3), np.float32)
    for i in range(3):
        np.testing.assert_array_equal(pictures.colored(*(part[i : i + 1] for part in numbers))[0], together[i])
    turned = pictures.colored(*(part[::-1] for part in numbers))
    np.testing.assert_array_equal(turned[::-1], together)
    np.testing.assert_allclose(together[:, 0, 0], np.outer([0.3, 0.5, 0.7], [1, 1, 1]), atol=1e-7)


def test_large_things_cover_more_and_nothing_touches_the_border(pictures):
    covered = pictures.alpha.mean(axis=(3, 4))
    assert (covered[:, 1] > 1.5 * covered[:, 0]).all()
    assert (covered > 0.005).all()
    border = np.ones((32, 32), bool)
    border[1:-1, 1:-1] = False
    assert not pictures.alpha[..., border].any()
    assert ((pictures.shading >= 0) & (pictures.shading <= 1)).all()


def test_a_thing_alone_is_what_is_seen_of_it(cpu32, pictures):
    seen = Supersampler(32, 4).render(
        thing("chair", "large"), camera(pictures.azimuth_deg[1], pictures.elevation_deg[1]), lights()
    )
    place = SHAPES.index("chair"), list(SIZES).index("large"), 1
    np.testing.assert_allclose(pictures.alpha[place], seen[0, ..., 3], atol=1e-6)
    np.testing.assert_allclose(pictures.shading[place], np.clip(seen[0, ..., 0], 0, 1), atol=1e-6)


def test_the_same_seed_takes_the_same_pictures(cpu32, pictures, monkeypatch):
    monkeypatch.setattr(sys.modules[Pictures.__module__], "SHAPES", ("ball", "box"))
    told = []
    again = take_pictures(3, seed=5, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for name in ("azimuth_deg", "elevation_deg"):
        np.testing.assert_array_equal(getattr(again, name), getattr(pictures, name))
    np.testing.assert_array_equal(again.shading, pictures.shading[:2])
    np.testing.assert_array_equal(again.alpha, pictures.alpha[:2])
    other = take_pictures(2, seed=6, size=8)
    assert other.alpha.shape == (2, 2, 2, 8, 8)
    assert (other.azimuth_deg != pictures.azimuth_deg[:2]).all()


def test_views_are_from_all_around_and_greys_from_all_between():
    random = np.random.default_rng(0)
    azimuth, elevation = random_views(random, 4000)
    grey = random_greys(random, 4000)
    assert grey.dtype == np.float32
    for numbers, (low, high) in ((azimuth, (0, 360)), (elevation, ELEVATIONS_DEG), (grey, BACKGROUNDS)):
        counts, _ = np.histogram(numbers, 8, (low, high))
        assert counts.sum() == 4000  # none is outside
        assert np.abs(counts - 500).max() < 5 * np.sqrt(500)


@pytest.mark.parametrize(("azimuth", "cosine"), [(0, 0.7), (90, 0.5), (180, 0.0), (270, 0.0)])
def test_light_does_not_turn_with_the_camera(cpu32, azimuth, cosine):
    """The middle of a ball of clay (0.7) faces the camera, which is at +z, +x, -z and -x."""
    seen = Supersampler(32, 4).render(thing("ball"), camera(azimuth, 0.0), lights())[0, ..., 0]
    expected = 0.7 * (AMBIENT + (1 - AMBIENT) * cosine / np.sqrt(0.5**2 + 1 + 0.7**2))
    assert seen[15:17, 15:17].mean() == pytest.approx(expected, abs=0.005)
