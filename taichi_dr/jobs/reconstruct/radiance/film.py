"""Cameras of a film: views that nobody has photographed."""

import numpy as np

from taichi_dr.io.posed_images import PosedImages


def film(posed, matrices, focal, size, name):
    """PosedImages without pictures (black, transparent) of cameras (n, 4, 4), no larger than ``size`` or the images'.

    ``focal`` (2,), of images as large as those of ``posed``; ``name``: what the images are called, beside a number.
    """
    view, frames = posed.subset([0]).resized(min(size, max(posed.height, posed.width))), len(matrices)
    blank = np.zeros((frames, view.height, view.width, 3), np.float32)
    return PosedImages(
        blank,
        blank[..., 0],
        matrices,
        np.tile(focal * view.width / posed.width, (frames, 1)),
        np.tile([view.width / 2, view.height / 2], (frames, 1)),
        tuple(f"{name} {i}" for i in range(frames)),
    )


def framed(up, backward, eye):
    """The camera-to-world matrix (4, 4) of a camera that looks against ``backward``, with about this way up."""
    backward = unit(backward)
    right = unit(np.cross(up, backward))
    matrix = np.eye(4)
    matrix[:3] = np.stack([right, np.cross(backward, right), backward, eye], axis=1)
    return matrix


def unit(v):
    """``v / |v|``."""
    return v / np.linalg.norm(v)
