"""docs/networks.md: its programs run and find what they say, and its links lead somewhere."""

import pytest
from programs import Page, numbers

PAGE = Page("networks")


def test_a_shape_by_silhouettes(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    losses = [numbers(line)[0] for line in PAGE.printed("shape", tmp_path).splitlines() if line.startswith("step")]
    assert len(losses) == 4
    assert losses[-1] < 0.35 * losses[0]


def test_a_camera_by_a_silhouette(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    assert numbers(PAGE.printed("camera", tmp_path).splitlines()[-1])[0] < 0.05


def test_gradients_are_checked(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    assert PAGE.printed("check", tmp_path).splitlines()[-1] == "True"


def test_every_program_is_run():
    assert set(PAGE.programs) == {"shape", "camera", "check"}


@pytest.mark.parametrize("target", PAGE.links)
def test_links_lead_somewhere(target):
    PAGE.require_target(target)
