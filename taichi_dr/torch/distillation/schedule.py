"""Noise levels of a diffusion model, and which of them a step of distillation looks at.

x_t = alpha_t x + sigma_t eps,  alpha_t^2 = alphas_cumprod[t],  sigma_t^2 = 1 - alphas_cumprod[t]
"""

import math

import torch

from taichi_dr.errors import InputError, ShapeError

DREAMTIME = 0.5, 0.125  # m and s, as parts of the schedule


class NoiseSchedule:
    """``alphas_cumprod`` (T,), which falls from nearly 1 towards 0.

    Raises:
        ShapeError: not one number for each level.
        InputError: no numbers; some that are not between 0 and 1, or do not fall (the level is named).

    >>> schedule = NoiseSchedule([0.99, 0.5, 0.01])
    >>> [round(float(number), 3) for number in schedule.coefficients(torch.tensor([1]))]
    [0.707, 0.707]
    """

    def __init__(self, alphas_cumprod) -> None:
        try:
            given = torch.as_tensor(alphas_cumprod, dtype=torch.float64).detach().cpu().clone()
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"alphas_cumprod: expected numbers, got {alphas_cumprod!r}") from error
        if given.ndim != 1 or len(given) < 2:
            raise ShapeError(f"alphas_cumprod: expected shape (T,), two levels or more, got {tuple(given.shape)}")
        wrong = torch.nonzero(~((given > 0) & (given < 1)))
        if len(wrong):
            t = int(wrong[0])
            raise InputError(f"alphas_cumprod[{t}]: expected a number between 0 and 1, got {float(given[t])}")
        rising = torch.nonzero(given[1:] >= given[:-1])
        if len(rising):
            t = int(rising[0])
            first, second = float(given[t]), float(given[t + 1])
            raise InputError(f"alphas_cumprod: expected numbers that fall, got {first} at {t} and {second} at {t + 1}")
        self.alphas_cumprod = given

    def __len__(self) -> int:
        return len(self.alphas_cumprod)

    def coefficients(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``(alpha_t, sigma_t)`` of levels t, in double precision.

        Raises:
            InputError: a level outside the schedule.
        """
        outside = (t < 0) | (t >= len(self))
        if outside.any():
            raise InputError(f"t: expected levels from 0 to {len(self) - 1}, got {int(t[outside][0])}")
        share = self.alphas_cumprod[t.cpu()].to(t.device)
        return share.sqrt(), (1 - share).sqrt()


def per_item(numbers: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Numbers (B,), one for each of images (B, ...), in a shape and a type that they can be multiplied by."""
    return numbers.to(images).reshape(-1, *[1] * (images.ndim - 1))


def cosine(levels: int = 1000, offset: float = 0.008) -> torch.Tensor:
    """The cosine schedule, (levels,): ``f(t + 1) / f(0)``, ``f(t) = cos^2((t / levels + s) / (1 + s) pi / 2)``.

    Nichol and Dhariwal, Improved Denoising Diffusion Probabilistic Models, 2021, equation 17, with betas of at most
    0.999.

    >>> round(float(cosine(1000)[499]), 3)
    0.494
    """
    t = torch.arange(levels + 1, dtype=torch.float64) / levels
    f = torch.cos((t + offset) / (1 + offset) * math.pi / 2) ** 2
    return torch.cumprod((f[1:] / f[:-1]).clamp(min=1e-3), 0)


def linear(levels: int = 1000, first: float = 1e-4, last: float = 0.02) -> torch.Tensor:
    """That of DDPM (Ho et al. 2020), (levels,): the product of ``1 - beta``, betas evenly spaced.

    >>> round(float(linear()[-1]), 7)
    4.04e-05
    """
    return torch.cumprod(1 - torch.linspace(first, last, levels, dtype=torch.float64), 0)


def dreamtime(schedule: NoiseSchedule, low: int, high: int, fraction: float) -> int:
    """The level at a fraction of the way, from high to low, as DreamTime has it.

    More steps are spent where the weight ``W(t) = sigma_t / alpha_t exp(-(t - m)^2 / (2 s^2))`` is large: the part of
    all weight that lies above the level is the fraction.  Of 1000 levels m is 500 and s is 125.  Source: Huang et al.,
    DreamTime: An Improved Optimization Strategy for Diffusion-Guided 3D Generation, 2024.
    """
    t = torch.arange(low, high + 1, dtype=torch.float64)
    middle, width = (share * len(schedule) for share in DREAMTIME)
    alpha, sigma = schedule.coefficients(t.long())
    weight = sigma / alpha * torch.exp(-((t - middle) ** 2) / (2 * width**2))
    above = weight.sum() - torch.cumsum(weight, 0)
    return low + int((above / weight.sum() - fraction).abs().argmin())
