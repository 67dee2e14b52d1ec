"""Losses over fields: each adds ``weight * value`` to a 0-D field, inside or outside a ``ti.ad.Tape``.

What compares two things (mse, l1, huber, iou, ssim, depth, normal, chamfer, edge_length with a target) is 0 and
stationary where they are equal, and more elsewhere, so that a fit started at the truth stays there; ``iou``'s kind
``"soft_jaccard"`` is not.  What compares a mask with how far rays pass a surface (missed, extra,
silhouette_cross_entropy) pulls at any distance; the last of them is least where mask and silhouette agree, but not 0.
What keeps a mesh smooth is least, 0, where the mesh is flat (normal_consistency, flatten) or has shrunk to a point
(laplacian, edge_length without a target), and latent_prior where codes are 0: weigh them against what pulls the other
way.  Of grids, eikonal keeps the slope of a distance at 1, and grid_laplacian what is on them smooth.

Several losses, and several uses of one, may add to the same field within one tape.  The predictions they read must not
be overwritten before the tape closes (Taichi's rule for everything on a tape).

Doors: ``image`` (mse, l1, huber), ``silhouette.iou``, ``ssim``, ``closest`` (missed, extra, silhouette_cross_entropy),
``geometry`` (depth, normal), ``chamfer``, ``laplacian``, ``mesh`` (edge lengths, normal consistency, flatness),
``latent.latent_prior``, ``grid`` (eikonal, grid_laplacian); users find all of them in ``taichi_dr.losses``.
"""

from taichi_dr.losses.chamfer import chamfer, sample_surface
from taichi_dr.losses.closest import extra, missed, silhouette_cross_entropy
from taichi_dr.losses.geometry import depth, normal
from taichi_dr.losses.grid import eikonal, grid_laplacian
from taichi_dr.losses.image import huber, l1, mse
from taichi_dr.losses.laplacian import laplacian
from taichi_dr.losses.latent import latent_prior
from taichi_dr.losses.mesh import edge_length, flatten, normal_consistency
from taichi_dr.losses.silhouette import iou
from taichi_dr.losses.ssim import ssim

__all__ = [
    "chamfer",
    "depth",
    "edge_length",
    "eikonal",
    "extra",
    "flatten",
    "grid_laplacian",
    "huber",
    "iou",
    "l1",
    "laplacian",
    "latent_prior",
    "missed",
    "mse",
    "normal",
    "normal_consistency",
    "sample_surface",
    "silhouette_cross_entropy",
    "ssim",
]
