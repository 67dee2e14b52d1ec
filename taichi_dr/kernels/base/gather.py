"""Deterministic sums of adjoints: rows gather what face corners and views wrote, in a fixed order.

A kernel that walks over faces writes one adjoint per face corner into an array of its own; the row (vertex, colour,
UV) that a corner belongs to then sums its corners through a list made once per topology.  No atomics, so the sum does
not depend on the order of the threads.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.views import view_of

SERIAL_ROWS = 1 << 12


class Adjacency(NamedTuple):
    """Which corners belong to which row: row r owns ``list[start[r] : start[r + 1]]``.

    ``start`` (rows + 1,) and ``list`` (3F,) are int32; an entry of ``list`` is ``3 f + k`` for corner k of face f, and
    the entries of a row ascend.
    """

    start: Any
    list: Any


def gather_corners(corner_adjoint, first, count, corner_start, corner_list, out, views, faces):
    """``out[v rows + r, c] += sum of corner_adjoint[3 F v + corner, first + c]`` over the corners of row r, c < count.

    ``corner_adjoint`` (V*F*3, K), ``out`` (V*rows, count) with rows = len(corner_start) - 1.  ``count`` is a Python
    int: the kernel is compiled once for each.
    """
    _gather(corner_adjoint, first, (count, 0), (corner_start, corner_list), (out, out), views, faces)


def gather_clip_and_attributes(
    corner_adjoint, channels, adjacency, attribute_adjacency, clip_adjoint, attributes_adjoint, views, faces
):
    """``gather_corners`` of columns 0 to 3 into ``clip_adjoint`` and of the ``channels`` columns behind them into
    ``attributes_adjoint``, in one launch if both have the same adjacency ``(corner_start, corner_list)``.
    """
    if all(own is other for own, other in zip(adjacency, attribute_adjacency, strict=True)):
        _gather(corner_adjoint, 0, (4, channels), adjacency, (clip_adjoint, attributes_adjoint), views, faces)
    else:
        gather_corners(corner_adjoint, 0, 4, *adjacency, clip_adjoint, views, faces)
        gather_corners(corner_adjoint, 4, channels, *attribute_adjacency, attributes_adjoint, views, faces)


def _gather(corner_adjoint, first, counts, adjacency, outs, views, faces):
    serial = is_serial(views * (adjacency[0].shape[0] - 1), SERIAL_ROWS)
    _gather_corners(corner_adjoint, first, counts, *adjacency, *outs, views, faces, serial)


@replayed
@ti.kernel
def _gather_corners(
    corner_adjoint: Rows,
    first: ti.i32,
    counts: ti.template(),
    corner_start: Numbers,
    corner_list: Numbers,
    out: Rows,
    rest: Rows,
    views: ti.i32,
    faces: ti.i32,
    serial: ti.template(),
):
    """``counts``: columns for ``out`` and, behind them, for ``rest``."""
    rows = corner_start.shape[0] - 1
    ti.loop_config(serialize=serial)
    for i in range(views * rows):
        v = view_of(i, rows)
        r = i - v * rows
        total = ti.Vector([0.0 for _ in ti.static(range(counts[0] + counts[1]))])
        for j in range(corner_start[r], corner_start[r + 1]):
            corner = v * faces * 3 + corner_list[j]
            for c in ti.static(range(counts[0] + counts[1])):
                total[c] += corner_adjoint[corner, first + c]
        for c in ti.static(range(counts[0])):
            out[i, c] = out[i, c] + total[c]  # one thread owns the row; `+=` would be an atomic add
        for c in ti.static(range(counts[1])):
            rest[i, c] = rest[i, c] + total[counts[0] + c]


@replayed
@ti.kernel
def sum_bands(corner_adjoint: Rows, rows: ti.i32, bands: ti.i32):
    """``corner_adjoint[r] = sum_b corner_adjoint[b rows + r]``, r < rows."""
    for row in range(rows):
        for column in range(corner_adjoint.shape[1]):
            total = corner_adjoint[row, column]
            for band in range(1, bands):
                total += corner_adjoint[band * rows + row, column]
            corner_adjoint[row, column] = total


@replayed
@ti.kernel
def sum_views(
    values: Rows,
    mesh_view_start: Numbers,
    mesh_view_list: Numbers,
    out: Rows,
    rows: ti.i32,
):
    """``out[b rows + r, c] += sum of values[v rows + r, c]`` over the views v that show mesh b.

    ``values`` (V*rows, C), ``out`` (B*rows, C); the views of mesh b are
    ``mesh_view_list[mesh_view_start[b] : mesh_view_start[b + 1]]``.
    """
    meshes = mesh_view_start.shape[0] - 1
    components = out.shape[1]
    for i in range(meshes * rows * components):
        row = i // components
        c = i - row * components
        b = row // rows
        r = row - b * rows
        total = out[row, c]
        for j in range(mesh_view_start[b], mesh_view_start[b + 1]):
            total += values[mesh_view_list[j] * rows + r, c]
        out[row, c] = total
