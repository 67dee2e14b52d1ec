"""Arrays for the kernels, safe to outlive the runtime that they were made in, and never on an open tape.

What ``Array`` mends of Taichi's, and when it is gone:

* On CPUs Taichi copies between an array and NumPy by kernels, which compile for every type and number of dimensions and
  take 80 us a call; ``Array`` copies memory (4 us), whose address ``get_ndarray_data_ptr_as_int`` tells.  Gone when
  Taichi copies memory.
* Taichi frees an array when Python drops it: by its address, in the *current* runtime.  After another ``ti.init`` a
  new array may live at that address, and dropping the old one then frees the new one, whose next use reads freed
  memory.  ``Array`` leaves old runtimes' arrays alone (they were freed with their runtime).  Gone when
  ``ti.lang._ndarray.ScalarNdarray.__del__`` compares runtimes itself, and arrays of vectors, which are never freed,
  have the like.
"""

import ctypes
import math

import numpy as np
import taichi as ti
from taichi.lang import impl
from taichi.lang._ndarray import ScalarNdarray
from taichi.lang.matrix import VectorNdarray

from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.base.shelf import shelf
from taichi_dr.memory import check_count, check_memory
from taichi_dr.runtime import check_runtime, float_dtype, require_init
from taichi_dr.tape import off_tape

FEW = 1 << 22  # numbers that are made without looking how much memory there is


class _Safe:
    """What is freed in its own runtime or not at all, and copied as memory on CPUs."""

    _shared = None  # what ``memory`` returns

    def to_numpy(self):
        """The numbers as a new NumPy array."""
        return self.memory().copy() if on_cpu() else super().to_numpy()

    def from_numpy(self, values):
        """Writes the numbers of a NumPy array of the same shape.

        Raises:
            ValueError: the shapes differ.
        """
        if not on_cpu():
            super().from_numpy(values)
        elif values.shape != (memory := self.memory()).shape:
            raise ValueError(f"expected shape {memory.shape}, got {values.shape}")
        else:
            memory[...] = values

    def fill(self, value):
        """Makes all numbers ``value``."""
        if on_cpu():
            self.memory().fill(value)
        else:
            super().fill(value)

    def memory(self):
        """The numbers themselves as a NumPy array, on a CPU: for as long as the array is held."""
        check_runtime(self.runtime, "array")
        if self._shared is None:
            address, size = place_of(self)
            buffer = (ctypes.c_char * size).from_address(address)
            dtype = ti.lang.util.to_numpy_type(self.dtype)
            self._shared = np.frombuffer(buffer, dtype).reshape((*self.shape, *self.element_shape))
        return self._shared

    def __del__(self, get_runtime=impl.get_runtime, put=shelf.put):
        # Bound at import: an array that dies with the interpreter may find modules emptied before itself.
        if get_runtime() is self.runtime and self.runtime.prog is not None:
            put(vars(self).copy())


class Array(_Safe, ScalarNdarray):
    """A ``ti.ndarray`` of scalars."""


class VectorArray(_Safe, VectorNdarray):
    """A ``ti.ndarray`` of vectors: what kernels load whole, where ``simd`` keeps vectors whole."""


def place_of(array):
    """(address, size in bytes) of a ``ti.ndarray``, on a CPU."""
    size = _size(array.dtype, (*array.shape, *array.element_shape))
    return impl.get_runtime().prog.get_ndarray_data_ptr_as_int(array.arr), size


@off_tape
def new_array(dtype, shape):
    """A ``ti.ndarray`` of zeros.

    Raises:
        TooLargeError: more numbers than there is memory for, or than kernels can count.
    """
    array = _blank(dtype, shape)
    array.fill(0)
    return array


@off_tape
def new_vectors(lanes, dtype, shape):
    """A ``ti.ndarray`` of zero vectors.

    Raises:
        TooLargeError: as ``new_array``.
    """
    array = _made(VectorArray, dtype, (*shape, lanes), lambda: ti.Vector.ndarray(lanes, dtype, shape))
    array.fill(0)
    return array


def _blank(dtype, shape):
    """A ``ti.ndarray`` of any numbers."""
    whole = (shape,) if isinstance(shape, int) else tuple(shape)
    return _made(Array, dtype, whole, lambda: ti.ndarray(dtype, shape))


def _made(kind, dtype, shape, make):
    """An array of a ``kind`` that has so many numbers: from the shelf, or what ``make()`` gives."""
    key = kind, dtype, shape
    left = shelf.take(key)
    if left is not None:
        array = kind.__new__(kind)
        array.__dict__ = left
        return array
    _check_room(dtype, shape)
    array = make()
    array.__class__, array.runtime, array.key, array.bytes = kind, impl.get_runtime(), key, _size(dtype, shape)
    return array


def _check_room(dtype, shape):
    count = math.prod(shape)
    if count > FEW:
        what = f"an array of shape {shape}"
        if on_cpu():
            check_memory(what, _size(dtype, shape))
        check_count(what, count)


def _size(dtype, shape):
    """In bytes."""
    return math.prod(shape) * np.dtype(ti.lang.util.to_numpy_type(dtype)).itemsize


def make_array(shape, dtype=None):
    """A zeroed ``ti.ndarray`` of scalars; of the run's floating-point type unless ``dtype`` says otherwise."""
    require_init()
    return new_array(dtype or float_dtype(), shape)


@off_tape
def array_from(values, dtype=None):
    """A ``ti.ndarray`` with the numbers of a NumPy array, as the run's floating-point type or as ``dtype``."""
    require_init()
    array = _blank(dtype or float_dtype(), np.shape(values))
    write_array(array, values)
    return array


@off_tape
def write_array(array, values):
    """Writes NumPy values of the same shape into a ``ti.ndarray``."""
    array.from_numpy(np.ascontiguousarray(values, dtype=ti.lang.util.to_numpy_type(array.dtype)))
