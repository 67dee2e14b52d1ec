"""check_gradients finds right gradients right and wrong ones wrong, and leaves things as they were."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.errors import GradientError, InputError
from taichi_dr.gradcheck import check_gradients
from taichi_dr.runtime import float_dtype


class Quartic:
    """loss = sum of w (x^4 + s x + |v|^2), in one loop-free kernel; ``wrong`` scales what the gradient gets."""

    def __init__(self, n=40, seed=0):
        dtype = float_dtype()
        self.x = ti.field(dtype, shape=(n,), needs_grad=True)
        self.v = ti.Vector.field(3, dtype, shape=(2, n // 2), needs_grad=True)
        self.s = ti.field(dtype, shape=(), needs_grad=True)
        self.loss = ti.field(dtype, shape=(), needs_grad=True)
        r = np.random.default_rng(seed)
        self.x.from_numpy(r.normal(size=n).astype(self.x.to_numpy().dtype))
        self.v.from_numpy(r.normal(size=(2, n // 2, 3)).astype(self.x.to_numpy().dtype))
        self.s[None] = 0.3

    @property
    def parameters(self):
        return {"x": self.x, "v": self.v, "s": self.s}

    def program(self):
        quartic(self.x, self.v, self.s, self.loss)
        return self.loss


@ti.kernel
def quartic(x: ti.template(), v: ti.template(), s: ti.template(), loss: ti.template()):
    for i in x:
        loss[None] += x[i] ** 4 + s[None] * x[i]
    for i, j in v:
        loss[None] += v[i, j].dot(v[i, j])


@ti.kernel
def value_loaded_before_a_loop(x: ti.template(), y: ti.template()):
    for i in x:
        a = x[i]
        for j in range(4):
            y[i, j] += a * a * (j + 1)


@ti.kernel
def sum_squares(y: ti.template(), loss: ti.template()):
    for i, j in y:
        loss[None] += y[i, j] ** 2


def wrong_loop():
    """A program whose gradient Taichi gets wrong without a word."""
    x = ti.field(float_dtype(), shape=(6,), needs_grad=True)
    y = ti.field(float_dtype(), shape=(6, 4), needs_grad=True)
    loss = ti.field(float_dtype(), shape=(), needs_grad=True)
    for i in range(6):
        x[i] = 0.5 + 0.1 * i

    @ti.ad.no_grad
    def clear():
        y.fill(0)

    def program():
        clear()
        value_loaded_before_a_loop(x, y)
        sum_squares(y, loss)
        return loss

    return program, x


def replaced(scene, factor):
    """The program of ``scene`` with an adjoint of its own, in which x's gradient is off by ``factor``."""

    @ti.ad.grad_replaced
    def forward():
        quartic(scene.x, scene.v, scene.s, scene.loss)

    @ti.ad.grad_for(forward)
    def backward():
        quartic.grad(scene.x, scene.v, scene.s, scene.loss)
        scene.x.grad.from_numpy(scene.x.grad.to_numpy() * np.asarray(factor, scene.x.to_numpy().dtype))

    def program():
        forward()
        return scene.loss

    return program


def check_right():
    scene = Quartic()
    before = {name: field.to_numpy() for name, field in scene.parameters.items()}
    report = check_gradients(scene.program, scene.parameters)
    assert report.ok, str(report)
    assert not report.wrong
    report.raise_if_wrong()
    for name, field in scene.parameters.items():
        np.testing.assert_array_equal(field.to_numpy(), before[name])
    np.testing.assert_allclose(scene.loss[None], report.loss, rtol=1e-5)
    np.testing.assert_allclose(scene.v.grad.to_numpy(), 2 * before["v"], rtol=1e-5)
    return report


def check_wrong_loop():
    program, x = wrong_loop()
    report = check_gradients(program, {"x": x})
    assert report.wrong == ["x"], str(report)
    with pytest.raises(GradientError, match="wrong gradient of x"):
        report.raise_if_wrong()


def test_right_in_float64(cpu64):
    report = check_right()
    assert report.tolerance == 1e-5
    assert max(parameter.worst.relative_error for parameter in report.parameters) < 1e-8


def test_finds_the_wrong_loop_in_float64(cpu64):
    check_wrong_loop()


@pytest.mark.parametrize("factor", [1.0001, 0.0, -1.0])
def test_finds_a_wrong_factor(cpu64, factor):
    scene = Quartic()
    report = check_gradients(replaced(scene, factor), scene.parameters)
    assert report.wrong == ["x"], str(report)
    assert not report.ok
    table = str(report)
    assert "rel. error" in table
    assert table.count("wrong") == 1


def test_finds_one_wrong_component(cpu64):
    scene = Quartic()
    factor = np.ones(40)
    factor[int(np.argmin(np.abs(scene.x.to_numpy() + 1)))] = 0
    assert check_gradients(replaced(scene, factor), scene.x).wrong == ["parameter"]


def test_a_right_replacement_is_right(cpu64):
    scene = Quartic()
    assert check_gradients(replaced(scene, 1.0), [scene.x, scene.v]).ok


def test_a_zero_gradient_is_right_where_the_loss_is_flat(cpu64):
    scene = Quartic()
    unused = ti.field(ti.f64, shape=(3,), needs_grad=True)
    report = check_gradients(scene.program, {"unused": unused})
    assert report.ok
    assert report.parameters[0].worst.numeric == 0


def test_a_loss_with_a_jump_is_unclear_or_wrong_never_right(cpu64):
    x = ti.field(ti.f64, shape=(), needs_grad=True)
    loss = ti.field(ti.f64, shape=(), needs_grad=True)

    @ti.kernel
    def jump():
        for _ in range(1):
            loss[None] += 3 * x[None] + ti.select(x[None] > 0, 1.0, 0.0)

    def program():
        jump()
        return loss

    assert not check_gradients(program, x).ok


def test_step_and_samples_can_be_chosen(cpu64):
    scene = Quartic()
    report = check_gradients(scene.program, scene.x, step=1e-3, samples=1, tolerance=1e-3)
    assert report.ok
    assert len(report.parameters[0].probes) == 3


def test_bad_input_says_what_is_wrong(cpu64):
    scene = Quartic()
    plain, counts = ti.field(ti.f64, shape=3), ti.field(ti.i32, shape=3)
    for bad in (plain, counts, 3.0):
        with pytest.raises(InputError, match="expected a field"):
            check_gradients(scene.program, {"p": bad})
    with pytest.raises(InputError, match="at least one"):
        check_gradients(scene.program, [])
    with pytest.raises(InputError, match=r"samples: expected at least 1 .* got 0"):
        check_gradients(scene.program, scene.x, samples=0)
    with pytest.raises(InputError, match="return its loss"):
        check_gradients(lambda: None, scene.x)
    with pytest.raises(GradientError, match="outside of any"), ti.ad.Tape(scene.loss):
        check_gradients(scene.program, scene.x)


def test_a_program_that_accumulates_is_refused(cpu64):
    scene = Quartic()

    def program():
        scene.s[None] += 0.1
        return scene.program()

    with pytest.raises(GradientError, match="another loss at every call"):
        check_gradients(program, scene.x)


def test_a_loss_that_is_not_finite_is_refused(cpu64):
    scene = Quartic()
    scene.s[None] = np.inf
    with pytest.raises(GradientError, match="finite loss"):
        check_gradients(scene.program, scene.x)


def test_values_come_back_after_an_error(cpu64):
    scene = Quartic()
    before = scene.x.to_numpy()
    calls = []

    def program():
        calls.append(1)
        if len(calls) == 9:
            raise KeyError
        return scene.program()

    with pytest.raises(KeyError):
        check_gradients(program, scene.x)
    np.testing.assert_array_equal(scene.x.to_numpy(), before)


def test_right_in_float32(cpu32):
    assert check_right().tolerance == 1e-2


def test_finds_the_wrong_loop_in_float32(cpu32):
    check_wrong_loop()


def test_right_on_gpus(gpu):
    check_right()


def test_finds_the_wrong_loop_on_gpus(gpu):
    check_wrong_loop()
