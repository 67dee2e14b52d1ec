"""The shape decoder: vertices of a sphere, moved."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from taichi_dr.scene import shapes
from taichi_dr.torch.single_image.encoder import FEATURES

SUBDIVISIONS = 3  # 642 vertices, 1,280 faces
RADIUS = 0.35
HALF = 0.5  # side of the cube that shapes are in
SMOOTHNESS = 1.0
SMALL = 0.1  # of what the last layer starts with, so that training starts with a sphere


class ShapeDecoder(nn.Module):
    """Vertices (B, 642, 3) of a sphere of radius 0.35, moved by displacements and, all together, by a centroid.

        vertices = tanh(2 (0.35 sphere + S displacements + centroid)) / 2,  S = (I + L)^-1 / its largest row's length

    with the Laplacian L of the sphere's edges: what the last layer learns it learns for smooth motions first, and for
    single vertices late (Nicolet et al., Large Steps in Inverse Rendering of Geometry, 2021).  The hyperbolic tangent
    keeps every vertex in the cube [-0.5, 0.5]^3.  All vertices are free, as in Kato et al. (Neural 3D Mesh Renderer,
    2018), where each stays in its octant.
    """

    template: torch.Tensor
    faces: torch.Tensor
    smooth: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        sphere = shapes.icosphere(SUBDIVISIONS)
        template = sphere.numpy("vertices")[0]
        self.register_buffer("template", torch.as_tensor(template, dtype=torch.float32), persistent=False)
        self.register_buffer("faces", torch.from_numpy(sphere.numpy("faces")), persistent=False)
        self.register_buffer("smooth", torch.as_tensor(_smoothing(sphere.topology), dtype=torch.float32), False)
        self.hidden = nn.Linear(FEATURES, FEATURES)
        self.displacements = nn.Linear(FEATURES, 3 * len(template))
        self.centroid = nn.Linear(FEATURES, 3)
        for layer in (self.displacements, self.centroid):
            layer.weight.data *= SMALL
            layer.bias.data.zero_()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        hidden = F.relu(self.hidden(features))
        columns = self.displacements(hidden).view(len(features), -1, 3).transpose(0, 1).flatten(1)  # of one product
        moves = (self.smooth @ columns).view(-1, len(features), 3).transpose(0, 1)
        free = RADIUS * self.template + moves + self.centroid(hidden)[:, None]
        return HALF * torch.tanh(free / HALF)


def _smoothing(topology):
    """(N, N): the S of ``ShapeDecoder``."""
    edges, count = topology.edges, topology.rows
    laplacian = np.zeros((count, count))
    laplacian[edges[:, 0], edges[:, 1]] = laplacian[edges[:, 1], edges[:, 0]] = -1
    laplacian -= np.diag(laplacian.sum(axis=1))
    smooth = np.linalg.inv(np.eye(count) + SMOOTHNESS * laplacian)
    return smooth / np.linalg.norm(smooth, axis=1).max()
