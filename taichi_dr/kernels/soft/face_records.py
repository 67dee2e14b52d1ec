"""Set-up of the soft rasterizer: one compact record per view and face, computed once instead of once per pixel."""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.views import view_of
from taichi_dr.kernels.soft.modes import DISTANCE_BARYCENTRIC

# A face's kind: absent, whole, or cut by the near plane.  A cut face has one corner before the plane (kind CUT_TO_ONE
# + that corner) or one behind it (kind CUT_TO_TWO + that corner).
ABSENT, WHOLE, CUT_TO_ONE, CUT_TO_TWO = 0, 1, 2, 5

# Columns of a face's record.  XY is three corners, or four corners of a cut face's polygon (columns 0-7).
XY = 0
INVERSE_W = 8  # 1/W of the corners
INVERSE_AREA = 11
REACH = 12  # of a whole face, of each edge: its unit normal (a, b), inward, and `cull`
LINES = 21  # of a whole face, of each edge: `middle`, `half` and `slope`
SECOND_C = 30  # of a whole face: `c` of its second edge; those of the others are 0
INVERSE_LENGTH2 = 12  # of a cut face instead: 1/|side|^2 of its polygon's sides, 0 for one without length
PLANE = 16  # of a cut face instead: three homogeneous edge functions
DEPTH = 31
ATTRIBUTE = 34

# An edge of a whole face, from corner k to corner k + 1, in (x, y) relative to the face's first corner: the distance
# from its line, inward, is a x + b y + c; the position along it from its middle b x - a y + middle; `half` is half its
# length; w / W of the corner opposite is `slope` times the distance, w being that corner's screen barycentric.  A
# packet whose centre has a x + b y < cull, x and y not relative, is out of the face's reach.
MIDDLE, HALF, SLOPE = range(3)


class BinnedFaces(NamedTuple):
    """The faces of all views, V*F ``records``, and those whose ``boxes`` touch a tile, view by view, tile by tile.

    Tile t has the faces ``faces[start[t]]`` ... ``faces[start[t + 1] - 1]``.
    """

    records: Any
    boxes: Any
    start: Any
    faces: Any
    views: Any


def record_length(attribute_count):
    """Columns of ``records`` for faces with that many attributes per corner."""
    return ATTRIBUTE + 3 * attribute_count


@ti.kernel
def soft_setup(
    clip: ti.types.ndarray(ndim=2),
    faces: ti.types.ndarray(dtype=ti.i32, ndim=2),
    attributes: ti.types.ndarray(ndim=2),
    attribute_faces: ti.types.ndarray(dtype=ti.i32, ndim=2),
    records: ti.types.ndarray(ndim=2),
    kinds: ti.types.ndarray(dtype=ti.i32, ndim=1),
    boxes: ti.types.ndarray(dtype=ti.i32, ndim=2),
    cut_boxes: ti.types.ndarray(dtype=ti.i32, ndim=2),
    any_cut: ti.types.ndarray(dtype=ti.i32, ndim=1),
    views: ti.i32,
    near: float,
    far: float,
    reach: float,
    width: ti.i32,
    height: ti.i32,
    packet_cols: ti.i32,
    packet_rows: ti.i32,
    count: ti.template(),
    distance: ti.template(),
):
    """Fills ``records (V*F, record_length)``, ``kinds (V*F,)``, and ``boxes (V*F, 4)`` of the whole faces and
    ``cut_boxes`` of those that cross the near plane (empty boxes elsewhere); sets ``any_cut[0]`` to 1 if any does.

    ``reach``: how far outside a face its coverage is not negligible, ``sqrt(sigma COVERAGE_CUTOFF)``, in the unit of
    ``distance``.  The packet's size is what ``out_of_reach`` adds to a face's reach.
    """
    vertices = clip.shape[0] // views
    rows = attributes.shape[0] // views
    for item in range(views * faces.shape[0]):
        view = view_of(item, faces.shape[0])
        face = item - view * faces.shape[0]
        corner = view * vertices + ti.Vector([faces[face, 0], faces[face, 1], faces[face, 2]])
        kind = _kind(clip, corner, near, far)
        xmin, xmax, ymin, ymax = 0.0, 0.0, 0.0, 0.0
        half = ti.Vector([1.0 * packet_cols - 1.0, 1.0 * packet_rows - 1.0]) / ti.min(width, height)
        if kind == WHOLE:
            if _setup_whole(clip, corner, records, item, reach, half, distance):
                xmin, xmax, ymin, ymax = _whole_bounds(records, item, reach, distance)
            else:
                kind = ABSENT
        elif kind != ABSENT:
            if _setup_cut(clip, corner, records, item, kind, near):
                any_cut[0] = 1
                xmin, xmax, ymin, ymax = _cut_bounds(records, item, reach)
            else:
                kind = ABSENT
        kinds[item] = kind
        if kind != ABSENT:
            for k in ti.static(range(3)):
                records[item, DEPTH + k] = clip[corner[k], 3]
                row = view * rows + attribute_faces[face, k]
                for c in ti.static(range(count)):
                    records[item, ATTRIBUTE + 3 * c + k] = attributes[row, c]
        _write_box(boxes, item, kind == WHOLE, xmin, xmax, ymin, ymax, width, height)
        _write_box(cut_boxes, item, kind >= CUT_TO_ONE, xmin, xmax, ymin, ymax, width, height)


@ti.func
def _kind(clip: ti.template(), corner, near, far):
    """ABSENT, WHOLE or how the near plane cuts the face."""
    before = ti.Vector([0, 0, 0])
    depth_min = clip[corner[0], 3]
    for k in ti.static(range(3)):
        depth_min = ti.min(depth_min, clip[corner[k], 3])
        if clip[corner[k], 3] >= near:
            before[k] = 1
    total = before[0] + before[1] + before[2]
    kind = ABSENT
    if total == 3:
        kind = WHOLE
    elif total == 1:
        kind = CUT_TO_ONE + before[1] + 2 * before[2]
    elif total == 2:
        kind = CUT_TO_TWO + (1 - before[1]) + 2 * (1 - before[2])
    if depth_min > far:
        kind = ABSENT
    return kind


@ti.func
def corner_numbers(records: ti.template(), item, column: ti.template()):
    """The numbers of the three corners of a face from ``column`` of its record on."""
    return ti.Vector([records[item, column + k] for k in ti.static(range(3))])


@ti.func
def load_attributes(records: ti.template(), item, count: ti.template()):
    """The list of the ``corner_numbers`` of each attribute of a face."""
    return [corner_numbers(records, item, ATTRIBUTE + 3 * c) for c in ti.static(range(count))]


@ti.func
def _setup_whole(clip: ti.template(), corner, records: ti.template(), item, reach, half, distance: ti.template()):
    """Writes the screen-space part of a whole face's record; False if the face has no area."""
    x = ti.Vector([clip[corner[k], 0] / clip[corner[k], 2] for k in ti.static(range(3))])
    y = ti.Vector([clip[corner[k], 1] / clip[corner[k], 2] for k in ti.static(range(3))])
    area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
    length2 = ti.Vector([(x[(k + 1) % 3] - x[k]) ** 2 + (y[(k + 1) % 3] - y[k]) ** 2 for k in ti.static(range(3))])
    solid = ti.abs(area) > 1e-6 * length2.max() and ti.abs(area) > 1e-20
    if solid:
        records[item, INVERSE_AREA] = 1.0 / area
        for k in ti.static(range(3)):
            records[item, XY + 2 * k] = x[k]
            records[item, XY + 2 * k + 1] = y[k]
            records[item, INVERSE_W + k] = 1.0 / clip[corner[k], 2]
        for k in ti.static(range(3)):
            length = ti.sqrt(length2[k])
            opposite = length * ti.abs(records[item, INVERSE_AREA])  # barycentric of that corner, per distance
            inward = ti.select(area > 0.0, 1.0, -1.0) / length
            a, b = (y[k] - y[(k + 1) % 3]) * inward, (x[(k + 1) % 3] - x[k]) * inward
            middle_x, middle_y = 0.5 * (x[k] + x[(k + 1) % 3]) - x[0], 0.5 * (y[k] + y[(k + 1) % 3]) - y[0]
            beyond = reach
            if ti.static(distance == DISTANCE_BARYCENTRIC):
                beyond = reach / opposite
            beyond += 1e-3 * beyond + 1e-6 * (ti.abs(a * x[k]) + ti.abs(b * y[k]))
            packet = half[0] * ti.abs(a) + half[1] * ti.abs(b)
            records[item, REACH + 3 * k] = a
            records[item, REACH + 3 * k + 1] = b
            records[item, REACH + 3 * k + 2] = a * x[k] + b * y[k] - packet - beyond
            records[item, LINES + 3 * k + MIDDLE] = a * middle_y - b * middle_x
            records[item, LINES + 3 * k + HALF] = 0.5 * length
            records[item, LINES + 3 * k + SLOPE] = opposite * records[item, INVERSE_W + (k + 2) % 3]
            if ti.static(k == 1):
                records[item, SECOND_C] = a * (x[0] - x[1]) + b * (y[0] - y[1])
    return solid


@ti.func
def _whole_bounds(records: ti.template(), item, reach, distance: ti.template()):
    """(xmin, xmax, ymin, ymax) of everything within a whole face's reach."""
    x = ti.Vector([records[item, XY + 2 * k] for k in ti.static(range(3))])
    y = ti.Vector([records[item, XY + 2 * k + 1] for k in ti.static(range(3))])
    grow = reach
    if ti.static(distance == DISTANCE_BARYCENTRIC):
        x += reach * (3.0 * x - x.sum())  # the triangle of barycentrics >= -reach
        y += reach * (3.0 * y - y.sum())
        grow = 0.0
    return x.min() - grow, x.max() + grow, y.min() - grow, y.max() + grow


@ti.func
def cut_corners(kind):
    """Of a cut face: whether one corner is before the near plane, and the odd corner and the two after it."""
    one = kind < CUT_TO_TWO
    odd = kind - ti.select(one, CUT_TO_ONE, CUT_TO_TWO)
    return one, odd, (odd + 1) % 3, (odd + 2) % 3


@ti.func
def cut_parameter(clip: ti.template(), a, b, near):
    """Where the edge from row ``a`` to row ``b`` of ``clip`` meets depth = near: 0 at a, 1 at b."""
    return (near - clip[a, 3]) / (clip[b, 3] - clip[a, 3])


@ti.func
def _between(clip: ti.template(), a, b, near):
    """Screen position where the edge from row ``a`` to row ``b`` of ``clip`` meets depth = near."""
    t = cut_parameter(clip, a, b, near)
    w = clip[a, 2] + t * (clip[b, 2] - clip[a, 2])
    return ti.Vector([(clip[a, k] + t * (clip[b, k] - clip[a, k])) / w for k in ti.static(range(2))])


@ti.func
def _setup_cut(clip: ti.template(), corner, records: ti.template(), item, kind, near):
    """Writes the screen-space part of a cut face's record; False if the face has no area.

    The polygon is: the corners before the plane, in order, then the two cuts (the last twice where that makes three).
    """
    one, odd, second, third = cut_corners(kind)
    a, b, c = pick(corner, odd), pick(corner, second), pick(corner, third)
    cut_ab, cut_ca = _between(clip, a, b, near), _between(clip, c, a, near)
    p0 = ti.Vector([clip[a, 0], clip[a, 1]]) / clip[a, 2]
    p1 = cut_ab
    if not one:
        p0 = ti.Vector([clip[b, 0], clip[b, 1]]) / clip[b, 2]
        p1 = ti.Vector([clip[c, 0], clip[c, 1]]) / clip[c, 2]
    p2, p3 = cut_ca, ti.select(one, cut_ca, cut_ab)
    polygon = ti.Matrix.cols([p0, p1, p2, p3])
    determinant = _homogeneous_edges(clip, corner, records, item)
    for k in ti.static(range(4)):
        e = polygon[:, (k + 1) % 4] - polygon[:, k]
        length2 = e.dot(e)
        records[item, XY + 2 * k] = polygon[0, k]
        records[item, XY + 2 * k + 1] = polygon[1, k]
        records[item, INVERSE_LENGTH2 + k] = ti.select(length2 > 1e-30, 1.0 / ti.max(length2, 1e-30), 0.0)
    return ti.abs(determinant) > 1e-20


@ti.func
def pick(v, k):
    """``v[k]`` of a vector of three, k in [0, 3)."""
    return ti.select(k == 0, v[0], ti.select(k == 1, v[1], v[2]))


@ti.func
def _homogeneous_edges(clip: ti.template(), corner, records: ti.template(), item):
    """Writes ``n_k = s P_{k+1} x P_{k+2}``, P = (X, Y, W), s = sign of ``det = P_0 . P_1 x P_2``; returns det.

    ``n_k . (x, y, 1)`` is proportional to corner k's perspective-correct barycentric, whatever the signs of the W.
    """
    p = [ti.Vector([clip[corner[k], c] for c in ti.static(range(3))]) for k in ti.static(range(3))]
    determinant = p[0].dot(p[1].cross(p[2]))
    sign = ti.select(determinant > 0.0, 1.0, -1.0)
    for k in ti.static(range(3)):
        n = p[(k + 1) % 3].cross(p[(k + 2) % 3]) * sign
        for c in ti.static(range(3)):
            records[item, PLANE + 3 * k + c] = n[c]
    return determinant


@ti.func
def _cut_bounds(records: ti.template(), item, reach):
    x = ti.Vector([records[item, XY + 2 * k] for k in ti.static(range(4))])
    y = ti.Vector([records[item, XY + 2 * k + 1] for k in ti.static(range(4))])
    return x.min() - reach, x.max() + reach, y.min() - reach, y.max() + reach


@ti.func
def _write_box(boxes: ti.template(), item, filled, xmin, xmax, ymin, ymax, width, height):
    """The pixels whose centres lie in the bounds, with a margin for rounding; empty unless ``filled``."""
    scale = 0.5 * ti.min(width, height)
    x0, x1 = xmin * scale + 0.5 * width - 0.5, xmax * scale + 0.5 * width - 0.5
    y0, y1 = 0.5 * height - 0.5 - ymax * scale, 0.5 * height - 0.5 - ymin * scale
    boxes[item, 0] = ti.cast(ti.ceil(ti.min(ti.max(x0 - 0.01, 0.0), 1.0 * width)), ti.i32)
    boxes[item, 1] = ti.cast(ti.ceil(ti.min(ti.max(y0 - 0.01, 0.0), 1.0 * height)), ti.i32)
    boxes[item, 2] = ti.cast(ti.floor(ti.max(ti.min(x1 + 0.01, width - 1.0), -1.0)), ti.i32)
    boxes[item, 3] = ti.cast(ti.floor(ti.max(ti.min(y1 + 0.01, height - 1.0), -1.0)), ti.i32)
    if not filled:
        boxes[item, 0] = 1
        boxes[item, 2] = 0
