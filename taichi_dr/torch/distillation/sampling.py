"""Pictures that a diffusion model draws from noise."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from taichi_dr.torch.distillation.guidance import guided
from taichi_dr.torch.distillation.schedule import NoiseSchedule, per_item


@torch.no_grad()
def sample(
    denoiser: Callable[..., torch.Tensor],
    schedule: NoiseSchedule,
    noise: torch.Tensor,
    condition: Sequence[Any],
    unconditional: Any = None,
    guidance: float = 3.0,
    steps: int = 25,
) -> torch.Tensor:
    """Pictures (B, ...) in [-1, 1], from ``noise`` of their shape, in ``steps`` steps without more noise (DDIM).

        x_0 = clip((x_t - sigma_t eps) / alpha_t),   x_s = alpha_s x_0 + sigma_s (x_t - alpha_t x_0) / sigma_t

    Song et al., Denoising Diffusion Implicit Models, 2021, equation 12 with sigma = 0.
    """
    levels = torch.linspace(len(schedule) - 1, 0, steps).round().long()
    x, picture = noise, noise
    for k, level in enumerate(levels):
        t = level.expand(len(x)).to(x.device)
        alpha, sigma = (per_item(number, x) for number in schedule.coefficients(t))
        conditional = denoiser(x, t, condition)
        seen = conditional if guidance == 1 else guided(denoiser(x, t, unconditional), conditional, guidance)
        picture = ((x - sigma * seen) / alpha).clamp(-1, 1)
        if k + 1 < steps:
            after = (per_item(number, x) for number in schedule.coefficients(levels[k + 1].expand(len(x)).to(x.device)))
            next_alpha, next_sigma = after
            x = next_alpha * picture + next_sigma * (x - alpha * picture) / sigma
    return picture
