"""A function of space that is the same everywhere."""

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.implicit.function import SpaceFunction
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.spread import fill_first


class ConstantFunction(SpaceFunction):
    """Numbers that do not depend on the point, and have no gradient.

    Raises:
        InputError: not three finite numbers, or one for a grey.
    """

    components = 3

    def __init__(self, values):
        try:
            numbers = np.broadcast_to(np.asarray(values, float), (3,))
        except (TypeError, ValueError):
            raise InputError(f"color: expected three numbers, linear RGB, or a ti.func; got {values!r}") from None
        if not np.isfinite(numbers).all():
            raise InputError(f"color: expected finite numbers, got {values!r}")
        self._values, self._buffers = (tuple(numbers.tolist()),), Buffers()

    def check(self):
        pass

    def forward(self, points, values, count):
        fill_first(self._buffers.constant("values", self._values), values, count)

    def adjoint(self, points, values_adjoint, points_adjoint, count):
        pass
