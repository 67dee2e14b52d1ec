"""A set of eight shapes, made once."""

import pytest

import taichi_dr as dr
from taichi_dr.io.shape_views import load_shape_views


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    from taichi_dr.jobs.single_image.shape_views import make_shape_views

    folder = tmp_path_factory.mktemp("shapes") / "set"
    dr.init("cpu")
    make_shape_views(folder, 8, seed=1)
    return folder


@pytest.fixture
def views(made, cpu32):
    """The training split of a set of one shape of each category."""
    return load_shape_views(made)
