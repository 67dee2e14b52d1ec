"""Image losses: closed forms, oracles, gradients by central differences, both backends, errors."""

from functools import partial

import numpy as np
import pytest
import taichi as ti
from oracles import losses as oracle

from taichi_dr import losses
from taichi_dr.errors import InputError, ShapeError
from taichi_dr.runtime import float_dtype, runtime_token

ALL = {"mse": {}, "l1": {}, "huber": {}, "iou": {}, "iou of the paper": {"kind": "soft_jaccard"}, "ssim": {}}


def loss_of(name, module=losses):
    """The loss ``name`` with its options: of ``module``, a function of prediction and target."""
    return partial(getattr(module, name.split()[0]), **ALL[name])


def is_iou(name):
    return name.startswith("iou")


def make_field(values, vector=False, needs_grad=True):
    """A field of these values, one of an earlier test if there is one: every new field compiles the kernels again."""
    values = np.asarray(values, dtype=np.float64)
    key = (runtime_token(), values.shape, vector, needs_grad)
    field = next((field for known, field in _pool if known == key and field not in _in_use), None)
    if field is None:
        if vector:
            field = ti.Vector.field(values.shape[-1], float_dtype(), shape=values.shape[:-1], needs_grad=needs_grad)
        else:
            field = ti.field(float_dtype(), shape=values.shape, needs_grad=needs_grad)
        _pool.append((key, field))
    _in_use.append(field)
    field.from_numpy(values.astype(np.float64 if float_dtype() == ti.f64 else np.float32))
    return field


_pool, _in_use = [], []


@pytest.fixture(autouse=True)
def _all_fields_free():
    _in_use.clear()


def evaluate(*uses):
    """Value and gradients of the sum of uses ``(loss, prediction, target, weight)`` in one tape."""
    total = make_field(0.0)
    with ti.ad.Tape(total):
        for name, prediction, target, weight in uses:
            loss_of(name)(prediction, target, total, weight)
    return total[None], [use[1].grad.to_numpy() for use in uses]


def images(name, seed, vector):
    rng = np.random.default_rng(seed)
    shape = (2, 14, 17) + ((3,) if vector else ())
    x, y = rng.random(shape), rng.random(shape)
    return x, (0.3 * x + 0.7 * y if name == "ssim" else y)


def central_differences(function, x, entries, step=1e-5):
    """The derivative of ``function`` by each of the flat ``entries`` of x."""
    result = []
    for entry in entries:
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved.reshape(-1)[entry] += sign * step
            ends.append(function(moved))
        result.append((ends[0] - ends[1]) / (2 * step))
    return np.array(result)


@pytest.mark.parametrize(
    ("name", "value", "slope"),
    [
        ("mse", (1 + 4 + 0.0025) / 3, [2 / 3, 4 / 3, 0.1 / 3]),
        ("l1", (1 + 2 + 0.05) / 3, [1 / 3, 1 / 3, 1 / 3]),
        ("huber", (0.1 * 0.95 + 0.1 * 1.95 + 0.00125) / 3, [0.1 / 3, 0.1 / 3, 0.05 / 3]),
    ],
)
def test_literal_values(cpu64, name, value, slope):
    prediction = make_field([1.0, 3.0, 0.05])
    got, (gradient,) = evaluate((name, prediction, np.array([0.0, 1.0, 0.0]), 1.0))
    assert got == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "slope"), [("iou", [2 / 9, -2 / 9, -4 / 9]), ("iou of the paper", [1 / 9, -1 / 3, -1 / 3])]
)
def test_iou_of_literal_silhouettes(cpu64, name, slope):
    alpha = make_field([[[1.0, 1.0, 0.0]]])
    got, (gradient,) = evaluate((name, alpha, np.array([[[0.0, 1.0, 1.0]]]), 1.0))
    assert got == pytest.approx(2 / 3, rel=1e-12)
    np.testing.assert_allclose(gradient, [[slope]], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value", "slope"), [("iou", 0, [0, 0]), ("iou of the paper", 2 / 7, [-4 / 7, -4 / 49])]
)
def test_iou_of_equal_fractional_silhouettes(cpu64, name, value, slope):
    alpha = make_field([[[1.0, 0.5]]])
    got, (gradient,) = evaluate((name, alpha, np.array([[[1.0, 0.5]]]), 1.0))
    assert got == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(gradient, [[slope]], rtol=1e-12)


@pytest.mark.parametrize("name", ["iou", "iou of the paper"])
def test_iou_of_empty_silhouettes_is_one_without_gradient(cpu64, name):
    alpha = make_field(np.zeros((2, 2, 2)))
    target = np.zeros((2, 2, 2))
    target[1, 0, 0] = 1.0
    got, (gradient,) = evaluate((name, alpha, target, 1.0))
    assert got == pytest.approx(0.5)
    assert (gradient[0] == 0).all()
    np.testing.assert_allclose(gradient[1], [[-0.5, 0], [0, 0]])


def test_ssim_of_equal_images_is_one_without_gradient(cpu64):
    x, _ = images("ssim", 1, vector=False)
    got, (gradient,) = evaluate(("ssim", make_field(x), x, 1.0))
    assert abs(got) < 1e-12
    assert np.abs(gradient).max() < 1e-12


@pytest.mark.parametrize(
    ("name", "vector"), [(name, vector) for name in ALL for vector in (False, True) if not (vector and is_iou(name))]
)
@pytest.mark.parametrize("as_field", [False, True])
def test_values_and_gradients(cpu64, name, vector, as_field):
    x, y = images(name, 2, vector)
    prediction = make_field(x, vector)
    target = make_field(y, vector) if as_field else y
    got, (gradient,) = evaluate((name, prediction, target, 1.7))
    reference = loss_of(name, oracle)
    assert got == pytest.approx(1.7 * reference(x, y), rel=1e-10)
    entries = np.random.default_rng(3).choice(x.size, 20, replace=False)
    expected = 1.7 * central_differences(lambda p: reference(p, y), x, entries)
    np.testing.assert_allclose(gradient.reshape(-1)[entries], expected, rtol=1e-5, atol=1e-8)
    if as_field:
        expected = 1.7 * central_differences(lambda p: reference(x, p), y, entries)
        np.testing.assert_allclose(target.grad.to_numpy().reshape(-1)[entries], expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", ALL)
def test_two_uses_in_one_tape_add_up(cpu64, name):
    x, y = images(name, 4, vector=False)
    z = images(name, 5, vector=False)[1]
    first, second = make_field(x), make_field(z)
    value, (gradient, other) = evaluate((name, first, y, 1.0), (name, second, y, -0.5))
    a, (alone,) = evaluate((name, first, y, 1.0))
    b, (other_alone,) = evaluate((name, second, y, -0.5))
    assert value == pytest.approx(a + b, rel=1e-12)
    np.testing.assert_allclose(gradient, alone, rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(other, other_alone, rtol=1e-12, atol=1e-18)
    value, (gradient, _) = evaluate((name, first, y, 1.0), (name, first, z, 2.0))
    c, (again,) = evaluate((name, first, z, 2.0))
    assert value == pytest.approx(a + c, rel=1e-12)
    np.testing.assert_allclose(gradient, alone + again, rtol=1e-12, atol=1e-18)


def test_ssim_of_images_whose_scratch_arrays_have_equal_sizes(cpu64):
    rng = np.random.default_rng(9)
    for shape in ((1, 20, 40), (1, 30, 30), (1, 12, 36), (1, 12, 12, 3), (1, 20, 40)):
        x, y = rng.random(shape), rng.random(shape)
        _, (gradient,) = evaluate(("ssim", make_field(x, len(shape) == 4), y, 1.0))
        entries = np.arange(7, x.size, x.size // 5)
        expected = central_differences(lambda p, y=y: oracle.ssim(p, y), x, entries)
        np.testing.assert_allclose(gradient.reshape(-1)[entries], expected, rtol=1e-5, atol=1e-8)


def test_the_gradient_reaches_what_the_user_computed_the_image_from(cpu64):
    brightness, total = make_field([0.3]), make_field(0.0)
    image = make_field(np.zeros((1, 12, 12)))
    pattern = make_field(np.random.default_rng(6).random((1, 12, 12)), needs_grad=False)

    @ti.kernel
    def draw():
        for v, i, j in image:
            image[v, i, j] = brightness[0] * pattern[v, i, j]

    with ti.ad.Tape(total):
        draw()
        losses.ssim(image, pattern, total)
        losses.mse(image, pattern, total, 3.0)
    p = pattern.to_numpy()
    expected = central_differences(
        lambda b: oracle.ssim(b[0] * p, p) + 3 * oracle.mse(b[0] * p, p), np.array([0.3]), [0]
    )
    assert brightness.grad[0] == pytest.approx(expected[0], rel=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_both_backends_in_single_precision(any32, name):
    x, y = (values.astype(np.float32) for values in images(name, 7, vector=not is_iou(name)))
    value, (gradient,) = evaluate((name, make_field(x, not is_iou(name)), y, 1.0))
    reference = loss_of(name, oracle)
    assert value == pytest.approx(reference(x.astype(float), y.astype(float)), abs=1e-5)
    entries = np.arange(0, x.size, 61)
    expected = central_differences(lambda p: reference(p, y.astype(float)), x.astype(float), entries)
    np.testing.assert_allclose(gradient.reshape(-1)[entries], expected, rtol=2e-3, atol=2e-7)


def test_the_value_of_a_large_image_keeps_its_digits(cpu32):
    x = np.random.default_rng(8).random((4, 512, 512)).astype(np.float32)
    value, _ = evaluate(("mse", make_field(x), np.zeros_like(x), 1.0))
    assert value == pytest.approx(np.mean(x.astype(float) ** 2), rel=2e-6)


def test_errors_say_what_was_expected_and_what_was_got(cpu64):
    x, total = make_field(np.zeros((1, 12, 12))), make_field(0.0)
    for name in ALL:
        with pytest.raises(ShapeError, match=r"target: expected shape \(1, 12, 12\), got \(1, 12, 13\)"):
            loss_of(name)(x, np.zeros((1, 12, 13)), total)
        with pytest.raises(ShapeError, match=r"loss: expected shape \(\), got \(1, 12, 12\)"):
            loss_of(name)(x, np.zeros((1, 12, 12)), x)
        with pytest.raises(InputError, match="expected a field with a gradient"):
            loss_of(name)(np.zeros((1, 12, 12)), np.zeros((1, 12, 12)), total)
        with pytest.raises(InputError, match="needs_grad=True"):
            loss_of(name)(x, x, make_field(0.0, needs_grad=False))
    with pytest.raises(InputError, match="delta: expected a positive number, got 0"):
        losses.huber(x, x, total, delta=0)
    small = make_field(np.zeros((1, 10, 12)))
    with pytest.raises(ShapeError, match=r"at least 11 x 11 pixels, got \(1, 10, 12\)"):
        losses.ssim(small, small, total)
    flat = make_field(np.zeros((12, 12)))
    with pytest.raises(ShapeError, match=r"alpha: expected shape \(any, any, any\), got \(12, 12\)"):
        losses.iou(flat, flat, total)
    with pytest.raises(InputError, match=r"kind: expected one of \('tanimoto', 'soft_jaccard'\), got 'dice'"):
        losses.iou(x, x, total, kind="dice")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("as_field", [False, True])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_target_that_is_not_finite_is_named(any32, name, as_field, wrong):
    x, y = images(name, 10, vector=False)
    y[1, 5, 6] = wrong
    target = make_field(y) if as_field else y
    message = rf"{name.split()[0]}: expected finite numbers, got {wrong} in target at \[1, 5, 6\]$"
    with pytest.raises(InputError, match=message):
        evaluate((name, make_field(x), target, 1.0))


def test_other_numbers_that_are_not_finite_are_named(any32):
    x, y = images("mse", 11, vector=True)
    prediction, total = make_field(x, vector=True), make_field(0.0)
    y[0, 2, 3, 1] = y[1, 2, 3, 1] = -np.inf
    with pytest.raises(InputError, match=r"l1: .* got -inf in target at \[0, 2, 3, 1\] \(and 1 more\)"):
        losses.l1(prediction, y, total)
    x[1, 0, 0, 2] = np.nan
    prediction.from_numpy(x.astype(np.float32))
    with pytest.raises(InputError, match=r"huber: .* got nan in prediction at \[1, 0, 0, 2\]"):
        losses.huber(prediction, np.zeros_like(x), total)
    prediction.fill(1e30)
    with pytest.raises(InputError, match="mse: the numbers in prediction and target are so large that their sum"):
        losses.mse(prediction, np.zeros_like(x), total)
    with pytest.raises(InputError, match="weight: expected a finite number, got nan"):
        losses.mse(prediction, np.zeros_like(x), total, weight=float("nan"))
