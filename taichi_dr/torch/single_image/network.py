"""The whole network: from images to coloured meshes."""

import torch
from torch import nn

from taichi_dr.torch.single_image.color_decoder import ColorDecoder
from taichi_dr.torch.single_image.encoder import Encoder
from taichi_dr.torch.single_image.shape_decoder import ShapeDecoder


class SingleImageNetwork(nn.Module):
    """From images (B, 64, 64, 4), sRGB in [0, 1] with straight alpha, to vertices (B, 642, 3) and colours (B, 642, 3).

    Vertices are in the axes of the object, not of the camera: y up, the front towards +x, in the cube [-0.5, 0.5]^3;
    colours are sRGB in [0, 1], the shading of the image included.  ``faces`` (1280, 3) is the same for all.

    >>> network = SingleImageNetwork().eval()
    >>> vertices, colors = network(torch.rand(2, 64, 64, 4))
    >>> vertices.shape, colors.shape, len(network.faces)
    (torch.Size([2, 642, 3]), torch.Size([2, 642, 3]), 1280)
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.shape_decoder = Encoder(), ShapeDecoder()
        self.color_decoder = ColorDecoder(len(self.shape_decoder.template))

    @property
    def faces(self) -> torch.Tensor:
        """(1280, 3) int32: those of the template."""
        return self.shape_decoder.faces

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        planes = images.permute(0, 3, 1, 2)
        planes = torch.cat([planes[:, :3] * planes[:, 3:], planes[:, 3:]], dim=1)
        features, keys = self.encoder(planes)
        return self.shape_decoder(features), self.color_decoder(features, keys, planes)
