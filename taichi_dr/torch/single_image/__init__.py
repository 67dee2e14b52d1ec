"""One image to a coloured mesh: a network that is trained on pictures alone (Liu et al., Soft Rasterizer, ICCV 2019).

Doors: ``network.SingleImageNetwork``, ``checkpoint.load_network``, ``training.Training``.

    image (64, 64, 4) -> ``encoder`` -> 512 features -> ``shape_decoder`` -> vertices of a deformed sphere
                                                     -> ``color_decoder`` -> a palette out of the image, and which of
                                                                             its colours each vertex has
"""
