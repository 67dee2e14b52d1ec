"""Set-up of the soft rasterizer: one compact record per view and face, computed once instead of once per pixel."""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.views import first_row, view_of
from taichi_dr.kernels.screen.projected_mesh import World
from taichi_dr.kernels.soft.cut_records import PlacedFace, setup_cut
from taichi_dr.kernels.soft.modes import DISTANCE_BARYCENTRIC
from taichi_dr.kernels.zbuffer.edge_lines import GUARD_PIXELS

# A face's kind.  Cut are those that cross the near plane, and those that reach so far out of the image (`GUARD_PIXELS`)
# that differences of their corners' positions on the screen are too coarse for its pixels.
ABSENT, WHOLE, CUT = range(3)

# Columns of a face's record, up to DEPTH those of a whole one; of a cut one they are in `cut_records`.
XY = 0  # of the corners
INVERSE_W = 8  # 1/W of the corners
INVERSE_AREA = 11
REACH = 12  # of each edge: its unit normal (a, b), inward, and `cull`
LINES = 21  # of each edge: `middle`, `half` and `slope`
SECOND_C = 30  # `c` of the second edge; those of the others are 0
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


@replayed
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
    vertices: ti.types.ndarray(ndim=2),
    view_mesh: ti.types.ndarray(dtype=ti.i32, ndim=1),
    camera: ti.types.ndarray(ndim=2),
    in_world: ti.i32,
    orthographic: ti.i32,
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
    ``cut_boxes`` of the cut ones (empty boxes elsewhere); sets ``any_cut[0]`` to 1 if there are any.

    ``reach``: how far outside a face its coverage is not negligible, ``sqrt(sigma COVERAGE_CUTOFF)``, in the unit of
    ``distance``.  The packet's size is what ``out_of_reach`` adds to a face's reach.  ``vertices``, ``view_mesh``,
    ``camera``: the ``World``, read if ``in_world``.
    """
    world = ti.static(World(vertices, view_mesh, camera))
    rows = attributes.shape[0] // views
    for item in range(views * faces.shape[0]):
        view = view_of(item, faces.shape[0])
        face = item - view * faces.shape[0]
        vertex = ti.Vector([faces[face, 0], faces[face, 1], faces[face, 2]])
        corner = first_row(clip, view, views) + vertex
        kind = _kind(clip, corner, near, far, 0.5 * ti.min(width, height), distance)
        xmin, xmax, ymin, ymax = 0.0, 0.0, 0.0, 0.0
        half = ti.Vector([1.0 * packet_cols - 1.0, 1.0 * packet_rows - 1.0]) / ti.min(width, height)
        if kind == WHOLE:
            if _setup_whole(clip, corner, records, item, reach, half, distance):
                xmin, xmax, ymin, ymax = _whole_bounds(records, item, reach, distance)
            else:
                kind = ABSENT
        elif kind != ABSENT:
            if in_world != 0:
                vertex += first_row(clip, view_mesh[view], views)
            placed = ti.static(PlacedFace(world, view, vertex, in_world, orthographic))
            solid, xmin, xmax, ymin, ymax = setup_cut(clip, corner, placed, records, item, near)
            if solid:
                any_cut[0] = 1
                xmin, xmax, ymin, ymax = xmin - reach, xmax + reach, ymin - reach, ymax + reach
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
        _write_box(cut_boxes, item, kind == CUT, xmin, xmax, ymin, ymax, width, height)


@ti.func
def _kind(clip: ti.template(), corner, near, far, half_side, distance: ti.template()):
    """The face's kind; ``half_side``: of the image, in pixels.  There is no barycentric distance to a cut face, so that
    with it a face is cut by the near plane alone.
    """
    before, within = 0, 0
    depth_min = clip[corner[0], 3]
    for k in ti.static(range(3)):
        depth_min = ti.min(depth_min, clip[corner[k], 3])
        if clip[corner[k], 3] >= near:
            before += 1
        x, y = ti.abs(clip[corner[k], 0]), ti.abs(clip[corner[k], 1])
        if ti.static(distance == DISTANCE_BARYCENTRIC) or ti.max(x, y) * half_side <= GUARD_PIXELS * clip[corner[k], 2]:
            within += 1
    kind = CUT
    if before == 0 or depth_min > far:
        kind = ABSENT
    elif before == 3 and within == 3:
        kind = WHOLE
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
