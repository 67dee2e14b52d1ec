"""The modules as functions, which keep what they have made for a size and settings."""

from functools import lru_cache
from typing import Any

import numpy as np

from taichi_dr.torch.mesh_renderers import Rasterizer, SoftRasterizer

SETTINGS = ("outputs", "background", "antialias", "cull_back", "sigma", "gamma", "alpha", "color", "distance")
"""The keywords that are a module's; the others are ``forward``'s."""


def rasterize(*scene: Any, size: Any, **keywords: Any) -> Any:
    """``Rasterizer(size, **settings)(*scene, **keywords)``: the named tuple of the outputs.

    >>> import torch
    >>> import taichi_dr as dr
    >>> triangle = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    >>> images = dr.torch.rasterize(triangle, torch.tensor([[0, 1, 2]]), None, dr.Camera((0, 0, 3)), size=8)
    >>> images._fields
    ('color', 'alpha')
    """
    return _render(Rasterizer, scene, size, keywords)


def soft_rasterize(*scene: Any, size: Any, **keywords: Any) -> Any:
    """``SoftRasterizer(size, **settings)(*scene, **keywords)``: the named tuple of the outputs."""
    return _render(SoftRasterizer, scene, size, keywords)


def _render(kind, scene, size, keywords):
    settings = {name: keywords.pop(name) for name in SETTINGS if name in keywords}
    if "background" in settings and settings["background"] is not None:
        settings["background"] = _hashable(np.asarray(settings["background"]).tolist())
    size = tuple(size) if np.ndim(size) else size
    return _module(kind, size, tuple(settings.items()))(*scene, **keywords)


def _hashable(values):
    return tuple(map(_hashable, values)) if isinstance(values, list) else values


@lru_cache(maxsize=16)
def _module(kind, size, settings):
    return kind(size, **dict(settings))
