"""Forward of the soft rasterizer: every pixel blends the faces of its tile in one walk, in registers.

This is the GPU's, and everyone's for faces that the near plane cuts and for shaded points; ``forward_tiles`` does the
same on a CPU, face by face.
"""

import taichi as ti

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
from taichi_dr.kernels.soft.face_records import BinnedFaces
from taichi_dr.kernels.soft.modes import COLOR_HARD, Softness
from taichi_dr.kernels.soft.packets import (
    TILE,
    Packets,
    fill_lanes,
    packet_centers,
    packet_pixel,
    tiles,
    zero_bits,
)
from taichi_dr.kernels.soft.whole_face import load_whole, out_of_reach, whole_distance, whole_pair

NEGLIGIBLE_SHARE = 1e-12  # a pair with less than this share of a pixel need not be coloured


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
    coloring = ti.static(attribute_coloring(records, count))
    _blend_pixels(binned, background, outputs, ti.static(Setting(packets, softness, modes, coloring)), cut)


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
    layout: ti.template(),
):
    """``soft_forward`` with the colours of ``shade_point``."""
    lights, finish = ti.static(Lights(light_kind, light_color, light_vector), Finish(specular, shininess, two_sided))
    shading = ti.static(PointShading(camera, orthographic, lights, finish, pyramid, levels, layout))
    binned = ti.static(BinnedFaces(records, boxes, tile_start, tile_faces, views))
    outputs = ti.static(Outputs(image, alpha, depth, face_id, barycentrics, state))
    packets = ti.static(Packets(width, height, shape, double, offsets))
    softness = ti.static(Softness(near, far, k, sharpness, tau))
    coloring = ti.static(point_coloring(records, Points(shading, clip, faces, width, height)))
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
            x, y = packet_centers(row, col, packets, 1)
            for entry in range(first, last):
                face = binned.faces[entry]
                item = view * (binned.boxes.shape[0] // binned.views) + face
                if _may_touch(binned, item, row, col, x, y, cut):
                    _blend_pair(blend, ti.static(Place(view, face, item, x, y)), setting, cut)
            finish_pixel(sums, outputs, pixel, at, channels, setting.modes, packets.lanes)


@ti.func
def _may_touch(binned: ti.template(), item, row, col, x, y, cut: ti.template()):
    """Whether the pixel is in a face's box and, of a whole face, within its reach."""
    boxes = ti.static(binned.boxes)
    result = boxes[item, 0] <= col <= boxes[item, 2] and boxes[item, 1] <= row <= boxes[item, 3]
    if ti.static(not cut):
        if result:
            result = not out_of_reach(binned.records, item, x[0], y[0])
    return result


@ti.func
def _blend_pair(blend: ti.template(), place: ti.template(), setting: ti.template(), cut: ti.template()):
    """Blends one face into a pixel, colours and all."""
    softness, modes, coloring = ti.static(setting.softness, setting.modes, setting.coloring)
    pair = ti.static(_pair_at(place, setting, cut))
    keep, share = blend_face(blend, place.face, pair, softness, modes)
    threshold = 0.0
    if ti.static(modes.color != COLOR_HARD):
        threshold = NEGLIGIBLE_SHARE * blend.rows[TOTAL]
    color = coloring.colors(coloring, place, pair, share[0] > threshold)
    for c in ti.static(range(coloring.channels)):
        blend_color(blend, c, fill_lanes(color[c], 1), keep, share, modes)


@ti.func
def _pair_at(place: ti.template(), setting: ti.template(), cut: ti.template()):
    records, packets = ti.static(setting.coloring.records, setting.packets)
    if ti.static(cut):
        return ti.static(cut_pair(records, place.item, place.x, place.y, setting.softness, packets))
    face = ti.static(load_whole(records, place.item))
    distance = ti.static(whole_distance(face, place.x, place.y, packets))
    return ti.static(whole_pair(distance, setting.softness, setting.modes, packets))
