"""What the network is trained by: silhouettes and colours of two views, and smoothness of the mesh."""

import torch

from taichi_dr.torch import losses

WEIGHTS = {"silhouette": 1.0, "color": 0.5, "laplacian": 5e-3, "flatten": 5e-4}
"""Of the terms in their sum; those of smoothness are Liu et al.'s (Soft Rasterizer, 2019)."""


def terms(
    color: torch.Tensor, alpha: torch.Tensor, wanted: torch.Tensor, vertices: torch.Tensor, faces: torch.Tensor
) -> dict[str, torch.Tensor]:
    """The losses by name, without their weights.

    Args:
        color, alpha: what is drawn: (V, H, W, 3), multiplied by alpha, and (V, H, W).
        wanted: the pictures (V, H, W, 4), with straight alpha.
        vertices, faces: the meshes (B, N, 3) with their faces (F, 3).
    """
    mask = wanted[..., 3]
    return {
        "silhouette": losses.iou(alpha, mask),
        "color": color_loss(color, wanted[..., :3] * mask[..., None], mask),
        "laplacian": losses.laplacian(vertices, faces),
        "flatten": losses.flatten(vertices, faces),
    }


def color_loss(color: torch.Tensor, wanted: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The absolute differences of premultiplied colours (V, H, W, 3), summed over the picture, by the object's area.

    ``mean_v sum |color - wanted| / (3 sum mask)``: 0.5 where all of the object (V, H, W) is off by 0.5.
    """
    error = (color - wanted).abs().sum(dim=(1, 2, 3))
    return (error / (3 * mask.sum(dim=(1, 2)).clamp_min(1.0))).mean()
