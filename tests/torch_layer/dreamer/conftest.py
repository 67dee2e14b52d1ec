"""Pictures of all things from three sides, taken once."""

import pytest

import taichi_dr as dr


@pytest.fixture(scope="session")
def pictures():
    from taichi_dr.torch.dreamer.pictures import take_pictures

    dr.init("cpu")
    return take_pictures(3, seed=5)
