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

os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "False")  # Taichi prints a line when it is imported

from taichi_dr import losses
from taichi_dr.errors import (
    BackendError,
    CameraError,
    DataSetError,
    Error,
    FileError,
    GeometryError,
    GradientError,
    InputError,
    RuntimeStateError,
    ShapeError,
)
from taichi_dr.gradcheck import check_gradients
from taichi_dr.io.images import load_image, save_animation, save_image
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.io.posed_images import PosedImages, load_posed_images, save_posed_images
from taichi_dr.optim import schedules
from taichi_dr.optim.large_steps import LargeSteps
from taichi_dr.optim.optimizers import SGD, Adam, UniformAdam
from taichi_dr.render.frame import Frame
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.render.mesh.soft_rasterizer import SoftRasterizer
from taichi_dr.runtime import available_backends, backend, init
from taichi_dr.scene import shapes
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import DirectionalLight, Lights, PointLight
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh
from taichi_dr.version import __version__

__all__ = [
    "SGD",
    "Adam",
    "BackendError",
    "Camera",
    "CameraError",
    "DataSetError",
    "DirectionalLight",
    "Error",
    "FileError",
    "Frame",
    "GeometryError",
    "GradientError",
    "InputError",
    "LargeSteps",
    "Lights",
    "Material",
    "Mesh",
    "PointLight",
    "PosedImages",
    "Rasterizer",
    "RuntimeStateError",
    "ShapeError",
    "SoftRasterizer",
    "UniformAdam",
    "__version__",
    "available_backends",
    "backend",
    "check_gradients",
    "init",
    "load_image",
    "load_mesh",
    "load_posed_images",
    "losses",
    "save_animation",
    "save_image",
    "save_mesh",
    "save_posed_images",
    "schedules",
    "shapes",
]
