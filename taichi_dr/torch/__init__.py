"""Renderers inside networks: PyTorch tensors in, PyTorch tensors out, gradients by its autograd.

``Rasterizer``, ``SoftRasterizer`` and ``RayTracer`` are modules that take a mesh of tensors, ``SphereTracer`` a signed
distance on a grid, ``VolumeRenderer`` and ``GridRenderer`` a radiance grid; ``rasterize``, ``soft_rasterize``,
``trace_rays``, ``trace_sphere`` and ``render_volume`` are the same as functions.
``Camera`` and ``Lights`` have tensors as parameters; ``losses`` and ``LargeSteps`` take tensors.  Importing this room
imports torch, and nothing else of the package does:

    pip install 'taichi-dr[torch]'

``ScoreDistillation`` hands a diffusion model's opinion of pictures on to whatever they are made of; ``LatentDiffusion``
asks one that the library diffusers has constructed.
``single_image`` makes a coloured mesh of one picture, ``dreamer`` knows what words look like.
``distributed.Processes``: several processes that share the steps of one reconstruction.

How it works: ``function`` is the one bridge to autograd, ``call`` what it bridges to for renderers and ``scalar`` for
losses, ``tensors`` the copies between tensors and the arrays of kernels, ``owners`` the meshes, cameras and lights
whose numbers are tensors'.
"""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "taichi_dr.torch needs PyTorch, which is not installed: pip install 'taichi-dr[torch]'", name="torch"
    ) from error

from taichi_dr.torch import dreamer, losses, single_image
from taichi_dr.torch.camera import Camera
from taichi_dr.torch.distillation.latent import LatentDiffusion
from taichi_dr.torch.distillation.score import ScoreDistillation
from taichi_dr.torch.functional import rasterize, render_volume, soft_rasterize, trace_rays, trace_sphere
from taichi_dr.torch.grid_renderer import GridRenderer
from taichi_dr.torch.large_steps import LargeSteps
from taichi_dr.torch.lights import Lights
from taichi_dr.torch.mesh_renderers import Rasterizer, SoftRasterizer
from taichi_dr.torch.ray_tracer import RayTracer
from taichi_dr.torch.sphere_tracer import SphereTracer
from taichi_dr.torch.volume_renderer import VolumeRenderer

__all__ = [
    "Camera",
    "GridRenderer",
    "LargeSteps",
    "LatentDiffusion",
    "Lights",
    "Rasterizer",
    "RayTracer",
    "ScoreDistillation",
    "SoftRasterizer",
    "SphereTracer",
    "VolumeRenderer",
    "dreamer",
    "losses",
    "rasterize",
    "render_volume",
    "single_image",
    "soft_rasterize",
    "trace_rays",
    "trace_sphere",
]
