"""The rasterizers as modules."""

from typing import Any, ClassVar

import torch

from taichi_dr.render.mesh import rasterizer, soft_rasterizer
from taichi_dr.render.renderer import Renderer
from taichi_dr.scene import camera as scene_camera
from taichi_dr.scene import light as scene_light
from taichi_dr.scene.material import Material
from taichi_dr.torch import camera as cameras
from taichi_dr.torch import lights as light_sources
from taichi_dr.torch.call import Slot, Stage
from taichi_dr.torch.indices import KnownIndices
from taichi_dr.torch.owners import TensorMesh
from taichi_dr.torch.renderer import RendererModule
from taichi_dr.torch.tensors import checked


class MeshModule(RendererModule):
    """Base of the renderers of a mesh as modules."""

    def __init__(self, size: Any, *, outputs: tuple[str, ...] = ("color", "alpha"), **settings: Any) -> None:
        super().__init__(size, outputs=outputs, **settings)
        self._indices = KnownIndices()
        self.stage()

    def stage(self, *key: Any) -> Stage:
        """The renderer of the run."""
        return self._stages.get(None, lambda: Stage(self.RENDERER(**self._made_with)))

    @property
    def renderer(self) -> Renderer:
        """The renderer of the run, whose settings may be changed between calls: ``module.renderer.background = None``.

        The way back of earlier calls has the settings that they had.
        """
        return self.stage().renderer

    @torch.compiler.disable
    def forward(
        self,
        vertices: torch.Tensor,
        faces: torch.Tensor,
        colors: torch.Tensor | None,
        camera: cameras.Camera | scene_camera.Camera,
        lights: light_sources.Lights | scene_light.Lights | None = None,
        *,
        face_colors: torch.Tensor | None = None,
        uv: torch.Tensor | None = None,
        uv_faces: torch.Tensor | None = None,
        texture: torch.Tensor | None = None,
        material: Material | None = None,
        view_mesh: Any = None,
    ) -> Any:
        """Renders V views and returns the named tuple of ``outputs``: (V, H, W, 3) for colours, (V, H, W) for numbers.

        Arguments as of ``dr.Mesh`` and of the renderer's ``render``, as tensors with gradients:

            vertices: (N, 3), or (B, N, 3) for a batch, world units; view v shows mesh v of a batch, or the only mesh.
            faces: (F, 3) integers; the same tensor again costs nothing, and is looked at again where torch has written
                to it (what is written through a NumPy array that shares its memory goes unseen).
            colors: (3,), (N, 3) or (B, N, 3), linear RGB; or ``face_colors`` (3,), (F, 3) or (B, F, 3); None is grey.
            camera: a ``dr.torch.Camera`` with gradients or a ``dr.Camera`` without.
            lights: ``dr.torch.Lights`` with gradients or ``dr.Lights`` without; None: own colours as they are.
            uv, uv_faces, texture: (T, 2), (F, 3) integers, (Ht, Wt, 3): colours, if given, multiply the texture.
            material: a ``dr.Material``; view_mesh: (V,) integers, which mesh each view shows.

        Raises:
            RuntimeStateError: Taichi is not initialised.
            ShapeError: a tensor of another shape (expected and got).
            InputError: a tensor of another type or device (expected and got).
            GeometryError: a face index out of range, a number that is not finite (of which item of the batch).
            CameraError: a camera that defines no image.
        """
        given = {"vertices": vertices, "colors": colors, "face_colors": face_colors, "uv": uv, "texture": texture}
        given = {name: checked(name, tensor) for name, tensor in given.items() if tensor is not None}
        mesh = self._mesh(given, faces, uv_faces, material)
        parts = {Slot(mesh.fields, _ARRAYS.get(name, name)): _spread(mesh, name, given[name]) for name in given}
        seen, lamps = self.camera(camera, parts), self.lights(lights, parts)
        return self.images(self.stage(), parts, lambda: self._render(mesh, seen(), lamps, view_mesh))

    def _render(self, mesh, camera, lights, view_mesh):
        return self.renderer.render(mesh, camera, lights, view_mesh=view_mesh)

    def _mesh(self, given, faces, uv_faces, material):
        faces = self._indices.of(faces)
        uv_faces = None if uv_faces is None else self._indices.of(uv_faces)
        shapes = tuple((name, tuple(tensor.shape)) for name, tensor in given.items())

        def make():
            values = {name: tensor.detach().cpu().numpy() for name, tensor in given.items()}
            if uv_faces is not None:
                values["uv_faces"] = uv_faces.array
            return TensorMesh(faces=faces.array, material=material, **values)

        return self.kept.get((TensorMesh, faces, uv_faces, material, shapes), make)


_ARRAYS = {"face_colors": "colors"}
"""What a mesh calls the array of an argument, where it has another name."""


def _spread(mesh, name, tensor):
    """Colours as a row for every row of the mesh; the other tensors as they are."""
    if name not in ("colors", "face_colors"):
        return tensor
    return tensor.expand(mesh.batch, mesh.vertex_count if name == "colors" else mesh.face_count, 3)


class Rasterizer(MeshModule):
    """``dr.Rasterizer`` as a module: what each pixel's centre sees; with ``antialias=True`` silhouettes have gradients.

    Arguments:
        size: (height, width) in pixels, or one number.
        outputs: some of color, alpha, depth, normal, barycentric and face_id (integers, without a gradient).
        settings: ``background``, ``antialias``, ``cull_back``, as of ``dr.Rasterizer``.

    >>> import taichi_dr as dr
    >>> vertices = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]], requires_grad=True)
    >>> render = dr.torch.Rasterizer(32, antialias=True)
    >>> color, alpha = render(vertices, torch.tensor([[0, 1, 2]]), None, dr.Camera((0, 0, 3)))
    >>> color.shape, alpha.shape
    (torch.Size([1, 32, 32, 3]), torch.Size([1, 32, 32]))
    >>> alpha.sum().backward()  # the area, in pixels
    >>> bool(vertices.grad[2, 1] > 0)  # grows with the upper corner
    True
    """

    RENDERER: ClassVar[type[Renderer]] = rasterizer.Rasterizer


class SoftRasterizer(MeshModule):
    """``dr.SoftRasterizer`` as a module: every face near a pixel contributes, and everything has gradients.

    Arguments:
        size: (height, width) in pixels, or one number.
        outputs: some of color, alpha, depth, normal, barycentric and face_id (the last two without a gradient).
        settings: ``sigma``, ``gamma``, ``background``, ``alpha``, ``color``, ``distance``, as of ``dr.SoftRasterizer``.

    >>> import taichi_dr as dr
    >>> sphere = dr.shapes.icosphere(1)
    >>> vertices = torch.from_numpy(sphere.numpy("vertices")).requires_grad_()
    >>> faces, camera = torch.from_numpy(sphere.numpy("faces")), dr.Camera.orbit([0, 90])
    >>> alpha = dr.torch.SoftRasterizer(16, sigma=1e-3, outputs=("alpha",))(vertices, faces, None, camera).alpha
    >>> alpha.sum().backward()
    >>> bool((vertices.grad * vertices).sum() > 0)  # a larger sphere covers more
    True
    """

    RENDERER: ClassVar[type[Renderer]] = soft_rasterizer.SoftRasterizer
