"""Score distillation sampling: a loss whose gradient is what a diffusion model would change of pictures."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from taichi_dr.errors import GradientError, InputError, ShapeError
from taichi_dr.torch.distillation.checks import check_finite
from taichi_dr.torch.distillation.guidance import guided, perp_neg
from taichi_dr.torch.distillation.inversion import invert
from taichi_dr.torch.distillation.schedule import NoiseSchedule, dreamtime, per_item

Denoiser = Callable[[torch.Tensor, torch.Tensor, Any], torch.Tensor]
Weight = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

WEIGHTS: dict[str, Weight] = {
    "sigma2": lambda alpha, sigma: sigma**2,
    "one": lambda alpha, sigma: torch.ones_like(sigma),
    "fantasia": lambda alpha, sigma: alpha * sigma**2,
}
"""w(t) by name: that of DreamFusion, none, and that of Fantasia3D."""

ANNEALING = "none", "linear", "dreamtime"
NOISE = "random", "inversion"


class Negative(NamedTuple):
    """A condition to go away from, and how much: of Perp-Neg."""

    condition: Any
    weight: float


class ScoreDistillation(torch.nn.Module):
    """A loss whose gradient by the pictures is ``w(t) (eps_guided - eps) / B``, and passes on to what they are made of.

        x_t = alpha_t x + sigma_t eps,   eps_guided = eps_u + s (eps_c - eps_u)

    Poole et al., DreamFusion, 2023, equation 3; the loss's value is half the mean squared length of that vector.  The
    denoiser is asked without a graph and never has a gradient.

    Arguments:
        denoiser: ``denoiser(x_t (B, ...), t (B,), condition) -> eps (B, ...)``.
        alphas_cumprod: (T,), from the least noise to the most.
        guidance: s; 1 is the condition alone, without asking for the unconditional noise.
        t_range: the part of the schedule to draw levels from, as fractions of T.
        weight: w: "sigma2" (sigma_t^2), "one", "fantasia" (alpha_t sigma_t^2), or a function of (alpha_t, sigma_t).
        annealing: what ``fraction``, the part of the way that is done, does to the levels: "none", "linear" (the upper
            end falls to the lower one), "dreamtime" (one level for all, which falls as DreamTime says).
        noise: "random", or "inversion": that which leads to the picture by DDIM (score distillation via inversion), in
            ``inversion_steps`` steps of the unconditional denoiser; smoother pictures, and it asks it that much more.
        negatives: ``Negative`` conditions, of which the part is subtracted that is perpendicular to the condition's.
        seed: of the levels and the noise.

    Raises:
        InputError: a setting outside its domain; a level outside the schedule; numbers that are not finite, from the
            denoiser or in a picture (which one).
        ShapeError: no pictures, a denoiser that returns another shape than it was given.
        GradientError: a denoiser whose answer still has a graph.

    >>> from taichi_dr.torch.distillation.analytic import MixtureDenoiser
    >>> from taichi_dr.torch.distillation.schedule import cosine
    >>> mixture = MixtureDenoiser([[1.0], [-1.0]], 0.2, cosine())
    >>> distillation = ScoreDistillation(mixture, cosine(), guidance=1.0, t_range=(0.5, 0.5))
    >>> pictures = torch.full((1000, 1), 0.8, dtype=torch.float64, requires_grad=True)
    >>> distillation(pictures, [[0]] * 1000).backward()
    >>> bool(pictures.grad.mean() < 0)  # a step against it leads towards 1
    True
    """

    def __init__(
        self,
        denoiser: Denoiser,
        alphas_cumprod: Any,
        *,
        guidance: float = 7.5,
        t_range: tuple[float, float] = (0.02, 0.98),
        weight: str | Weight = "sigma2",
        annealing: str = "none",
        noise: str = "random",
        inversion_steps: int = 10,
        negatives: Sequence[Negative] = (),
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.schedule = NoiseSchedule(alphas_cumprod)
        self.guidance, self.annealing, self.noise = float(guidance), annealing, noise
        self.negatives, self.inversion_steps = tuple(negatives), inversion_steps
        self._denoiser = (denoiser,)  # not a part of this module, whose parameters are nobody's to train
        _among("annealing", annealing, ANNEALING)
        _among("noise", noise, NOISE)
        if isinstance(weight, str):
            _among("weight", weight, tuple(WEIGHTS))
        self._weight = WEIGHTS[weight] if isinstance(weight, str) else weight
        low, high = t_range
        if not 0 <= low <= high <= 1:
            raise InputError(f"t_range: expected 0 <= low <= high <= 1, got {t_range}")
        if inversion_steps < 1:
            raise InputError(f"inversion_steps: expected at least 1, got {inversion_steps}")
        last = len(self.schedule) - 1
        self._low, self._high = round(low * last), round(high * last)
        self._generator = torch.Generator().manual_seed(seed)

    def forward(
        self, images: torch.Tensor, condition: Any, unconditional: Any = None, *, fraction: float = 0.0
    ) -> torch.Tensor:
        """The loss of pictures (B, ...), a number.

        ``condition`` and ``unconditional`` are handed to the denoiser as they are; ``fraction``: the part of the way
        that is done, from 0 to 1, for ``annealing``.
        """
        if not len(images):
            raise ShapeError(f"images: expected shape (B, ...), a picture or more, got {tuple(images.shape)}")
        check_finite("images", images)
        gradient = self.gradient(images.detach(), self.levels(len(images), fraction), condition, unconditional)
        value = 0.5 * torch.sum(gradient**2)
        # In half precision images - (images - gradient) is not the gradient.
        return (value + torch.sum((images - images.detach()) * gradient)) / len(images)

    def reseed(self, seed: int) -> None:
        """Begins the random numbers anew, for runs that are to go on where they were."""
        self._generator.manual_seed(seed)

    def levels(self, count: int, fraction: float = 0.0) -> torch.Tensor:
        """(count,): noise levels to look at, drawn anew with each call."""
        if not 0 <= fraction <= 1:
            raise InputError(f"fraction: expected a number from 0 to 1, got {fraction}")
        high = self._high
        if self.annealing == "dreamtime":
            return torch.full((count,), dreamtime(self.schedule, self._low, self._high, fraction))
        if self.annealing == "linear":
            high = round(self._high + fraction * (self._low - self._high))
        return torch.randint(self._low, high + 1, (count,), generator=self._generator)

    @torch.no_grad()
    def gradient(
        self, images: torch.Tensor, t: torch.Tensor, condition: Any, unconditional: Any = None
    ) -> torch.Tensor:
        """``w(t) (eps_guided - eps)`` (B, ...) of pictures at levels t (B,): what ``forward`` hands back, times B."""
        t = t.to(images.device)
        noise = self._noise(images, t, unconditional)
        alpha, sigma = self.schedule.coefficients(t)
        weight = self._weight(alpha, sigma)
        alpha, sigma, weight = (per_item(numbers, images) for numbers in (alpha, sigma, weight))
        noisy = alpha * images + sigma * noise
        return weight * (self._guided(noisy, t, condition, unconditional) - noise)

    def _noise(self, images, t, unconditional):
        if self.noise == "inversion":
            return invert(
                lambda x, level: self._ask(x, level, unconditional), self.schedule, images, t, self.inversion_steps
            )
        drawn = torch.randn(images.shape, generator=self._generator, dtype=images.dtype)
        return drawn.to(images.device)

    def _guided(self, noisy, t, condition, unconditional):
        conditional = self._ask(noisy, t, condition)
        if self.guidance == 1 and not self.negatives:
            return conditional
        plain = self._ask(noisy, t, unconditional)
        if not self.negatives:
            return guided(plain, conditional, self.guidance)
        others = [self._ask(noisy, t, negative.condition) for negative in self.negatives]
        return perp_neg(plain, conditional, others, [negative.weight for negative in self.negatives], self.guidance)

    def _ask(self, noisy, t, condition):
        answer = self._denoiser[0](noisy, t, condition)
        if not isinstance(answer, torch.Tensor) or answer.shape != noisy.shape:
            got = tuple(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
            raise ShapeError(f"denoiser: expected noise of shape {tuple(noisy.shape)}, got {got}")
        if answer.requires_grad:
            raise GradientError("denoiser: its answer has a graph (it leaves torch.no_grad): return eps.detach()")
        check_finite("denoiser", answer)
        return answer


def _among(name, value, allowed):
    if value not in allowed:
        raise InputError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")
