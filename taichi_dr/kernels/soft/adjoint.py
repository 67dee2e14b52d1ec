"""Adjoint of the soft rasterizer: face by face, each gathering what its pixels pass back.

The derivatives of a pixel's blend with respect to the exponents are those of ``weights``; from there it goes through
the interpolation and the distance to the corners (``whole_face``, ``cut_face``), and through the colours
(``coloring``).  Everything sums up over the packets of a face and is written once, so that no sum depends on the order
of threads.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.views import view_of
from taichi_dr.kernels.shading.at_points import PointShading
from taichi_dr.kernels.shading.light import Finish, Lights
from taichi_dr.kernels.soft.coloring import Place, Points, Setting, attribute_coloring, point_coloring, with_zero
from taichi_dr.kernels.soft.cut_face import CUT_ROWS, CutCorners, add_cut_adjoint, cut_pair, write_cut_adjoint
from taichi_dr.kernels.soft.cut_records import INVERSE_DETERMINANT
from taichi_dr.kernels.soft.face_records import ABSENT, CUT, WHOLE, load_attributes
from taichi_dr.kernels.soft.modes import Softness
from taichi_dr.kernels.soft.packets import Packets, packet_at, packet_middle, packet_x, packet_y, zero_bits
from taichi_dr.kernels.soft.pixel_adjoints import (
    PIXEL_ALPHA,
    PIXEL_DEPTH,
    PIXEL_MEAN,
    PIXEL_REFERENCE,
    PassedBack,
    passed_back,
)
from taichi_dr.kernels.soft.sums import SUM_ATTRIBUTE, SUM_DEPTH, Sums, add_row, row_total, zero_rows
from taichi_dr.kernels.soft.weights import alpha_slope, coverage, exponent_adjoint, pair_weight
from taichi_dr.kernels.soft.whole_face import (
    WHOLE_ROWS,
    add_whole_adjoint,
    load_reach,
    load_whole,
    out_of_reach,
    whole_distance,
    whole_pair,
    whole_row,
    write_whole_adjoint,
)


class Faces(NamedTuple):
    """The faces of all views: clip positions (V*N, 4), corners (F, 3), and what ``soft_setup`` made of them."""

    clip: Any
    corners: Any
    records: Any
    kinds: Any
    boxes: Any


class Tasks(NamedTuple):
    """How faces are dealt out: ``groups`` of the faces of each of ``views``, and ``bands`` of the rows of a face.

    Task ``(view * bands + band) * groups + group`` takes the ``groups``-th faces from ``group`` on, and of each of them
    the ``bands``-th rows of packets from ``band`` on.
    """

    views: Any
    bands: Any
    groups: Any


class PackedAdjoints(NamedTuple):
    """``packed`` (packets, rows, lanes) of ``pack_pixel_adjoints``, flat."""

    packed: Any
    rows: Any


@simd
@replayed
@ti.kernel
def soft_adjoint(
    clip: ti.types.ndarray(ndim=2),
    faces: ti.types.ndarray(dtype=ti.i32, ndim=2),
    records: ti.types.ndarray(ndim=2),
    kinds: ti.types.ndarray(dtype=ti.i32, ndim=1),
    boxes: ti.types.ndarray(dtype=ti.i32, ndim=2),
    packed: ti.types.ndarray(ndim=1),
    corner_adjoint: ti.types.ndarray(ndim=2),
    offsets: ti.types.ndarray(ndim=1),
    views: ti.i32,
    bands: ti.i32,
    groups: ti.i32,
    near: float,
    far: float,
    k: float,
    sharpness: float,
    tau: float,
    width: ti.i32,
    height: ti.i32,
    count: ti.template(),
    modes: ti.template(),
    packed_rows: ti.template(),
    shape: ti.template(),
    double: ti.template(),
    cut: ti.template(),
    lanes: ti.template(),
):
    """Writes ``corner_adjoint (bands*V*F*3, 4 + C)``: adjoints of X, Y, W, depth and the attributes of every corner of
    every face but the cut ones, or with ``cut`` of those.  ``lanes``: pixels that are dealt with at once.
    """
    all_faces = ti.static(Faces(clip, faces, records, kinds, boxes))
    tasks = ti.static(Tasks(views, bands, groups))
    pixels = ti.static(PackedAdjoints(packed, packed_rows))
    packets = ti.static(Packets(width, height, shape, double, offsets))
    softness = ti.static(Softness(near, far, k, sharpness, tau))
    coloring = ti.static(attribute_coloring(count))
    setting = ti.static(Setting(packets, softness, modes, coloring))
    _adjoint_of_faces(all_faces, tasks, pixels, corner_adjoint, setting, cut)


@replayed
@ti.kernel
def soft_adjoint_shaded(
    clip: ti.types.ndarray(ndim=2),
    faces: ti.types.ndarray(dtype=ti.i32, ndim=2),
    records: ti.types.ndarray(ndim=2),
    kinds: ti.types.ndarray(dtype=ti.i32, ndim=1),
    boxes: ti.types.ndarray(dtype=ti.i32, ndim=2),
    packed: ti.types.ndarray(ndim=1),
    corner_adjoint: ti.types.ndarray(ndim=2),
    offsets: ti.types.ndarray(ndim=1),
    views: ti.i32,
    bands: ti.i32,
    groups: ti.i32,
    near: float,
    far: float,
    k: float,
    sharpness: float,
    tau: float,
    width: ti.i32,
    height: ti.i32,
    modes: ti.template(),
    packed_rows: ti.template(),
    shape: ti.template(),
    double: ti.template(),
    cut: ti.template(),
    camera: ti.types.ndarray(ndim=2),
    orthographic: ti.template(),
    light_kind: ti.types.ndarray(ndim=1),
    light_color: ti.types.ndarray(ndim=2),
    light_vector: ti.types.ndarray(ndim=2),
    specular: float,
    shininess: float,
    two_sided: ti.template(),
    pyramid: ti.types.ndarray(ndim=2),
    levels: ti.types.ndarray(ndim=2),
    first_levels: ti.types.ndarray(ndim=1),
    layout: ti.template(),
    pyramid_adjoint: ti.types.ndarray(ndim=2),
    partials: ti.types.ndarray(ndim=2),
):
    """``soft_adjoint`` of ``soft_forward_shaded``; each task adds the adjoints of lights and eye to its own column of
    ``partials``.
    """
    lights, finish = ti.static(Lights(light_kind, light_color, light_vector), Finish(specular, shininess, two_sided))
    shading = ti.static(PointShading(camera, orthographic, lights, finish, pyramid, levels, first_levels, layout))
    points = ti.static(Points(shading, clip, faces, width, height, pyramid_adjoint, partials))
    all_faces = ti.static(Faces(clip, faces, records, kinds, boxes))
    tasks = ti.static(Tasks(views, bands, groups))
    pixels = ti.static(PackedAdjoints(packed, packed_rows))
    packets = ti.static(Packets(width, height, shape, double, offsets))
    softness = ti.static(Softness(near, far, k, sharpness, tau))
    coloring = ti.static(point_coloring(points))
    setting = ti.static(Setting(packets, softness, modes, coloring))
    _adjoint_of_faces(all_faces, tasks, pixels, corner_adjoint, setting, cut)


@ti.func
def _adjoint_of_faces(
    faces: ti.template(),
    tasks: ti.template(),
    pixels: ti.template(),
    corner_adjoint: ti.template(),
    launch: ti.template(),
    cut: ti.template(),
):
    """The loop over all faces.  ``launch``: the ``Setting``, its packets without ``zero``."""
    for task in range(tasks.views * tasks.bands * tasks.groups):
        zero = zero_bits(launch.packets.offsets)
        setting = ti.static(with_zero(launch, zero))
        unit = view_of(task, tasks.groups)
        group = task - unit * tasks.groups
        view = view_of(unit, tasks.bands)
        band = unit - view * tasks.bands
        count = faces.corners.shape[0]
        for step in range((count - group + tasks.groups - 1) // tasks.groups):
            face = group + step * tasks.groups
            item = view * count + face
            kind = faces.kinds[item]
            place = ti.static(Place(view, face, item, None, column=task))
            if ti.static(cut):
                if kind == CUT:
                    _face_adjoint(place, band, faces, tasks, pixels, corner_adjoint, setting, cut)
            elif kind == ABSENT:
                base = 3 * (band * faces.kinds.shape[0] + item)
                _clear_corners(corner_adjoint, base, 4 + setting.coloring.attributes)
            elif kind == WHOLE:
                _face_adjoint(place, band, faces, tasks, pixels, corner_adjoint, setting, cut)


@ti.func
def _clear_corners(corner_adjoint: ti.template(), base, columns: ti.template()):
    """Writes zeros to the rows of a face that no pixel sees."""
    for corner in ti.static(range(3)):
        for column in ti.static(range(columns)):  # one loop over both is long enough for Taichi to warn of unrolling it
            corner_adjoint[base + corner, column] = 0.0


@ti.func
def _face_adjoint(
    place: ti.template(),
    band,
    faces: ti.template(),
    tasks: ti.template(),
    pixels: ti.template(),
    corner_adjoint: ti.template(),
    setting: ti.template(),
    cut: ti.template(),
):
    """Sums up what a face's packets, of a cut face its pixels, pass back, and writes it to the rows of its corners."""
    boxes, packets = ti.static(faces.boxes, setting.packets)
    item = place.item
    shape = ti.static((1, 1) if cut else packets.shape)
    lanes = ti.static(shape[0] * shape[1])
    geometry = ti.static(SUM_ATTRIBUTE + 3 * setting.coloring.attributes)
    rows = zero_rows(geometry + (CUT_ROWS if cut else WHOLE_ROWS), lanes)
    sums = ti.static(Sums(rows, lanes, geometry))
    attributes = load_attributes(faces.records, item, setting.coloring.attributes)
    whole = ti.static(_whole_of(faces.records, item, cut))
    row0, row1 = boxes[item, 1] // shape[1] + band, boxes[item, 3] // shape[1] + 1
    col0, col1 = boxes[item, 0] // shape[0], boxes[item, 2] // shape[0] + 1
    for step in range((row1 - row0 + tasks.bands - 1) // tasks.bands):
        row = (row0 + step * tasks.bands) * shape[1]
        y = packet_y(row, packets, lanes)
        line = ti.static(_row_of(whole, y, packets, cut))
        for packet_col in range(col0, col1):
            col = packet_col * shape[0]
            if _may_touch(whole, row, col, packets, cut):
                x = packet_x(col, packets, lanes)
                pair = ti.static(_pair_at(faces.records, item, line, x, y, setting, cut))
                at = packet_at(place.view, row, col, packets) * (pixels.rows * packets.lanes)
                if ti.static(cut):
                    at += row % packets.shape[1] * packets.shape[0] + col % packets.shape[0]
                back = ti.static(PassedBack(pixels.packed, at, packets.lanes, lanes))
                _packet_adjoint(sums, ti.static(place._replace(attributes=attributes, x=x, y=y)), pair, back, setting)
    base = 3 * (band * faces.kinds.shape[0] + item)
    for corner in ti.static(range(3)):
        corner_adjoint[base + corner, 3] = row_total(sums, SUM_DEPTH + corner)
        for c in ti.static(range(setting.coloring.attributes)):
            corner_adjoint[base + corner, 4 + c] = row_total(sums, SUM_ATTRIBUTE + 3 * c + corner)
    if ti.static(cut):
        corner = ti.Vector([faces.corners[place.face, k] for k in ti.static(range(3))])
        corner += faces.clip.shape[0] // tasks.views * place.view
        corners = ti.static(CutCorners(faces.clip, corner, setting.softness.near, corner_adjoint, base))
        write_cut_adjoint(sums, corners, faces.records[item, INVERSE_DETERMINANT])
    else:
        write_whole_adjoint(sums, whole, faces.records, item, corner_adjoint, base)


@ti.func
def _whole_of(records: ti.template(), item, cut: ti.template()):
    """What the packets of a whole face share; nothing of a cut one."""
    if ti.static(cut):
        return None
    return ti.static(load_whole(records, item, ti.static(load_reach(records, item))))


@ti.func
def _may_touch(whole: ti.template(), row, col, packets: ti.template(), cut: ti.template()):
    """Whether a packet of a face's box may be within its reach; of a cut face always."""
    result = True
    if ti.static(not cut):
        x, y = packet_middle(row, col, packets)
        result = not out_of_reach(whole.reach, x, y)
    return result


@ti.func
def _row_of(whole: ti.template(), y, packets: ti.template(), cut: ti.template()):
    """What a row of packets of a whole face shares; nothing of a cut one."""
    if ti.static(cut):
        return None
    return ti.static(whole_row(whole, y, packets))


@ti.func
def _pair_at(records: ti.template(), item, line: ti.template(), x, y, setting: ti.template(), cut: ti.template()):
    """The ``Pair`` at a packet."""
    if ti.static(cut):
        return ti.static(cut_pair(records, item, x, y, setting.softness, setting.packets))
    distance = ti.static(whole_distance(line, x))
    return ti.static(whole_pair(distance, setting.softness, setting.modes, setting.packets))


@ti.func
def _packet_adjoint(
    sums: ti.template(), place: ti.template(), pair: ti.template(), back: ti.template(), setting: ti.template()
):
    """Adds what a packet passes back to a face, through weight, colour, depth, interpolation and distance."""
    softness, modes, coloring = ti.static(setting.softness, setting.modes, setting.coloring)
    double = ti.static(setting.packets.double)
    cover, uncover = coverage(pair.squared, pair.inside, pair.seen, softness.sharpness, modes, double)
    reference = passed_back(back, PIXEL_REFERENCE)
    weight = pair_weight(cover, pair.z, reference, place.face, softness.k, modes, double)
    value, attribute_adjoints = coloring.adjoint(coloring, place, pair, weight, back)
    to_depth = passed_back(back, PIXEL_DEPTH)
    exponent = exponent_adjoint(weight, value + to_depth * pair.z, passed_back(back, PIXEL_MEAN), modes)
    z_adjoint = weight * to_depth - softness.k * exponent
    if ti.static(pair.distance.is_cut):
        z_adjoint = ti.select(pair.distance.sloped > 0.0, z_adjoint, 0.0)
    x_adjoint = uncover * exponent + passed_back(back, PIXEL_ALPHA) * alpha_slope(cover, uncover, modes)
    squared_adjoint = ti.select(pair.inside > 0.0, x_adjoint, -x_adjoint) * softness.sharpness

    h = [z_adjoint * pair.depth[k] for k in ti.static(range(3))]
    for k in ti.static(range(3)):
        add_row(sums, SUM_DEPTH + k, pair.p[k] * z_adjoint)
    for c in ti.static(range(coloring.attributes)):
        for k in ti.static(range(3)):
            add_row(sums, SUM_ATTRIBUTE + 3 * c + k, pair.p[k] * attribute_adjoints[c])
            h[k] += attribute_adjoints[c] * place.attributes[c][k]
    if ti.static(pair.distance.is_cut):
        add_cut_adjoint(sums, pair, place.x, place.y, h, z_adjoint, squared_adjoint)
    else:
        add_whole_adjoint(sums, pair, h, squared_adjoint, modes)
