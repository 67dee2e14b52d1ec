"""The soft rasterizer with light and texture found for every pair of a pixel and a face.

The colour ``C_j`` of a face (Liu et al., Soft Rasterizer, ICCV 2019, section 3.3) is here ``pixel_shading.shade_point``
of its own attributes at the pixel: what is blended are colours, not attributes that are shaded afterwards, so that a
hidden surface bleeds no normal or texture coordinate into the one in front.  Everything else is that of
``soft_forward``, for packets of one pixel: light has branches.  Pairs whose weight is nothing are not shaded.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.shading.at_points import PointShading, shade_point
from taichi_dr.kernels.shading.light import Finish, Lights
from taichi_dr.kernels.shading.texture import mip_level
from taichi_dr.kernels.soft.blend import (
    COLOR_SUM,
    STATE,
    TOTAL,
    blend_color,
    blend_face,
    finish_pixel,
    resume_pixel,
    start_blend,
)
from taichi_dr.kernels.soft.pair import (
    ATTRIBUTE,
    COLOR_HARD,
    DEPTH,
    TILE,
    cut_face,
    fill_lanes,
    mix,
    packet_centers,
    packet_pixel,
    tiles,
    whole_face,
    whole_interpolation,
    whole_squared_distance,
)

SHAPE = (1, 1)  # of a packet
NEGLIGIBLE = 1e-12  # a pair with less than this share of a pixel is not shaded


@ti.kernel
def soft_shaded_forward(
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
    sigma: float,
    gamma: float,
    tau: float,
    width: ti.i32,
    height: ti.i32,
    modes: ti.template(),
    double: ti.template(),
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
    cut: ti.template(),
):
    """``soft_forward``, or with ``cut`` ``soft_forward_cut``, with the colours of ``shade_point``."""
    lights = ti.static(Lights(light_kind, light_color, light_vector))
    finish = ti.static(Finish(specular, shininess, two_sided))
    shading = ti.static(PointShading(camera, orthographic, lights, finish, pyramid, levels, layout))
    for packet in range(views * tiles(width, height) * (TILE * TILE)):
        view, row, col = packet_pixel(packet, width, height, SHAPE)
        first, last = tile_start[packet // (TILE * TILE)], tile_start[packet // (TILE * TILE) + 1]
        wanted = row < height and col < width
        if ti.static(cut):
            wanted = wanted and first < last
        if wanted:
            count = boxes.shape[0] // views
            pixel = (view * height + row) * width + col
            x, y = packet_centers(row, col, width, height, offsets, 1)
            blend = ti.Vector([0.0 for _ in ti.static(range(COLOR_SUM + 3))])
            if ti.static(cut):
                resume_pixel(blend, image, depth, face_id, barycentrics, state, pixel, packet * STATE, 3, 1)
            else:
                start_blend(blend, 0, background, near, far, 3, modes, 1)
            for entry in range(first, last):
                face = tile_faces[entry]
                item = view * count + face
                if boxes[item, 0] <= col <= boxes[item, 2] and boxes[item, 1] <= row <= boxes[item, 3]:
                    squared, inside, seen, p0, p1, p2, z, dx, dy = _pair(
                        records, item, x, y, tau, near, far, modes, cut
                    )
                    k = 1.0 / (gamma * (far - near))
                    keep, share = blend_face(
                        blend, 0, face, squared / sigma, inside, seen, p0, p1, p2, z, k, modes, 1, double
                    )
                    rgb = ti.Vector([0.0, 0.0, 0.0])
                    if _matters(share[0], blend[TOTAL], modes):
                        corners = clip.shape[0] // views * view + ti.Vector(
                            [faces[face, c] for c in ti.static(range(3))]
                        )
                        lod = pair_lod(
                            clip, corners, records, item, [x, y], [dx, dy], inside, width, height, levels, layout
                        )
                        rgb = shade_point(
                            pair_attributes(records, item, p0[0], p1[0], p2[0], layout),
                            lod,
                            view,
                            shading,
                        )
                    for c in ti.static(range(3)):
                        blend_color(blend, 0, c, fill_lanes(rgb[c], 1), keep, share, modes, 1)
            finish_pixel(blend, image, alpha, depth, face_id, barycentrics, state, pixel, packet * STATE, 3, modes, 1)


@ti.func
def _pair(records: ti.template(), item, x, y, tau, near, far, modes: ti.template(), cut: ti.template()):
    """Squared distance, sign masks, barycentrics, depth and vector from the boundary of a whole or a cut face."""
    squared, inside, seen, z = 0.0 * x, 0.0 * x, 0.0 * x, 0.0 * x
    p0, p1, p2, dx, dy = 0.0 * x, 0.0 * x, 0.0 * x, 0.0 * x, 0.0 * x
    if ti.static(cut):
        inside, dx, dy, _side, _t, u0, u1, u2, r = cut_face(records, item, x, y)
        squared = dx * dx + dy * dy
        p0, p1, p2 = ti.max(u0, 0.0) * r, ti.max(u1, 0.0) * r, ti.max(u2, 0.0) * r
        z = ti.max(mix(records, item, DEPTH, p0, p1, p2), near)
        seen = lower(higher(inside, tau - squared), lower(r, far - z))
    else:
        w0, w1, w2, dx, dy, _b0, _b1, _b2 = whole_face(records, item, x, y)
        squared, inside = whole_squared_distance(dx, dy, w0, w1, w2, modes[2])
        p0, p1, p2, _r = whole_interpolation(records, item, w0, w1, w2)
        z = mix(records, item, DEPTH, p0, p1, p2)
        seen = lower(higher(inside, tau - squared), lower(z - near, far - z))
    return squared, inside, seen, p0, p1, p2, z, dx, dy


@ti.func
def _matters(share, total, modes: ti.template()):
    """Whether the colour of a pair with this share (of ``blend_face``) can be seen."""
    threshold = NEGLIGIBLE * total
    if ti.static(modes[1] == COLOR_HARD):
        threshold = 0.0
    return share > threshold


@ti.func
def pair_attributes(records: ti.template(), item, p0, p1, p2, layout: ti.template()):
    """Attributes (layout.channels) of a face at the point whose perspective-correct barycentrics are ``p`` (3)."""
    return ti.Vector([mix(records, item, ATTRIBUTE + 3 * c, p0, p1, p2) for c in ti.static(range(layout.channels))])


@ti.func
def pair_lod(
    clip: ti.template(),
    corners,
    records: ti.template(),
    item,
    at: ti.template(),
    d: ti.template(),
    inside,
    width,
    height,
    levels: ti.template(),
    layout: ti.template(),
):
    """Level of detail of a face at the pixel ``at``; if that is outside, at the face's nearest point, ``d`` away."""
    lod = 0.0
    if ti.static(layout.textured):
        outside = ti.select(inside[0] > 0.0, 0.0, 1.0)
        lod = mip_level(
            [row3(clip, corners[k]) for k in ti.static(range(3))],
            [_corner_uv(records, item, k, layout) for k in ti.static(range(3))],
            [at[0][0] - outside * d[0][0], at[1][0] - outside * d[1][0]],
            2.0 / ti.min(width, height),
            [levels[0, 1], levels[0, 2]],
        )
    return lod


@ti.func
def _corner_uv(records: ti.template(), item, corner: ti.template(), layout: ti.template()):
    column = ti.static(ATTRIBUTE + 3 * layout.uv + corner)
    return ti.Vector([records[item, column], records[item, column + 3]])
