"""Score distillation against densities that are known: expectations, fixed points, guidance, inversion, bad input."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.errors import GradientError, InputError, ShapeError  # noqa: E402
from taichi_dr.torch.distillation.analytic import MixtureDenoiser  # noqa: E402
from taichi_dr.torch.distillation.guidance import perp_neg, perpendicular  # noqa: E402
from taichi_dr.torch.distillation.schedule import NoiseSchedule, cosine, dreamtime, linear  # noqa: E402
from taichi_dr.torch.distillation.score import Negative, ScoreDistillation  # noqa: E402

SCHEDULE = cosine()


def pair(deviation=0.2):
    return MixtureDenoiser([[1.0], [-1.0]], deviation, SCHEDULE)


def coefficients(t):
    share = float(SCHEDULE[t])
    return math.sqrt(share), math.sqrt(1 - share)


def test_a_mixture_denoises_by_its_formula():
    """At x = 0 the two responsibilities are equal and the offsets cancel; at 0.5 by hand."""
    t, x = 400, 0.5
    alpha, sigma = coefficients(t)
    variance = alpha**2 * 0.04 + sigma**2
    weights = [math.exp(-((x - alpha * mean) ** 2) / (2 * variance)) for mean in (1, -1)]
    offsets = [(x - alpha * mean) / variance for mean in (1, -1)]
    expected = sigma * sum(w * o for w, o in zip(weights, offsets, strict=True)) / sum(weights)
    found = pair()(torch.tensor([[0.5], [0.0]], dtype=torch.float64), torch.tensor([t, t]))
    np.testing.assert_allclose(found[:, 0], [expected, 0], atol=1e-12)


def test_the_noise_is_the_slope_of_the_density():
    """eps = -sigma_t d/dx log p_t(x)."""
    t, mixture = torch.tensor([300]), pair()
    alpha, sigma = coefficients(300)
    x = torch.tensor([[0.3]], dtype=torch.float64, requires_grad=True)
    variance = alpha**2 * 0.04 + sigma**2
    log = torch.logsumexp(-((x - alpha * torch.tensor([[1.0, -1.0]])) ** 2) / (2 * variance), 1).sum()
    (slope,) = torch.autograd.grad(log, x)
    np.testing.assert_allclose(mixture(x.detach(), t), -sigma * slope, atol=1e-12)


@pytest.mark.parametrize("shape", [(1,), (3, 4, 4)])
def test_the_expected_gradient_is_the_closed_form(shape):
    """E[w (eps^ - eps)] = w sigma alpha (x - mu) / (alpha^2 s^2 + sigma^2), of a Gaussian."""
    mean, t = torch.full((1, *shape), 0.4), 500
    mixture = MixtureDenoiser(mean, 0.3, SCHEDULE)
    distillation = ScoreDistillation(mixture, SCHEDULE, guidance=1)
    images = torch.full((20_000, *shape), 0.9, dtype=torch.float64)
    found = distillation.gradient(images, torch.full((20_000,), t), None)
    alpha, sigma = coefficients(t)
    variance = alpha**2 * 0.09 + sigma**2
    expected = sigma**2 * sigma * alpha * 0.5 / variance
    spread = sigma**2 * abs(sigma**2 / variance - 1)
    assert float(found.mean()) == pytest.approx(expected, abs=4 * spread / math.sqrt(found.numel()))
    assert float(found.std()) == pytest.approx(spread, rel=0.03)


def test_without_deviation_there_is_no_variance():
    """As s -> 0 every draw of the noise gives the same gradient."""
    spreads = []
    for deviation in (0.1, 0.01, 1e-4):
        mixture = MixtureDenoiser([[0.4]], deviation, SCHEDULE)
        found = ScoreDistillation(mixture, SCHEDULE, guidance=1).gradient(
            torch.full((1000, 1), 0.9, dtype=torch.float64), torch.full((1000,), 300), None
        )
        spreads.append(float(found.std()))
    assert spreads[0] > 50 * spreads[1] > 50 * 50 * spreads[2]
    assert spreads[2] < 1e-7


@pytest.mark.parametrize(("scale", "fixed"), [(1, 1.00), (3, 1.69), (7.5, 2.61), (20, 4.15)])
def test_guidance_moves_the_fixed_point_beyond_the_condition(scale, fixed):
    """Of 1/2 N(1, 0.2^2) + 1/2 N(-1, 0.2^2), asked for the first: where the mean gradient is zero."""
    low, high, count = 0.5, 6.0, 40_000
    for _ in range(12):
        middle = (low + high) / 2
        distillation = ScoreDistillation(pair(), SCHEDULE, guidance=scale)
        images = torch.full((count, 1), middle, dtype=torch.float64)
        mean = distillation.gradient(images, distillation.levels(count), [[0]] * count).mean()
        low, high = (low, middle) if mean > 0 else (middle, high)
    assert middle == pytest.approx(fixed, abs=0.03)


def test_pictures_get_the_gradient_through_what_they_are_made_of():
    """d loss / d numbers = J^T g / B."""
    random = torch.Generator().manual_seed(3)
    jacobian = torch.randn(2, 5, 4, generator=random, dtype=torch.float64)
    numbers = torch.randn(4, generator=random, dtype=torch.float64, requires_grad=True)
    one, other = (ScoreDistillation(MixtureDenoiser(torch.ones(1, 5), 0.2, SCHEDULE), SCHEDULE) for _ in range(2))
    one(jacobian @ numbers, [[0]] * 2).backward()
    images = (jacobian @ numbers).detach()
    g = other.gradient(images, other.levels(2), [[0]] * 2)
    np.testing.assert_allclose(numbers.grad, torch.einsum("bij,bi->j", jacobian, g) / 2, rtol=1e-12)


def test_the_value_is_half_the_mean_square_of_the_gradient():
    one, other = (ScoreDistillation(pair(), SCHEDULE) for _ in range(2))
    images = torch.tensor([[0.5], [2.0]], dtype=torch.float64)
    g = other.gradient(images, other.levels(2), [[0], [1]])
    assert float(one(images, [[0], [1]])) == pytest.approx(float((g**2).sum()) / 4)


def test_a_network_as_denoiser_has_no_gradient():
    network = torch.nn.Linear(1, 1).double()
    distillation = ScoreDistillation(lambda x, t, condition: network(x), SCHEDULE)
    images = torch.ones(3, 1, dtype=torch.float64, requires_grad=True)
    distillation(images, None).backward()
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not list(distillation.parameters())
    assert images.grad.abs().min() > 0


def test_inverted_noise_leads_to_the_picture():
    """For a Gaussian, noise by inversion goes along (x - mu): the gradient has no randomness left."""
    mixture = MixtureDenoiser([[0.4]], 0.3, SCHEDULE)
    distillation = ScoreDistillation(mixture, SCHEDULE, guidance=1, noise="inversion", inversion_steps=200)
    images = torch.tensor([[0.9], [0.9], [0.4]], dtype=torch.float64)
    t = torch.full((3,), 600)
    found = distillation.gradient(images, t, None)
    assert float(found[0]) == float(found[1])
    assert float(found[2]) == pytest.approx(0, abs=1e-9)
    alpha, sigma = coefficients(600)
    end = (math.sqrt(alpha**2 * 0.09 + sigma**2) / 0.3) * 0.5  # the walk of a Gaussian keeps (x - mu) / deviation
    noise = (end - alpha * 0.5) / sigma
    predicted = sigma * end / (alpha**2 * 0.09 + sigma**2)
    assert float(found[0]) == pytest.approx(sigma**2 * (predicted - noise), rel=0.05)


def test_perpendicular_negatives():
    """By hand: d = (2, 0), d_1 = (1, 1) of which (0, 1) is perpendicular: (2, 0) - 0.5 (0, 1), twice."""
    unconditional, conditional, negative = (torch.tensor([row]) for row in ([1.0, 1.0], [3.0, 1.0], [2.0, 2.0]))
    assert perp_neg(unconditional, conditional, [negative], [0.5], 2.0).tolist() == [[5.0, 0.0]]
    assert perpendicular(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2)).tolist() == [[1.0, 2.0]]


def test_negatives_push_away():
    """Of three Gaussians: with the third as a negative condition the picture goes farther away from it."""
    mixture = MixtureDenoiser([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], 0.2, SCHEDULE)
    images, t = torch.zeros(500, 2, dtype=torch.float64), torch.full((500,), 500)
    plain, pushed = (
        ScoreDistillation(mixture, SCHEDULE, guidance=3, negatives=negatives).gradient(images, t, [[0]] * 500).mean(0)
        for negatives in ([], [Negative([[2]] * 500, 0.7)])
    )
    assert -pushed[1] < -plain[1] - 0.1


def test_levels_stay_in_their_range_and_fall():
    even = ScoreDistillation(pair(), SCHEDULE, t_range=(0.1, 0.4)).levels(5000)
    assert (int(even.min()), int(even.max())) == (100, 400)
    falling = ScoreDistillation(pair(), SCHEDULE, annealing="linear")
    assert [int(falling.levels(20_000, fraction).max()) for fraction in (0, 0.5, 1)] == [979, 500, 20]
    timed = ScoreDistillation(pair(), SCHEDULE, annealing="dreamtime")
    levels = [int(timed.levels(1, fraction)) for fraction in np.linspace(0, 1, 21)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > 900
    assert levels[-1] == 20
    assert len(set(timed.levels(4, 0.3).tolist())) == 1


def test_dreamtime_spends_its_steps_where_the_weight_is():
    schedule = NoiseSchedule(linear())
    levels = np.array([dreamtime(schedule, 20, 979, fraction) for fraction in np.linspace(0, 1, 401)])
    t = np.arange(20, 980)
    alpha2 = linear().numpy()[t]
    weight = np.sqrt((1 - alpha2) / alpha2) * np.exp(-((t - 500) ** 2) / (2 * 125**2))
    shares = [weight[(t >= low) & (t < low + 160)].sum() / weight.sum() for low in range(20, 980, 160)]
    found = [np.mean((levels >= low) & (levels < low + 160)) for low in range(20, 980, 160)]
    np.testing.assert_allclose(found, shares, atol=0.01)


def test_the_same_seed_gives_the_same_loss():
    images = torch.rand(4, 1, dtype=torch.float64)
    first, second, other = (float(ScoreDistillation(pair(), SCHEDULE, seed=s)(images, [[0]] * 4)) for s in (1, 1, 2))
    assert first == second != other


@pytest.mark.parametrize(
    ("alphas", "error", "message"),
    [
        ([[0.9, 0.1]], ShapeError, r"expected shape \(T,\)"),
        ([0.9], ShapeError, "two levels"),
        ([0.9, 0.95], InputError, "expected numbers that fall, got 0.9 at 0 and 0.95 at 1"),
        ([0.9, 1.5], InputError, r"alphas_cumprod\[1\]: expected a number between 0 and 1, got 1.5"),
        ([0.9, math.nan], InputError, r"alphas_cumprod\[1\].*nan"),
    ],
)
def test_schedules_that_do_not_fall(alphas, error, message):
    with pytest.raises(error, match=message):
        NoiseSchedule(alphas)


def with_graph(x):
    with torch.enable_grad():
        return x * torch.ones(1, requires_grad=True)


@pytest.mark.parametrize(
    ("denoiser", "error", "message"),
    [
        (lambda x, t, c: x[:, :1], ShapeError, r"denoiser: expected noise of shape \(2, 3\), got \(2, 1\)"),
        (lambda x, t, c: None, ShapeError, "got NoneType"),
        (lambda x, t, c: x * torch.tensor([[1.0], [math.nan]]), InputError, "denoiser: item 1 of 2 has 3 numbers"),
        (lambda x, t, c: with_graph(x), GradientError, "has a graph"),
    ],
)
def test_bad_denoisers(denoiser, error, message):
    with pytest.raises(error, match=message):
        ScoreDistillation(denoiser, SCHEDULE)(torch.ones(2, 3), None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"t_range": (0.9, 0.1)}, "t_range"),
        ({"annealing": "slow"}, "annealing: expected one of none, linear, dreamtime"),
        ({"noise": "blue"}, "noise: expected one of"),
        ({"weight": "heavy"}, "weight: expected one of"),
        ({"inversion_steps": 0}, "inversion_steps"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        ScoreDistillation(pair(), SCHEDULE, **settings)


def test_bad_pictures_and_levels():
    distillation = ScoreDistillation(pair(), SCHEDULE)
    with pytest.raises(InputError, match="images: item 1 of 2 has 1 numbers that are not finite"):
        distillation(torch.tensor([[1.0], [math.inf]]), [[0]] * 2)
    with pytest.raises(InputError, match="t: expected levels from 0 to 999, got 1000"):
        distillation.gradient(torch.ones(1, 1), torch.tensor([1000]), [[0]])
    with pytest.raises(InputError, match="fraction"):
        distillation(torch.ones(1, 1), [[0]], fraction=1.5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_gradient_is_exact_in_any_precision(dtype):
    """By the difference to a target, as papers write it, bfloat16 lost 2 % of a gradient of 0.09 at 0.7."""

    def distillation():
        return ScoreDistillation(lambda x, t, condition: 0 * x + 0.25, SCHEDULE, guidance=1, weight="one", seed=1)

    images = torch.full((1, 8), 0.7, dtype=dtype, requires_grad=True)
    loss = distillation()(images, None)
    loss.backward()
    other = distillation()
    expected = other.gradient(images.detach(), other.levels(1), None)
    assert torch.equal(images.grad, expected)
    torch.testing.assert_close(loss.detach(), 0.5 * (expected**2).sum())


def test_no_pictures():
    with pytest.raises(ShapeError, match=r"images: expected shape \(B, ...\), a picture or more, got \(0, 3\)"):
        ScoreDistillation(pair(), SCHEDULE)(torch.zeros(0, 3), None)
