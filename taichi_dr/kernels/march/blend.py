"""Rows of surfaces in front of each other to pixels, and back.

    color = sum_k v_k color_k + (1 - U_end) background,  alpha = U_end,  U_k = U_{k-1} + v_k

where v, what is seen of a layer, is its coverage a of ``edges`` (1 where it covers its pixel) without what the layers
in front, U of the pixel, hide of it.  Half-planes of areas a and U in a square, c the cosine of their normals, share

    o(a, U) = (1 - |c|) a U + |c| min(a, U)              c >= 0
    o(a, U) = (1 - |c|) a U + |c| max(a + U - 1, 0)      c < 0

exactly where they lie side by side, upon each other, or at right angles: two bodies that nearly touch in the image
leave a gap of 1 - a - U open, and a bump in front of its own body does not cover it twice.  v = a - o.

Depth, normal and position are those of what the pixel's centre sees: of the first layer that covers half of it, in its
``CENTER`` row where it has one.

Source: Porter and Duff, Compositing Digital Images, 1984, section 4.3, for the three cases.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import add_row3, get3, row3, unit, unit_adjoint
from taichi_dr.kernels.camera.pack import E, W
from taichi_dr.kernels.march.rows import CENTER, COVERED


@replayed
@ti.kernel
def blend(first: Ints, edge: Ints, coverage: Numbers, normal: Rows, color: Rows, rgba: Rows):
    """Writes ``rgba`` (V*H*W, 4), over nothing, of rows with ``color`` (R, 3).

    ``coverage`` (E,), ``normal`` (E, 2): of edges.  A layer of colour 1 and coverage 0.5 in front of one of colour 0
    that covers give colour 0.5, alpha 1.
    """
    for i in range(rgba.shape[0]):
        union, front, total = 0.0, COVERED, ti.Vector([0.0, 0.0, 0.0])
        for row in range(first[i], first[i + 1]):
            if edge[row] != CENTER:
                a = _coverage(edge, coverage, row)
                visible = a - overlap(a, union, _alignment(edge[row], front, normal))
                total += visible * row3(color, row)
                union, front = union + visible, edge[row]
        for k in ti.static(range(3)):
            rgba[i, k] = total[k]
        rgba[i, 3] = union


@replayed
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


@replayed
@ti.kernel
def blend_adjoint(
    first: Ints,
    edge: Ints,
    coverage: Numbers,
    normal: Rows,
    color: Rows,
    rgba_adjoint: Rows,
    color_adjoint: Rows,
    coverage_adjoint: Numbers,
):
    """Writes the adjoints of the rows' colours and of the edges' coverage; normals are held constant."""
    for i in range(rgba_adjoint.shape[0]):
        g = get3(rgba_adjoint, i, 0)
        g_union = rgba_adjoint[i, 3]
        for k in range(first[i + 1] - first[i]):
            row = first[i + 1] - 1 - k
            union, front = 0.0, COVERED
            for nearer in range(first[i], row):
                if edge[nearer] != CENTER:
                    a = _coverage(edge, coverage, nearer)
                    union += a - overlap(a, union, _alignment(edge[nearer], front, normal))
                    front = edge[nearer]
            a, c = _coverage(edge, coverage, row), _alignment(edge[row], front, normal)
            visible = a - overlap(a, union, c)
            g_visible = g.dot(row3(color, row)) + g_union
            if edge[row] >= 0:
                coverage_adjoint[edge[row]] = g_visible * (1.0 - overlap_slope(a, union, c))
            for n in ti.static(range(3)):
                color_adjoint[row, n] = visible * g[n]
            if edge[row] != CENTER:
                g_union -= g_visible * overlap_slope(union, a, c)


@replayed
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
    """The row of what a pixel's centre sees, -1 if there is none."""
    seen, row = -1, first[i]
    while seen < 0 and row < first[i + 1]:
        if _coverage(edge, coverage, row) >= 0.5:
            seen = row
            if row > first[i]:
                seen = ti.select(edge[row - 1] == CENTER, row - 1, row)
        row += 1
    return seen


@ti.func
def _coverage(edge: ti.template(), coverage: ti.template(), row):
    """Of a row; nothing of a ``CENTER`` row."""
    a = ti.select(edge[row] == CENTER, 0.0, 1.0)
    if edge[row] >= 0:
        a = coverage[edge[row]]
    return a


@ti.func
def _alignment(edge, front, normal: ti.template()):
    """The cosine between the normals of an edge and of the one in front of it; 0 if there are not two."""
    c = 0.0
    if edge >= 0 and front >= 0:
        c = normal[edge, 0] * normal[front, 0] + normal[edge, 1] * normal[front, 1]
    return c


@ti.func
def overlap(a, b, c):
    """What half-planes of areas a and b in a unit square share, c the cosine of their normals.

    Of 0.5 and 0.7 it is 0.5, 0.35 and 0.2 for c = 1, 0 and -1.
    """
    aligned = ti.select(c < 0.0, ti.max(a + b - 1.0, 0.0), ti.min(a, b))
    return a * b + ti.abs(c) * (aligned - a * b)


@ti.func
def overlap_slope(a, b, c):
    """The derivative of ``overlap`` by a."""
    apart = ti.select(a + b > 1.0, 1.0, 0.0)
    aligned = ti.select(c < 0.0, apart, ti.select(a < b, 1.0, 0.0))
    return b + ti.abs(c) * (aligned - b)
