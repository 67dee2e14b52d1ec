"""Pictures of a radiance grid whose numbers are a tensor, by the kernels that march through grids, as a module."""

from collections import namedtuple
from typing import Any

import torch

from taichi_dr.errors import InputError
from taichi_dr.implicit.radiance.grid import Grid
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.radiance_grid.render import SEEN, render, render_adjoint
from taichi_dr.render.arguments import require_kind
from taichi_dr.render.renderer import image_size
from taichi_dr.scene.camera import Camera
from taichi_dr.tape import off_tape
from taichi_dr.torch.function import Differentiable, node
from taichi_dr.torch.kept import Kept
from taichi_dr.torch.tensors import checked, run_device, run_dtype
from taichi_dr.torch.volume_renderer import GridNumbers

Seen = namedtuple("Seen", ("color", "alpha"))


class GridRenderer(torch.nn.Module):
    """``dr.radiance.Grid.render`` as a module: what ``VolumeRenderer`` shows of a grid, several times as fast.

    Samples are ``step`` cells apart, and cells without vertices are skipped.  Gradients go to the grid's numbers, and
    not to the camera, which ``VolumeRenderer`` has gradients of.

    Arguments:
        grid: a ``dr.radiance.Grid``, which says where numbers are and what they mean; it is copied.
        size: (height, width) in pixels, or one number.
        step: cells from sample to sample.

    Raises:
        InputError: a step that is not positive.

    >>> import taichi_dr as dr
    >>> grid = dr.radiance.Grid((-1, 1), 5, degree=0)
    >>> render = dr.torch.GridRenderer(grid, 8)
    >>> numbers = torch.from_numpy(grid.numpy()).requires_grad_()
    >>> render(numbers, dr.Camera((0, 0, 3))).alpha.sum().backward()
    >>> bool((numbers.grad[:, -1] > 0).any()), bool(numbers.grad[:, :-1].any())
    (True, False)
    """

    def __init__(self, grid: Grid, size: Any, step: float = 1.0) -> None:
        require_kind("grid", grid, Grid)
        super().__init__()
        if not step > 0:
            raise InputError(f"step: expected a number > 0, got {step}")
        self.size, self.step = image_size(size), float(step)
        self._grid, self._stages = grid.arrays(), Kept(1)

    @torch.compiler.disable
    def forward(self, numbers: torch.Tensor, camera: Camera) -> Seen:
        """``color`` (V, H, W, 3), multiplied by ``alpha`` (V, H, W).

            numbers: (count, 3 (degree + 1)^2 + 1), as ``dr.radiance.Grid.numpy`` has them, the density's last.

        Raises:
            ShapeError: numbers of another shape.
            InputError: a tensor of another type or device, numbers that are not finite (where), no ``dr.Camera``.
        """
        stage = self._stages.get(None, lambda: _Stage(Grid.from_arrays(self._grid)))
        require_kind("camera", camera, Camera)
        numbers = checked("numbers", numbers)
        stage.numbers.require(numbers)
        return Seen(*node(_Render(stage, camera, self.size, self.step), numbers))

    def extra_repr(self) -> str:
        """The settings, for ``repr``."""
        return f"size={self.size}, step={self.step}"


class _Stage:
    """A grid of the run, and whose numbers it holds."""

    def __init__(self, grid):
        self.grid, self.numbers = grid, GridNumbers(grid)


class _Render(Differentiable):
    """One picture of numbers."""

    def __init__(self, stage, camera, size, step):
        self._stage, self._size, self._step, self._mark = stage, size, step, object()
        height, width = size
        self._eye = array_from(camera.pack(width, height).to_numpy()), camera.is_orthographic, width, height
        self._views = camera.views

    @off_tape
    def run(self, tensors_):
        self._write(tensors_[0])
        self._picture = make_array((self._views * self._size[0] * self._size[1], SEEN))
        grid, style = self._stage.grid, self._style()
        render(grid.rows, *grid.where, *self._eye, self._step, self._picture, *style)
        seen = torch.from_numpy(self._picture.to_numpy()).to(run_device()).view(self._views, *self._size, SEEN)
        return seen[..., :3].contiguous(), seen[..., 3].contiguous()

    @off_tape
    def run_adjoint(self, tensors_, output_adjoints, wanted):
        grid, numbers = self._stage.grid, self._stage.numbers
        if numbers.latest is not self._mark:
            self._write(tensors_[0])
        adjoint = torch.zeros((self._views, *self._size, 4), dtype=run_dtype())
        for part, given in zip((adjoint[..., :3], adjoint[..., 3]), output_adjoints, strict=True):
            if given is not None:
                part.copy_(given)
        numbers.clear_adjoints()
        seeds = array_from(adjoint.view(-1, 4).numpy())
        eye = self._eye
        render_adjoint(grid.rows, grid.sums, *grid.where, *eye, self._step, self._picture, seeds, *self._style())
        return (numbers.read_adjoint("numbers", tuple(tensors_[0].shape)),)

    def _write(self, tensor):
        self._stage.numbers.write("numbers", tensor)
        self._stage.numbers.latest = self._mark

    def _style(self):
        layout = self._stage.grid.layout
        return layout, self._step == 1, layout.lanes
