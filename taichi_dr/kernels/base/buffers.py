"""Named arrays that a renderer keeps from one render to the next."""

import numpy as np

from taichi_dr.kernels.base.arrays import make_array, write_array


class Buffers:
    """Arrays by name, made anew only when another shape or type is asked for."""

    def __init__(self):
        self._arrays = {}
        self._constants = {}

    def get(self, name, shape, dtype=None):
        """The array ``name`` with this shape; its contents are whatever was written last."""
        key = (tuple(shape), dtype)
        held = self._arrays.get(name)
        if held is None or held[0] != key:
            held = self._arrays[name] = (key, make_array(shape, dtype))
        return held[1]

    def zeroed(self, name, shape, dtype=None):
        """The array ``name``, all zero: for adjoints, into which kernels add."""
        array = self.get(name, shape, dtype)
        array.fill(0)
        return array

    def constant(self, name, values):
        """The array ``name`` with the numbers of a tuple (of tuples), which are written only when they change."""
        array = self.get(name, np.shape(values))
        if self._constants.get(name) != values:
            write_array(array, values)
            self._constants[name] = values
        return array
