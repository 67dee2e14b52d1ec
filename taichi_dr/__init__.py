"""Differentiable rendering as Taichi kernels: rasterizers, and the scene, losses and optimisers around them.

>>> import taichi_dr as dr
>>> dr.init("cpu")
'cpu'
>>> mesh = dr.shapes.icosphere(3)
>>> camera = dr.Camera.orbit(azimuth_deg=[0, 90], elevation_deg=20, distance=2.7, fov_y_deg=60)
>>> frame = dr.SoftRasterizer(size=(64, 64)).render(mesh, camera)
>>> frame.color.shape
(2, 64, 64)
"""

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "False")  # Taichi prints a line when it is imported

if TYPE_CHECKING:
    from taichi_dr.public import *  # noqa: F403


def __getattr__(name):
    # Imported when first asked for, so that the command line need not wait for Taichi to print a help text.
    if find_spec(f"taichi_dr.{name}"):
        return import_module(f"taichi_dr.{name}")
    public = import_module("taichi_dr.public")
    if name != "__all__" and name not in public.__all__:
        raise AttributeError(f"module 'taichi_dr' has no attribute {name!r}")
    return globals().setdefault(name, getattr(public, name))


def __dir__():
    return sorted(import_module("taichi_dr.public").__all__)
