"""docs/distillation.md: its programs run as they stand there, and its links lead somewhere."""

import pytest
from programs import Page

import taichi_dr as dr

PAGE = Page("distillation")


def test_a_red_ball_comes_about(cpu32, tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    PAGE.printed("distil", tmp_path)
    picture = dr.radiance.Grid.load(tmp_path / "ball.npz").render(dr.Camera.orbit(30, 20, distance=2.8), (32, 32))
    middle, corner = picture.color[0, 14:18, 14:18].mean(axis=(0, 1)), picture.alpha[0, :4, :4].mean()
    assert middle[0] > 1.5 * middle[1:].max()
    assert picture.alpha[0, 14:18, 14:18].mean() > 2 * corner


def test_every_program_is_run():
    assert set(PAGE.programs) == {"distil"}


@pytest.mark.parametrize("target", PAGE.links)
def test_links_lead_somewhere(target):
    PAGE.require_target(target)
