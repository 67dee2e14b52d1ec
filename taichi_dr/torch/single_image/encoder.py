"""The encoder: from an image to what the decoders make a mesh of."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as torch's own documentation calls it

FEATURES = 512
CHANNELS = (32, 64, 128, 160)
LARGEST = 4  # pixels on a side of the last of the four maps


class Encoder(nn.Module):
    """Four convolutions of stride 2, then a layer that sees the whole: features (B, 512) and the first map.

    ``forward(images)`` takes (B, 4, 64, 64), colours multiplied by alpha, in [0, 1]; the first map is (B, 32, 32, 32):
    what is where, for the sampling of colours.
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = (4, *CHANNELS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 5 if before == 4 else 3, stride=2, padding=2 if before == 4 else 1, bias=False)
            for before, after in pairwise(sizes)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels in CHANNELS)
        self.whole = nn.Linear(CHANNELS[-1] * LARGEST**2, FEATURES)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = []
        for convolve, norm in zip(self.convolutions, self.norms, strict=True):
            images = F.relu(norm(convolve(images)), inplace=True)
            maps.append(images)
        return F.relu(self.whole(images.flatten(1))), maps[0]
