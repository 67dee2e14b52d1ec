"""Rows of surfaces in front of each other to pixels, and back.

    color = sum_k T_k a_k color_k + T_end background,  alpha = 1 - T_end,  T_k = prod_{j<k} (1 - a_j)

with the coverage a of ``edges``, 1 where a layer covers its pixel.  Depth, normal and position are those of what the
pixel's centre sees: the first layer that covers half of it.

Source: Porter and Duff, Compositing Digital Images, 1984.
"""

import taichi as ti

from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import add_row3, get3, row3, unit, unit_adjoint
from taichi_dr.kernels.camera.pack import E, W


@ti.kernel
def blend(first: Ints, edge: Ints, coverage: Numbers, color: Rows, rgba: Rows):
    """Writes ``rgba`` (V*H*W, 4), over nothing, of rows with ``color`` (R, 3).

    A layer of colour 1 and coverage 0.5 in front of one of colour 0 that covers give colour 0.5, alpha 1.
    """
    for i in range(rgba.shape[0]):
        left, total = 1.0, ti.Vector([0.0, 0.0, 0.0])
        for row in range(first[i], first[i + 1]):
            a = _coverage(edge, coverage, row)
            total += left * a * row3(color, row)
            left *= 1.0 - a
        for k in ti.static(range(3)):
            rgba[i, k] = total[k]
        rgba[i, 3] = 1.0 - left


@ti.kernel
def show(
    first: Ints,
    edge: Ints,
    coverage: Numbers,
    gradient: Rows,
    points: Rows,
    camera: Rows,
    far: float,
    depth: Numbers,
    normal: Rows,
    position: Rows,
):
    """Writes ``depth`` (V*H*W,), ``normal`` and ``position`` (V*H*W, 3).

    ``gradient`` of f and ``points``: (R, 3), of the rows.
    """
    for i in range(depth.shape[0]):
        seen = _seen(first, edge, coverage, i)
        n, p, z = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0]), far
        if seen >= 0:
            view = i // (depth.shape[0] // camera.shape[0])
            n, p = unit(row3(gradient, seen)), row3(points, seen)
            z = (get3(camera, view, E) - p).dot(get3(camera, view, W))
        depth[i] = z
        for k in ti.static(range(3)):
            normal[i, k], position[i, k] = n[k], p[k]


@ti.kernel
def blend_adjoint(
    first: Ints,
    edge: Ints,
    coverage: Numbers,
    color: Rows,
    rgba_adjoint: Rows,
    color_adjoint: Rows,
    coverage_adjoint: Numbers,
):
    """Writes the adjoints of the rows' colours and of the edges' coverage."""
    for i in range(rgba_adjoint.shape[0]):
        g = get3(rgba_adjoint, i, 0)
        behind, open_ = ti.Vector([0.0, 0.0, 0.0]), 1.0  # the colour behind a row, and what it lets through
        for k in range(first[i + 1] - first[i]):
            row = first[i + 1] - 1 - k
            a, left = _coverage(edge, coverage, row), 1.0
            for nearer in range(first[i], row):
                left *= 1.0 - _coverage(edge, coverage, nearer)
            if edge[row] >= 0:
                coverage_adjoint[edge[row]] = left * (g.dot(row3(color, row) - behind) + rgba_adjoint[i, 3] * open_)
            for c in ti.static(range(3)):
                color_adjoint[row, c] = left * a * g[c]
            behind = a * row3(color, row) + (1.0 - a) * behind
            open_ *= 1.0 - a


@ti.kernel
def show_adjoint(
    first: Ints,
    edge: Ints,
    coverage: Numbers,
    gradient: Rows,
    camera: Rows,
    depth_adjoint: Numbers,
    normal_adjoint: Rows,
    position_adjoint: Rows,
    gradient_adjoint: Rows,
    points_adjoint: Rows,
    row_depth_adjoint: Numbers,
):
    """Adds to the adjoints of the rows' gradients and points, and writes those of their depths.

    The latter are in ``points_adjoint``, and stand alone for the camera, which depths depend on as well.
    """
    for i in range(depth_adjoint.shape[0]):
        seen = _seen(first, edge, coverage, i)
        if seen >= 0:
            view = i // (depth_adjoint.shape[0] // camera.shape[0])
            row_depth_adjoint[seen] = depth_adjoint[i]
            g_gradient = unit_adjoint(row3(gradient, seen), row3(normal_adjoint, i))
            add_row3(gradient_adjoint, seen, 0, g_gradient)
            g_point = row3(position_adjoint, i) - depth_adjoint[i] * get3(camera, view, W)
            add_row3(points_adjoint, seen, 0, g_point)


@ti.func
def _seen(first: ti.template(), edge: ti.template(), coverage: ti.template(), i):
    """The first row of a pixel that covers half of it, -1 if there is none."""
    seen, row = -1, first[i]
    while seen < 0 and row < first[i + 1]:
        if _coverage(edge, coverage, row) >= 0.5:
            seen = row
        row += 1
    return seen


@ti.func
def _coverage(edge: ti.template(), coverage: ti.template(), row):
    a = 1.0
    if edge[row] >= 0:
        a = coverage[edge[row]]
    return a
