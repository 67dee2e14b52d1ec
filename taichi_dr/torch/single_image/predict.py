"""From NumPy to NumPy: what a network makes of images."""

import numpy as np
import torch

from taichi_dr.torch.single_image.network import SingleImageNetwork
from taichi_dr.types import Array

AT_ONCE = 256


def predict(network: SingleImageNetwork, images: Array) -> tuple[Array, Array]:
    """Vertices and colours, each (B, 642, 3), of images (B, 64, 64, 4): uint8, sRGB with straight alpha.

    The network is put into the mode that does not depend on which images it sees together.
    """
    network.eval()
    with torch.no_grad():
        made = [network(torch.from_numpy(part.astype(np.float32) / 255)) for part in _parts(images)]
    vertices, colors = (np.concatenate([numbers.numpy() for numbers in kind]) for kind in zip(*made, strict=True))
    return vertices, colors


def _parts(images):
    return [images[start : start + AT_ONCE] for start in range(0, len(images), AT_ONCE)]
