"""The noise that belongs to a picture: a deterministic walk (DDIM) from the picture up to a noise level.

    x_0 = (x_tau - sigma_tau eps(x_tau, tau)) / alpha_tau,   x_tau' = alpha_tau' x_0 + sigma_tau' eps(x_tau, tau)

Song et al., Denoising Diffusion Implicit Models, 2021, equation 12 backwards; for distillation: Lukoianov et al., Score
Distillation via Reparametrized DDIM, 2024 (SDI), and Liang et al., LucidDreamer (interval score matching), 2024.
"""

from collections.abc import Callable

import torch

from taichi_dr.torch.distillation.schedule import NoiseSchedule, per_item


def invert(
    noise_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    schedule: NoiseSchedule,
    images: torch.Tensor,
    t: torch.Tensor,
    steps: int,
) -> torch.Tensor:
    """The ``eps`` (B, ...) with which ``alpha_t x + sigma_t eps`` is where the walk from ``images`` to ``t`` (B,) ends.

    ``noise_of(x, t)`` is asked once for each of ``steps`` steps of equal length.
    """
    alpha, sigma = (per_item(number, images) for number in schedule.coefficients(t))
    x, now_alpha, now_sigma = images, torch.ones_like(alpha), torch.zeros_like(sigma)
    for step in range(steps):
        level = (t * step) // steps
        noise = noise_of(x, level)
        after = (t * (step + 1)) // steps
        picture = (x - now_sigma * noise) / now_alpha
        now_alpha, now_sigma = (per_item(number, images) for number in schedule.coefficients(after))
        x = now_alpha * picture + now_sigma * noise
    return (x - alpha * images) / sigma
