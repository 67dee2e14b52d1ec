"""Optimisers against NumPy float64 written from the papers' formulas; schedules; what they refuse."""

import warnings

import numpy as np
import pytest
import taichi as ti

from taichi_dr.errors import GradientError, InputError, RuntimeStateError, ShapeError
from taichi_dr.optim import optimizers as optim
from taichi_dr.optim import schedules
from taichi_dr.runtime import float_dtype

STEPS = 6


def make_field(values, vector=False):
    values = np.asarray(values)
    if vector:
        field = ti.Vector.field(values.shape[-1], float_dtype(), shape=values.shape[:-1], needs_grad=True)
    else:
        field = ti.field(float_dtype(), shape=values.shape, needs_grad=True)
    return set_values(field, values)


def set_values(field, values):
    field.from_numpy(np.asarray(values).astype(np.float64 if float_dtype() == ti.f64 else np.float32))
    return field


def sample(seed, shape=(2, 5, 3)):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape), rng.normal(size=(STEPS, *shape)) * np.geomspace(0.01, 10, shape[-1])


def run(make, start, gradients, vector=True):
    field = make_field(start, vector)
    optimizer = make(field)
    for gradient in gradients:
        set_values(field.grad, gradient)
        assert optimizer.step()
    return field.to_numpy()


def adam_oracle(p, gradients, lr, betas=(0.9, 0.999), eps=1e-8, uniform=False, schedule=lambda step: 1.0, decay=0.0):
    """Algorithm 1 of Kingma & Ba."""
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        g = g + decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        p = p - lr * schedule(t - 1) * m_hat / (np.sqrt(v_hat.max() if uniform else v_hat) + eps)
    return p


def sgd_oracle(p, gradients, lr, momentum=0.0, nesterov=False):
    velocity = np.zeros_like(p)
    for g in gradients:
        velocity = momentum * velocity + g
        p = p - lr * (g + momentum * velocity if nesterov else velocity)
    return p


def test_first_step_of_adam_is_the_learning_rate(cpu64):
    got = run(lambda f: optim.Adam([f], lr=0.1), np.array([1.0, 2.0]), [np.array([5.0, -0.001])], vector=False)
    np.testing.assert_allclose(got, [0.9, 2.1], atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 5, 3), (700, 3)])
@pytest.mark.parametrize("uniform", [False, True])
def test_adam(cpu64, shape, uniform):
    start, gradients = sample(1, shape)
    kind = optim.UniformAdam if uniform else optim.Adam
    got = run(lambda f: kind(f, lr=0.02, betas=(0.5, 0.99), weight_decay=0.1), start, gradients)
    expected = adam_oracle(start, gradients, 0.02, (0.5, 0.99), uniform=uniform, decay=0.1)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_sgd(cpu64, momentum, nesterov):
    start, gradients = sample(2)
    got = run(lambda f: optim.SGD([f], 0.1, momentum, nesterov), start, gradients)
    np.testing.assert_allclose(got, sgd_oracle(start, gradients, 0.1, momentum, nesterov), rtol=1e-12)


def test_scalar_field_and_single_number(cpu64):
    gradients = [np.array(0.5), np.array(-2.0)]
    got = run(lambda f: optim.Adam([f], lr=0.1), np.array(3.0), gradients, vector=False)
    np.testing.assert_allclose(got, adam_oracle(np.array(3.0), gradients, 0.1), rtol=1e-12)
    got = run(lambda f: optim.UniformAdam([f], lr=0.1), np.array(3.0), gradients, vector=False)
    np.testing.assert_allclose(got, adam_oracle(np.array(3.0), gradients, 0.1), rtol=1e-12)


def test_schedule_multiplies_the_learning_rate(cpu64):
    start, gradients = sample(3)
    schedule = schedules.cosine(4, final=0.1)
    got = run(lambda f: optim.Adam(f, lr=0.02, schedule=schedule), start, gradients)
    np.testing.assert_allclose(got, adam_oracle(start, gradients, 0.02, schedule=schedule), rtol=1e-12)


def test_schedules():
    assert schedules.constant()(7) == 1
    assert schedules.exponential(0.1, 100)(50) == pytest.approx(0.1**0.5)
    cosine = schedules.cosine(10, final=0.2)
    assert [cosine(step) for step in (0, 5, 10, 99)] == pytest.approx([1, 0.6, 0.2, 0.2])
    steps = schedules.step_decay(0.5, [2, 4])
    assert [steps(step) for step in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    warm = schedules.warm_up(4, schedules.exponential(0.5))
    assert [warm(step) for step in (0, 3, 5)] == pytest.approx([0.25, 0.125, 0.03125])
    with pytest.raises(InputError, match="steps: expected a positive number, got 0"):
        schedules.cosine(0)


def test_groups_have_settings_of_their_own_and_can_be_changed(cpu64):
    a, b, c = (make_field([1.0]) for _ in range(3))
    optimizer = optim.SGD([a, {"parameters": {"b": b}, "lr": 0.5}, c], lr=0.1)
    assert [p.name for p in optimizer.parameters] == ["parameter 0", "parameter 2", "b"]
    for field in (a, b, c):
        field.grad.fill(1.0)
    optimizer.step()
    assert [f[0] for f in (a, b, c)] == pytest.approx([0.9, 0.5, 0.9])
    optimizer.groups[1]["lr"] = 0.25
    optimizer.step()
    assert [f[0] for f in (a, b, c)] == pytest.approx([0.8, 0.25, 0.8])
    optimizer.zero_grad()
    assert [f.grad[0] for f in (a, b, c)] == [0, 0, 0]


def test_clipping(cpu64):
    a, b = make_field([[3.0, 0.0]], vector=True), make_field([0.0])
    optimizer = optim.SGD([a, b], lr=1.0, clip_norm=2.5)
    set_values(a.grad, [[3.0, 0.0]])
    set_values(b.grad, [4.0])
    optimizer.step()  # the norm is 5: everything is halved
    np.testing.assert_allclose(a.to_numpy(), [[1.5, 0.0]])
    assert b[0] == pytest.approx(-2.0)
    set_values(a.grad, [[0.3, 0.0]])
    set_values(b.grad, [0.4])
    optimizer.step()  # below the limit: untouched
    np.testing.assert_allclose(a.to_numpy(), [[1.2, 0.0]])
    by_value = optim.SGD([a], lr=1.0, clip_value=0.5)
    set_values(a.grad, [[-7.0, 0.25]])
    by_value.step()
    np.testing.assert_allclose(a.to_numpy(), [[1.7, -0.25]])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_step_with_non_finite_gradients_is_skipped_and_reported(any32, wrong):
    a, b = make_field(np.ones((2, 3)), vector=True), make_field(np.ones(600))
    optimizer = optim.Adam({"shape": a, "colour": b}, lr=0.1)
    b.grad[577] = wrong
    with pytest.warns(UserWarning, match=r"step 0 skipped.*colour \(1 entries, the first .* at \[577\]\)"):
        assert not optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not optimizer.step()
    assert optimizer.skipped == 2
    assert optimizer.steps == 0
    assert (a.to_numpy() == 1).all()
    assert (b.to_numpy() == 1).all()
    optimizer.zero_grad()
    b.grad[577] = 1.0
    assert optimizer.step()
    assert b[577] == pytest.approx(0.9)
    assert b[576] == 1
    assert a[0][0] == 1


def test_overflowing_squares_are_skipped_too(cpu32):
    field = make_field([1.0])
    optimizer = optim.Adam([field])
    field.grad[0] = 1e25
    with pytest.warns(UserWarning, match="the sum of their squares overflows"):
        assert not optimizer.step()
    assert field[0] == 1


def test_single_precision_on_both_backends(any32):
    start, gradients = sample(5)
    for kind, uniform in ((optim.Adam, False), (optim.UniformAdam, True)):
        got = run(lambda f, kind=kind: kind([f], lr=0.02), start, gradients)
        np.testing.assert_allclose(got, adam_oracle(start, gradients, 0.02, uniform=uniform), atol=3e-6)
    got = run(lambda f: optim.SGD([f], 0.1, 0.9, True, clip_norm=1e9), start, gradients)
    np.testing.assert_allclose(got, sgd_oracle(start, gradients, 0.1, 0.9, True), rtol=1e-4, atol=1e-5)


def test_state_survives_a_round_trip_through_a_file(cpu64, tmp_path):
    start, gradients = sample(6)
    field = make_field(start, vector=True)
    optimizer = optim.Adam({"vertices": field}, lr=0.02, schedule=schedules.exponential(0.9))
    for i, gradient in enumerate(gradients):
        if i == 3:
            np.savez(tmp_path / "state.npz", **optimizer.state_dict())
            optimizer = optim.Adam({"vertices": field}, lr=0.02, schedule=schedules.exponential(0.9))
            optimizer.load_state_dict(np.load(tmp_path / "state.npz"))
        set_values(field.grad, gradient)
        optimizer.step()
    expected = adam_oracle(start, gradients, 0.02, schedule=schedules.exponential(0.9))
    np.testing.assert_allclose(field.to_numpy(), expected, rtol=1e-12)


def test_state_that_does_not_fit_is_refused(cpu64):
    optimizer = optim.Adam({"a": make_field(np.zeros(3))})
    state = optimizer.state_dict()
    with pytest.raises(ShapeError, match=r"'a/second': expected shape \(3, 1\), got \(4, 1\)"):
        optimizer.load_state_dict(state | {"a/second": np.zeros((4, 1))})
    del state["a/first"]
    with pytest.raises(InputError, match="expected an entry 'a/first'"):
        optimizer.load_state_dict(state)


def test_carry_takes_the_mean_of_the_parents_moments(cpu64):
    start, gradients = sample(7, (2, 3, 3))
    field = make_field(start, vector=True)
    parents = np.array([[0, 0], [1, 1], [2, 2], [0, 1], [1, 2]])
    refine = lambda values: values[:, parents].mean(axis=2)  # noqa: E731
    new = make_field(refine(start), vector=True)
    optimizer = optim.Adam({"vertices": field}, lr=0.02)
    for gradient in gradients[:2]:
        set_values(field.grad, gradient)
        optimizer.step()
    before = optimizer.state_dict()
    optimizer.carry(field, new, parents)
    after = optimizer.state_dict()
    for key in ("first", "second"):
        old = before[f"vertices/{key}"].reshape(2, 3, 3)
        np.testing.assert_allclose(after[f"vertices/{key}"].reshape(2, 5, 3), refine(old))
    assert after["vertices/steps"] == 2
    set_values(new.grad, refine(gradients[2]))
    optimizer.step()
    np.testing.assert_allclose(optimizer.state_dict()["vertices/steps"], 3)
    optimizer.carry(new, field)  # without parents: a fresh start, bias correction included
    set_values(field, start)
    set_values(field.grad, gradients[0])
    optimizer.step()
    np.testing.assert_allclose(field.to_numpy(), adam_oracle(start, gradients[:1], 0.02), rtol=1e-12)


def test_carry_refuses_what_does_not_fit(cpu64):
    old, new = make_field(np.zeros((1, 3, 3)), vector=True), make_field(np.zeros((1, 5, 3)), vector=True)
    optimizer = optim.Adam([old])
    with pytest.raises(InputError, match="none of the parameters"):
        optimizer.carry(new, old)
    with pytest.raises(ShapeError, match=r"got parents \(4, 2\)"):
        optimizer.carry(old, new, np.zeros((4, 2), int))
    with pytest.raises(InputError, match="expected parents in 0 … 2, got 0 … 3"):
        optimizer.carry(old, new, np.array([0, 1, 2, 3, 0]))


def test_errors(cpu64):
    field = make_field([0.0])
    with pytest.raises(InputError, match="parameter 0: expected a Taichi field, got ndarray"):
        optim.Adam([np.zeros(3)])
    with pytest.raises(InputError, match="needs_grad=True"):
        optim.Adam([ti.field(ti.f64, shape=3)])
    with pytest.raises(InputError, match="expected a field of type f64, got f32"):
        optim.Adam([ti.field(ti.f32, shape=3, needs_grad=True)])
    with pytest.raises(InputError, match="same field"):
        optim.Adam([field, field])
    with pytest.raises(InputError, match=r"unknown settings \['rate'\]"):
        optim.Adam([{"parameters": field, "rate": 1}])
    with pytest.raises(InputError, match="at least one parameter"):
        optim.Adam([])
    with pytest.raises(InputError, match="clip_norm: expected a positive number, got 0"):
        optim.Adam([field], clip_norm=0)
    optimizer, total = optim.Adam([field]), make_field(0.0)
    with pytest.raises(GradientError, match=r"within an open ti\.ad\.Tape"), ti.ad.Tape(total):
        optimizer.step()


def test_an_optimizer_does_not_outlive_its_runtime(own_runtime):
    ti.init(ti.cpu, log_level=ti.ERROR)
    optimizer = optim.Adam([make_field([0.0])])
    ti.init(ti.cpu, log_level=ti.ERROR)
    with pytest.raises(RuntimeStateError, match="optimizer: made before"):
        optimizer.step()


WRONG_SETTINGS = {
    "lr": (optim.Adam, {"lr": -0.1}, "lr: expected a finite number > 0, got -0.1"),
    "lr list": (optim.Adam, {"lr": [0.1]}, r"lr: expected a finite number > 0, got \[0.1\]"),
    "lr NaN": (optim.SGD, {"lr": float("nan")}, "lr: .*got nan"),
    "betas": (optim.Adam, {"betas": (0.9, 1.0)}, r"betas: expected two numbers in \[0, 1\)"),
    "one beta": (optim.UniformAdam, {"betas": 0.9}, "betas: .*got 0.9"),
    "momentum": (optim.SGD, {"lr": 0.1, "momentum": 1.0}, "momentum: .*got 1.0"),
    "eps": (optim.Adam, {"eps": 0.0}, "eps: .*> 0, got 0.0"),
    "weight decay": (optim.Adam, {"weight_decay": -1.0}, "weight_decay: .*>= 0, got -1.0"),
}


@pytest.mark.parametrize("wrong", WRONG_SETTINGS.values(), ids=WRONG_SETTINGS)
def test_settings_outside_their_domain(cpu32, wrong):
    kind, settings, message = wrong
    with pytest.raises(InputError, match=message):
        kind(make_field([1.0]), **settings)


def test_setting_lr_sets_that_of_every_group(cpu32):
    a, b = make_field([1.0]), make_field([1.0])
    optimizer = optim.SGD([a, {"parameters": b, "lr": 0.5}], lr=0.1)
    assert optimizer.lr == [0.1, 0.5]
    optimizer.lr = 0.25
    assert optimizer.lr == 0.25
    for field in (a, b):
        set_values(field.grad, [1.0])
    optimizer.step()
    assert a[0] == b[0] == 0.75
    with pytest.raises(InputError, match="lr: "):
        optimizer.lr = 0.0
