"""Rows of per-mesh arrays copied to where each view or corner reads them.  The adjoints are the sums of ``gather``."""

import taichi as ti


@ti.kernel
def repeat_views(
    values: ti.types.ndarray(ndim=2),
    view_mesh: ti.types.ndarray(ndim=1),
    out: ti.types.ndarray(ndim=2),
    rows: ti.i32,
):
    """``out[v rows + r, c] = values[view_mesh[v] rows + r, c]``: (B*rows, C) to (V*rows, C); adjoint: ``sum_views``."""
    for i in range(out.shape[0]):
        v = i // rows
        for c in range(out.shape[1]):
            out[i, c] = values[view_mesh[v] * rows + i - v * rows, c]
