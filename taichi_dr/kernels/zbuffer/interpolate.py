"""Attributes of the visible faces at every pixel, and the adjoint of everything a z-buffer image depends on.

With the barycentrics p of ``screen/barycentric.py``, a pixel that shows face f has ``image = sum p_k a_k``,
``depth = sum p_k depth_k`` and p itself.  Which face a pixel shows is constant.

The adjoint walks over faces, not pixels: every face that is seen adds up the pixels of its own box that show it, so
nothing is added from two threads to one place.  With ``g_k = dL/dp_k`` (all three outputs together),
``p = max(q e, 0)`` and ``e = cross(X', Y')`` for ``X'_k = X_k - x W_k``, ``Y'_k = Y_k - y W_k``::

    h_k = dL/de_k = q (g_k - sum g_j p_j)  where p_k > 0
    dL/dX' = cross(Y', h)      dL/dY' = cross(h, X')      dL/dW = -x dL/dX' - y dL/dY'

With x and y counted from a pixel of the face (and X', Y' those of that pixel) all of it is linear in them, so that a
face needs ``H = sum h``, ``Hx = sum x h`` and ``Hy = sum y h`` of its pixels::

    sum dL/dX' = cross(Y', H) - cross(W, Hy)
    sum dL/dY' = cross(H, X') - cross(Hx, W)
    sum dL/dW  = -cross(Y', Hx) - cross(Hy, X')
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.launch import is_small_image, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import IntRows, Ints, Numbers, Rows
from taichi_dr.kernels.base.views import first_row, view_of
from taichi_dr.kernels.screen.barycentric import normalize_edges, normalize_edges_adjoint
from taichi_dr.kernels.screen.pixels import Screen, pixel_center, pixel_size
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh, first_vertex
from taichi_dr.kernels.zbuffer.face_records import SHOWN

CORNERS = 3  # whose numbers are dealt with at once
CLIP = 4  # corner adjoints start with X, Y, W, depth
WORK_ITEMS = 256  # of fewer (view, face) pairs than this a GPU gets bands of boxes, so that its threads have work
MOST_BANDS = 64


class Attributes(NamedTuple):
    """What is interpolated: C numbers at every corner."""

    values: Any  # (V*M, C)
    faces: Any  # (F, 3) i32: rows of ``values`` within a view


class PixelAdjoints(NamedTuple):
    """The adjoints of what pixels show."""

    image: Any  # (V*H*W, >= C): further channels are not read
    depth: Any  # (V*H*W,)
    barycentric: Any  # (V*H*W, 3)


class FaceCorners(NamedTuple):
    """The corners of a face, seen from a pixel at (x0, y0): a component or row for each of the three."""

    px: Any  # X - x0 W
    py: Any  # Y - y0 W
    w: Any
    depth: Any
    values: Any  # (3, C)


class FaceSums(NamedTuple):
    """What the adjoint of a face adds up over its pixels: see the module."""

    h: Any
    xh: Any
    yh: Any
    depth: Any
    values: Any  # (C,) of each corner


def interpolate(attributes, visible, background, image, views, coverage=False):
    """``image = sum p_k a_k`` where a face is visible, the background elsewhere.

    Args:
        attributes: ``Attributes``; the kernel is compiled once for each C.
        visible: ``Visible`` that ``ZBuffer.draw`` wrote.
        background: (1, C), or (V*H*W, C) for a picture.
        image: (V*H*W, C), out; (V*H*W, C + 1) with ``coverage``.
        coverage: whether to write 1 into a last channel where a face is visible, else 0.
    """
    arrays = (*attributes, visible.face_id, visible.barycentric, background, image)
    strides = (image.shape[0] // views, attributes.values.shape[0] // views)
    _interpolate(*arrays, *strides, attributes.values.shape[1], coverage, is_small_image(image.shape[0]))


@replayed
@ti.kernel
def _interpolate(
    attributes: Rows,
    attribute_faces: IntRows,
    face_id: Ints,
    barycentric: Rows,
    background: Rows,
    image: Rows,
    pixels: ti.i32,
    rows: ti.i32,
    components: ti.template(),
    coverage: ti.template(),
    serial: ti.template(),
):
    """``pixels``, ``rows``: of one view in ``image`` and in ``attributes``."""
    ti.loop_config(serialize=serial)
    for pixel in range(image.shape[0]):
        face = face_id[pixel]
        value = ti.Vector([0.0 for _ in ti.static(range(components))])
        if face >= 0:
            first = view_of(pixel, pixels) * rows
            for k in ti.static(range(3)):
                p = barycentric[pixel, k]
                row = first + attribute_faces[face, k]
                for c in ti.static(range(components)):
                    value[c] += p * attributes[row, c]
        else:
            row = ti.min(pixel, background.shape[0] - 1)
            for c in ti.static(range(components)):
                value[c] = background[row, c]
        for c in ti.static(range(components)):
            image[pixel, c] = value[c]
        if ti.static(coverage):
            image[pixel, components] = ti.select(face >= 0, 1.0, 0.0)


def band_count(views, faces):
    """Bands that ``interpolate_adjoint`` cuts each face's box into: 1 unless there are few faces, and on CPUs."""
    if on_cpu():
        return 1
    return max(1, min(MOST_BANDS, WORK_ITEMS // max(1, views * faces)))


def interpolate_adjoint(mesh, attributes, face_id, records, adjoints, corner_adjoint, screen, image_only):
    """Adjoint of the image, the depth and the barycentrics with respect to each face's corners, visibility constant.

    Args:
        mesh: ``ProjectedMesh``; attributes: ``Attributes``; face_id: (V*H*W,); as in the forward.
        records: those of the ``ZBuffer`` that drew ``face_id``.
        adjoints: ``PixelAdjoints``.
        corner_adjoint: (bands * V*F*3, 4 + C), out, overwritten: [X, Y, W, depth, attributes] of each band, rows
            ``((b V + v) F + f) 3 + k`` with bands = ``band_count(V, F)``; their sum is that of ``gather.sum_bands``.
        image_only: whether the adjoints of depth and barycentrics are zero, and not read.
    """
    items = mesh.views * mesh.faces.shape[0]
    arrays = (*mesh, *attributes, face_id, records.boxes, records.flags, *adjoints, corner_adjoint)
    sizes = (*screen, corner_adjoint.shape[0] // (3 * items), attributes.values.shape[1])
    _interpolate_adjoint(*arrays, *sizes, image_only, is_small_image(face_id.shape[0], items), CORNERS)


@simd
@replayed
@ti.kernel
def _interpolate_adjoint(
    clip: Rows,
    faces: IntRows,
    views: ti.i32,
    attributes: Rows,
    attribute_faces: IntRows,
    face_id: Ints,
    boxes: IntRows,
    flags: Ints,
    image_adjoint: Rows,
    depth_adjoint: Numbers,
    barycentric_adjoint: Rows,
    corner_adjoint: Rows,
    width: ti.i32,
    height: ti.i32,
    bands: ti.i32,
    components: ti.template(),
    image_only: ti.template(),
    serial: ti.template(),
    lanes: ti.template(),
):
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
    attribute_rows = ti.static(Attributes(attributes, attribute_faces))
    adjoints = ti.static(PixelAdjoints(image_adjoint, depth_adjoint, barycentric_adjoint))
    ti.loop_config(serialize=serial)
    for work in range(views * faces.shape[0] * bands):
        items = views * faces.shape[0]
        band = view_of(work, items)
        item = work - band * items
        view = view_of(item, faces.shape[0])
        face = item - view * faces.shape[0]
        by_x, by_y, by_w = _zeros(3), _zeros(3), _zeros(3)
        sum_depth = _zeros(3)
        sum_a, sum_b, sum_c = _zeros(components), _zeros(components), _zeros(components)
        sum_values = ti.static((sum_a, sum_b, sum_c))
        if flags[item] & SHOWN:
            top, bottom = boxes[item, 1], boxes[item, 3] + 1
            if bands > 1:
                first_line, rows = top, bottom - top
                top, bottom = first_line + rows * band // bands, first_line + rows * (band + 1) // bands
            left, right = boxes[item, 0], boxes[item, 2]

            x0, y0 = pixel_center(top, left, screen)
            px, py, w, depth = _zeros(3), _zeros(3), _zeros(3), _zeros(3)
            values = ti.Matrix([[0.0 for _ in ti.static(range(components))] for _ in ti.static(range(3))])
            corners = ti.static(FaceCorners(px, py, w, depth, values))
            _load_corners(corners, mesh, attribute_rows, view, face, x0, y0)
            e0, e_x, e_y = px.cross(py), py.cross(w), w.cross(px)
            size = pixel_size(screen)
            sum_h, sum_xh, sum_yh = _zeros(3), _zeros(3), _zeros(3)
            sums = ti.static(FaceSums(sum_h, sum_xh, sum_yh, sum_depth, sum_values))
            for row in range(top, bottom):
                start = (view * height + row) * width
                y = ti.cast(top - row, float) * size
                e_row = e0 + y * e_y
                for col in range(left, right + 1):
                    if face_id[start + col] == face:
                        x = ti.cast(col - left, float) * size
                        _add_pixel(sums, corners, adjoints, start + col, x, y, e_row + x * e_x, image_only)
            by_x, by_y, by_w = _edge_values_adjoint(corners, sums, x0, y0)
        for k in ti.static(range(3)):
            corner = work * 3 + k
            corner_adjoint[corner, 0] = by_x[k]
            corner_adjoint[corner, 1] = by_y[k]
            corner_adjoint[corner, 2] = by_w[k]
            corner_adjoint[corner, 3] = sum_depth[k]
            for n in ti.static(range(components)):
                corner_adjoint[corner, CLIP + n] = sum_values[k][n]


@ti.func
def _zeros(n: ti.template()):
    return ti.Vector([0.0 for _ in ti.static(range(n))])


@ti.func
def _load_corners(corners: ti.template(), mesh: ti.template(), attributes: ti.template(), view, face, x0, y0):
    """Fills ``FaceCorners``."""
    first, first_value = first_vertex(mesh, view), first_row(attributes.values, view, mesh.views)
    for k in ti.static(range(3)):
        row, value_row = first + mesh.faces[face, k], first_value + attributes.faces[face, k]
        corners.w[k], corners.depth[k] = mesh.clip[row, 2], mesh.clip[row, 3]
        corners.px[k], corners.py[k] = (mesh.clip[row, 0] - x0 * corners.w[k], mesh.clip[row, 1] - y0 * corners.w[k])
        for n in ti.static(range(corners.values.m)):
            corners.values[k, n] = attributes.values[value_row, n]


@ti.func
def _add_pixel(
    sums: ti.template(), corners: ti.template(), adjoints: ti.template(), pixel, x, y, e, image_only: ti.template()
):
    """Adds a pixel to ``FaceSums``: (x, y) from the corners' pixel, ``e`` its edge values."""
    p, q = normalize_edges(e)
    p_adjoint = ti.Vector([0.0, 0.0, 0.0])
    if ti.static(not image_only):
        p_adjoint = adjoints.depth[pixel] * corners.depth
        sums.depth += p * adjoints.depth[pixel]
        for k in ti.static(range(3)):
            p_adjoint[k] += adjoints.barycentric[pixel, k]
    passed = ti.Vector([adjoints.image[pixel, n] for n in ti.static(range(corners.values.m))])
    for k in ti.static(range(3)):
        sums.values[k] += p[k] * passed
    for n in ti.static(range(corners.values.m)):
        for k in ti.static(range(3)):
            p_adjoint[k] += passed[n] * corners.values[k, n]
    h = normalize_edges_adjoint(p, q, p_adjoint)
    sums.h += h
    sums.xh += x * h
    sums.yh += y * h


@ti.func
def _edge_values_adjoint(corners: ti.template(), sums: ti.template(), x0, y0):
    """Adjoints of X, Y, W of a face's corners: the adjoint of ``edge_values``, summed over the face's pixels."""
    by_x = corners.py.cross(sums.h) - corners.w.cross(sums.yh)
    by_y = sums.h.cross(corners.px) - sums.xh.cross(corners.w)
    by_w = -corners.py.cross(sums.xh) - sums.yh.cross(corners.px) - x0 * by_x - y0 * by_y
    return by_x, by_y, by_w
