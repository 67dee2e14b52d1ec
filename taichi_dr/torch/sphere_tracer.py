"""Sphere tracing of signed distances on a grid of tensors, as a module."""

from typing import Any, ClassVar

import torch

from taichi_dr.errors import ShapeError
from taichi_dr.implicit.bounds import Box
from taichi_dr.render.march import sphere_tracer
from taichi_dr.render.renderer import Renderer
from taichi_dr.scene import camera as scene_camera
from taichi_dr.scene import light as scene_light
from taichi_dr.torch.call import Slot, Stage
from taichi_dr.torch.camera import Camera
from taichi_dr.torch.lights import Lights
from taichi_dr.torch.owners import TensorColors, TensorDistance
from taichi_dr.torch.renderer import Parts, RendererModule
from taichi_dr.torch.tensors import checked


class SphereTracer(RendererModule):
    """``dr.SphereTracer`` of a ``dr.sdf.Grid`` as a module: the grid's values, and colours on a grid, are tensors.

    Arguments:
        size: (height, width) in pixels, or one number.
        bounds: the lowest and the highest point of the grids, ``(lower, upper)``: three numbers each, or one.
        interpolation: of the grids, ``"trilinear"`` or ``"tricubic"``.
        outputs: some of color, alpha, depth, normal, position, closest and steps (integers, without a gradient).
        settings: ``color`` of what has no colours, ``background``, ``material``, ... as of ``dr.SphereTracer``.

    >>> import taichi_dr as dr
    >>> x = torch.linspace(-1, 1, 9)
    >>> distance = torch.stack(torch.meshgrid(x, x, x, indexing="ij")).norm(dim=0) - 0.5
    >>> tracer = dr.torch.SphereTracer(16, bounds=(-1, 1), outputs=("alpha",))
    >>> tracer(distance.requires_grad_(), dr.Camera((0, 0, 3))).alpha.sum().backward()
    >>> bool(distance.grad.sum() < 0)  # less distance is a larger ball
    True
    """

    RENDERER: ClassVar[type[Renderer]] = sphere_tracer.SphereTracer

    def __init__(
        self,
        size: Any,
        *,
        bounds: Any,
        interpolation: Any = "trilinear",
        outputs: tuple[str, ...] = ("color", "alpha"),
        **settings: Any,
    ) -> None:
        super().__init__(size, outputs=outputs, **settings)
        self._grid_of = {"bounds": bounds, "interpolation": interpolation}
        self.stage((3, 3, 3), None)  # refuses settings that are none

    def stage(self, *key: Any) -> Stage:
        """The renderer of the run for a grid of that shape, and for colours of that shape, or None."""
        return self._stages.get(key, lambda: self._make(*key))

    def _make(self, shape, color_shape):
        settings = dict(self._made_with)
        distance = TensorDistance(torch.ones(shape).numpy(), **self._grid_of, name="values")
        colors = None
        if color_shape is not None:
            colors = TensorColors(torch.ones(color_shape).numpy(), **self._grid_of, name="colors")
            settings["color"] = colors
        stage = Stage(self.RENDERER(distance, bounds=Box(*distance.bounds), **settings))
        stage.grids = distance, colors
        return stage

    @torch.compiler.disable
    def forward(
        self,
        values: torch.Tensor,
        camera: Camera | scene_camera.Camera,
        lights: Lights | scene_light.Lights | None = None,
        *,
        colors: torch.Tensor | None = None,
    ) -> Any:
        """Renders V views and returns the named tuple of ``outputs``: (V, H, W, 3) for colours, (V, H, W) for numbers.

            values: (nx, ny, nz), signed distances at the grid's points, x first, world units; negative inside.
            camera: a ``dr.torch.Camera`` with gradients or a ``dr.Camera`` without.
            lights: ``dr.torch.Lights`` with gradients or ``dr.Lights`` without; None: own colours as they are.
            colors: (mx, my, mz, 3), linear RGB at the points of another grid between the same bounds.

        Raises:
            ShapeError: a tensor of another shape (expected and got).
            InputError: a tensor of another type or device, a distance or a light that is not finite.
            CameraError: a camera that defines no image.
        """
        values = checked("values", values)
        if values.ndim != 3:
            raise ShapeError(f"values: expected shape (nx, ny, nz), got {tuple(values.shape)}")
        if colors is not None:
            colors = checked("colors", colors)
            if colors.ndim != 4 or colors.shape[3] != 3:
                raise ShapeError(f"colors: expected shape (mx, my, mz, 3), got {tuple(colors.shape)}")
        stage = self.stage(tuple(values.shape), None if colors is None else tuple(colors.shape))
        distance, painted = stage.grids
        parts: Parts = {Slot(distance.fields, "values"): values}
        if colors is not None:
            parts[Slot(painted.fields, "values")] = colors
        seen, lamps = self.camera(camera, parts), self.lights(lights, parts)
        return self.images(stage, parts, lambda: stage.renderer.render(seen(), lamps))
