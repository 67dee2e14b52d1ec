"""Between linear colours, as renderers have them, and sRGB, as pictures and the networks that saw them do; of tensors.

12.92 c up to 0.0031308, 1.055 c^(1/2.4) - 0.055 above (IEC 61966-2-1)
"""

import torch

_END_LINEAR, _END_SRGB = 0.0031308, 0.04045


def linear_to_srgb(colors: torch.Tensor) -> torch.Tensor:
    """sRGB of linear colours, of any shape, with a finite gradient everywhere (the straight part goes on below 0).

    >>> round(float(linear_to_srgb(torch.tensor(0.5, dtype=torch.float64))), 6)
    0.735357
    """
    bent = 1.055 * colors.clamp(min=_END_LINEAR) ** (1 / 2.4) - 0.055
    return torch.where(colors <= _END_LINEAR, 12.92 * colors, bent)


def srgb_to_linear(colors: torch.Tensor) -> torch.Tensor:
    """Its inverse."""
    bent = ((colors.clamp(min=_END_SRGB) + 0.055) / 1.055) ** 2.4
    return torch.where(colors <= _END_SRGB, colors / 12.92, bent)
