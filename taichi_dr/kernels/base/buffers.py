"""Named arrays that a renderer keeps from one render to the next."""

import math

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import make_array, new_array, write_array
from taichi_dr.runtime import float_dtype


class Buffers:
    """Arrays by name, made anew only when another shape or type is asked for."""

    def __init__(self):
        self._arrays = {}
        self._growing = {}
        self._constants = {}

    def clear(self):
        """Forgets every array: whoever still holds one has it alone."""
        self._arrays.clear()
        self._growing.clear()
        self._constants.clear()

    def get(self, name, shape, dtype=None):
        """The array ``name`` with this shape; its contents are whatever was written last."""
        key = (tuple(shape), dtype)
        held = self._arrays.get(name)
        if held is None or held[0] != key:
            held = self._arrays[name] = (key, make_array(shape, dtype))
        return held[1]

    def at_least(self, name, rows, dtype=None, columns=()):
        """The array ``name`` with at least so many rows of this shape; it grows by half as much again as needed.

        For scratch whose length follows the scene: its contents are lost when it grows.
        """
        held = self._growing.get(name)
        if held is None or held.shape[0] < rows:
            held = new_array(dtype or float_dtype(), (max(1, rows + rows // 2), *columns))  # Taichi has no empty ones
            self._growing[name] = held
        return held

    def zeroed(self, name, shape, dtype=None):
        """The array ``name``, all zero: for adjoints, into which kernels add."""
        array = self.get(name, shape, dtype)
        array.fill(0)
        return array

    def constant(self, name, values, dtype=None):
        """The array ``name`` with the numbers of a tuple (of tuples), which are written only when they change."""
        array, key = self.get(name, np.shape(values), dtype), (dtype, values)
        if self._constants.get(name) != key:
            write_array(array, values)
            self._constants[name] = key
        return array

    def loaded(self, name, values):
        """The array ``name`` (rows, C) with the numbers of a NumPy array (..., C), written when another one is given.

        So that nobody writes to ``values`` meanwhile, it has to be read-only.
        """
        shape = math.prod(values.shape[:-1]), values.shape[-1]
        return self.made_of(name, values, shape, lambda given: given.reshape(shape))

    def made_of(self, name, source, shape, make, dtype=None):
        """The array ``name`` with the numbers of ``make(source)``, written when another ``source`` is given."""
        array = self.get(name, shape, dtype)
        if self._constants.get(name) is not source:
            write_array(array, make(source))
            self._constants[name] = source
        return array

    def counting(self, name, count):
        """The i32 array ``name`` of at least so many numbers 0, 1, 2, ..."""
        held = self._growing.get(name)
        array = self.at_least(name, count, ti.i32)
        if array is not held:
            write_array(array, range(array.shape[0]))
        return array
