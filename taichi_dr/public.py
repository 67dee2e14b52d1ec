"""The public names of the package: what ``import taichi_dr as dr`` offers."""

from taichi_dr import kernels, losses
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
    TooLargeError,
)
from taichi_dr.fields.checkpointed import checkpointed
from taichi_dr.gradcheck import check_gradients
from taichi_dr.implicit import encodings, radiance, sdf
from taichi_dr.implicit.bounds import Ball, Box, Unbounded
from taichi_dr.implicit.coordinate_network import CoordinateNetwork
from taichi_dr.implicit.environment import Environment
from taichi_dr.implicit.radiance.inline import Sample
from taichi_dr.implicit.voxel_grid import VoxelGrid
from taichi_dr.io.images import linear_to_srgb, load_image, save_animation, save_image, srgb_to_linear
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.io.posed.transforms import save_posed_images
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.measure.comparison import compare_meshes
from taichi_dr.optim import schedules
from taichi_dr.optim.estimate import Estimate
from taichi_dr.optim.gauss_newton import GaussNewton
from taichi_dr.optim.jacobian import jacobian
from taichi_dr.optim.large_steps import LargeSteps
from taichi_dr.optim.optimizers import SGD, Adam, UniformAdam
from taichi_dr.recipes.colors import ColorFit, fit_colors
from taichi_dr.recipes.pose import PoseFit, fit_pose
from taichi_dr.recipes.shape import ShapeFit, fit_shape
from taichi_dr.render.frame import Frame
from taichi_dr.render.march.sphere_tracer import SphereTracer
from taichi_dr.render.march.unrolled import Unrolled
from taichi_dr.render.mesh import preview as _preview  # noqa: F401  how meshes look in notebooks
from taichi_dr.render.mesh.primitives.rasterize import Primitives
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.render.mesh.soft_rasterizer import SoftRasterizer
from taichi_dr.render.mesh.supersample import Supersampler, supersampled
from taichi_dr.render.rays.implicit import Implicit
from taichi_dr.render.rays.ray_caster import RayCaster
from taichi_dr.render.rays.ray_tracer import RayTracer
from taichi_dr.render.rays.scene import Scene
from taichi_dr.render.volume.nerf_fit import KnownRays, NeRFFit
from taichi_dr.render.volume.render_rays import render_rays
from taichi_dr.render.volume.volume_renderer import VolumeRenderer
from taichi_dr.runtime import available_backends, backend, init
from taichi_dr.scene import shapes
from taichi_dr.scene.analytic import Plane, Rectangle, Sphere
from taichi_dr.scene.area_light import RectangleLight, SphereLight
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import DirectionalLight, Lights, PointLight, SpotLight
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.texture import Texture
from taichi_dr.tape import tape_operation
from taichi_dr.version import __version__

__all__ = [
    "SGD",
    "Adam",
    "BackendError",
    "Ball",
    "Box",
    "Camera",
    "CameraError",
    "ColorFit",
    "CoordinateNetwork",
    "DataSetError",
    "DirectionalLight",
    "Environment",
    "Error",
    "Estimate",
    "FileError",
    "Frame",
    "GaussNewton",
    "GeometryError",
    "GradientError",
    "Implicit",
    "InputError",
    "KnownRays",
    "LargeSteps",
    "Lights",
    "Material",
    "Mesh",
    "NeRFFit",
    "Plane",
    "PointLight",
    "PoseFit",
    "PosedImages",
    "Primitives",
    "Rasterizer",
    "RayCaster",
    "RayTracer",
    "Rectangle",
    "RectangleLight",
    "RuntimeStateError",
    "Sample",
    "Scene",
    "ShapeError",
    "ShapeFit",
    "SoftRasterizer",
    "Sphere",
    "SphereLight",
    "SphereTracer",
    "SpotLight",
    "Supersampler",
    "Texture",
    "TooLargeError",
    "Unbounded",
    "UniformAdam",
    "Unrolled",
    "VolumeRenderer",
    "VoxelGrid",
    "__version__",
    "available_backends",
    "backend",
    "check_gradients",
    "checkpointed",
    "compare_meshes",
    "encodings",
    "fit_colors",
    "fit_pose",
    "fit_shape",
    "init",
    "jacobian",
    "kernels",
    "linear_to_srgb",
    "load_image",
    "load_mesh",
    "load_posed_images",
    "losses",
    "radiance",
    "render_rays",
    "save_animation",
    "save_image",
    "save_mesh",
    "save_posed_images",
    "schedules",
    "sdf",
    "shapes",
    "srgb_to_linear",
    "supersampled",
    "tape_operation",
]
