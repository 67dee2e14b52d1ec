"""Per-face records for rasterization: edge lines, depth planes and boxes of pixels, computed once per face.

Nothing is clipped: faces that cross the near plane get the same kind of record as others (kernels/edge_lines.py), and
near and far are tested per pixel.
"""

import taichi as ti

from taichi_dr.kernels.barycentric import pixel_center
from taichi_dr.kernels.edge_lines import SMALLEST_W, SUBPIXELS, snap_corner, write_line, write_snapped_line

PLANE_SHIFT = (
    3  # a plane starts at item << 3: D, D per column, D per row, N, N per column, N per row, least and greatest depth
)
UNBOUNDED = 1e30
PIXEL_LIMIT = 1e8

Int2 = ti.types.ndarray(dtype=ti.i32, ndim=2)
Float2 = ti.types.ndarray(ndim=2)


@ti.kernel
def setup_faces(
    clip: Float2,
    faces: Int2,
    snapped: Int2,
    boxes: Int2,
    lines: ti.types.ndarray(dtype=ti.i32, ndim=1),
    planes: ti.types.ndarray(ndim=1),
    views: ti.i32,
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    cull_back: ti.i32,
    serial: ti.template(),
):
    """Fills the records of all (view, face) pairs.

    Args:
        clip: (views * N, 4) (X, Y, W, depth).
        faces: (F, 3).
        snapped: (views * N, 3) scratch: column, row from the image's centre in sub-pixels, 1 if they are valid.
        boxes: (views * F, 4) pixels [col0, row0, col1, row1] that the face may cover, inclusive; empty if culled.
        lines: (views * F * 16,) per edge A, B, high, low with ``C = high * 2^24 + low``.
        planes: (views * F * 8,) depth at pixel (col0 + i, row0 + j) is ``(N + Nx i + Ny j) / (D + Dx i + Dy j)``,
            kept within [least, greatest].
        cull_back: drop faces whose corners run clockwise on the screen.
    """
    ti.loop_config(serialize=serial)
    for i in range(clip.shape[0]):
        snap_corner(snapped, clip, i, width, height)

    ti.loop_config(serialize=serial)
    for item in range(views * faces.shape[0]):
        count = faces.shape[0]
        view = item // count
        face = item - view * count
        first = view * (clip.shape[0] // views)
        a, b, c = first + faces[face, 0], first + faces[face, 1], first + faces[face, 2]
        least = ti.min(clip[a, 3], clip[b, 3], clip[c, 3])
        greatest = ti.max(clip[a, 3], clip[b, 3], clip[c, 3])
        col0, row0, col1, row1 = 0, 0, -1, -1
        drawn = greatest >= near and least <= far
        if drawn:
            if snapped[a, 2] + snapped[b, 2] + snapped[c, 2] == 3:
                area = _area(snapped, a, b, c)
                drawn = area != 0 and not (cull_back == 1 and area > 0)
                if drawn:
                    col0, row0, col1, row1 = _snapped_box(snapped, a, b, c, width, height)
                    drawn = col0 <= col1 and row0 <= row1
                if drawn:
                    sign = ti.select(area > 0, 1, -1)
                    write_snapped_line(lines, item, 0, snapped, a, b, sign, width, height)
                    write_snapped_line(lines, item, 1, snapped, b, c, sign, width, height)
                    write_snapped_line(lines, item, 2, snapped, c, a, sign, width, height)
            else:
                col0, row0, col1, row1 = _wild_box(clip, faces, face, first, near, width, height)
                drawn = col0 <= col1 and row0 <= row1
                if drawn:
                    det = _determinant(clip, a, b, c, row0, col0, width, height)
                    drawn = det != 0.0 and not (cull_back == 1 and det < 0.0)
                    sign = ti.select(det < 0.0, 1, -1)  # rows run downwards, y upwards
                    for k in range(3):  # one copy of the code, so that equal edges give equal bits
                        start, end = first + faces[face, k], first + faces[face, (k + 1) % 3]
                        write_line(lines, item, k, clip, snapped, start, end, sign, width, height)
                least, greatest = -UNBOUNDED, UNBOUNDED
        if drawn:
            drawn = _write_plane(planes, item, clip, a, b, c, row0, col0, width, height)
            planes[(item << PLANE_SHIFT) | 6] = least
            planes[(item << PLANE_SHIFT) | 7] = greatest
        if not drawn:
            col0, row0, col1, row1 = 0, 0, -1, -1
        boxes[item, 0] = col0
        boxes[item, 1] = row0
        boxes[item, 2] = col1
        boxes[item, 3] = row1


@ti.func
def _area(snapped: ti.template(), a, b, c):
    """Twice the area in sub-pixels²; positive where the corners run clockwise on the screen."""
    return ti.cast(snapped[b, 0] - snapped[a, 0], ti.i64) * (snapped[c, 1] - snapped[a, 1]) - ti.cast(
        snapped[b, 1] - snapped[a, 1], ti.i64
    ) * (snapped[c, 0] - snapped[a, 0])


@ti.func
def _snapped_box(snapped: ti.template(), a, b, c, width, height):
    """Pixels whose centres lie within the snapped corners' bounds."""
    half = SUBPIXELS // 2
    left = ti.min(snapped[a, 0], snapped[b, 0], snapped[c, 0]) + half * width
    right = ti.max(snapped[a, 0], snapped[b, 0], snapped[c, 0]) + half * width
    top = ti.min(snapped[a, 1], snapped[b, 1], snapped[c, 1]) + half * height
    bottom = ti.max(snapped[a, 1], snapped[b, 1], snapped[c, 1]) + half * height
    col0 = ti.max((left + half - 1) >> 8, 0)
    row0 = ti.max((top + half - 1) >> 8, 0)
    return col0, row0, ti.min((right - half) >> 8, width - 1), ti.min((bottom - half) >> 8, height - 1)


@ti.func
def _wild_box(clip: ti.template(), faces: ti.template(), face, first, near, width, height):
    """Pixels around the part of the face with depth ≥ near, one pixel wider than needed."""
    low = ti.Vector([UNBOUNDED, UNBOUNDED])
    high = -low
    for k in range(3):
        start, end = first + faces[face, k], first + faces[face, (k + 1) % 3]
        za, zb = clip[start, 3] - near, clip[end, 3] - near
        if za >= 0.0:
            point = _pixel(clip[start, 0], clip[start, 1], clip[start, 2], width, height)
            low, high = ti.min(low, point), ti.max(high, point)
        if (za >= 0.0) != (zb >= 0.0):
            t = za / (za - zb)
            point = _pixel(
                clip[start, 0] + t * (clip[end, 0] - clip[start, 0]),
                clip[start, 1] + t * (clip[end, 1] - clip[start, 1]),
                clip[start, 2] + t * (clip[end, 2] - clip[start, 2]),
                width,
                height,
            )
            low, high = ti.min(low, point), ti.max(high, point)
    col0 = ti.max(ti.floor(low[0], ti.i32) - 1, 0)
    row0 = ti.max(ti.floor(low[1], ti.i32) - 1, 0)
    col1 = ti.min(ti.floor(high[0], ti.i32) + 1, width - 1)
    row1 = ti.min(ti.floor(high[1], ti.i32) + 1, height - 1)
    return col0, row0, col1, row1


@ti.func
def _pixel(x, y, w, width, height):
    """Position in pixels (column, row), limited to what an i32 holds."""
    half = 0.5 * ti.cast(ti.min(width, height), float) / ti.max(w, SMALLEST_W)
    col = ti.math.clamp(0.5 * width + x * half, -PIXEL_LIMIT, PIXEL_LIMIT)
    row = ti.math.clamp(0.5 * height - y * half, -PIXEL_LIMIT, PIXEL_LIMIT)
    return ti.Vector([col, row])


@ti.func
def _shifted_corners(clip: ti.template(), a, b, c, row, col, width, height):
    """X − x W, Y − y W and W of the three corners, (x, y) a pixel's centre: three 3-vectors."""
    x, y = pixel_center(row, col, width, height)
    w = ti.Vector([clip[a, 2], clip[b, 2], clip[c, 2]])
    px = ti.Vector([clip[a, 0], clip[b, 0], clip[c, 0]]) - x * w
    py = ti.Vector([clip[a, 1], clip[b, 1], clip[c, 1]]) - y * w
    return px, py, w


@ti.func
def _determinant(clip: ti.template(), a, b, c, row, col, width, height):
    """det [P_0 P_1 P_2]; positive where the corners run counter-clockwise on the screen."""
    px, py, w = _shifted_corners(clip, a, b, c, row, col, width, height)
    return px.cross(py).dot(w)


@ti.func
def _write_plane(planes: ti.template(), item, clip: ti.template(), a, b, c, row, col, width, height):
    """Depth over the screen as N / D, both linear: N = Σ e_k depth_k / det, D = Σ e_k / det = 1 / W at the pixel.

    e as in kernels/barycentric.py.  Returns false, and writes nothing, for a face without area.
    """
    px, py, w = _shifted_corners(clip, a, b, c, row, col, width, height)
    e = px.cross(py)
    det = e.dot(w)
    if det != 0.0:
        depth = ti.Vector([clip[a, 3], clip[b, 3], clip[c, 3]])
        first = item << PLANE_SHIFT
        inverse = 1.0 / det
        step = inverse * 2.0 / ti.cast(ti.min(width, height), float)
        e_col, e_row = py.cross(w) * step, w.cross(px) * -step
        planes[first | 0] = e.sum() * inverse
        planes[first | 1] = e_col.sum()
        planes[first | 2] = e_row.sum()
        planes[first | 3] = e.dot(depth) * inverse
        planes[first | 4] = e_col.dot(depth)
        planes[first | 5] = e_row.dot(depth)
    return det != 0.0
