"""Differentiable rendering as Taichi kernels: rasterization, soft rasterization, and the scene, losses and optimisers around them."""

from taichi_dr.runtime import available_backends, backend, init

__all__ = ["available_backends", "backend", "init"]
