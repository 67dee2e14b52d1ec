"""What the processes that train one network do with its tensors: norms over the whole batch, and one gradient.

Every process has a part of the batch.  With these two it makes the step that one process makes of all of it: losses
that are means over the batch are weighed by the part of it that a process has.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from taichi_dr.ranks import Ranks


def add_gradients(parameters: Iterable[nn.Parameter], ranks: Ranks) -> None:
    """Makes every gradient the sum of those of all processes, in one exchange."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    numbers = torch.cat([gradient.flatten() for gradient in gradients]).numpy()
    ranks.add(numbers)
    for gradient, part in zip(
        gradients, torch.from_numpy(numbers).split([one.numel() for one in gradients]), strict=True
    ):
        gradient.copy_(part.view_as(gradient))


def share_norms(network: nn.Module, ranks: Ranks) -> None:
    """Has the batch norms of a network be over the images of all processes; its numbers stay as they are."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = _SharedBatchNorm
            module.ranks = ranks


class _SharedBatchNorm(nn.BatchNorm2d):
    """``(x - mean) / sqrt(variance + eps) weight + bias`` of (B, C, H, W), means over the images of all processes.

    Ioffe and Szegedy, Batch Normalization, 2015.  That of torch for several processes wants GPUs.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(images)
        count = np.array([images.numel() / images.shape[1]])
        self.ranks.add(count)
        mean = _Sum.apply(self.ranks, images.sum((0, 2, 3)) / count[0])
        centered = images - mean[:, None, None]
        variance = _Sum.apply(self.ranks, centered.square().sum((0, 2, 3)) / count[0])
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count[0] / max(count[0] - 1, 1)), self.momentum)
        scale = self.weight / (variance + self.eps).sqrt()
        return centered * scale[:, None, None] + self.bias[:, None, None]


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; each gets the sum of all adjoints."""

    @staticmethod
    def forward(ctx: Any, ranks: Ranks, tensor: torch.Tensor) -> torch.Tensor:
        ctx.ranks = ranks
        return _summed(ranks, tensor)

    @staticmethod
    def backward(ctx: Any, *adjoints: torch.Tensor) -> Any:
        return None, _summed(ctx.ranks, adjoints[0])


def _summed(ranks, tensor):
    numbers = tensor.detach().numpy().copy()
    ranks.add(numbers)
    return torch.from_numpy(numbers)
