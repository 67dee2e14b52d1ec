"""One runtime at a time: a fixture per backend and precision; init again only when the last test used another."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: threads of two processes spin for each other's cores

import pytest
from backends import GPUS, SINGLE

import taichi_dr as dr
from taichi_dr.runtime import runtime_token

_current = [None, None]  # (backend, precision) of the fixtures' last init, and its runtime


def _use(arch, float64=False):
    if _current[0] != (arch, float64) or _current[1] is not runtime_token():
        dr.init(arch, float64=float64, random_seed=1)
        _current[:] = (arch, float64), runtime_token()
    return arch


@pytest.fixture
def cpu64():
    """The CPU in double precision: gradient checks."""
    return _use("cpu", float64=True)


@pytest.fixture
def cpu32():
    """The CPU in single precision: what users run."""
    return _use("cpu")


@pytest.fixture
def vulkan():
    """Vulkan in single precision, Mesa's software driver included; skips (or fails where required) without a device."""
    if "vulkan" not in dr.available_backends():
        message = "no Vulkan device on this machine"
        pytest.fail(message) if os.environ.get("TAICHI_DR_REQUIRE_VULKAN") else pytest.skip(message)
    return _use("vulkan")


@pytest.fixture
def cuda():
    """CUDA in single precision; only tests of machines with a device ask for it, by ``GPUS``."""
    return _use("cuda")


@pytest.fixture(params=GPUS)
def gpu(request):
    """Each backend that is made for GPUS in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=SINGLE)
def any32(request):
    """Each single-precision backend in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def own_runtime():
    """For tests that call init themselves: the next test initialises anew."""
    yield
    _current[0] = None
