"""Adjoint of ``soft_shaded_forward``: that of ``soft_adjoint`` with light and texture between colours and attributes.

With ``g = w_j dL/dI`` the adjoint of a pair's colour, that of its attributes ``a = sum_k p_k A_k`` is ``shade_point``'s
transposed derivative times g; it goes to the corners, ``dL/dA_k = p_k dL/da``, and through ``dL/dp_k = A_k . dL/da``
into the geometry.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.partial_sums import clear_column
from taichi_dr.kernels.shading.at_points import PointShading, PointSums, shade_point_adjoint
from taichi_dr.kernels.shading.light import Finish, Lights
from taichi_dr.kernels.soft.adjoint import (
    SUM_ATTRIBUTE,
    add_row,
    add_whole_face,
    pair_exponents,
    pair_weight,
    write_whole_face,
)
from taichi_dr.kernels.soft.cut_adjoint import add_cut_face, write_cut_face
from taichi_dr.kernels.soft.pair import (
    ABSENT,
    ATTRIBUTE,
    CUT_TO_ONE,
    DEPTH,
    WHOLE,
    cut_face,
    fill_lanes,
    mix,
    out_of_reach,
    packet_at,
    packet_centers,
    whole_face,
    whole_interpolation,
    whole_squared_distance,
)
from taichi_dr.kernels.soft.pixel_adjoints import PACKED
from taichi_dr.kernels.soft.shaded_forward import SHAPE, pair_attributes, pair_lod

NEGLIGIBLE = 1e-16  # a pair with less weight is not shaded; weights are not divided by S >= 1e-4 here


@ti.kernel
def soft_shaded_adjoint(
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
    near: float,
    far: float,
    sigma: float,
    gamma: float,
    tau: float,
    width: ti.i32,
    height: ti.i32,
    groups: ti.i32,
    modes: ti.template(),
    packed_rows: ti.template(),
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
    pyramid_adjoint: ti.types.ndarray(ndim=2),
    partials: ti.types.ndarray(ndim=2),
):
    """``soft_adjoint`` for ``soft_shaded_forward``: writes ``corner_adjoint`` of all faces but the cut ones.

    A view's faces are dealt out to ``groups`` tasks in each band; task ``(view * bands + band) * groups + group`` sums
    the adjoints of lights and eye into its column of ``partials``.
    """
    lights = ti.static(Lights(light_kind, light_color, light_vector))
    finish = ti.static(Finish(specular, shininess, two_sided))
    shading = ti.static(PointShading(camera, orthographic, lights, finish, pyramid, levels, layout))
    for task in range(views * bands * groups):
        view, band, group = task // (bands * groups), task // groups % bands, task % groups
        count = kinds.shape[0] // views
        k = 1.0 / (gamma * (far - near))
        if ti.static(layout.lit):
            clear_column(partials, task)
        for step in range((count - group + groups - 1) // groups):
            face = group + step * groups
            item = view * count + face
            base = 3 * (band * kinds.shape[0] + item)
            if kinds[item] == ABSENT:
                for corner in ti.static(range(3)):
                    for column in ti.static(range(4 + layout.channels)):
                        corner_adjoint[base + corner, column] = 0.0
            elif kinds[item] == WHOLE:
                sums = ti.Vector([0.0 for _ in ti.static(range(SUM_ATTRIBUTE + 3 * layout.channels))])
                corners = clip.shape[0] // views * view + ti.Vector([faces[face, c] for c in ti.static(range(3))])
                row0 = boxes[item, 1] + band
                for row_step in range((boxes[item, 3] - row0 + bands) // bands):
                    row = row0 + row_step * bands
                    for col in range(boxes[item, 0], boxes[item, 2] + 1):
                        x, y = packet_centers(row, col, width, height, offsets, 1)
                        if not out_of_reach(records, item, x[0], y[0]):
                            at = packet_at(view, row, col, width, height, SHAPE) * packed_rows
                            w0, w1, w2, dx, dy, b0, b1, b2 = whole_face(records, item, x, y)
                            squared, inside = whole_squared_distance(dx, dy, w0, w1, w2, modes[2])
                            p0, p1, p2, r = whole_interpolation(records, item, w0, w1, w2)
                            z = mix(records, item, DEPTH, p0, p1, p2)
                            seen = lower(higher(inside, tau - squared), lower(z - near, far - z))
                            cover, uncover, weight = pair_weight(
                                packed, face, at, squared, inside, seen, z, k, sigma, modes, 1, 1, double
                            )
                            lod = pair_lod(
                                clip, corners, records, item, [x, y], [dx, dy], inside, width, height, levels, layout
                            )
                            value, adjoint = _shading_adjoint(
                                records,
                                packed,
                                item,
                                at,
                                p0[0],
                                p1[0],
                                p2[0],
                                weight[0],
                                lod,
                                view,
                                shading,
                                ti.static(PointSums(pyramid_adjoint, partials, task)),
                            )
                            x_adjoint, z_adjoint = pair_exponents(
                                packed,
                                at,
                                z,
                                1.0 + 0.0 * z,
                                fill_lanes(value, 1),
                                cover,
                                uncover,
                                weight,
                                k,
                                modes,
                                1,
                                1,
                            )
                            h = _interpolation_adjoint(records, item, z_adjoint[0], adjoint, layout)
                            for c in ti.static(range(layout.channels)):
                                add_row(sums, SUM_ATTRIBUTE + 3 * c, p0 * adjoint[c], 1)
                                add_row(sums, SUM_ATTRIBUTE + 3 * c + 1, p1 * adjoint[c], 1)
                                add_row(sums, SUM_ATTRIBUTE + 3 * c + 2, p2 * adjoint[c], 1)
                            add_whole_face(
                                sums,
                                records,
                                item,
                                [w0, w1, w2],
                                [dx, dy],
                                [b0, b1, b2],
                                [p0, p1, p2],
                                r,
                                inside,
                                x_adjoint,
                                z_adjoint,
                                [fill_lanes(h[0], 1), fill_lanes(h[1], 1), fill_lanes(h[2], 1)],
                                sigma,
                                modes,
                                1,
                            )
                write_whole_face(sums, records, item, corner_adjoint, base, layout.channels, 1)


@ti.kernel
def soft_shaded_adjoint_cut(
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
    near: float,
    far: float,
    sigma: float,
    gamma: float,
    tau: float,
    width: ti.i32,
    height: ti.i32,
    groups: ti.i32,
    modes: ti.template(),
    packed_rows: ti.template(),
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
    pyramid_adjoint: ti.types.ndarray(ndim=2),
    partials: ti.types.ndarray(ndim=2),
):
    """The same for the faces that the near plane cuts, after ``soft_shaded_adjoint``, to whose ``partials`` it adds."""
    lights = ti.static(Lights(light_kind, light_color, light_vector))
    finish = ti.static(Finish(specular, shininess, two_sided))
    shading = ti.static(PointShading(camera, orthographic, lights, finish, pyramid, levels, layout))
    for task in range(views * bands * groups):
        view, band, group = task // (bands * groups), task // groups % bands, task % groups
        count = kinds.shape[0] // views
        k = 1.0 / (gamma * (far - near))
        for step in range((count - group + groups - 1) // groups):
            face = group + step * groups
            item = view * count + face
            if kinds[item] >= CUT_TO_ONE:
                base = 3 * (band * kinds.shape[0] + item)
                corners = clip.shape[0] // views * view + ti.Vector([faces[face, c] for c in ti.static(range(3))])
                polygon = [fill_lanes(0.0, 1) for _ in ti.static(range(8))]
                planes = [fill_lanes(0.0, 1) for _ in ti.static(range(9))]
                depths = [fill_lanes(0.0, 1) for _ in ti.static(range(3))]
                attributes = [fill_lanes(0.0, 1) for _ in ti.static(range(3 * layout.channels))]
                row0 = boxes[item, 1] + band
                for row_step in range((boxes[item, 3] - row0 + bands) // bands):
                    row = row0 + row_step * bands
                    for col in range(boxes[item, 0], boxes[item, 2] + 1):
                        x, y = packet_centers(row, col, width, height, offsets, 1)
                        at = packet_at(view, row, col, width, height, SHAPE) * packed_rows
                        inside, dx, dy, nearest, t, u0, u1, u2, r = cut_face(records, item, x, y)
                        squared = dx * dx + dy * dy
                        p0, p1, p2 = ti.max(u0, 0.0) * r, ti.max(u1, 0.0) * r, ti.max(u2, 0.0) * r
                        plane_z = mix(records, item, DEPTH, p0, p1, p2)
                        z = ti.max(plane_z, near)
                        seen = lower(higher(inside, tau - squared), lower(r, far - z))
                        cover, uncover, weight = pair_weight(
                            packed, face, at, squared, inside, seen, z, k, sigma, modes, 1, 1, double
                        )
                        lod = pair_lod(
                            clip, corners, records, item, [x, y], [dx, dy], inside, width, height, levels, layout
                        )
                        value, adjoint = _shading_adjoint(
                            records,
                            packed,
                            item,
                            at,
                            p0[0],
                            p1[0],
                            p2[0],
                            weight[0],
                            lod,
                            view,
                            shading,
                            ti.static(PointSums(pyramid_adjoint, partials, task)),
                        )
                        x_adjoint, z_adjoint = pair_exponents(
                            packed,
                            at,
                            z,
                            plane_z - near,
                            fill_lanes(value, 1),
                            cover,
                            uncover,
                            weight,
                            k,
                            modes,
                            1,
                            1,
                        )
                        h = _interpolation_adjoint(records, item, z_adjoint[0], adjoint, layout)
                        for c in ti.static(range(layout.channels)):
                            attributes[3 * c] += p0 * adjoint[c]
                            attributes[3 * c + 1] += p1 * adjoint[c]
                            attributes[3 * c + 2] += p2 * adjoint[c]
                        add_cut_face(
                            planes,
                            polygon,
                            depths,
                            [x, y],
                            [dx, dy],
                            nearest,
                            t,
                            [u0, u1, u2],
                            [p0, p1, p2],
                            r,
                            inside,
                            x_adjoint,
                            z_adjoint,
                            [fill_lanes(h[0], 1), fill_lanes(h[1], 1), fill_lanes(h[2], 1)],
                            sigma,
                        )
                write_cut_face(
                    clip,
                    faces,
                    view,
                    views,
                    face,
                    kinds[item],
                    near,
                    planes,
                    polygon,
                    depths,
                    attributes,
                    corner_adjoint,
                    base,
                    layout.channels,
                )


@ti.func
def _shading_adjoint(
    records: ti.template(),
    packed: ti.template(),
    item,
    at,
    p0,
    p1,
    p2,
    weight,
    lod,
    view,
    shading: ti.template(),
    sums: ti.template(),
):
    """``sum_c dL/dI_c C_jc / S`` of a pair, and the adjoints of its interpolated attributes; zeros without weight."""
    value = 0.0
    adjoint = ti.Vector([0.0 for _ in ti.static(range(shading.layout.channels))])
    if weight > NEGLIGIBLE:
        factor = ti.Vector([packed[at + PACKED + c] for c in ti.static(range(3))])
        rgb, attribute_adjoint = shade_point_adjoint(
            pair_attributes(records, item, p0, p1, p2, shading.layout),
            lod,
            view,
            shading,
            factor * weight,
            sums,
        )
        value = rgb.dot(factor)
        adjoint = attribute_adjoint
    return value, adjoint


@ti.func
def _interpolation_adjoint(records: ti.template(), item, z_adjoint, adjoint, layout: ti.template()):
    """Adjoints of the barycentrics p (3) from those of the depth and of the attributes."""
    h = z_adjoint * ti.Vector([records[item, DEPTH + k] for k in ti.static(range(3))])
    for c in ti.static(range(layout.channels)):
        h += adjoint[c] * ti.Vector([records[item, ATTRIBUTE + 3 * c + k] for k in ti.static(range(3))])
    return h
