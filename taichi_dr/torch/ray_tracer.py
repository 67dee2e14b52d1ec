"""Ray tracing of a mesh of tensors among other things, as a module."""

import copy
from collections.abc import Sequence
from typing import Any, ClassVar

from taichi_dr.errors import InputError
from taichi_dr.render.rays import ray_tracer
from taichi_dr.render.rays.scene import Scene
from taichi_dr.render.renderer import Renderer
from taichi_dr.scene import light as scene_light
from taichi_dr.torch.mesh_renderers import MeshModule
from taichi_dr.torch.renderer import Parts


class RayTracer(MeshModule):
    """``dr.RayTracer`` as a module: shadows, mirrors and clear objects, around a mesh of tensors.

    ``forward`` is that of the rasterizers; a ``material`` may be a mirror, and lights may be ``dr.Lights`` of any kind.
    Gradients go to the mesh, to cameras and to ``dr.torch.Lights``; with ``boundary_gradients=True`` they count what
    moves outlines and shadows (``dr.RayTracer.describe_gradients``).

    Arguments:
        size: (height, width) in pixels, or one number.
        around: what else there is, without gradients: ``dr.Plane``, ``dr.Sphere``, ``dr.Rectangle``, ``dr.Mesh``, ...;
            object 0 of ``object_id`` is the mesh of tensors, and they come behind it.
        environment: a ``dr.Environment``, or the path of a picture.
        outputs: some of color, alpha, depth, normal, position, object_id and face_id (integers, without a gradient).
        settings: ``samples``, ``bounces``, ``background``, ``seed``, ``boundary_gradients``, as of ``dr.RayTracer``.

    What is around, and ``dr.Lights``, must not be written to between a render and its way back.  Copies of the module
    share it, and it cannot be sent to another process.

    >>> import torch
    >>> import taichi_dr as dr
    >>> vertices = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    >>> colors = torch.full((3, 3), 0.5, requires_grad=True)
    >>> render = dr.torch.RayTracer(8, around=[dr.Plane(y=-1)], outputs=("color", "object_id"))
    >>> images = render(vertices, torch.tensor([[0, 1, 2]]), colors, dr.Camera((0, 0, 3)))
    >>> images.color[images.object_id == 0].sum().backward()
    >>> round(colors.grad.sum().item()) == 3 * (images.object_id == 0).sum().item()
    True
    """

    RENDERER: ClassVar[type[Renderer]] = ray_tracer.RayTracer

    def __init__(
        self,
        size: Any,
        *,
        around: Sequence[Any] = (),
        environment: Any = None,
        outputs: tuple[str, ...] = ("color", "alpha"),
        **settings: Any,
    ) -> None:
        super().__init__(size, outputs=outputs, **settings)
        self._around, self._environment = tuple(around), environment

    def __deepcopy__(self, memo: dict[int, Any]) -> "RayTracer":
        memo |= {id(thing): thing for thing in (*self._around, self._environment)}
        copied = memo[id(self)] = type(self).__new__(type(self))
        copied.__dict__ = copy.deepcopy(self.__dict__, memo)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        if self._around or self._environment is not None:
            raise InputError(
                "RayTracer: what is around it, and its environment, are of this process and cannot be saved or sent:"
                " make the module where it is used"
            )
        return self.__dict__

    def lights(self, given: Any, parts: Parts) -> Any:
        """Lights that the renderer sees: ``dr.Lights`` as they are, of any kind."""
        return given if isinstance(given, scene_light.Lights) else super().lights(given, parts)

    def _render(self, mesh, camera, lights, view_mesh):
        if view_mesh is not None:
            raise InputError("view_mesh: ray tracing shows a batch of as many meshes as views, view v mesh v")
        make = lambda: Scene([mesh, *self._around], lights, self._environment)  # noqa: E731
        return self.renderer.render(self.kept.get((Scene, mesh, lights), make), camera)
