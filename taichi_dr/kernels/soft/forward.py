"""Forward of the soft rasterizer, pixel by pixel: each blends the faces of its tile in one walk, in registers.

This is the GPU's, and everyone's for faces that the near plane cuts and for shaded points; ``forward_tiles`` does the
same on a CPU, face by face.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.views import first_row
from taichi_dr.kernels.shading.at_points import PointShading
from taichi_dr.kernels.shading.light import Finish, Lights
from taichi_dr.kernels.soft.blend import (
    COLOR_SUM,
    STATE,
    TOTAL,
    Blend,
    Outputs,
    blend_color,
    blend_face,
    finish_pixel,
    resume_pixel,
    start_blend,
)
from taichi_dr.kernels.soft.coloring import Place, Points, Setting, attribute_coloring, point_coloring, with_zero
from taichi_dr.kernels.soft.cut_face import cut_pair
from taichi_dr.kernels.soft.face_records import BinnedFaces, load_attributes
from taichi_dr.kernels.soft.modes import COLOR_HARD, Softness
from taichi_dr.kernels.soft.packets import (
    TILE,
    Packets,
    fill_lanes,
    packet_pixel,
    packet_x,
    packet_y,
    tiles,
    zero_bits,
)
from taichi_dr.kernels.soft.whole_face import (
    load_reach,
    load_whole,
    out_of_reach,
    whole_distance,
    whole_pair,
    whole_row,
)

NEGLIGIBLE_SHARE = 1e-12  # a pair with less than this share of a pixel need not be coloured


@replayed
@ti.kernel
def soft_forward(
    records: ti.types.ndarray(ndim=2),
    boxes: ti.types.ndarray(dtype=ti.i32, ndim=2),
    tile_start: ti.types.ndarray(dtype=ti.i32, ndim=1),
    tile_faces: ti.types.ndarray(dtype=ti.i32, ndim=1),
    background: ti.types.ndarray(ndim=1),
    image: ti.types.ndarray(ndim=2),
    alpha: ti.types.ndarray(ndim=1),
    depth: ti.types.ndarray(ndim=1),
    face_id: ti.types.ndarray(dtype=ti.i32, ndim=1),
    barycentrics: ti.types.ndarray(ndim=2),
    state: ti.types.ndarray(ndim=1),
    offsets: ti.types.ndarray(ndim=1),
    views: ti.i32,
    near: float,
    far: float,
    k: float,
    sharpness: float,
    tau: float,
    width: ti.i32,
    height: ti.i32,
    count: ti.template(),
    modes: ti.template(),
    shape: ti.template(),
    double: ti.template(),
    cut: ti.template(),
):
    """Blends the whole faces of every pixel, or with ``cut`` goes on with those that the near plane cuts.

    The arrays are those of ``SoftPass``.
    """
    binned = ti.static(BinnedFaces(records, boxes, tile_start, tile_faces, views))
    outputs = ti.static(Outputs(image, alpha, depth, face_id, barycentrics, state))
    packets = ti.static(Packets(width, height, shape, double, offsets))
    softness = ti.static(Softness(near, far, k, sharpness, tau))
    coloring = ti.static(attribute_coloring(count))
    _blend_pixels(binned, background, outputs, ti.static(Setting(packets, softness, modes, coloring)), cut)


@replayed
@ti.kernel
def soft_forward_shaded(
    clip: ti.types.ndarray(ndim=2),
    faces: ti.types.ndarray(dtype=ti.i32, ndim=2),
    records: ti.types.ndarray(ndim=2),
    boxes: ti.types.ndarray(dtype=ti.i32, ndim=2),
    tile_start: ti.types.ndarray(dtype=ti.i32, ndim=1),
    tile_faces: ti.types.ndarray(dtype=ti.i32, ndim=1),
    background: ti.types.ndarray(ndim=1),
    image: ti.types.ndarray(ndim=2),
    alpha: ti.types.ndarray(ndim=1),
    depth: ti.types.ndarray(ndim=1),
    face_id: ti.types.ndarray(dtype=ti.i32, ndim=1),
    barycentrics: ti.types.ndarray(ndim=2),
    state: ti.types.ndarray(ndim=1),
    offsets: ti.types.ndarray(ndim=1),
    views: ti.i32,
    near: float,
    far: float,
    k: float,
    sharpness: float,
    tau: float,
    width: ti.i32,
    height: ti.i32,
    modes: ti.template(),
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
):
    """``soft_forward`` with the colours of ``shade_point``."""
    lights, finish = ti.static(Lights(light_kind, light_color, light_vector), Finish(specular, shininess, two_sided))
    shading = ti.static(PointShading(camera, orthographic, lights, finish, pyramid, levels, first_levels, layout))
    binned = ti.static(BinnedFaces(records, boxes, tile_start, tile_faces, views))
    outputs = ti.static(Outputs(image, alpha, depth, face_id, barycentrics, state))
    packets = ti.static(Packets(width, height, shape, double, offsets))
    softness = ti.static(Softness(near, far, k, sharpness, tau))
    coloring = ti.static(point_coloring(Points(shading, clip, faces, width, height)))
    _blend_pixels(binned, background, outputs, ti.static(Setting(packets, softness, modes, coloring)), cut)


@ti.func
def _blend_pixels(
    binned: ti.template(),
    background: ti.template(),
    outputs: ti.template(),
    launch: ti.template(),
    cut: ti.template(),
):
    """The loop over all pixels, packet by packet.  ``launch``: the ``Setting``, its packets without ``zero``."""
    for slot in range(binned.views * tiles(launch.packets.width, launch.packets.height) * (TILE * TILE)):
        zero = zero_bits(launch.packets.offsets)
        setting = ti.static(with_zero(launch, zero))
        packets, channels = ti.static(setting.packets, setting.coloring.channels)
        packet, lane = slot // packets.lanes, slot % packets.lanes
        view, top, left = packet_pixel(packet, packets)
        row, col = top + lane // packets.shape[0], left + lane % packets.shape[0]
        first, last = binned.start[packet // packets.per_tile], binned.start[packet // packets.per_tile + 1]
        if row < packets.height and col < packets.width and (ti.static(not cut) or first < last):
            pixel = (view * packets.height + row) * packets.width + col
            at = packet * (STATE * packets.lanes) + lane
            sums = ti.Vector([0.0 for _ in ti.static(range(COLOR_SUM + channels))])
            blend = ti.static(Blend(sums, 0, 1, packets.double))
            if ti.static(cut):
                resume_pixel(sums, outputs, pixel, at, channels, packets.lanes)
            else:
                start_blend(blend, background, channels, setting.softness, setting.modes)
            x, y = packet_x(col, packets, 1), packet_y(row, packets, 1)
            first_item = first_row(binned.boxes, view, binned.views)
            for entry in range(first, last):
                face = binned.faces[entry]
                item = first_item + face
                if _in_box(binned.boxes, item, row, col):
                    _blend_pair(blend, ti.static(Place(view, face, item, None, x, y)), binned.records, setting, cut)
            finish_pixel(blend, outputs, pixel, at, channels, setting.modes, packets.lanes)


@ti.func
def _in_box(boxes: ti.template(), item, row, col):
    return boxes[item, 0] <= col <= boxes[item, 2] and boxes[item, 1] <= row <= boxes[item, 3]


@ti.func
def _blend_pair(
    blend: ti.template(), place: ti.template(), records: ti.template(), setting: ti.template(), cut: ti.template()
):
    """Blends one face into a pixel, if that is within its reach."""
    packets, softness = ti.static(setting.packets, setting.softness)
    if ti.static(cut):
        pair = ti.static(cut_pair(records, place.item, place.x, place.y, softness, packets))
        _blend_colored(blend, place, pair, records, setting)
    else:
        reach = ti.static(load_reach(records, place.item))
        if not out_of_reach(reach, place.x[0], place.y[0]):
            face = ti.static(load_whole(records, place.item, reach))
            distance = ti.static(whole_distance(ti.static(whole_row(face, place.y, packets)), place.x))
            pair = ti.static(whole_pair(distance, softness, setting.modes, packets))
            _blend_colored(blend, place, pair, records, setting)


@ti.func
def _blend_colored(
    blend: ti.template(), place: ti.template(), pair: ti.template(), records: ti.template(), setting: ti.template()
):
    """Blends one face into a pixel, colours and all."""
    softness, modes, coloring = ti.static(setting.softness, setting.modes, setting.coloring)
    attributes = load_attributes(records, place.item, coloring.attributes)
    keep, share = blend_face(blend, place.face, pair, softness, modes)
    threshold = 0.0
    if ti.static(modes.color != COLOR_HARD):
        threshold = NEGLIGIBLE_SHARE * blend.rows[TOTAL]
    known = ti.static(place._replace(attributes=attributes))
    color = coloring.colors(coloring, known, pair, share[0] > threshold)
    for c in ti.static(range(coloring.channels)):
        blend_color(blend, c, fill_lanes(color[c], 1), keep, share, modes)
