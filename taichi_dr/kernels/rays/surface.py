"""What rays see where they meet something: place, normals and own colour, and how these move.

Everything that can be met has a code: faces of the scene's meshes, one behind the other, then solids (``solids``).  Of
each ray that meets something, ``seen`` has the columns

    POSITION (3), NORMAL (3) for shading, ALBEDO (3), GEOMETRIC (3) normal of the surface itself, SIDE (1), LIFT (1)

with both normals turned to the side that the ray comes from, and ``SIDE`` 1 outside, -1 inside.  ``LIFT`` is how far
above a face the smooth surface is that its normals tell of: shadow rays begin there, so that facets do not show in the
shadow of a round thing on itself (Hanika, Hacking the Shadow Terminator, 2021).  The adjoint takes
those of the first nine.  It adds to the rays', and writes what it has for surfaces to ``back``, a row for each ray:

    SHAPE (9): a face's three corners, or the nine numbers of a solid;  NORMALS (3), COLORS (3), TEXCOORDS (2): what the
    corners get by their barycentrics;  MATERIAL (11): of the object's row of ``materials``

so that whoever sums up (``sums``) needs no atomics; texels alone are added to atomically.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Rows
from taichi_dr.kernels.base.vectors import get3, row2, row3, unit, unit_adjoint
from taichi_dr.kernels.rays.meeting import barycentric_slopes, meeting_adjoint
from taichi_dr.kernels.rays.solids import solid_adjoint, solid_at
from taichi_dr.kernels.shading.texture import sample_bilinear, sample_bilinear_adjoint

POSITION, NORMAL, ALBEDO, GEOMETRIC, SIDE, LIFT, SEEN = 0, 3, 6, 9, 12, 13, 14
SEEN_ADJOINT = 9  # columns of the adjoint: of position, normal and albedo
SHAPE, NORMALS, COLORS, TEXCOORDS, MATERIAL, BACK = 0, 9, 12, 15, 17, 28

TINT, EMISSION, SPECULAR, SHININESS, REFLECTIVITY, REFRACTION, UNLIT, MATERIALS = 0, 3, 6, 7, 8, 9, 10, 11
"""Columns of ``materials``: albedo, emission, specular, shininess, reflectivity, index of refraction (0: opaque); 1
where own colours are shown without light, which has no gradient."""

FARTHER = 4.0  # than what a ray is of, are the corners of faces whose place is that of the ray


class Surfaces(NamedTuple):
    """Everything that can be met."""

    vertices: Any  # (N, 3)
    faces: Any  # (F, 3) rows of vertices
    normals: Any  # (N, 3) at the vertices
    colors: Any  # (C, 3)
    color_faces: Any  # (F, 3) rows of colors
    uv: Any  # (T, 2)
    uv_faces: Any  # (F, 3) rows of uv
    texels: Any  # (X, 3)
    textures: Any  # rows of level 0 of ``texture.level_table``
    face_textures: Any  # (F,) rows of textures, -1: none
    objects: Any  # (F + S,): whose each face and each solid is
    smooth: Any  # (O,): 1 where normals are interpolated
    solids: Any  # (S, 9)
    kinds: Any  # (S,)
    materials: Any  # (O, MATERIALS)


@ti.func
def takes_light(thing, materials: ti.template()):
    """Whether an object shows the light of lights: it is neither clear nor shown as it is."""
    return materials[thing, REFRACTION] <= 0.0 and materials[thing, UNLIT] <= 0.0


@ti.func
def corners_of(face, surfaces: ti.template()):
    """The three corners of a face."""
    faces = ti.static(surfaces.faces)
    return (
        row3(surfaces.vertices, faces[face, 0]),
        row3(surfaces.vertices, faces[face, 1]),
        row3(surfaces.vertices, faces[face, 2]),
    )


@ti.func
def mean3(array: ti.template(), rows: ti.template(), face, w):
    """The mean of three rows of an array by barycentrics."""
    return w[0] * row3(array, rows[face, 0]) + w[1] * row3(array, rows[face, 1]) + w[2] * row3(array, rows[face, 2])


@ti.func
def uv_of(face, w, surfaces: ti.template()):
    """Texture coordinates at a place of a face."""
    rows = ti.static(surfaces.uv_faces)
    uv = ti.static(surfaces.uv)
    return w[0] * row2(uv, rows[face, 0]) + w[1] * row2(uv, rows[face, 1]) + w[2] * row2(uv, rows[face, 2])


@ti.func
def texel(face, w, surfaces: ti.template()):
    """What a face's texture shows at a place; 1 if it has none."""
    color = ti.Vector([1.0, 1.0, 1.0])
    row = surfaces.face_textures[face]
    if row >= 0:
        color = sample_bilinear(surfaces.texels, surfaces.textures, row, uv_of(face, w, surfaces))
    return color


@ti.func
def is_rounded_more(a, b, c, origin, t):
    """Whether the mean of a triangle's corners is rounded more than ``origin + t d``: is of numbers that are larger."""
    corners = ti.max(ti.abs(a).max(), ti.abs(b).max(), ti.abs(c).max())
    return corners > FARTHER * (ti.abs(origin).max() + t)


@ti.func
def smooth_height(face, w, position, side, surfaces: ti.template()):
    """From a place of a face to the smooth surface above it: the mean of its feet in the corners' tangent planes."""
    height = ti.Vector([0.0, 0.0, 0.0])
    for k in ti.static(range(3)):
        corner, normal = surfaces.faces[face, k], row3(surfaces.normals, surfaces.faces[face, k]) * side
        height -= w[k] * ti.min((position - row3(surfaces.vertices, corner)).dot(normal), 0.0) * normal
    return height


@ti.func
def is_before(seen: ti.template(), i, toward):
    """Whether light from a direction arrives on the side that ray i sees."""
    outside = toward.dot(get3(seen, i, GEOMETRIC)) > 0.0 or seen[i, LIFT] > 0.0
    return outside and toward.dot(get3(seen, i, NORMAL)) > 0.0


@replayed
@ti.kernel
def see(
    what: Ints,
    hits: Rows,
    origins: Rows,
    directions: Rows,
    count: ti.i32,
    vertices: Rows,
    faces: IntRows,
    normals: Rows,
    colors: Rows,
    color_faces: IntRows,
    uv: Rows,
    uv_faces: IntRows,
    texels: Rows,
    textures: IntRows,
    face_textures: Ints,
    objects: Ints,
    smooth: Ints,
    solids: Rows,
    kinds: Ints,
    materials: Rows,
    seen: Rows,
):
    """Writes ``seen`` (R, SEEN) of rays that meet ``what`` at ``hits``: t, and barycentrics u and v."""
    surfaces = ti.static(
        Surfaces(
            vertices, faces, normals, colors, color_faces, uv, uv_faces, texels, textures, face_textures, objects,
            smooth, solids, kinds, materials,
        )
    )  # fmt: skip
    for i in range(count):
        code = what[i]
        if code >= 0:
            direction = row3(directions, i)
            thing, face_count = objects[code], objects.shape[0] - kinds.shape[0]
            position = row3(origins, i) + hits[i, 0] * direction
            outward, shading = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0, 0.0, 0.0])
            albedo = get3(materials, thing, TINT)
            if code < face_count:
                w = ti.Vector([hits[i, 1], hits[i, 2], 1.0 - hits[i, 1] - hits[i, 2]])
                a, b, c = corners_of(code, surfaces)
                if not is_rounded_more(a, b, c, row3(origins, i), hits[i, 0]):
                    position = w[0] * a + w[1] * b + w[2] * c
                outward = unit((b - a).cross(c - a))
                shading = outward
                if smooth[thing] != 0:
                    shading = unit(mean3(normals, faces, code, w))
                albedo *= mean3(colors, color_faces, code, w) * texel(code, w, surfaces)
            else:
                solid = code - face_count
                outward = solid_at(kinds[solid], solid, solids, position)
                shading = outward
            side = ti.select(outward.dot(direction) > 0.0, -1.0, 1.0)
            seen[i, LIFT] = 0.0
            if code < face_count and smooth[thing] != 0:
                w = ti.Vector([hits[i, 1], hits[i, 2], 1.0 - hits[i, 1] - hits[i, 2]])
                seen[i, LIFT] = side * smooth_height(code, w, position, side, surfaces).dot(outward)
            for c in ti.static(range(3)):
                seen[i, POSITION + c], seen[i, NORMAL + c] = position[c], shading[c] * side
                seen[i, ALBEDO + c], seen[i, GEOMETRIC + c] = albedo[c], outward[c] * side
            seen[i, SIDE] = side


@replayed
@ti.kernel
def see_adjoint(
    what: Ints,
    hits: Rows,
    origins: Rows,
    directions: Rows,
    count: ti.i32,
    vertices: Rows,
    faces: IntRows,
    normals: Rows,
    colors: Rows,
    color_faces: IntRows,
    uv: Rows,
    uv_faces: IntRows,
    texels: Rows,
    textures: IntRows,
    face_textures: Ints,
    objects: Ints,
    smooth: Ints,
    solids: Rows,
    kinds: Ints,
    materials: Rows,
    seen: Rows,
    seen_adjoint: Rows,
    origins_adjoint: Rows,
    directions_adjoint: Rows,
    texels_adjoint: Rows,
    back: Rows,
):
    """Adds to the adjoints of rays and texels; writes ``back`` (R, BACK) but for its materials, and adds to those.

    Which of its faces a surface is met at, and from which side, is held constant.
    """
    surfaces = ti.static(
        Surfaces(
            vertices, faces, normals, colors, color_faces, uv, uv_faces, texels, textures, face_textures, objects,
            smooth, solids, kinds, materials,
        )
    )  # fmt: skip
    for i in range(count):
        code = what[i]
        if code >= 0:
            direction, side = row3(directions, i), seen[i, SIDE]
            thing, face_count = objects[code], objects.shape[0] - kinds.shape[0]
            g_position, g_albedo = get3(seen_adjoint, i, POSITION), get3(seen_adjoint, i, ALBEDO)
            g_normal = get3(seen_adjoint, i, NORMAL) * side
            tint = get3(materials, thing, TINT)
            by_normal, by_color, by_uv = ti.Vector([0.0] * 3), ti.Vector([0.0] * 3), ti.Vector([0.0] * 2)
            g_tint = g_albedo
            if code < face_count:
                w = ti.Vector([hits[i, 1], hits[i, 2], 1.0 - hits[i, 1] - hits[i, 2]])
                a, b, c = corners_of(code, surfaces)
                cross = (b - a).cross(c - a)
                g_w, g_cross = ti.Vector([0.0] * 3), ti.Vector([0.0] * 3)
                if smooth[thing] != 0:
                    by_normal = unit_adjoint(mean3(normals, faces, code, w), g_normal)
                    for k in ti.static(range(3)):
                        g_w[k] += by_normal.dot(row3(normals, faces[code, k]))
                else:
                    g_cross = unit_adjoint(cross, g_normal)
                shown, color = texel(code, w, surfaces), mean3(colors, color_faces, code, w)
                g_tint = g_albedo * shown * color
                by_color = g_albedo * tint * shown
                for k in ti.static(range(3)):
                    g_w[k] += by_color.dot(row3(colors, color_faces[code, k]))
                if face_textures[code] >= 0:
                    by_uv = sample_bilinear_adjoint(
                        texels,
                        textures,
                        face_textures[code],
                        uv_of(code, w, surfaces),
                        g_albedo * tint * color,
                        texels_adjoint,
                    )
                    for k in ti.static(range(3)):
                        g_w[k] += by_uv.dot(row2(uv, uv_faces[code, k]))
                slope_a, slope_b, slope_c = barycentric_slopes(a, b, c, cross)
                by_place = g_w[0] * slope_a + g_w[1] * slope_b + g_w[2] * slope_c
                free, along = meeting_adjoint(unit(cross), direction, g_position + by_place)
                along -= by_place
                shape = [w[0] * along + (b - c).cross(g_cross), w[1] * along + (c - a).cross(g_cross)]
                shape_c = w[2] * along + (a - b).cross(g_cross)
                for c in ti.static(range(3)):
                    back[i, SHAPE + c], back[i, SHAPE + 3 + c], back[i, SHAPE + 6 + c] = (
                        shape[0][c],
                        shape[1][c],
                        shape_c[c],
                    )
                    origins_adjoint[i, c] = origins_adjoint[i, c] + free[c]
                    directions_adjoint[i, c] = directions_adjoint[i, c] + hits[i, 0] * free[c]
            else:
                solid = code - face_count
                by_origin, by_direction, numbers = solid_adjoint(
                    kinds[solid], solid, solids, row3(origins, i), direction, hits[i, 0], g_position, g_normal
                )
                for c in ti.static(range(9)):
                    back[i, SHAPE + c] = numbers[c]
                for c in ti.static(range(3)):
                    origins_adjoint[i, c] = origins_adjoint[i, c] + by_origin[c]
                    directions_adjoint[i, c] = directions_adjoint[i, c] + by_direction[c]
            for c in ti.static(range(3)):
                back[i, NORMALS + c], back[i, COLORS + c] = by_normal[c], by_color[c]
                back[i, MATERIAL + TINT + c] = back[i, MATERIAL + TINT + c] + g_tint[c]
            for c in ti.static(range(2)):
                back[i, TEXCOORDS + c] = by_uv[c]
