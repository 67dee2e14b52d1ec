"""Volume rendering of a radiance grid whose numbers are a tensor, as a module."""

from typing import Any, ClassVar

import torch

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.implicit.bounds import Box
from taichi_dr.implicit.radiance.grid import Grid
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.render.arguments import require_kind
from taichi_dr.render.renderer import Renderer
from taichi_dr.render.volume import volume_renderer
from taichi_dr.scene import camera as scene_camera
from taichi_dr.torch.call import Slot, Stage
from taichi_dr.torch.camera import Camera
from taichi_dr.torch.renderer import Parts, RendererModule
from taichi_dr.torch.tensors import checked, run_device, run_dtype


class VolumeRenderer(RendererModule):
    """``dr.VolumeRenderer`` of a ``dr.radiance.Grid`` as a module: the grid's numbers are a tensor.

    Arguments:
        grid: a ``dr.radiance.Grid``, which says where numbers are and what they mean; it is copied.
        size: (height, width) in pixels, or one number.
        bounds: ``dr.Box`` or ``dr.Ball`` outside of which there is nothing; those of the grid by default.
        outputs: some of color, alpha, depth and transmittance.
        settings: ``samples``, ``sampling``, ``seed``, ``tolerance``, ``background``, as of ``dr.VolumeRenderer``.

    >>> import taichi_dr as dr
    >>> grid = dr.radiance.Grid((-1, 1), 5, degree=0)
    >>> render = dr.torch.VolumeRenderer(grid, 8, samples=16)
    >>> numbers = torch.from_numpy(grid.numpy()).requires_grad_()
    >>> render(numbers, dr.Camera((0, 0, 3))).alpha.sum().backward()
    >>> bool((numbers.grad[:, -1] > 0).any()), bool(numbers.grad[:, :-1].any())  # the density makes alpha, not colours
    (True, False)
    """

    RENDERER: ClassVar[type[Renderer]] = volume_renderer.VolumeRenderer

    def __init__(
        self,
        grid: Grid,
        size: Any,
        *,
        outputs: tuple[str, ...] = ("color", "alpha"),
        bounds: Any = None,
        **settings: Any,
    ) -> None:
        require_kind("grid", grid, Grid)
        super().__init__(size, outputs=outputs, bounds=Box(*grid.bounds) if bounds is None else bounds, **settings)
        self._grid = grid.arrays()
        self.stage()

    def stage(self, *key: Any) -> Stage:
        """The renderer of the run."""
        return self._stages.get(None, self._make)

    def _make(self):
        grid = Grid.from_arrays(self._grid)
        stage = Stage(self.RENDERER(grid, **self._made_with))
        stage.numbers = GridNumbers(grid)
        return stage

    @property
    def renderer(self) -> Renderer:
        """The renderer of the run, whose settings may be changed between calls: ``module.renderer.seed = step``."""
        return self.stage().renderer

    @torch.compiler.disable
    def forward(self, numbers: torch.Tensor, camera: Camera | scene_camera.Camera) -> Any:
        """Renders V views and returns the named tuple of ``outputs``: (V, H, W, 3) for colours, (V, H, W) for numbers.

            numbers: (count, 3 (degree + 1)^2 + 1), as ``dr.radiance.Grid.numpy`` has them, the density's last.
            camera: a ``dr.torch.Camera`` with gradients or a ``dr.Camera`` without.

        Raises:
            ShapeError: a tensor of another shape (expected and got).
            InputError: a tensor of another type or device, numbers that are not finite (where).
            CameraError: a camera that defines no image.
        """
        stage = self.stage()
        numbers = checked("numbers", numbers)
        stage.numbers.require(numbers)
        parts: Parts = {Slot(stage.numbers, "numbers"): numbers}
        seen = self.camera(camera, parts)
        return self.images(stage, parts, lambda: stage.renderer.render(seen()))


class GridNumbers:
    """The numbers of a ``Grid`` as ``call`` takes them."""

    latest: Any = None

    def __init__(self, grid: Grid) -> None:
        self._grid, self._columns = grid, grid.layout.density + 1

    def require(self, numbers: torch.Tensor) -> None:
        """Raises ShapeError for numbers of another shape, InputError for those that are not finite."""
        expected = self._grid.count, self._columns
        if tuple(numbers.shape) != expected:
            raise ShapeError(f"numbers: expected shape {expected}, got {tuple(numbers.shape)}")
        finite = torch.isfinite(numbers.detach())
        if not finite.all():
            at = tuple((~finite).nonzero()[0].tolist())
            raise InputError(f"numbers: expected finite numbers, got {numbers[at].item()} at {at}")

    def write(self, name: str, tensor: torch.Tensor) -> None:
        """Copies a tensor to the rows of the grid."""
        if on_cpu():
            torch.from_numpy(self._grid.rows.memory())[1:, : self._columns].copy_(tensor.detach())
        else:
            self._grid.set(tensor.detach().cpu().numpy())

    def clear_adjoints(self) -> None:
        """Makes the grid's gradient zero."""
        if on_cpu():
            self._grid.sums.memory().fill(0)
        else:
            self._grid.clear_gradient()

    def read_adjoint(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The grid's gradient, as a new tensor."""
        if on_cpu():
            return torch.from_numpy(self._grid.sums.memory())[:, 1:, : self._columns].sum(dim=0)
        return torch.from_numpy(self._grid.gradient()).to(run_device(), run_dtype())
