"""The diffusion model: what words do to it, what it is trained to see, and what is drawn with one that is known."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.errors import InputError  # noqa: E402
from taichi_dr.torch.distillation.analytic import MixtureDenoiser  # noqa: E402
from taichi_dr.torch.distillation.sampling import sample  # noqa: E402
from taichi_dr.torch.distillation.schedule import NoiseSchedule, cosine  # noqa: E402
from taichi_dr.torch.dreamer.network import Dreamer, loss  # noqa: E402
from taichi_dr.torch.dreamer.words import WORDS, bags  # noqa: E402


@pytest.fixture(scope="module")
def dreamer():
    torch.manual_seed(3)
    return Dreamer()


@pytest.fixture(scope="module")
def noisy():
    """Two pictures of noise, and their levels."""
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)), torch.tensor([30, 700])


def test_it_is_as_large_as_it_says_and_has_the_cosine_schedule(dreamer):
    assert dreamer.size == 32
    torch.testing.assert_close(dreamer.alphas_cumprod, cosine(1000))
    assert dreamer.words.shape == (len(WORDS), 128)
    assert sum(parameter.numel() for parameter in dreamer.unet.parameters()) == 2_321_987


def test_a_denoiser_has_no_graph_and_answers_in_the_type_it_is_asked_in(dreamer, noisy):
    x, t = noisy
    answer = dreamer.denoiser(x.double().requires_grad_(), t, ["a ball", "a red car"])
    assert (answer.shape, answer.dtype, answer.requires_grad) == (x.shape, torch.float64, False)
    torch.testing.assert_close(answer.float(), dreamer(x, t, torch.from_numpy(bags(["ball", "red car"]))))


def test_no_prompts_are_empty_ones_and_their_order_does_not_matter(dreamer, noisy):
    nothing = dreamer.denoiser(*noisy, None)
    assert torch.equal(nothing, dreamer.denoiser(*noisy, ["", "a view of the"]))
    assert torch.equal(nothing, dreamer(*noisy, torch.zeros(2, len(WORDS))))
    told = dreamer.denoiser(*noisy, ["small red torus, front view", "blue star"])
    assert torch.equal(told, dreamer.denoiser(*noisy, ["front torus red small", "a star of blue"]))
    assert (told - nothing).abs().amax(dim=(1, 2, 3)).min() > 1e-3


def test_the_vectors_of_words_add_up(dreamer, noisy):
    x, t = noisy
    told = torch.from_numpy(bags(["red torus", "red torus"]))
    with torch.no_grad():
        vectors = dreamer.words[WORDS.index("red")] + dreamer.words[WORDS.index("torus")]
        rates = 1000 ** (-torch.arange(32) / 31)
        angles = t[:, None] * rates
        level = dreamer.time(torch.cat([torch.sin(angles), torch.cos(angles)], dim=1))
        torch.testing.assert_close(dreamer(x, t, told), dreamer.unet(x, level + vectors), atol=1e-4, rtol=1e-4)


def test_a_picture_does_not_depend_on_its_company(dreamer, noisy):
    x, t = noisy
    together = dreamer.denoiser(x, t, ["a ball", "a red car"])
    torch.testing.assert_close(dreamer.denoiser(x[1:], t[1:], ["a red car"]), together[1:], atol=1e-5, rtol=1e-4)


def test_unknown_words_are_refused(dreamer, noisy):
    with pytest.raises(InputError, match="'a ripe pear': 'ripe' is no word that is known"):
        dreamer.denoiser(*noisy, ["", "a ripe pear"])


def test_gradients_reach_every_parameter(noisy):
    network = Dreamer()
    everything = torch.ones(2, len(WORDS))
    network(*noisy, everything).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


class Seer(torch.nn.Module):
    """Sees the noise in pictures that are all of one value; ``share`` of it."""

    def __init__(self, alphas_cumprod, value, share=1.0):
        super().__init__()
        self.alphas_cumprod, self.value, self.share, self.levels = alphas_cumprod, value, share, None

    def forward(self, x, t, words):
        part = self.alphas_cumprod[t].float()[:, None, None, None]
        self.levels, self.words, self.noise = t, words, (x - part.sqrt() * self.value) / (1 - part).sqrt()
        return self.share * self.noise


def test_the_loss_is_the_mean_square_of_the_noise_that_is_not_seen():
    schedule, told = cosine(1000), torch.arange(200.0).view(8, 25)
    pictures = torch.full((8, 3, 32, 32), 0.4)

    def found(share):
        seer = Seer(schedule, 0.4, share)
        return loss(seer, pictures, told, schedule, torch.Generator().manual_seed(2)).item(), seer

    assert found(1.0)[0] < 1e-6
    nothing, seer = found(0.0)
    assert nothing == pytest.approx(seer.noise.square().mean().item(), rel=1e-3)
    assert nothing == pytest.approx(1, abs=5 * (2 / pictures.numel()) ** 0.5)  # the variance of a mean of squares
    assert found(0.5)[0] == pytest.approx(nothing / 4, rel=1e-3)
    assert torch.equal(seer.words, told)
    assert (seer.levels // 125).tolist() == list(range(8))  # one in each eighth of the schedule
    assert torch.equal(found(0.0)[1].levels, seer.levels)


class Counted:
    """Counts how often a denoiser is asked, and of what."""

    def __init__(self, denoiser):
        self.denoiser, self.asked = denoiser, []

    def __call__(self, x, t, condition):
        self.asked.append((int(t[0]), condition))
        return self.denoiser(x, t, condition)


def mixture():
    means = torch.stack([torch.full((3, 4, 4), 0.6), torch.full((3, 4, 4), -0.7)])
    return MixtureDenoiser(means, 1e-3, cosine(1000)), means.float()


def test_samples_of_narrow_gaussians_are_their_means():
    denoiser, means = mixture()
    noise = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(4))
    conditions = [[0], [1], [0]]
    for steps in (2, 25):
        drawn = sample(denoiser, denoiser.schedule, noise, conditions, guidance=1.0, steps=steps)
        torch.testing.assert_close(drawn, means[[0, 1, 0]], atol=5e-3, rtol=0)
    guided = sample(denoiser, denoiser.schedule, noise, conditions, guidance=3.0)
    torch.testing.assert_close(guided, means[[0, 1, 0]], atol=5e-3, rtol=0)
    free = sample(denoiser, denoiser.schedule, noise, [[0, 1]] * 3, guidance=1.0)
    assert all(min((one - mean).abs().max() for mean in means) < 5e-3 for one in free)


def test_a_sample_is_asked_for_once_a_step_and_twice_with_guidance():
    denoiser, _ = mixture()
    schedule, noise = NoiseSchedule(cosine(1000)), torch.zeros(1, 3, 4, 4)
    plain, guided = Counted(denoiser), Counted(denoiser)
    sample(plain, schedule, noise, [[0]], guidance=1.0, steps=4)
    assert plain.asked == [(level, [[0]]) for level in (999, 666, 333, 0)]
    sample(guided, schedule, noise, [[0]], None, guidance=2.0, steps=3)
    assert [condition for _, condition in guided.asked] == [[[0]], None] * 3


def test_samples_stay_within_display_values():
    far = MixtureDenoiser(torch.full((1, 3, 4, 4), 3.0), 1e-3, cosine(1000))
    drawn = sample(far, far.schedule, torch.randn(2, 3, 4, 4), [[0], [0]], guidance=1.0)
    assert torch.equal(drawn, torch.ones(2, 3, 4, 4))
