"""Examples in docstrings run on their own too: they find Taichi initialised, as after ``dr.init()``."""

from importlib.util import find_spec

import pytest

import taichi_dr as dr
from taichi_dr.runtime import is_initialised

if find_spec("torch") is None:
    collect_ignore = ["taichi_dr/torch"]


@pytest.fixture(autouse=True)
def _runtime_of_examples(request):
    if isinstance(request.node, pytest.DoctestItem) and not is_initialised():
        dr.init("cpu")
