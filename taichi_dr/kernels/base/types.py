"""Annotations of kernels' arrays."""

import taichi as ti

Numbers = ti.types.ndarray(ndim=1)
Rows = ti.types.ndarray(ndim=2)
Ints = ti.types.ndarray(dtype=ti.i32, ndim=1)
IntRows = ti.types.ndarray(dtype=ti.i32, ndim=2)
"""One or two dimensions, of any number (the run's floating-point type unless a docstring says otherwise) or of i32."""
