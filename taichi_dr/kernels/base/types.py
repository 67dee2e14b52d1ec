"""Annotations of kernels' arrays."""

import taichi as ti

Numbers = ti.types.ndarray(ndim=1)
Rows = ti.types.ndarray(ndim=2)
Ints = ti.types.ndarray(dtype=ti.i32, ndim=1)
IntRows = ti.types.ndarray(dtype=ti.i32, ndim=2)
Volume = ti.types.ndarray(ndim=3)
VectorVolume = ti.types.ndarray(ndim=4)
"""One to four dimensions, of any number (the run's floating-point type unless a docstring says otherwise) or of i32."""
