"""The diffusion model: what a U-Net is told of the noise level and of the words, and how others ask it."""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from taichi_dr.torch.distillation.schedule import cosine
from taichi_dr.torch.dreamer.pictures import SIZE
from taichi_dr.torch.dreamer.unet import EMBEDDING, UNet
from taichi_dr.torch.dreamer.words import WORDS, bags

LEVELS = 1000
FREQUENCIES = 32  # of the noise level


class Dreamer(nn.Module):
    """Sees the noise in pictures of coloured things, told which by a bag of words.

        eps = unet(x_t, time(t) + sum of the words' vectors)

    ``size``: 32, pixels on a side; ``alphas_cumprod`` (1000,): the cosine schedule.

    >>> import taichi_dr as dr
    >>> dreamer = Dreamer()
    >>> distillation = dr.torch.ScoreDistillation(dreamer.denoiser, dreamer.alphas_cumprod)
    >>> loss = distillation(torch.zeros(1, 3, 32, 32), ["a red torus"], [""])
    """

    def __init__(self) -> None:
        super().__init__()
        self.size, self.alphas_cumprod = SIZE, cosine(LEVELS)
        self.unet = UNet()
        self.words = nn.Parameter(torch.randn(len(WORDS), EMBEDDING))
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, EMBEDDING), nn.SiLU(), nn.Linear(EMBEDDING, EMBEDDING))

    def forward(self, x: torch.Tensor, t: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """The noise (B, 3, 32, 32) in ``x``, display values from -1 to 1, at levels t (B,), told bags (B, W)."""
        rates = torch.exp(torch.arange(FREQUENCIES) * (-math.log(LEVELS) / (FREQUENCIES - 1)))
        angles = t[:, None].float() * rates.to(t.device)
        level = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        return self.unet(x, level + words.to(x) @ self.words)

    @torch.no_grad()
    def denoiser(self, x: torch.Tensor, t: torch.Tensor, prompts: Sequence[str] | None) -> torch.Tensor:
        """``forward`` as ``ScoreDistillation`` asks it; no prompts, or empty ones: of any thing.

        Raises:
            InputError: a word that is not known.
        """
        told = torch.from_numpy(bags([""] * len(x) if prompts is None else prompts))
        return self(x.float(), t, told.to(x.device)).to(x.dtype)


def loss(network: nn.Module, pictures: torch.Tensor, words: torch.Tensor, alphas_cumprod: torch.Tensor, generator):
    """The mean squared difference of the noise that is seen in pictures (B, 3, 32, 32) and that which is in them.

    Levels are spread evenly over the pictures, each as likely as any other; Ho et al., DDPM, 2020, equation 14.
    """
    count = len(pictures)
    places = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    t = (places * len(alphas_cumprod)).long().clamp(max=len(alphas_cumprod) - 1)
    share = alphas_cumprod[t].float()[:, None, None, None]
    noise = torch.randn(pictures.shape, generator=generator)
    seen = network(share.sqrt() * pictures + (1 - share).sqrt() * noise, t, words)
    return F.mse_loss(seen.float(), noise)
