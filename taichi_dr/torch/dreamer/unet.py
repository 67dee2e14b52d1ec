"""A small U-Net whose every block is told what it is to see: from noisy pictures and an embedding to their noise.

Ronneberger et al., U-Net, 2015; residual blocks as in Ho et al., DDPM, 2020; conditioned by a scale and a shift of
normalised features (FiLM; Perez et al., 2018).
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as torch's own documentation calls it

GROUPS = 8  # of channels that are normalised together
EMBEDDING = 128
CHANNELS = (32, 64, 128)  # at full, half and quarter resolution


class Block(nn.Module):
    """``h = conv(silu(norm(x)))``, then ``skip(x) + conv(silu((1 + a) norm(h) + b))`` with a, b of the embedding."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first_norm, self.first = nn.GroupNorm(GROUPS, before), nn.Conv2d(before, after, 3, padding=1)
        self.film = nn.Linear(EMBEDDING, 2 * after)
        self.second_norm, self.second = nn.GroupNorm(GROUPS, after), nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        scale, shift = self.film(F.silu(embedding))[..., None, None].chunk(2, dim=1)
        hidden = self.first(F.silu(self.first_norm(x)))
        return self.skip(x) + self.second(F.silu((1 + scale) * self.second_norm(hidden) + shift))


class UNet(nn.Module):
    """``unet(x (B, 3, S, S), embedding (B, 128)) -> (B, 3, S, S)``; S is a multiple of 4.

    Two blocks at each resolution on the way down, one at the bottom, two on the way up beside what was there before.

    >>> sum(parameter.numel() for parameter in UNet().parameters())
    2321987
    """

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, CHANNELS[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        width = CHANNELS[0]
        for channels in CHANNELS:
            self.down.append(nn.ModuleList([Block(width, channels), Block(channels, channels)]))
            width = channels
        self.bottom = Block(width, width)
        for channels in reversed(CHANNELS):
            self.up.append(nn.ModuleList([Block(width + channels, channels), Block(channels, channels)]))
            width = channels
        self.leave = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        hidden, beside = self.enter(x), []
        for level, blocks in enumerate(self.down):
            hidden = F.avg_pool2d(hidden, 2) if level else hidden
            for block in blocks:
                hidden = block(hidden, embedding)
            beside.append(hidden)
        hidden = self.bottom(hidden, embedding)
        for level, blocks in enumerate(self.up):
            hidden = F.interpolate(hidden, scale_factor=2.0) if level else hidden
            hidden = torch.cat([hidden, beside.pop()], dim=1)
            for block in blocks:
                hidden = block(hidden, embedding)
        return self.leave(hidden)
