"""From the noise that a denoiser sees with and without a condition to the noise that guides.

Counted so that 1 means the condition alone:

    eps = eps_u + s (eps_c - eps_u)

Papers that write ``(1 + omega) eps_c - omega eps_u`` have ``s = omega + 1``.  Ho and Salimans, Classifier-Free
Diffusion Guidance, 2022.
"""

import torch


def guided(unconditional: torch.Tensor, conditional: torch.Tensor, scale: float) -> torch.Tensor:
    """``eps_u + s (eps_c - eps_u)``.

    >>> guided(torch.tensor(1.0), torch.tensor(2.0), 7.5).item()
    8.5
    """
    return unconditional + scale * (conditional - unconditional)


def perpendicular(negative: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
    """The part of ``negative`` (B, ...) that is perpendicular to ``positive``, item by item.

    What a negative condition says is subtracted without what it has in common with the positive one.  Armandpour et
    al., Re-imagine the Negative Prompt Algorithm (Perp-Neg), 2023, equation 6.

    >>> perpendicular(torch.tensor([[1.0, 1.0]]), torch.tensor([[2.0, 0.0]])).tolist()
    [[0.0, 1.0]]
    """
    flat, other = negative.flatten(1), positive.flatten(1)
    share = (flat * other).sum(1, keepdim=True) / (other * other).sum(1, keepdim=True).clamp(min=1e-20)
    return (flat - share * other).reshape(negative.shape)


def perp_neg(
    unconditional: torch.Tensor,
    conditional: torch.Tensor,
    negatives: list[torch.Tensor],
    weights: list[float],
    scale: float,
) -> torch.Tensor:
    """``eps_u + s (d - sum_i w_i perpendicular(d_i, d))``, ``d = eps_c - eps_u`` and ``d_i = eps_i - eps_u``."""
    toward = conditional - unconditional
    away = [weight * perpendicular(one - unconditional, toward) for one, weight in zip(negatives, weights, strict=True)]
    return unconditional + scale * (toward - sum(away))
