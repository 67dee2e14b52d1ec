"""docs/single_image.md: its program makes a mesh of a picture, and its links lead somewhere."""

import numpy as np
import pytest
from programs import Page

import taichi_dr as dr

PAGE = Page("single_image")


def test_a_chair_is_made_of_its_picture(cpu32, tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    PAGE.printed("chair", tmp_path)
    found = dr.load_mesh(tmp_path / "chair.glb")
    assert (found.vertex_count, found.face_count) == (642, 1280)
    away = dr.compare_meshes(found, dr.shapes.random_shape("chair", seed=5), samples=2000)
    assert away.chamfer < 0.06  # of a chair within a ball of radius 0.5
    assert np.ptp(found.numpy("colors"), axis=(0, 1)).max() > 0.01


def test_every_program_is_run():
    assert set(PAGE.programs) == {"chair"}


@pytest.mark.parametrize("target", PAGE.links)
def test_links_lead_somewhere(target):
    PAGE.require_target(target)
