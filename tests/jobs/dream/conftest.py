"""Reports that take a moment: few frames, few directions, small pictures."""

import pytest


@pytest.fixture
def quick(monkeypatch):
    """Pictures of dreams with as many pixels and frames as a test needs."""
    from taichi_dr.jobs.dream import pictures

    monkeypatch.setattr(pictures, "SIDE", 24)
    monkeypatch.setattr(pictures, "FRAMES", 3)
