"""The colour decoder: a palette sampled from the image, and a selection of it for every vertex.

Source: Liu et al., Soft Rasterizer (ICCV 2019), section 5.1: colours are not invented but chosen from the image's own.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from taichi_dr.torch.single_image.encoder import CHANNELS, FEATURES

PALETTE = 12
WORDS = 64  # that the selection of a vertex is made of
FAINT = 1e-4  # of alpha: what is not of the object is not sampled


class ColorDecoder(nn.Module):
    """Colours (B, 642, 3): ``selection @ palette``, both of weights that are positive and sum to 1.

        palette (B, 12, 3) = softmax over pixels(queries of the features . keys of the first map + log alpha) @ pixels
        selection (B, 642, 12) = softmax over the palette(words of the vertices @ features)

    with the image's pixels, averaged to 32 x 32.  So every colour is within the convex hull of the object's own.
    """

    def __init__(self, vertices: int) -> None:
        super().__init__()
        self.queries = nn.Linear(FEATURES, PALETTE * CHANNELS[0])
        self.hidden = nn.Linear(FEATURES, FEATURES // 2)
        self.selection = nn.Linear(FEATURES // 2, WORDS * PALETTE)
        self.words = nn.Parameter(torch.randn(vertices, WORDS) / WORDS**0.5)

    def forward(self, features: torch.Tensor, keys: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        palette = self.palette(features, keys, images)
        batch = len(features)
        chosen = self.selection(F.relu(self.hidden(features))).view(batch, WORDS, PALETTE)
        return torch.softmax(self.words @ chosen, dim=-1) @ palette

    def palette(self, features: torch.Tensor, keys: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """(B, 12, 3): colours sampled from images (B, 4, 64, 64), multiplied by alpha."""
        batch = len(features)
        pixels = F.avg_pool2d(images, 2).flatten(2)
        alpha = pixels[:, 3:]
        colors = pixels[:, :3] / alpha.clamp_min(FAINT)
        queries = self.queries(features).view(batch, PALETTE, -1)
        scores = queries @ keys.flatten(2) / keys.shape[1] ** 0.5 + torch.log(alpha.clamp_min(FAINT * FAINT))
        return torch.softmax(scores, dim=-1) @ colors.transpose(1, 2)
