"""What the network is trained by: silhouettes and colours of two views, and smoothness of the mesh."""

import numpy as np
import torch
from torch import nn

from taichi_dr.scene.topology import Topology

LAPLACIAN, FLATTEN = 5e-3, 5e-4
WEIGHTS = {"silhouette": 1.0, "color": 0.5, "smoothness": 1.0}
"""Of the terms of ``Training.losses`` in their sum."""


def silhouette_loss(alpha: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """``1 - mean_v sum(a w) / sum(a + w - a w)`` of images (V, H, W) in [0, 1]: 1 - intersection over union.

    >>> half = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    >>> silhouette_loss(half, half).item(), silhouette_loss(half, 1 - half).item()
    (0.0, 1.0)
    """
    both = (alpha * wanted).sum(dim=(1, 2))
    either = (alpha + wanted - alpha * wanted).sum(dim=(1, 2)).clamp_min(1e-6)
    return 1 - (both / either).mean()


def color_loss(color: torch.Tensor, wanted: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """The absolute differences of premultiplied colours (V, H, W, 3), summed over the object's pixels, by its area.

    ``mean_v sum |color - wanted| / (3 sum alpha)``, with the wanted alpha (V, H, W): 0.5 where all is off by 0.5.
    """
    error = (color - wanted).abs().sum(dim=(1, 2, 3))
    return (error / (3 * alpha.sum(dim=(1, 2)).clamp_min(1.0))).mean()


class Smoothness(nn.Module):
    """``5e-3 laplacian + 5e-4 flatten`` of vertices (B, N, 3), as Liu et al. weigh them; ``forward`` gives the sum.

    ``laplacian = sum_i |mean of the neighbours of i - v_i|^2``, ``flatten = sum over edges (1 - n . n')^2`` of the
    normals on either side, both averaged over the batch.
    """

    laplace: torch.Tensor
    faces: torch.Tensor
    pairs: torch.Tensor

    def __init__(self, faces: torch.Tensor, vertices: int) -> None:
        super().__init__()
        topology = Topology(faces.numpy(), vertices)
        self.register_buffer("laplace", torch.as_tensor(_uniform_laplacian(topology), dtype=torch.float32))
        self.register_buffer("faces", faces.long())
        self.register_buffer("pairs", torch.from_numpy(_face_pairs(topology)))

    def forward(self, vertices: torch.Tensor) -> torch.Tensor:
        deltas = self.laplace @ vertices
        a, b, c = vertices[:, self.faces].unbind(dim=2)
        normals = nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=-1, eps=1e-12)
        cosines = (normals[:, self.pairs[:, 0]] * normals[:, self.pairs[:, 1]]).sum(dim=-1)
        terms = LAPLACIAN * deltas.square().sum(dim=(1, 2)) + FLATTEN * (1 - cosines).square().sum(dim=1)
        return terms.mean()


def _uniform_laplacian(topology):
    """(N, N): the mean of the neighbours, less the vertex."""
    near = np.zeros((topology.rows, topology.rows))
    near[topology.edges[:, 0], topology.edges[:, 1]] = near[topology.edges[:, 1], topology.edges[:, 0]] = 1
    return near / near.sum(axis=1, keepdims=True) - np.eye(topology.rows)


def _face_pairs(topology):
    """(E, 2): the faces on either side of each edge of a closed surface."""
    halves = topology.twins.reshape(-1).astype(np.int64)
    first = np.flatnonzero(np.arange(len(halves)) < halves)
    return np.stack([first // 3, halves[first] // 3], axis=1)
