"""Named arrays that a renderer keeps from one render to the next."""

import numpy as np

from taichi_dr.fields import array_from, make_array


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

    def constant(self, values):
        """An array of the numbers in a tuple (of tuples), made when they are first asked for."""
        if values not in self._constants:
            self._constants[values] = array_from(np.array(values))
        return self._constants[values]
