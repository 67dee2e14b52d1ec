"""The modules as functions, which keep what they have made for a size and settings."""

import inspect
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from taichi_dr.torch.mesh_renderers import Rasterizer, SoftRasterizer
from taichi_dr.torch.ray_tracer import RayTracer
from taichi_dr.torch.sphere_tracer import SphereTracer
from taichi_dr.torch.volume_renderer import VolumeRenderer


def rasterize(*scene: Any, **keywords: Any) -> Any:
    """``Rasterizer(size, ...)(*scene, ...)``: ``keywords`` are ``size``, its settings, and arguments of ``forward``.

    >>> import torch
    >>> import taichi_dr as dr
    >>> triangle = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    >>> images = dr.torch.rasterize(triangle, torch.tensor([[0, 1, 2]]), None, dr.Camera((0, 0, 3)), size=8)
    >>> images._fields
    ('color', 'alpha')
    """
    return _render(Rasterizer, scene, keywords)


def soft_rasterize(*scene: Any, **keywords: Any) -> Any:
    """``SoftRasterizer(size, ...)(*scene, ...)``, as ``rasterize``."""
    return _render(SoftRasterizer, scene, keywords)


def trace_rays(*scene: Any, **keywords: Any) -> Any:
    """``RayTracer(size, ...)(*scene, ...)``, as ``rasterize``."""
    return _render(RayTracer, scene, keywords)


def trace_sphere(*scene: Any, **keywords: Any) -> Any:
    """``SphereTracer(size, bounds=..., ...)(*scene, ...)``, as ``rasterize``."""
    return _render(SphereTracer, scene, keywords)


def render_volume(*scene: Any, **keywords: Any) -> Any:
    """``VolumeRenderer(grid, size, ...)(*scene, ...)``, as ``rasterize``; ``grid`` is a keyword too."""
    return _render(VolumeRenderer, scene, keywords)


def _render(kind, scene, keywords):
    of_forward = inspect.signature(kind.forward).parameters
    settings = {name: _hashable(value) for name, value in keywords.items() if name not in of_forward}
    others = {name: value for name, value in keywords.items() if name in of_forward}
    return _module(kind, tuple(settings.items()))(*scene, **others)


@lru_cache(maxsize=16)
def _module(kind, settings):
    return kind(**dict(settings))


def _hashable(value):
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    value = value.tolist() if isinstance(value, np.ndarray) else value
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value
