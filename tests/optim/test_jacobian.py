"""Jacobians: closed forms by differences and by forward mode, and forward mode where it would be silently wrong."""

import itertools
import math

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.optim.forward_mode import ForwardMode
from taichi_dr.optim.jacobian import Differences, _inverse
from taichi_dr.optim.observations import Observations
from taichi_dr.optim.parameter_vector import ParameterVector


@pytest.fixture
def wave(cpu32):
    """``y_i = a i sin(b)`` in a loop at run time, by way of a field; ``(program, parameters)``."""
    p = ti.Vector.field(2, ti.f32, shape=(), needs_dual=True)
    middle = ti.field(ti.f32, shape=(), needs_dual=True)
    y = ti.field(ti.f32, shape=4, needs_dual=True)
    p[None] = [2.0, 0.5]

    @ti.kernel
    def first():
        middle[None] = p[None][0] * ti.sin(p[None][1])

    @ti.kernel
    def second():
        for i in y:
            total = 0.0
            for _ in range(i):
                total += middle[None]
            y[i] = total

    def program():
        first()
        second()
        return y

    return program, p


EXPECTED = np.outer(np.arange(4), [math.sin(0.5), 2 * math.cos(0.5)])


def test_forward_mode_has_the_closed_form(wave):
    program, p = wave
    np.testing.assert_allclose(dr.jacobian(program, p, way="forward"), EXPECTED, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(p.to_numpy(), [2, 0.5])
    found = dr.GaussNewton(program, {"wave": p}, 3 * np.arange(4), way="forward").estimate()
    assert len(found.undetermined) == 1, "of a sin(b) alone"


def test_a_field_that_is_written_twice_is_found_out(wave):
    """Its duals add up in Taichi."""
    program, p = wave
    with pytest.raises(dr.GradientError, match="is to be written once"):
        dr.jacobian(lambda: (program(), program())[1], p, way="forward")


def test_kernels_are_as_before_after_forward_mode(cpu32):
    """Taichi's own leaves a kernel that was called twice in forward mode."""
    x = ti.field(ti.f32, shape=3, needs_dual=True, needs_grad=True)
    loss = ti.field(ti.f32, shape=(), needs_grad=True)
    x.from_numpy(np.array([3, 0, 0], np.float32))

    @ti.kernel
    def advance(step: ti.i32):
        x[step + 1] = 2 * x[step]

    @ti.kernel
    def read():
        loss[None] += x[2]

    def program():
        advance(0)
        advance(1)
        return x

    matrix = dr.jacobian(program, x, difference=0.1)
    np.testing.assert_allclose(matrix[:, 0], [1, 2, 4], rtol=1e-5)
    ForwardMode(program, ParameterVector(x))()
    with ti.ad.Tape(loss):
        program()
        read()
    assert x.grad[0] == 4


def test_differences_have_the_closed_form(wave):
    program, p = wave
    np.testing.assert_allclose(dr.jacobian(program, {"p": p}), EXPECTED, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(dr.jacobian(program, p, difference=1e-2), EXPECTED, rtol=1e-3, atol=1e-6)
    assert p.to_numpy().tolist() == [2, 0.5]


def test_where_all_that_is_shown_is_zero_steps_stay(cpu32):
    """Residuals at the best numbers have no contrast; rounding of 100 (8e-6) is a third of the least step."""
    p = ti.field(ti.f32, shape=())
    p[None] = 1
    far = np.float32(100)
    matrix = dr.jacobian(lambda: (far + np.float32(p[None] - 1) * np.array([1, 2], np.float32)) - far, p)
    np.testing.assert_allclose(matrix, [[1], [2]], rtol=2e-3)


def test_rounding_is_that_of_the_larger_numbers_shown(cpu32):
    """``(p - 1) (3, 4)`` is zero at 1 and h (3, 4) at an end: 10 * 2^-23 * 5 h / 2 h."""
    p = ti.field(ti.f32, shape=())
    p[None] = 1
    shown, vector = Observations(lambda: (p[None] - 1) * np.array([3, 4])), ParameterVector(p)
    differences = Differences(shown, vector)
    differences(vector.read(), shown.first)
    np.testing.assert_allclose(differences.least, 25 * 2.0**-23, rtol=1e-4)


X = np.linspace(0, 6, 400)
ON_STAIRS = np.stack([np.sin(X) + 0.05 * np.cos(X), np.sin(X) - 0.05 * np.cos(X)], axis=1)


@pytest.fixture
def on_stairs(cpu32):
    """``ON_STAIRS (a, b)`` at (1, 2) climbs stairs, each pixel's at places of its own, so that differences turn.

    ``(differences, check, limits)``: ``check()`` looks at them; the program raises an Error where ``a - b`` is above
    ``limits["apart"]``, and what Ctrl-C does at its run number ``limits["runs"]`` from now.
    """
    p, places = ti.field(ti.f32, shape=2), np.random.default_rng(0).uniform(size=400)
    p.from_numpy(np.array([1, 2], np.float32))
    limits = {"apart": np.inf, "runs": 0}

    def program():
        limits["runs"] -= 1
        if limits["runs"] == 0:
            raise KeyboardInterrupt
        if p[0] - p[1] > limits["apart"]:
            raise dr.InputError("a is too large")
        return 0.05 * np.floor(ON_STAIRS @ p.to_numpy() / 0.05 + places)

    shown, vector = Observations(program), ParameterVector(p)
    differences = Differences(shown, vector)
    return differences, lambda: differences.checked(vector.read(), shown.first, 1e-6), limits


@pytest.mark.parametrize("is_checked", [False, True])
def test_differences_straighten_where_turned_ones_make_no_sense(on_stairs, is_checked):
    """Moves along ``a - b = -1`` are larger than 0.5, those along a and b are not."""
    differences, check, limits = on_stairs
    check()
    assert differences.is_turned
    limits["apart"] = -0.5
    matrix = check()[0] if is_checked else differences(np.array([1.0, 2.0]), ON_STAIRS @ [1, 2])
    assert not differences.is_turned
    off = np.linalg.norm(matrix - ON_STAIRS, axis=0) / np.linalg.norm(ON_STAIRS, axis=0)
    assert (off < 0.2).all(), off


@pytest.mark.parametrize("moves", [[[1, 1], [2, 2]], [[1e-9, 1e-9], [1e3, 1e3]], [[0, 0], [1, 2]]])
def test_moves_of_too_few_directions_are_refused(moves):
    with pytest.raises(dr.InputError, match="steps along combinations are lost in the rounding"):
        _inverse(np.array(moves, float))


def test_moves_of_very_different_sizes_are_none_of_these():
    """The inverse of ``[[1e-9, 1], [-1e3, 1e15]]``, whose determinant is 1e6 + 1e3."""
    found = _inverse(np.array([[1e-9, 1.0], [-1e3, 1e15]]))
    np.testing.assert_allclose(found, np.array([[1e15, -1.0], [1e3, 1e-9]]) / 1.001e6, rtol=1e-9)


def test_ctrl_c_leaves_no_turn_that_was_not_looked_at(on_stairs):
    differences, check, limits = on_stairs
    check()
    for run in itertools.count(1):
        differences.straighten()
        differences.turns, limits["runs"] = 0, run
        try:
            check()
        except KeyboardInterrupt:
            assert differences.is_turned == (differences.turns > 0)
        else:
            break
    assert run > 16, "there was a turn to interrupt"


def test_a_field_without_a_dual_on_the_way_is_found_out(cpu32):
    x, middle, y = (ti.field(ti.f32, shape=(), needs_dual=dual) for dual in (True, False, True))

    @ti.kernel
    def first():
        middle[None] = 3 * x[None]

    @ti.kernel
    def second():
        y[None] = 2 * middle[None]

    def program():
        first()
        second()
        return y

    x[None] = 1
    with pytest.raises(Exception, match="forward mode is wrong: along one direction it says 0, and differences say"):
        dr.jacobian(program, x, way="forward")
    np.testing.assert_allclose(dr.jacobian(program, x), [[6]], rtol=1e-4)


def test_forward_mode_wants_duals(cpu32):
    x, y = ti.field(ti.f32, shape=()), ti.field(ti.f32, shape=(), needs_dual=True)
    with pytest.raises(dr.InputError, match='x: way="forward" wants a field with needs_dual=True'):
        dr.jacobian(lambda: y, {"x": x}, way="forward")
    with pytest.raises(dr.InputError, match=r"what the program returns \(0\): .* got ndarray without"):
        dr.jacobian(lambda: np.ones(2), y, way="forward")


@pytest.mark.parametrize("what", ["render", "loss"])
def test_renderers_and_losses_refuse_forward_mode(cpu32, what):
    renderer, mesh, camera = dr.Rasterizer(8), dr.shapes.box(), dr.Camera.orbit()
    frame = renderer.render(mesh, camera)
    x, loss = ti.field(ti.f32, shape=(), needs_dual=True), ti.field(ti.f32, shape=(), needs_grad=True)
    calls = {
        "render": lambda: renderer.render(mesh, camera),
        "loss": lambda: dr.losses.mse(frame.color, np.zeros((1, 8, 8, 3)), loss),
    }
    message = r"no forward mode \(ti\.ad\.FwdMode\): use ti\.ad\.Tape, or dr\.jacobian"
    with pytest.raises(dr.GradientError, match=message), ti.ad.FwdMode(loss=x, param=x):
        calls[what]()
    assert renderer.render(mesh, camera).numpy("alpha").any()


def test_through_a_renderer(cpu32):
    """A square of half side s before an orthographic camera covers (2 s)^2 areas of 1: 8 s by s."""
    mesh = dr.Mesh([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    camera, size = dr.Camera.orthographic((0, 0, 3), half_height=1), ti.field(ti.f32, shape=())
    renderer, corners = dr.Rasterizer(32, antialias=True), mesh.vertices.to_numpy()
    size[None] = 0.47

    def program():
        mesh.set("vertices", size[None] * corners)
        return renderer.render(mesh, camera).variable("alpha")

    matrix = dr.jacobian(program, size, difference=1 / 16)  # of a pixel each way
    assert matrix.shape == (32 * 32, 1)
    assert matrix.sum() / 16**2 == pytest.approx(8 * 0.47, rel=0.03)
