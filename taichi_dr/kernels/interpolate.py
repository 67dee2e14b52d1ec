"""Attributes of the visible faces at every pixel, and the adjoint of everything a z-buffer image depends on.

With the barycentrics p of ``kernels/barycentric.py``, a pixel that shows face f has ``image = Σ p_k a_k``,
``depth = Σ p_k depth_k`` and p itself.  Which face a pixel shows is constant.

The adjoint walks over faces, not pixels: every face adds up the pixels of its own box that show it, so nothing is added
from two threads to one place.  With ``g_k = ∂L/∂p_k`` (all three outputs together), ``p = max(q e, 0)`` and
``e = X' × Y'`` for ``X'_k = X_k − x W_k``, ``Y'_k = Y_k − y W_k``:
``h_k = ∂L/∂e_k = q (g_k − Σ g_j p_j)`` where p_k > 0, ``∂L/∂X' = Y' × h``, ``∂L/∂Y' = h × X'``,
``∂L/∂W = −x ∂L/∂X' − y ∂L/∂Y'``.
"""

import taichi as ti

from taichi_dr.kernels.barycentric import normalize_edges, pixel_center
from taichi_dr.kernels.raster_setup import Float2, Int2

Int1 = ti.types.ndarray(dtype=ti.i32, ndim=1)
Float1 = ti.types.ndarray(ndim=1)

CLIP = 4  # corner adjoints start with X, Y, W, depth
WORK_ITEMS = 256  # of fewer (view, face) pairs than this the boxes are cut into bands, so that all threads have work
MOST_BANDS = 64


@ti.kernel
def interpolate(
    attributes: Float2,
    attribute_faces: Int2,
    face_id: Int1,
    barycentric: Float2,
    background: Float2,
    image: Float2,
    views: ti.i32,
    components: ti.template(),
    coverage: ti.template(),
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
    for pixel in range(image.shape[0]):
        face = face_id[pixel]
        if face >= 0:
            first = pixel // (image.shape[0] // views) * (attributes.shape[0] // views)
            value = ti.Vector([0.0 for _ in ti.static(range(components))])
            for k in ti.static(range(3)):
                p = barycentric[pixel, k]
                row = first + attribute_faces[face, k]
                for c in ti.static(range(components)):
                    value[c] += p * attributes[row, c]
            for c in ti.static(range(components)):
                image[pixel, c] = value[c]
        else:
            row = ti.min(pixel, background.shape[0] - 1)
            for c in ti.static(range(components)):
                image[pixel, c] = background[row, c]
        if ti.static(coverage):
            image[pixel, components] = ti.select(face >= 0, 1.0, 0.0)


def band_count(views, faces):
    """Bands that ``interpolate_adjoint`` cuts each face's box into: 1 unless there are few faces."""
    return max(1, min(MOST_BANDS, WORK_ITEMS // max(1, views * faces)))


@ti.kernel
def interpolate_adjoint(
    clip: Float2,
    faces: Int2,
    attributes: Float2,
    attribute_faces: Int2,
    face_id: Int1,
    boxes: Int2,
    image_adjoint: Float2,
    depth_adjoint: Float1,
    barycentric_adjoint: Float2,
    corner_adjoint: Float2,
    views: ti.i32,
    width: ti.i32,
    height: ti.i32,
    bands: ti.i32,
    components: ti.template(),
):
    """Adjoint of the image, the depth and the barycentrics with respect to each face's corners, visibility constant.

    Args:
        clip, faces, attributes, attribute_faces, face_id: as in the forward.
        boxes: ``ZBuffer.boxes``.
        corner_adjoint: (bands * V*F*3, 4 + C), out, overwritten: [X, Y, W, depth, attributes].  The first V*F*3 rows,
            ``(v F + f) 3 + k``, hold the sums; further rows are scratch.
        bands: ``band_count(V, F)``.
        image_adjoint: (V*H*W, >= C): further channels are not read.
        components: C, a Python int (compiled once for each).
    """
    for work in range(views * faces.shape[0] * bands):
        items = views * faces.shape[0]
        band = work // items
        item = work - band * items
        view = item // faces.shape[0]
        face = item - view * faces.shape[0]
        first = view * (clip.shape[0] // views)
        first_attribute = view * (attributes.shape[0] // views)
        a, b, c = first + faces[face, 0], first + faces[face, 1], first + faces[face, 2]
        rows = boxes[item, 3] - boxes[item, 1] + 1
        top, bottom = boxes[item, 1] + rows * band // bands, boxes[item, 1] + rows * (band + 1) // bands

        w = ti.Vector([clip[a, 2], clip[b, 2], clip[c, 2]])
        depth = ti.Vector([clip[a, 3], clip[b, 3], clip[c, 3]])
        sum_x, sum_y, sum_w = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
        sum_depth = ti.Vector([0.0, 0.0, 0.0])
        sum_attributes = ti.Matrix([[0.0 for _ in ti.static(range(components))] for _ in ti.static(range(3))])
        for row in range(top, bottom):
            for col in range(boxes[item, 0], boxes[item, 2] + 1):
                pixel = (view * height + row) * width + col
                if face_id[pixel] == face:
                    x, y = pixel_center(row, col, width, height)
                    px = ti.Vector([clip[a, 0], clip[b, 0], clip[c, 0]]) - x * w
                    py = ti.Vector([clip[a, 1], clip[b, 1], clip[c, 1]]) - y * w
                    p, q = normalize_edges(px.cross(py))
                    g = depth_adjoint[pixel] * depth
                    for k in ti.static(range(3)):
                        g[k] += barycentric_adjoint[pixel, k]
                        attribute_row = first_attribute + attribute_faces[face, k]
                        for n in ti.static(range(components)):
                            g[k] += image_adjoint[pixel, n] * attributes[attribute_row, n]
                            sum_attributes[k, n] += p[k] * image_adjoint[pixel, n]
                    h = ti.select(p > 0.0, q * (g - g.dot(p)), 0.0)
                    gx, gy = py.cross(h), h.cross(px)
                    sum_x += gx
                    sum_y += gy
                    sum_w -= x * gx + y * gy
                    sum_depth += p * depth_adjoint[pixel]
        for k in ti.static(range(3)):
            corner = work * 3 + k
            corner_adjoint[corner, 0] = sum_x[k]
            corner_adjoint[corner, 1] = sum_y[k]
            corner_adjoint[corner, 2] = sum_w[k]
            corner_adjoint[corner, 3] = sum_depth[k]
            for n in ti.static(range(components)):
                corner_adjoint[corner, CLIP + n] = sum_attributes[k, n]

    for i in range(ti.select(bands > 1, views * faces.shape[0] * 3, 0) * (CLIP + components)):
        corners = views * faces.shape[0] * 3
        corner = i // (CLIP + components)
        n = i - corner * (CLIP + components)
        total = corner_adjoint[corner, n]
        for band in range(1, bands):
            total += corner_adjoint[corner + band * corners, n]
        corner_adjoint[corner, n] = total
