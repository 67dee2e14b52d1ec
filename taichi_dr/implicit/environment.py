"""Light from every direction, as a picture: a function of the direction."""

from typing import Any

import numpy as np

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.implicit.function import SpaceFunction
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.shading.environment import look_up, look_up_adjoint
from taichi_dr.types import Array, ArrayLike, Field


class Environment(FieldOwner, SpaceFunction):
    """What is far away all around: a picture (H, W, 3) of longitude by latitude, linear RGB.

    Its middle is straight ahead (-z), its right half to the right (+x), its top above (+y).  The field ``texels``,
    (H, W) of 3-vectors, gets gradients.

    Raises:
        ShapeError: no picture of three channels.
        InputError: values that are not finite.

    >>> import numpy as np
    >>> sky = Environment(np.ones((4, 8, 3)))
    >>> sky.shape
    (4, 8)
    """

    components = 3

    def __init__(self, texels: ArrayLike, *, name: str = "environment") -> None:
        values = np.asarray(texels, float)
        if values.ndim != 3 or values.shape[2] != 3 or values.size == 0:
            raise ShapeError(f"{name}: expected a picture (H, W, 3), linear RGB, got shape {values.shape}")
        if not np.isfinite(values).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise InputError(f"{name}: expected finite numbers, got {values[index]} at {index}")
        self.name, self.shape = name, values.shape[:2]
        self.fields = FieldGroup(name, texels=(self.shape, 3))
        self.fields.set("texels", values)
        self.inputs = (self.fields,)
        self._buffers = Buffers()

    def __repr__(self):
        return f"Environment({self.shape[0]} x {self.shape[1]})"

    @property
    def texels(self) -> Field:
        """(H, W) field of 3-vectors."""
        return self.fields.field("texels")

    def numpy(self) -> Array:
        """The texels as a new NumPy array (H, W, 3)."""
        return self.fields.get("texels")

    def set(self, texels: ArrayLike) -> None:
        """Writes all texels anew."""
        self.fields.set("texels", texels)

    def check(self) -> None:
        self.fields.check()

    def forward(self, points: Any, values: Any, count: int) -> None:
        look_up(self.fields.arrays["texels"], *self.shape, points, values, count)

    def adjoint(self, points: Any, values_adjoint: Any, points_adjoint: Any | None, count: int) -> None:
        if points_adjoint is None:
            points_adjoint = self._buffers.at_least("points_adjoint", count, columns=(3,))
        arrays, adjoints = self.fields.arrays, self.fields.adjoints
        places = points, values_adjoint, adjoints["texels"], points_adjoint, count
        look_up_adjoint(arrays["texels"], *self.shape, *places)

    def _setting(self, name):
        return "environment.set(...)"
