"""Losses of what is seen of surfaces: depths, normals, how close rays come; and the prior of latent codes."""

from functools import partial

import numpy as np
import pytest
import taichi as ti
from oracles import losses as oracle

from taichi_dr import losses
from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.runtime import float_dtype

SHAPE = (2, 9, 13)
CLOSEST = {"missed": {}, "extra": {}, "silhouette_cross_entropy": {"softness": 1.7}}
COMPARING = {"depth": {}, "depth with outliers": {"delta": 0.3}, "normal": {}}


def make_field(values, vector=False):
    values = np.asarray(values, dtype=np.float64)
    shape = values.shape[:-1] if vector else values.shape
    make = partial(ti.Vector.field, values.shape[-1]) if vector else ti.field
    field = make(float_dtype(), shape=shape, needs_grad=True)
    field.from_numpy(values.astype(np.float64 if float_dtype() == ti.f64 else np.float32))
    return field


def evaluate(function, *given, **options):
    """The loss of ``function(*given, loss)`` and what it adds to the gradient of the first of ``given``."""
    total = make_field(0.0)
    with ti.ad.Tape(total):
        function(*given, total, 1.3, **options)
    return total[None] / 1.3, given[0].grad.to_numpy() / 1.3


def differences(function, x, entries, step=1e-5):
    found = []
    for entry in entries:
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved.reshape(-1)[entry] += sign * step
            ends.append(function(moved))
        found.append((ends[0] - ends[1]) / (2 * step))
    return np.array(found)


def scene(name, seed=1):
    """Prediction, target, alpha, mask, and which pixels both hit."""
    random = np.random.default_rng(seed)
    shape = (*SHAPE, 3) if name == "normal" else SHAPE
    alpha, mask = random.random((2, *SHAPE))
    return random.normal(size=shape), random.normal(size=shape), alpha, mask, (alpha > 0.5) & (mask > 0.5)


@pytest.mark.parametrize("name", COMPARING)
@pytest.mark.parametrize("as_field", [False, True])
def test_values_and_gradients(cpu64, name, as_field):
    x, y, alpha, mask, hit = scene(name)
    function, options = getattr(losses, name.split()[0]), COMPARING[name]
    reference = partial(getattr(oracle, name.split()[0]), hit=hit, **options)
    target = make_field(y, name == "normal") if as_field else y
    given = {"alpha": make_field(alpha) if as_field else alpha, "mask": mask}
    value, gradient = evaluate(function, make_field(x, name == "normal"), target, **given, **options)
    assert value == pytest.approx(reference(x, y), rel=1e-12)
    entries = np.arange(0, x.size, 7)
    found = differences(lambda p: reference(p, y), x, entries)
    np.testing.assert_allclose(gradient.reshape(-1)[entries], found, rtol=1e-7, atol=1e-9)
    assert (gradient[~hit] == 0).all()
    if as_field:
        found = differences(lambda p: reference(x, p), y, entries)
        np.testing.assert_allclose(target.grad.to_numpy().reshape(-1)[entries] / 1.3, found, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", COMPARING)
def test_single_precision(any32, name):
    x, y, alpha, mask, hit = scene(name, 2)
    function, options = getattr(losses, name.split()[0]), COMPARING[name]
    reference = partial(getattr(oracle, name.split()[0]), hit=hit, **options)
    value, gradient = evaluate(function, make_field(x, name == "normal"), y, alpha=alpha, mask=mask, **options)
    assert value == pytest.approx(reference(x, y), rel=1e-5)
    entries = np.arange(0, x.size, 31)
    found = differences(lambda p: reference(p, y), x, entries)
    np.testing.assert_allclose(gradient.reshape(-1)[entries], found, atol=1e-6)


def test_literal_depths(cpu64):
    prediction = make_field([[[1.0, 3.0, 9.0]]])
    target, mask = np.array([[[0.0, 1.0, 0.0]]]), np.array([[[1.0, 1.0, 0.0]]])
    value, gradient = evaluate(losses.depth, prediction, target, mask=mask)
    assert value == pytest.approx(2.5)
    np.testing.assert_allclose(gradient, [[[1, 2, 0]]])
    value, gradient = evaluate(losses.depth, prediction, target, alpha=mask, delta=0.5)
    assert value == pytest.approx(0.5 * (0.75 + 1.75) / 2)
    np.testing.assert_allclose(gradient, [[[0.25, 0.25, 0]]])


def test_holes_of_a_depth_camera_do_not_count(any32):
    for hole in (np.nan, np.inf):
        target = np.array([[[0.0, hole, 2.0]]])
        value, gradient = evaluate(losses.depth, make_field([[[1.0, 3.0, 2.0]]]), target)
        assert value == pytest.approx(0.5)
        np.testing.assert_allclose(gradient, [[[1, 0, 0]]])


def test_literal_normals(cpu64):
    prediction = make_field([[[(0, 0, 2), (3, 0, 0), (0, 0, 0)]]], vector=True)
    target = np.array([[[(0, 1, 1), (-2, 0, 0), (0, 0, 1)]]], float)
    value, gradient = evaluate(losses.normal, prediction, target)
    assert value == pytest.approx((1 - 0.5**0.5 + 2) / 2)
    np.testing.assert_allclose(gradient, [[[(0, -(0.5**0.5) / 4, 0), (0, 0, 0), (0, 0, 0)]]], atol=1e-15)


@pytest.mark.parametrize("name", COMPARING)
def test_what_is_equal_is_zero_and_stationary(cpu64, name):
    x, *_ = scene(name)
    given = make_field(x, name == "normal"), x
    value, gradient = evaluate(getattr(losses, name.split()[0]), *given, **COMPARING[name])
    assert value == pytest.approx(0, abs=1e-15)
    assert np.abs(gradient).max() < 1e-15


def test_nothing_in_common_is_zero_without_gradient(cpu64):
    x = np.ones(SHAPE)
    value, gradient = evaluate(losses.depth, make_field(x), 0 * x, alpha=np.zeros(SHAPE))
    assert (value, np.abs(gradient).max()) == (0, 0)


@pytest.mark.parametrize("name", CLOSEST)
@pytest.mark.parametrize("as_field", [False, True])
def test_values_and_gradients_of_silhouettes(cpu64, name, as_field):
    random = np.random.default_rng(3)
    s, m = random.normal(scale=4, size=SHAPE), random.random(SHAPE)
    reference = partial(getattr(oracle, name), **CLOSEST[name])
    given = make_field(s), make_field(m) if as_field else m
    value, gradient = evaluate(getattr(losses, name), *given, **CLOSEST[name])
    assert value == pytest.approx(reference(s, m), rel=1e-12)
    entries = np.arange(0, s.size, 5)
    found = differences(lambda p: reference(p, m), s, entries)
    np.testing.assert_allclose(gradient.reshape(-1)[entries], found, rtol=1e-7, atol=1e-10)
    if as_field:
        assert (given[1].grad.to_numpy() == 0).all()


@pytest.mark.parametrize("name", CLOSEST)
def test_silhouettes_in_single_precision(any32, name):
    random = np.random.default_rng(4)
    s, m = random.normal(scale=4, size=SHAPE), random.random(SHAPE)
    reference = partial(getattr(oracle, name), **CLOSEST[name])
    value, gradient = evaluate(getattr(losses, name), make_field(s), m, **CLOSEST[name])
    assert value == pytest.approx(reference(s, m), rel=1e-5)
    entries = np.arange(0, s.size, 17)
    np.testing.assert_allclose(
        gradient.reshape(-1)[entries], differences(lambda p: reference(p, m), s, entries), atol=1e-6
    )


def test_literal_silhouettes(cpu64):
    closest = make_field([[[3.0, -2.0, 0.5]]])
    value, gradient = evaluate(losses.missed, closest, np.array([[[1.0, 1.0, 0.0]]]))
    assert value == pytest.approx(1)
    np.testing.assert_allclose(gradient, [[[1 / 3, 0, 0]]])
    value, gradient = evaluate(losses.extra, closest, np.array([[[1.0, 0.0, 0.0]]]))
    assert value == pytest.approx(2 / 3)
    np.testing.assert_allclose(gradient, [[[0, -1 / 3, 0]]])
    value, _ = evaluate(losses.silhouette_cross_entropy, closest, np.array([[[1.0, 1.0, 1.0]]]))
    assert value == pytest.approx(np.mean(np.log1p(np.exp([3, -2, 0.5]))))


def test_a_wrong_pixel_pulls_with_all_its_weight_from_any_distance(any32):
    closest = make_field([[[500.0, -500.0, 500.0, -500.0]]])
    mask = np.array([[[1.0, 0.0, 0.0, 1.0]]])
    value, gradient = evaluate(losses.silhouette_cross_entropy, closest, mask, softness=2.0)
    assert value == pytest.approx(2 * 250 / 4)
    np.testing.assert_allclose(gradient, [[[0.125, -0.125, 0, 0]]], atol=1e-7)


@pytest.mark.parametrize("kind", ["vectors", "rows", "one code", "a variable"])
def test_latent_codes(cpu64, kind):
    z = np.array([[3.0, 4.0], [0.0, 1.0]])
    if kind == "a variable":
        codes = Variable("codes", (2,), 2)
        codes.from_numpy(z)
        total = make_field(0.0)
        with ti.ad.Tape(total):
            losses.latent_prior(codes, total, 1.3, sigma=0.5)
        value, gradient = total[None] / 1.3, codes.gradient_to_numpy() / 1.3
    else:
        z = z[0] if kind == "one code" else z
        value, gradient = evaluate(losses.latent_prior, make_field(z, kind == "vectors"), sigma=0.5)
    assert value == pytest.approx(oracle.latent_prior(z, 0.5))
    np.testing.assert_allclose(gradient, z / 0.25 / (len(z) if z.ndim == 2 else 1))


def test_the_literal_prior(any32):
    value, _ = evaluate(losses.latent_prior, make_field([[3.0, 4.0], [0.0, 1.0]], vector=True))
    assert value == pytest.approx(6.5)


def test_errors_say_what_was_expected_and_what_was_got(cpu64):
    x, total = make_field(np.ones(SHAPE)), make_field(0.0)
    for name in (*CLOSEST, "depth"):
        with pytest.raises(ShapeError, match=r"(mask|target): expected shape \(2, 9, 13\), got \(2, 9, 12\)"):
            getattr(losses, name)(x, np.ones((2, 9, 12)), total)
    with pytest.raises(ShapeError, match=r"alpha: expected shape \(2, 9, 13\), got \(9, 13\)"):
        losses.depth(x, np.ones(SHAPE), total, alpha=np.ones(SHAPE[1:]))
    with pytest.raises(ShapeError, match=r"prediction: expected shape \(any, any, any, 3\), got \(2, 9, 13\)"):
        losses.normal(x, np.ones(SHAPE), total)
    with pytest.raises(InputError, match="delta: expected a positive number, got 0"):
        losses.depth(x, np.ones(SHAPE), total, delta=0)
    with pytest.raises(InputError, match=r"softness: expected a number > 0, got 0"):
        losses.silhouette_cross_entropy(x, np.ones(SHAPE), total, softness=0)
    with pytest.raises(InputError, match=r"sigma: expected a number > 0, got -1"):
        losses.latent_prior(x, total, sigma=-1)
    with pytest.raises(ShapeError, match=r"codes: expected shape \(D,\) or \(S, D\), got \(\)"):
        losses.latent_prior(make_field(0.0), total)


def test_numbers_that_are_not_finite_are_named(any32):
    values = np.ones(SHAPE)
    values[1, 2, 3] = np.nan
    x = make_field(values)
    for name in CLOSEST:
        with pytest.raises(InputError, match=rf"{name}: expected finite numbers, got nan in closest at \[1, 2, 3\]"):
            evaluate(getattr(losses, name), x, np.full(SHAPE, 0.5), **CLOSEST[name])
    with pytest.raises(InputError, match=r"depth: expected finite numbers, got nan in prediction at \[1, 2, 3\]"):
        evaluate(losses.depth, x, np.ones(SHAPE))
    with pytest.raises(InputError, match=r"normal: expected finite numbers, got nan in prediction at \[1, 2, 3, 0\]"):
        evaluate(losses.normal, make_field(np.repeat(values[..., None], 3, -1), vector=True), np.ones((*SHAPE, 3)))
    with pytest.raises(InputError, match=r"latent_prior: expected finite numbers, got nan in codes at \[1, 2, 3\]"):
        evaluate(losses.latent_prior, x)
