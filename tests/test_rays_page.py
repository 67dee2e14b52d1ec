"""docs/rays.md: its programs run and find what they say, and its pictures are theirs."""

import numpy as np
import pytest
from programs import Page, numbers

PAGE = Page("rays")


def test_the_first_picture(tmp_path):
    PAGE.printed("picture", tmp_path)
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_the_pools_of_two_lamps(tmp_path):
    PAGE.printed("spot", tmp_path)
    assert (tmp_path / "spot.png").stat().st_size > 10_000


def test_a_lamp_is_aimed(tmp_path):
    before, after = (numbers(line)[0] for line in PAGE.printed("aim", tmp_path).splitlines()[-2:])
    assert before == 26.2
    assert after < 0.2


def test_a_box_is_met(tmp_path):
    assert PAGE.printed("caster", tmp_path).splitlines()[-1] == "distances [4.0, inf] faces [4, -1]"


def test_a_shadow_has_the_gradient_of_the_closed_form(tmp_path):
    without, counted = (numbers(line) for line in PAGE.printed("edges", tmp_path).splitlines()[-2:])
    np.testing.assert_allclose(without, [0.875, 0, 0], atol=1e-3)
    np.testing.assert_allclose(counted, [0.875, -0.25, -0.5], atol=2e-3)


def test_every_program_is_run():
    assert set(PAGE.programs) == {"picture", "spot", "aim", "caster", "edges"}


@pytest.mark.parametrize("target", PAGE.links)
def test_links_lead_somewhere(target):
    PAGE.require_target(target)
