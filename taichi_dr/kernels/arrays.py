"""Arrays for the kernels, safe to outlive the runtime that they were made in.

Taichi frees an array when Python drops it: by its address, in the *current* runtime.  After another ``ti.init`` a new
array may live at that address, and dropping the old one then frees the new one, whose next use reads freed memory.
``Array`` leaves old runtimes' arrays alone (they were freed with their runtime).  Gone when
``ti.lang._ndarray.ScalarNdarray.__del__`` compares runtimes itself.
"""

import taichi as ti
from taichi.lang import impl
from taichi.lang._ndarray import ScalarNdarray


class Array(ScalarNdarray):
    """A ``ti.ndarray`` of scalars that is freed in its own runtime or not at all."""

    def __del__(self):
        if impl is not None and impl.get_runtime() is self.runtime:
            super().__del__()


def new_array(dtype, shape):
    """A ``ti.ndarray`` of zeros."""
    array = ti.ndarray(dtype, shape)
    array.__class__ = Array
    array.runtime = impl.get_runtime()
    return array
