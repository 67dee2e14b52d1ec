"""The public names: all there, imported when first asked for, and found by tools."""

import subprocess
import sys

import pytest

import taichi_dr as dr


def test_every_public_name_is_there_and_listed():
    names = {}
    exec("from taichi_dr import *", names)
    assert (
        {"Mesh", "losses", "shapes", "schedules", "__version__"} <= set(dr.__all__) == names.keys() - {"__builtins__"}
    )
    assert set(dr.__all__) <= set(dir(dr))


def test_rooms_of_the_package_are_attributes():
    assert dr.kernels.__name__ == "taichi_dr.kernels"


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="module 'taichi_dr' has no attribute 'nonsense'"):
        dr.nonsense  # noqa: B018
    with pytest.raises(ImportError, match="nonsense"):
        from taichi_dr import nonsense  # noqa: F401


def test_the_import_alone_loads_nothing():
    program = "import sys, taichi_dr; print({'taichi', 'numpy'} & sys.modules.keys()); print(taichi_dr.Mesh.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\nMesh\n"
