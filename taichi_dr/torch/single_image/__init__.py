"""One image to a coloured mesh: a network that is trained on pictures alone (Liu et al., Soft Rasterizer, ICCV 2019).

    image (64, 64, 4) -> ``encoder`` -> 512 features -> ``shape_decoder`` -> vertices of a deformed sphere
                                                     -> ``color_decoder`` -> a palette out of the image, and which of
                                                                             its colours each vertex has

Doors: ``load_network``, ``predict``, ``SingleImageNetwork``; ``training.Training`` makes networks,
``checkpoint.save_network`` keeps them.
"""

from taichi_dr.torch.single_image.checkpoint import load_network
from taichi_dr.torch.single_image.network import SingleImageNetwork
from taichi_dr.torch.single_image.predict import predict

__all__ = ["SingleImageNetwork", "load_network", "predict"]
