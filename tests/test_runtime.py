"""The runtime's state and types, whoever called ``ti.init``."""

import gc

import pytest
import taichi as ti
from taichi.lang._ndarray import ScalarNdarray

import taichi_dr as dr
from taichi_dr.errors import BackendError, InputError, RuntimeStateError
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.runtime import LOG_LEVELS


@pytest.mark.parametrize("make", [dr.Lights, lambda: make_array((2,)), lambda: array_from([1, 2], ti.i32)])
def test_nothing_is_made_before_init(own_runtime, make):
    ti.reset()
    with pytest.raises(RuntimeStateError, match="not initialised"):
        make()


@pytest.mark.parametrize(
    ("types", "got"),
    [({"default_fp": ti.f16}, "f16 and i32"), ({"default_ip": ti.i64}, "f32 and i64")],
)
def test_types_that_kernels_lack(own_runtime, types, got):
    ti.init(arch=ti.cpu, **types)
    for _ in range(2):
        with pytest.raises(BackendError, match=f"default_fp=ti.f32 or ti.f64 and default_ip=ti.i32, got {got}"):
            dr.Rasterizer(8)


def test_no_double_precision_on_vulkan(own_runtime, vulkan):
    ti.init(arch=ti.vulkan, default_fp=ti.f64, log_level=ti.ERROR)
    with pytest.raises(BackendError, match="float64 on vulkan is not supported"):
        dr.Rasterizer(8)


def test_precision_is_chosen_by_float64(own_runtime):
    with pytest.raises(InputError, match=r"default_fp: expected float64=True .* got f64"):
        dr.init("cpu", default_fp=ti.f64)


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_looking_for_backends_leaves_the_log_level_alone(own_runtime, level):
    ti.set_logging_level(level)
    dr.available_backends()
    effective = [ti.is_logging_effective(one) for one in LOG_LEVELS]
    assert effective == [one >= LOG_LEVELS.index(level) for one in range(len(LOG_LEVELS))]


def test_own_init_serves(own_runtime):
    ti.init(arch=ti.cpu, default_fp=ti.f64, log_level=ti.ERROR)
    assert dr.backend() == "cpu"
    assert dr.shapes.icosphere(0).vertices.dtype == ti.f64


def test_an_array_is_freed_in_its_own_runtime_or_not_at_all(own_runtime, monkeypatch):
    dr.init("cpu")
    old = make_array((3,))
    dr.init("cpu")
    new = make_array((3,))
    freed = []
    monkeypatch.setattr(ScalarNdarray, "__del__", lambda array: freed.append(array.shape))
    del old
    gc.collect()
    assert freed == []
    del new
    gc.collect()
    assert freed == [(3,)]


@ti.kernel
def _names_nothing(x: ti.types.ndarray(ndim=1)):
    for i in range(3):
        x[i] = undefined + 1.0  # noqa: F821


def test_errors_of_kernels_still_show_the_place_in_the_source(cpu32):
    with pytest.raises(ti.TaichiCompilationError) as error:
        _names_nothing(ti.ndarray(float, 3))
    shown = str(error.value).splitlines()
    assert shown[1].endswith("in _names_nothing:")
    assert shown[2].strip() == "x[i] = undefined + 1.0  # noqa: F821"
    assert shown[3].strip() == "^" * len("undefined")
