"""Examples in docstrings run on their own too: they find Taichi initialised, as after ``dr.init()``."""

import pytest

import taichi_dr as dr
from taichi_dr.runtime import is_initialised


@pytest.fixture(autouse=True)
def _runtime_of_examples(request):
    if isinstance(request.node, pytest.DoctestItem) and not is_initialised():
        dr.init("cpu")
