"""Rows of surfaces in front of each other to pixels, and back.

    color = sum_k T_k a_k color_k + T_end background,  alpha = 1 - T_end,  T_k = prod_{j<k} (1 - a_j)

with the coverage a of ``edges``, 1 where a layer covers its pixel.  Depth, normal and position are those of what the
pixel's centre sees: the first layer that covers half of it.

Source: Porter and Duff, Compositing Digital Images, 1984.
"""

import taichi as ti

from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit, unit_adjoint
from taichi_dr.kernels.camera.pack import E, W


@ti.kernel
def blend(
    first: Ints,
    edge: Ints,
    coverage: Numbers,
    color: Rows,
    gradient: Rows,
    points: Rows,
    camera: Rows,
    far: float,
    rgba: Rows,
    depth: Numbers,
    normal: Rows,
    position: Rows,
):
    """Writes images of rows, whose ``color``, ``gradient`` of f and ``points`` are (R, 3).

    ``rgba`` (V*H*W, 4), over nothing; ``depth`` (V*H*W,); ``normal`` and ``position`` (V*H*W, 3).

    A layer of colour 1 and coverage 0.5 in front of one of colour 0 that covers give colour 0.5, alpha 1.
    """
    for i in range(depth.shape[0]):
        left, seen = 1.0, -1
        sum_ = ti.Vector([0.0, 0.0, 0.0])
        for row in range(first[i], first[i + 1]):
            a = _coverage(edge, coverage, row)
            if seen < 0 and a >= 0.5:
                seen = row
            sum_ += left * a * row3(color, row)
            left *= 1.0 - a
        depth[i] = far
        n, p = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
        if seen >= 0:
            view = i // (depth.shape[0] // camera.shape[0])
            n, p = unit(row3(gradient, seen)), row3(points, seen)
            depth[i] = (get3(camera, view, E) - p).dot(get3(camera, view, W))
        for k in ti.static(range(3)):
            rgba[i, k], normal[i, k], position[i, k] = sum_[k], n[k], p[k]
        rgba[i, 3] = 1.0 - left


@ti.kernel
def blend_adjoint(
    first: Ints,
    edge: Ints,
    coverage: Numbers,
    color: Rows,
    gradient: Rows,
    camera: Rows,
    rgba_adjoint: Rows,
    depth_adjoint: Numbers,
    normal_adjoint: Rows,
    position_adjoint: Rows,
    color_adjoint: Rows,
    gradient_adjoint: Rows,
    points_adjoint: Rows,
    coverage_adjoint: Numbers,
    row_depth_adjoint: Numbers,
):
    """Writes the adjoints of the rows' colours, gradients and points, of coverage, and of each row's depth.

    The latter is in ``points_adjoint``, and stands alone for the camera, which it depends on as well.
    """
    for i in range(depth_adjoint.shape[0]):
        g, view = get3(rgba_adjoint, i, 0), i // (depth_adjoint.shape[0] // camera.shape[0])
        behind, open_, seen = ti.Vector([0.0, 0.0, 0.0]), 1.0, -1  # the colour behind a row, and what it lets through
        for k in range(first[i + 1] - first[i]):
            row = first[i + 1] - 1 - k
            a, left = _coverage(edge, coverage, row), 1.0
            for nearer in range(first[i], row):
                left *= 1.0 - _coverage(edge, coverage, nearer)
            if edge[row] >= 0:
                coverage_adjoint[edge[row]] = left * (g.dot(row3(color, row) - behind) + rgba_adjoint[i, 3] * open_)
            if a >= 0.5:
                seen = row
            for c in ti.static(range(3)):
                color_adjoint[row, c] = left * a * g[c]
                gradient_adjoint[row, c] = 0.0
                points_adjoint[row, c] = 0.0
            row_depth_adjoint[row] = 0.0
            behind = a * row3(color, row) + (1.0 - a) * behind
            open_ *= 1.0 - a
        if seen >= 0:
            g_gradient = unit_adjoint(row3(gradient, seen), row3(normal_adjoint, i))
            g_point = row3(position_adjoint, i) - depth_adjoint[i] * get3(camera, view, W)
            row_depth_adjoint[seen] = depth_adjoint[i]
            for c in ti.static(range(3)):
                gradient_adjoint[seen, c] = g_gradient[c]
                points_adjoint[seen, c] = g_point[c]


@ti.func
def _coverage(edge: ti.template(), coverage: ti.template(), row):
    a = 1.0
    if edge[row] >= 0:
        a = coverage[edge[row]]
    return a
