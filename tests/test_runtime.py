"""The runtime's state and types, whoever called ``ti.init``."""

import gc
import sys
import threading

import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.errors import BackendError, GradientError, InputError, RuntimeStateError
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.shelf import MOST_KEPT
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
    size = (MOST_KEPT // 2 + 1,)  # too large to be kept for the next one
    dr.init("cpu")
    old = make_array(size)
    dr.init("cpu")
    new = make_array(size)
    freed, program = [], type(ti.lang.impl.get_runtime().prog)
    free = program.delete_ndarray
    monkeypatch.setattr(program, "delete_ndarray", lambda self, array: freed.append(array) or free(self, array))
    handles = [old.arr, new.arr]
    del old
    gc.collect()
    assert not any(array in handles for array in freed)
    del new
    gc.collect()
    assert [array for array in freed if array in handles] == handles[1:]


def test_an_array_that_outlives_taichi_says_nothing(own_runtime, monkeypatch):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    dr.init("cpu")
    array = make_array((3,))
    for name in ("get_runtime", "pytaichi"):  # as the interpreter does when it ends
        monkeypatch.setattr(ti.lang.impl, name, None)
    del array
    gc.collect()
    assert not said


def field():
    return ti.field(ti.f32, (1, 12, 12), needs_grad=True)


def number():
    return ti.field(ti.f32, (), needs_grad=True)


def open_tape(loss):
    with ti.ad.Tape(loss):
        pass


DEAD = {
    "a prediction": ("prediction", lambda dead, loss: dr.losses.mse(dead, field(), loss)),
    "a target": ("target", lambda dead, loss: dr.losses.ssim(field(), dead, loss)),
    "an alpha": ("alpha", lambda dead, loss: dr.losses.iou(dead, field(), loss)),
    "points": ("source", lambda dead, loss: dr.losses.chamfer(dead, [[0, 0, 0]], loss)),
    "a parameter": ("parameter 0", lambda dead, loss: dr.Adam([dead])),
    "a parameter to check": ("x", lambda dead, loss: dr.check_gradients(lambda: loss, {"x": dead})),
    "a loss to check": ("loss", lambda dead, loss: dr.check_gradients(lambda: dead, loss)),
    "a tape's loss": ("field", lambda dead, loss: open_tape(dead)),
    "numbers": ("field", lambda dead, loss: dead.to_numpy()),
}


def test_a_field_does_not_outlive_its_runtime(own_runtime):
    dr.init("cpu")
    dead, dead_loss = field(), number()
    variable = Variable("shade", (1, 12, 12))
    dr.losses.mse(dead, field(), dead_loss)
    dr.init("cpu")
    loss = number()
    for name, use in DEAD.values():
        with pytest.raises(RuntimeStateError, match=f"^{name}: made before the latest ti.init.*make it again"):
            use(dead, loss)
    uses = {
        "prediction": lambda: dr.losses.mse(variable, field(), loss),
        "parameter 0": lambda: dr.Adam([variable]),
        "shade": variable.to_numpy,
    }
    for name, use in uses.items():
        with pytest.raises(RuntimeStateError, match=f"^{name}: made before the latest ti.init"):
            use()
    with pytest.raises(RuntimeStateError, match="loss: made before"):
        dr.losses.mse(field(), field(), dead_loss)
    with pytest.raises(RuntimeStateError, match="field: made before"):
        dead_loss[None] = 0


def test_a_second_thread_is_told_what_to_do(cpu32):
    loss, other_loss, image = number(), number(), field()
    dr.losses.mse(image, field(), loss)
    entered, done = threading.Event(), threading.Event()

    def step():
        with ti.ad.Tape(loss):
            entered.set()
            assert done.wait(60)

    thread = threading.Thread(target=step)
    thread.start()
    assert entered.wait(60)
    try:
        for use in (
            lambda: open_tape(other_loss),
            lambda: dr.losses.mse(image, image, other_loss),
            dr.Adam([image]).step,
        ):
            with pytest.raises(
                GradientError, match=r"another thread .*: let one thread do all work with Taichi, init included"
            ):
                use()
    finally:
        done.set()
        thread.join()
    open_tape(other_loss)
