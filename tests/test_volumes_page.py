"""docs/volumes.md: its programs run and find what they say, and its picture is that of the first one."""

import numpy as np
import pytest
from programs import Page, numbers

PAGE = Page("volumes")


def test_the_first_picture(tmp_path):
    PAGE.printed("picture", tmp_path)
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_the_puff_is_found(tmp_path):
    found = numbers(PAGE.printed("fit", tmp_path).partition("place ")[2])
    np.testing.assert_allclose(found, [0.4, 0.3, -0.3, 0.4, 3.0], rtol=0.1, atol=0.01)


def test_the_sky_is_found_behind_the_mist(tmp_path):
    (error,) = numbers(PAGE.printed("sky", tmp_path).partition("sky")[2])
    assert error < 0.01


def test_the_ring_is_found_without_masks(tmp_path):
    major, minor, beta = numbers(PAGE.printed("walls", tmp_path).partition("ring")[2])
    np.testing.assert_allclose([major, minor, beta], [0.65, 0.2, 0.02], atol=0.005)


def test_a_hash_grid_shows_views_that_it_has_not_seen(tmp_path):
    (decibels,) = numbers(PAGE.printed("hash_grid", tmp_path).partition("PSNR")[2])
    assert decibels > 25
    assert (tmp_path / "hash_grid.png").stat().st_size > 10_000


def test_every_program_is_run():
    assert set(PAGE.programs) == {"picture", "fit", "sky", "walls", "hash_grid"}


@pytest.mark.parametrize("target", PAGE.links)
def test_links_lead_somewhere(target):
    PAGE.require_target(target)
