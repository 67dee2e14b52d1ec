"""docs/sdf.md: its programs run and find what they say, and its picture is that of the first one."""

import numpy as np
import pytest
from programs import Page, numbers

PAGE = Page("sdf")


def test_the_first_picture(tmp_path):
    PAGE.printed("picture", tmp_path)
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_the_ring_is_found(tmp_path):
    found = PAGE.printed("fit", tmp_path).partition("place ")[2]
    np.testing.assert_allclose(numbers(found), [0.5, 0.3, -0.4, 0.5, 0.15], atol=0.02)


def test_a_ball_becomes_a_ring(tmp_path):
    (overlap,) = numbers(PAGE.printed("grid", tmp_path).partition("IoU")[2])
    assert overlap > 0.94


def test_a_ring_is_known_by_its_depth(tmp_path):
    (error,) = numbers(PAGE.printed("codes", tmp_path).partition("surface:")[2])
    assert error < 0.03


def test_every_program_is_run():
    assert set(PAGE.programs) == {"picture", "fit", "grid", "codes"}


@pytest.mark.parametrize("target", PAGE.links)
def test_links_lead_somewhere(target):
    PAGE.require_target(target)
