"""Rows of per-mesh arrays copied to where each view or corner reads them.  The adjoints are the sums of ``gather``."""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows


@replayed
@ti.kernel
def repeat_views(
    values: Rows,
    view_mesh: Numbers,
    out: Rows,
    rows: ti.i32,
):
    """``out[v rows + r, c] = values[view_mesh[v] rows + r, c]``: (B*rows, C) to (V*rows, C); adjoint: ``sum_views``."""
    for i in range(out.shape[0]):
        v = i // rows
        for c in range(out.shape[1]):
            out[i, c] = values[view_mesh[v] * rows + i - v * rows, c]


PER_MESH, PER_VIEW, SHARED = range(3)
"""Whose rows an array holds: each mesh's, each view's, or the same for all."""


@replayed
@ti.kernel
def spread_to_corners(
    values: Rows,
    index: Rows,
    view_mesh: Numbers,
    rows: ti.i32,
    owner: ti.template(),
    out: Rows,
    first: ti.i32,
):
    """``out[3 (v F + f) + k, first + c] = values[base + index[f, k], c]``, base being v's first row by ``owner``.

    ``values`` holds ``rows`` rows for each mesh, each view or once; ``index`` (F, 3); ``out`` (V*3F, >= first + C).
    The adjoint is ``gather_corners``, followed by ``sum_views`` unless the rows are each view's own.
    """
    for i in range(view_mesh.shape[0] * index.shape[0]):
        v = i // index.shape[0]
        f = i - v * index.shape[0]
        base = 0
        if ti.static(owner == PER_MESH):
            base = view_mesh[v] * rows
        elif ti.static(owner == PER_VIEW):
            base = v * rows
        for k in ti.static(range(3)):
            for c in range(values.shape[1]):
                out[3 * i + k, first + c] = values[base + index[f, k], c]


@replayed
@ti.kernel
def fill_rows(row: Rows, out: Rows):
    """``out[i, c] = row[0, c]`` for the row's columns."""
    for i in range(out.shape[0]):
        for c in range(row.shape[1]):
            out[i, c] = row[0, c]


@replayed
@ti.kernel
def fill_first(row: Rows, out: Rows, count: ti.i32):
    """``out[i, c] = row[0, c]`` for the row's columns and the first ``count`` rows."""
    for i in range(count):
        for c in range(row.shape[1]):
            out[i, c] = row[0, c]
