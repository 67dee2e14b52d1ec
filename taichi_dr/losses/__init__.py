"""Losses over fields: each adds ``weight * value`` to a 0-D field, inside or outside a ``ti.ad.Tape``.

Several losses, and several uses of one, may add to the same field within one tape.  The predictions they read must not
be overwritten before the tape closes (Taichi's rule for everything on a tape).
"""

from taichi_dr.losses.image import huber, l1, mse
from taichi_dr.losses.silhouette import iou
from taichi_dr.losses.ssim import ssim

__all__ = ["huber", "iou", "l1", "mse", "ssim"]
