"""Attributes of the visible faces at every pixel, and the adjoint of everything a z-buffer image depends on.

With the barycentrics p of ``kernels/barycentric.py``, a pixel that shows face f has ``image = Σ p_k a_k``,
``depth = Σ p_k depth_k`` and p itself.  Which face a pixel shows is constant.

The adjoint walks over faces, not pixels: every face that is seen adds up the pixels of its own box that show it, so
nothing is added from two threads to one place.  With ``g_k = ∂L/∂p_k`` (all three outputs together),
``p = max(q e, 0)`` and ``e = X' × Y'`` for ``X'_k = X_k − x W_k``, ``Y'_k = Y_k − y W_k``:
``h_k = ∂L/∂e_k = q (g_k − Σ g_j p_j)`` where p_k > 0, ``∂L/∂X' = Y' × h``, ``∂L/∂Y' = h × X'``,
``∂L/∂W = −x ∂L/∂X' − y ∂L/∂Y'``.  With x and y counted from a pixel of the face (and X', Y' those of that pixel) all of
it is linear in them, so that a face needs ``Σ h``, ``Σ x h`` and ``Σ y h`` of its pixels:
``Σ ∂L/∂X' = Y' × Σ h − W × Σ y h``, ``Σ ∂L/∂Y' = Σ h × X' − Σ x h × W``, ``Σ ∂L/∂W = −Y' × Σ x h − Σ y h × X'``.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import is_small_image, on_cpu
from taichi_dr.kernels.base.views import first_row, view_of
from taichi_dr.kernels.screen.barycentric import normalize_edges, pixel_center
from taichi_dr.kernels.zbuffer.face_records import SHOWN, Float2, Int2

Int1 = ti.types.ndarray(dtype=ti.i32, ndim=1)
Float1 = ti.types.ndarray(ndim=1)

CLIP = 4  # corner adjoints start with X, Y, W, depth
WORK_ITEMS = 256  # of fewer (view, face) pairs than this a GPU gets bands of boxes, so that its threads have work
MOST_BANDS = 64


def interpolate(
    attributes, attribute_faces, face_id, barycentric, background, image, views, components, coverage=False
):
    """``image = Σ p_k a_k`` where a face is visible, the background elsewhere.

    Args:
        attributes: (V*M, C).
        attribute_faces: (F, 3) rows of ``attributes`` within a view.
        face_id, barycentric: (V*H*W,) and (V*H*W, 3) from ``ZBuffer.draw``.
        background: (1, C), or (V*H*W, C) for a picture.
        image: (V*H*W, C), out; (V*H*W, C + 1) with ``coverage``.
        components: C, a Python int (compiled once for each).
        coverage: whether to write 1 into a last channel where a face is visible, else 0.
    """
    arrays = (attributes, attribute_faces, face_id, barycentric, background, image)
    strides = (image.shape[0] // views, attributes.shape[0] // views)
    _interpolate(*arrays, *strides, components, coverage, is_small_image(image.shape[0]))


@ti.kernel
def _interpolate(
    attributes: Float2,
    attribute_faces: Int2,
    face_id: Int1,
    barycentric: Float2,
    background: Float2,
    image: Float2,
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


def interpolate_adjoint(
    clip,
    faces,
    attributes,
    attribute_faces,
    face_id,
    boxes,
    flags,
    image_adjoint,
    depth_adjoint,
    barycentric_adjoint,
    corner_adjoint,
    views,
    width,
    height,
    bands,
    components,
    image_only,
):
    """Adjoint of the image, the depth and the barycentrics with respect to each face's corners, visibility constant.

    Args:
        clip, faces, attributes, attribute_faces, face_id: as in the forward.
        boxes, flags: those of the ``ZBuffer`` that drew ``face_id``.
        corner_adjoint: (bands * V*F*3, 4 + C), out, overwritten: [X, Y, W, depth, attributes] of each band, rows
            ``((b V + v) F + f) 3 + k``; their sum is that of ``gather.sum_bands``.
        bands: ``band_count(V, F)``.
        image_adjoint: (V*H*W, >= C): further channels are not read.
        components: C, a Python int (compiled once for each).
        image_only: whether the adjoints of depth and barycentrics are zero, and not read.
    """
    arrays = (clip, faces, attributes, attribute_faces, face_id, boxes, flags)
    adjoints = (image_adjoint, depth_adjoint, barycentric_adjoint, corner_adjoint)
    serial = is_small_image(face_id.shape[0], views * faces.shape[0])
    _interpolate_adjoint(*arrays, *adjoints, views, width, height, bands, components, image_only, serial)


@ti.kernel
def _interpolate_adjoint(
    clip: Float2,
    faces: Int2,
    attributes: Float2,
    attribute_faces: Int2,
    face_id: Int1,
    boxes: Int2,
    flags: Int1,
    image_adjoint: Float2,
    depth_adjoint: Float1,
    barycentric_adjoint: Float2,
    corner_adjoint: Float2,
    views: ti.i32,
    width: ti.i32,
    height: ti.i32,
    bands: ti.i32,
    components: ti.template(),
    image_only: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for work in range(views * faces.shape[0] * bands):
        items = views * faces.shape[0]
        band = view_of(work, items)
        item = work - band * items
        view = view_of(item, faces.shape[0])
        face = item - view * faces.shape[0]
        by_x, by_y, by_w = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
        sum_depth = ti.Vector([0.0, 0.0, 0.0])
        sum_value = ti.Matrix([[0.0 for _ in ti.static(range(components))] for _ in ti.static(range(3))])
        if flags[item] & SHOWN:
            first = first_row(clip, view, views)
            first_attribute = first_row(attributes, view, views)
            top, bottom = boxes[item, 1], boxes[item, 3] + 1
            if bands > 1:
                first_line, rows = top, bottom - top
                top, bottom = first_line + rows * band // bands, first_line + rows * (band + 1) // bands
            left, right = boxes[item, 0], boxes[item, 2]

            x0, y0 = pixel_center(top, left, width, height)
            px, py, w = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
            depth = ti.Vector([0.0, 0.0, 0.0])
            value = ti.Matrix([[0.0 for _ in ti.static(range(components))] for _ in ti.static(range(3))])
            for k in ti.static(range(3)):
                corner, attribute_row = first + faces[face, k], first_attribute + attribute_faces[face, k]
                w[k], depth[k] = clip[corner, 2], clip[corner, 3]
                px[k], py[k] = clip[corner, 0] - x0 * w[k], clip[corner, 1] - y0 * w[k]
                for n in ti.static(range(components)):
                    value[k, n] = attributes[attribute_row, n]
            e0, e_x, e_y = px.cross(py), py.cross(w), w.cross(px)
            pixel_size = 2.0 / ti.cast(ti.min(width, height), float)
            sum_h, sum_xh, sum_yh = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
            for row in range(top, bottom):
                start = (view * height + row) * width
                y = ti.cast(top - row, float) * pixel_size
                e_row = e0 + y * e_y
                for col in range(left, right + 1):
                    pixel = start + col
                    if face_id[pixel] == face:
                        x = ti.cast(col - left, float) * pixel_size
                        p, q = normalize_edges(e_row + x * e_x)
                        g = ti.Vector([0.0, 0.0, 0.0])
                        if ti.static(not image_only):
                            g = depth_adjoint[pixel] * depth
                            sum_depth += p * depth_adjoint[pixel]
                            for k in ti.static(range(3)):
                                g[k] += barycentric_adjoint[pixel, k]
                        for n in ti.static(range(components)):
                            passed = image_adjoint[pixel, n]
                            for k in ti.static(range(3)):
                                g[k] += passed * value[k, n]
                                sum_value[k, n] += p[k] * passed
                        h = ti.select(p > 0.0, q * (g - g.dot(p)), 0.0)
                        sum_h += h
                        sum_xh += x * h
                        sum_yh += y * h
            by_x, by_y = py.cross(sum_h) - w.cross(sum_yh), sum_h.cross(px) - sum_xh.cross(w)
            by_w = -py.cross(sum_xh) - sum_yh.cross(px) - x0 * by_x - y0 * by_y
        for k in ti.static(range(3)):
            corner = work * 3 + k
            corner_adjoint[corner, 0] = by_x[k]
            corner_adjoint[corner, 1] = by_y[k]
            corner_adjoint[corner, 2] = by_w[k]
            corner_adjoint[corner, 3] = sum_depth[k]
            for n in ti.static(range(components)):
                corner_adjoint[corner, CLIP + n] = sum_value[k, n]
