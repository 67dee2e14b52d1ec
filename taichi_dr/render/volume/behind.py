"""What is behind a volume and has gradients: a field of the user's, or a function of the direction."""

import math
from typing import Any

import taichi as ti

from taichi_dr.errors import ShapeError
from taichi_dr.implicit.function import SpaceFunction
from taichi_dr.inputs import Inputs
from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.camera.pack import PACKED
from taichi_dr.kernels.screen.background import Background, background_adjoint
from taichi_dr.kernels.volume.rays import list_all, look, rays_adjoint
from taichi_dr.render.background import EXPECTED
from taichi_dr.runtime import check_field_runtime
from taichi_dr.tape import off_tape
from taichi_dr.types import Field

COLUMNS = 64  # of partial sums per row, where all pixels show it; and per view of rays


class FieldBehind(Inputs):
    """A field of 3-vectors with a gradient: a colour (), one per view (V,), an image (H, W), or one each (V, H, W).

    It is read at every render, and gets its gradient.

    Raises:
        ShapeError: another shape.
    """

    def __init__(self, field: Field, size: tuple[int, int], buffers: Buffers) -> None:
        self.field, self.shape, self._buffers = field, tuple(field.shape), buffers
        self.arrays, self.adjoints = {}, {}
        if bridge.components(field) != 3 or len(self.shape) > 3:
            got = f"a field {self.shape} of {bridge.components(field)}-vectors"
            raise ShapeError(f"background: expected {EXPECTED}; got {got}")
        self.require_shape(size)

    def __repr__(self):
        return f"<field of shape {self.shape}>"

    def check(self) -> None:
        check_field_runtime("background", self.field)

    @off_tape
    def pull(self) -> None:
        self.check()
        if not self.arrays:
            rows = math.prod(self.shape)
            self.arrays["rows"], self.adjoints["rows"] = make_array((rows, 3)), make_array((rows, 3))
        bridge.fields_to_array((self.field,), self.arrays["rows"])

    @off_tape
    def zero_adjoints(self) -> None:
        self.adjoints["rows"].fill(0)

    @off_tape
    def push_gradients(self) -> None:
        bridge.add_array_to_fields(self.adjoints["rows"], (self.field.grad,))

    @property
    def inputs(self) -> tuple:
        """What a renderer pulls and pushes."""
        return (self,)

    def require_shape(self, size: tuple[int, int], views: int | None = None) -> None:
        """Raises ShapeError if an image is of another size, or there are as many as neither 1 nor ``views``."""
        if len(self.shape) > 1 and self.shape[-2:] != size:
            raise ShapeError(f"background: expected images of {size} pixels (rows, columns), got {self.shape[-2:]}")
        if views is not None and len(self.shape) in (1, 3) and self.shape[0] not in (1, views):
            raise ShapeError(f"background: expected 1 or, for as many views, {views} of them; got {self.shape[0]}")

    def rows(self, shot: Any) -> Background:
        """For the kernels."""
        of_views = len(self.shape) in (1, 3) and self.shape[0] > 1
        per_view = math.prod(self.shape[1:]) if of_views else 0
        return Background(self.arrays["rows"], per_view, int(len(self.shape) > 1))

    def adjoint(self, shot: Any, rgba: Any, rgba_adjoint: Any) -> None:
        """Adds to its adjoints what that of the pictures ``rgba`` (V*H*W, 4) implies."""
        background = self.rows(shot)
        columns = 1 if background.per_pixel else COLUMNS
        partials = self._buffers.get("behind_sums", (3, background.rows.shape[0] * columns))
        background_adjoint(rgba, rgba_adjoint, background, self.adjoints["rows"], shot.frame.shape[0], partials)


class FunctionBehind:
    """A function of the direction that a ray goes: a sky.  Gradients go to what it reads, and to cameras."""

    def __init__(self, function: SpaceFunction, buffers: Buffers) -> None:
        self.function, self._buffers = function, buffers

    def __repr__(self):
        return "<function of the direction>"

    @property
    def inputs(self) -> tuple:
        """What a renderer pulls and pushes."""
        return self.function.inputs

    def check(self) -> None:
        """Raises RuntimeStateError if ``ti.init`` was called since the function was made."""
        self.function.check()

    def require_shape(self, size: tuple[int, int], views: int | None = None) -> None:
        """It is there for any size and any number of views."""

    def rows(self, shot: Any) -> Background:
        """For the kernels: a colour for each pixel of each view."""
        directions, colors = self._array("sky_directions", shot, 3), self._array("sky", shot, 3)
        look(*shot.view[:2], *shot.view[4:6], directions)
        self.function.forward(directions, colors, shot.pixels)
        return Background(colors, shot.width * shot.height, 1)

    def adjoint(self, shot: Any, rgba: Any, rgba_adjoint: Any) -> None:
        """Adds to the gradients of what the function reads, and to the camera's, what that of the pictures implies."""
        background = self.rows(shot)
        colors_adjoint = self._buffers.zeroed("sky_adjoint", (shot.pixels, 3))
        partials = self._buffers.get("behind_sums", (3, shot.pixels))
        background_adjoint(rgba, rgba_adjoint, background, colors_adjoint, shot.frame.shape[0], partials)
        turned = self._buffers.zeroed("sky_turned", (shot.pixels, 3))
        self.function.adjoint(self._array("sky_directions", shot, 3), colors_adjoint, turned, shot.pixels)
        pixel = self._buffers.get("every_pixel", (shot.pixels,), ti.i32)
        list_all(pixel)
        still = self._buffers.zeroed("sky_still", (shot.pixels, 3))
        partials = self._buffers.get("sky_sums", (PACKED, shot.frame.shape[0] * COLUMNS))
        camera_adjoint = shot.packed.adjoints["camera"]
        rays_adjoint(*shot.view, pixel, shot.pixels, still, turned, still, camera_adjoint, partials)

    def _array(self, name, shot, columns):
        return self._buffers.get(name, (shot.pixels, columns))


Behind = FieldBehind | FunctionBehind
