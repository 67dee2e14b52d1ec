"""Examples in docstrings run on their own too: they find Taichi initialised, as after ``dr.init()``."""

from importlib.util import find_spec

import pytest

import taichi_dr as dr  # before taichi, which else prints a line when pytest has ended
from taichi_dr.runtime import backend, float_dtype, is_initialised

if find_spec("torch") is None:
    collect_ignore = ["taichi_dr/torch"]


@pytest.fixture(autouse=True)
def _runtime_of_examples(request):
    if isinstance(request.node, pytest.DoctestItem) and not _serves(request.node.name):
        dr.init("cpu")


def _serves(name):
    """Whether the runtime is one for an example: tensors are of single precision, and on the CPU."""
    return is_initialised() and (
        not name.startswith("taichi_dr.torch") or (backend(), float_dtype().to_string()) == ("cpu", "f32")
    )
