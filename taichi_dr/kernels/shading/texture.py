"""Textures: mip pyramids by exact box filters and trilinear samples of them, with their adjoints.

A texture is an image of ``width`` x ``height`` texels, flat: texel (row, col) is row ``row * width + col`` of a
(height*width, 3) array, row 0 at the top.  (u, v) = (0, 0) is the image's lower left corner and v points up, as in OBJ
files; outside [0, 1) the image is wrapped: it repeats, or shows its border, or its mirror image.  Texel (row, col) is
at ``u = (col + 0.5)/width, v = 1 - (row + 0.5)/height``.

A pyramid holds all levels in one (texels, 3) array, level 0 first; ``level_table(width, height)`` says where
each begins.  Several textures stand one behind the other, in the array of texels, in that of pyramids and in the table:
a *rung*, the row of a texture's level 0 in the table plus the level of detail, says which texture and how fine, in one
number.  A level has half its predecessor's size, rounded down, and its texels are means over equal parts of the
predecessor, odd sizes included (three texels, the outer two in part): every level has the mean of the texture.  Source:
Guthe and Heckbert, Non-Power-of-Two Mipmapping, NVIDIA 2005; levels and their selection: Williams, Pyramidal
Parametrics, SIGGRAPH 1983.
"""

import itertools

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import TINY, row2, row3

REPEAT, CLAMP, MIRROR = range(3)
"""What is outside [0, 1): the image once more, the texels of its border, or its mirror image."""

FIRST, WIDTH, HEIGHT, LAST, WRAP_U, WRAP_V = range(6)
"""Columns of a level table: the first texel of a level, its size, the row of the texture's last level, its wraps."""

SERIAL_TEXELS = 1 << 12
LARGEST_LOD = 32.0  # beyond any pyramid: a `rung` is at most its last level


def level_table(width, height, wrap=(REPEAT, REPEAT)):
    """The pyramid of a texture: ``(levels, 6)`` int32 of (first texel, width, height, last row, wraps), down to 1 x 1.

    >>> level_table(5, 2).tolist()
    [[0, 5, 2, 2, 0, 0], [10, 2, 1, 2, 0, 0], [12, 1, 1, 2, 0, 0]]
    """
    levels = [(0, width, height)]
    while levels[-1][1] > 1 or levels[-1][2] > 1:
        offset, w, h = levels[-1]
        levels.append((offset + w * h, max(1, w // 2), max(1, h // 2)))
    return np.array([(*level, len(levels) - 1, *wrap) for level in levels], np.int32)


def joined_tables(tables):
    """One table of the pyramids of several textures, one behind the other.

    >>> joined_tables([level_table(1, 1), level_table(2, 1, (CLAMP, REPEAT))]).tolist()
    [[0, 1, 1, 0, 0, 0], [1, 2, 1, 2, 1, 0], [3, 1, 1, 2, 1, 0]]
    """
    joined, texels, rows = [], 0, 0
    for table in tables:
        joined.append(table + np.array([texels, 0, 0, rows, 0, 0], np.int32))
        texels, rows = texels + table_texels(table), rows + len(table)
    return np.concatenate(joined)


def table_texels(table):
    """Number of texels of all levels of a table together."""
    return int(table[-1, FIRST] + table[-1, WIDTH] * table[-1, HEIGHT])


def pyramid_texels(width, height):
    """Number of texels of all levels of one texture together."""
    return table_texels(level_table(width, height))


def build_mipmaps(texture, pyramid, width, height):
    """Writes all levels of ``texture`` (height*width, 3) into ``pyramid`` (pyramid_texels(width, height), 3)."""
    build_pyramids(texture, pyramid, level_table(width, height))


def build_mipmaps_adjoint(texture_adjoint, pyramid_adjoint, width, height):
    """Adds to ``texture_adjoint`` what ``pyramid_adjoint`` implies, which becomes each level's sum with those above."""
    build_pyramids_adjoint(texture_adjoint, pyramid_adjoint, level_table(width, height))


def build_pyramids(texels, pyramid, table):
    """``build_mipmaps`` of every texture of a table: ``texels`` (X, 3) one behind the other, as in ``pyramid``."""
    for first, levels in _textures(table):
        offset, width, height = levels[0]
        _copy(texels, first, pyramid, offset, width * height, _serial(width * height))
        for fine, coarse in itertools.pairwise(levels):
            _downsample(pyramid, *fine, *coarse, _halves(fine, coarse), _serial(coarse[1] * coarse[2]))


def build_pyramids_adjoint(texels_adjoint, pyramid_adjoint, table):
    """``build_mipmaps_adjoint`` of every texture of a table."""
    for first, levels in _textures(table):
        for coarse, fine in itertools.pairwise(reversed(levels)):
            _downsample_adjoint(pyramid_adjoint, *fine, *coarse, _halves(fine, coarse), _serial(fine[1] * fine[2]))
        offset, width, height = levels[0]
        _add(pyramid_adjoint, offset, texels_adjoint, first, width * height, _serial(width * height))


def _textures(table):
    """(first row of its texels, its levels) of every texture of a table."""
    texels = 0
    for last in np.unique(table[:, LAST]).tolist():
        levels = table[table[:, LAST] == last, :LAST].tolist()
        yield texels, levels
        texels += levels[0][WIDTH] * levels[0][HEIGHT]


def _halves(fine, coarse):
    return fine[1] == 2 * coarse[1] and fine[2] == 2 * coarse[2]


def _serial(texels):
    return is_serial(texels, SERIAL_TEXELS)


@replayed
@ti.kernel
def _copy(source: Rows, first: ti.i32, target: Rows, start: ti.i32, count: ti.i32, serial: ti.template()):
    ti.loop_config(serialize=serial)
    for i in range(count):
        for c in ti.static(range(3)):
            target[start + i, c] = source[first + i, c]


@replayed
@ti.kernel
def _add(source: Rows, first: ti.i32, target: Rows, start: ti.i32, count: ti.i32, serial: ti.template()):
    ti.loop_config(serialize=serial)
    for i in range(count):
        for c in ti.static(range(3)):
            target[start + i, c] = target[start + i, c] + source[first + i, c]


@ti.func
def box_weight(fine: ti.i32, coarse: ti.i32, i: ti.i32, j: ti.i32) -> float:
    """Share of texel j of ``fine`` in texel i of ``coarse``: the overlap of [j, j+1) and [i, i+1) fine/coarse."""
    overlap = ti.min((j + 1) * coarse, (i + 1) * fine) - ti.max(j * coarse, i * fine)
    return ti.max(overlap, 0) / ti.cast(fine, float)


@replayed
@ti.kernel
def _downsample(
    pyramid: Rows,
    fine_offset: ti.i32,
    fine_width: ti.i32,
    fine_height: ti.i32,
    offset: ti.i32,
    width: ti.i32,
    height: ti.i32,
    halves: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for i in range(width * height):
        row = i // width
        col = i - row * width
        total = ti.Vector([0.0, 0.0, 0.0])
        if ti.static(halves):
            for y, x in ti.static(ti.ndrange(2, 2)):
                total += 0.25 * row3(pyramid, fine_offset + (2 * row + y) * fine_width + 2 * col + x)
        else:
            for y in range(2 * row, ti.min(2 * row + 3, fine_height)):
                for x in range(2 * col, ti.min(2 * col + 3, fine_width)):
                    weight = box_weight(fine_height, height, row, y) * box_weight(fine_width, width, col, x)
                    total += weight * row3(pyramid, fine_offset + y * fine_width + x)
        for c in ti.static(range(3)):
            pyramid[offset + i, c] = total[c]


@replayed
@ti.kernel
def _downsample_adjoint(
    pyramid_adjoint: Rows,
    fine_offset: ti.i32,
    fine_width: ti.i32,
    fine_height: ti.i32,
    offset: ti.i32,
    width: ti.i32,
    height: ti.i32,
    halves: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for i in range(fine_width * fine_height):
        y = i // fine_width
        x = i - y * fine_width
        total = row3(pyramid_adjoint, fine_offset + i)
        if ti.static(halves):
            total += 0.25 * row3(pyramid_adjoint, offset + y // 2 * width + x // 2)
        else:
            for row in range(ti.max(y - 1, 0) // 2, ti.min(y // 2 + 1, height)):
                for col in range(ti.max(x - 1, 0) // 2, ti.min(x // 2 + 1, width)):
                    weight = box_weight(fine_height, height, row, y) * box_weight(fine_width, width, col, x)
                    total += weight * row3(pyramid_adjoint, offset + row * width + col)
        for c in ti.static(range(3)):
            pyramid_adjoint[fine_offset + i, c] = total[c]


@ti.func
def mip_level(corners: ti.template(), uvs: ti.template(), at: ti.template(), pixel_size, size: ti.template()):
    """Level of detail at screen position ``at`` on a face: ``log2`` of its texels per pixel, at least 0.

    ``corners`` are the three corners' (X, Y, W) in clip coordinates, ``uvs`` their (u, v), ``size`` the texture's width
    and height, ``pixel_size`` = 2 / min(image width, image height).  With the homogeneous edge functions e_k (Olano and
    Greer 1997), u = U/Q where U = sum e_k u_k and Q = sum e_k are linear on the screen (``footprint``);
    lod = log2 max(|d(u,v)/dx|, |d(u,v)/dy|) in texels per pixel.  Right for faces that cross the near plane as well.

    Its derivative is held at zero: ``sample_trilinear_adjoint`` takes the level as a constant.
    """
    p0, p1, p2 = corners[0], corners[1], corners[2]
    uv0, uv1, uv2 = uvs[0], uvs[1], uvs[2]
    origin = ti.Vector([at[0], at[1]])  # seen from there, small faces do not cancel in single precision
    q0, q1, q2 = _from_point(p0, origin), _from_point(p1, origin), _from_point(p2, origin)
    e0 = q1.cross(q2)
    e1 = q2.cross(q0)
    e2 = q0.cross(q1)
    Q = e0 + e1 + e2
    lod = 0.0
    if ti.abs(Q[2]) > TINY:
        du = footprint((e0 * uv0[0] + e1 * uv1[0] + e2 * uv2[0]) * size[0], Q, pixel_size)
        dv = footprint((e0 * uv0[1] + e1 * uv1[1] + e2 * uv2[1]) * size[1], Q, pixel_size)
        squared = ti.max(du[0] * du[0] + dv[0] * dv[0], du[1] * du[1] + dv[1] * dv[1])
        if squared > 1.0:
            lod = ti.min(0.5 * ti.log(squared) / ti.log(2.0), LARGEST_LOD)
    return lod


@ti.func
def footprint(U, Q, pixel_size):
    """Derivatives (d/dx, d/dy) of the texture coordinate ``U/Q`` at the origin, per pixel: ``(U_x - U/Q Q_x)/Q``.

    U and Q are linear on the screen, given as (their change along x, along y, their value at the origin).
    """
    return (U - Q * (U[2] / Q[2])) * (pixel_size / Q[2])


@ti.func
def _from_point(corner, origin):
    """(X - x W, Y - y W, W)."""
    return ti.Vector([corner[0] - origin[0] * corner[2], corner[1] - origin[1] * corner[2], corner[2]])


@ti.func
def rung(levels: ti.template(), first, lod):
    """Where a texture, whose level 0 is row ``first`` of the table, is looked up at a level of detail >= 0."""
    return first + ti.min(lod, ti.cast(levels[first, LAST] - first, float))


@ti.func
def levels_around(levels: ti.template(), at):
    """The levels to look at, first and last (the same where the rung is a whole number), and the weight of the last."""
    clamped = ti.min(ti.max(at, 0.0), levels.shape[0] - 1.0)
    first = ti.cast(ti.floor(clamped), ti.i32)
    t = clamped - first
    last = first
    if t > 0.0:
        last = first + 1
    return first, last, t


@ti.func
def texels_around(levels: ti.template(), level, uv):
    """Rows of the four texels around (u, v), ``00, 10, 01, 11`` (x first), and the position between them."""
    offset, width, height = levels[level, FIRST], levels[level, WIDTH], levels[level, HEIGHT]
    wrap_u, wrap_v = levels[level, WRAP_U], levels[level, WRAP_V]
    x = near_picture(uv[0], wrap_u) * width - 0.5
    y = (1.0 - near_picture(uv[1], wrap_v)) * height - 0.5
    x0 = ti.cast(ti.floor(x), ti.i32)
    y0 = ti.cast(ti.floor(y), ti.i32)
    left, right = wrapped(x0, width, wrap_u), wrapped(x0 + 1, width, wrap_u)
    above, below = offset + wrapped(y0, height, wrap_v) * width, offset + wrapped(y0 + 1, height, wrap_v) * width
    rows = ti.Vector([above + left, above + right, below + left, below + right])
    return rows, ti.Vector([x - ti.floor(x), y - ti.floor(y)])


@ti.func
def near_picture(coordinate, wrap):
    """A texture coordinate that shows the same, in [0, 1) where the image repeats, [0, 2) where it is mirrored, else in
    [-1, 2]: whole numbers of texels stay exact far away."""
    near = coordinate - ti.floor(coordinate)
    if wrap == CLAMP:
        near = ti.min(ti.max(coordinate, -1.0), 2.0)
    elif wrap == MIRROR:
        near = coordinate - 2.0 * ti.floor(0.5 * coordinate)
    return near


@ti.func
def wrapped(i, size, wrap):
    """The column (or row) of the image that is shown at column i, of those that ``near_picture`` leads to."""
    column = (i + size) % size
    if wrap == CLAMP:
        column = ti.min(ti.max(i, 0), size - 1)
    elif wrap == MIRROR:
        column = (i + 2 * size) % (2 * size)
        column = ti.min(column, 2 * size - 1 - column)
    return column


@ti.func
def sample_bilinear(pyramid: ti.template(), levels: ti.template(), level, uv):
    """Colour of one level at (u, v), interpolated between texel centres."""
    rows, t = texels_around(levels, level, uv)
    top = row3(pyramid, rows[0]) * (1.0 - t[0]) + row3(pyramid, rows[1]) * t[0]
    bottom = row3(pyramid, rows[2]) * (1.0 - t[0]) + row3(pyramid, rows[3]) * t[0]
    return top * (1.0 - t[1]) + bottom * t[1]


@ti.func
def sample_trilinear(pyramid: ti.template(), levels: ti.template(), uv, at):
    """Colour at (u, v), interpolated between the texels of the two levels around a rung; of one texture, that is the
    level of detail (0 = the texture itself).

    ``pyramid`` (texels, 3) of ``build_pyramids``, ``levels`` the i32 array of its table.
    """
    first, last, t = levels_around(levels, at)
    color = ti.Vector([0.0, 0.0, 0.0])
    weight = 1.0 - t
    for level in range(first, last + 1):
        color += sample_bilinear(pyramid, levels, level, uv) * weight
        weight = t
    return color


@ti.func
def sample_bilinear_adjoint(
    pyramid: ti.template(), levels: ti.template(), level, uv, color_adjoint, pyramid_adjoint: ti.template()
):
    """Adjoint of ``sample_bilinear``: returns that of (u, v) and adds those of the texels (atomically)."""
    rows, t = texels_around(levels, level, uv)
    weights = ti.Vector([(1.0 - t[0]) * (1.0 - t[1]), t[0] * (1.0 - t[1]), (1.0 - t[0]) * t[1], t[0] * t[1]])
    for k in ti.static(range(4)):
        for c in ti.static(range(3)):
            pyramid_adjoint[rows[k], c] += weights[k] * color_adjoint[c]
    c00, c10 = row3(pyramid, rows[0]).dot(color_adjoint), row3(pyramid, rows[1]).dot(color_adjoint)
    c01, c11 = row3(pyramid, rows[2]).dot(color_adjoint), row3(pyramid, rows[3]).dot(color_adjoint)
    dx = (c10 - c00) * (1.0 - t[1]) + (c11 - c01) * t[1]
    dy = (c01 - c00) * (1.0 - t[0]) + (c11 - c10) * t[0]
    return ti.Vector([dx * levels[level, WIDTH], -dy * levels[level, HEIGHT]])


@ti.func
def sample_trilinear_adjoint(
    pyramid: ti.template(), levels: ti.template(), uv, at, color_adjoint, pyramid_adjoint: ti.template()
):
    """Adjoint of ``sample_trilinear``: returns that of (u, v) and adds those of the texels; the rung is constant.

    Texels are the one place where adjoints are added atomically, in the order in which threads come: any pixel may hit
    any texel, and a list of who hits whom costs more than the sum.  Runs differ in the last bits of texel gradients.
    """
    first, last, t = levels_around(levels, at)
    uv_adjoint = ti.Vector([0.0, 0.0])
    weight = 1.0 - t
    for level in range(first, last + 1):
        uv_adjoint += sample_bilinear_adjoint(pyramid, levels, level, uv, color_adjoint * weight, pyramid_adjoint)
        weight = t
    return uv_adjoint


@replayed
@ti.kernel
def texture_rungs(
    face_id: Numbers,
    clip: Rows,
    faces: Rows,
    uv: Rows,
    uv_faces: Rows,
    views: ti.i32,
    image_width: ti.i32,
    image_height: ti.i32,
    levels: Rows,
    first_levels: Numbers,
    rungs: Numbers,
):
    """``rungs[pixel]``: of the face seen there, the ``rung`` of its texture; 0 where ``face_id`` is -1; a constant.

    face_id, rungs (V*H*W,); clip (V*N, 4); faces, uv_faces (F, 3) i32; uv (T, 2); first_levels (F,) i32: the row of
    ``levels`` (of ``level_table``) of level 0 of each face's texture.
    """
    pixels = image_width * image_height
    vertices = clip.shape[0] // views
    shorter = ti.min(image_width, image_height)
    for i in range(views * pixels):
        at = 0.0
        f = face_id[i]
        if f >= 0:
            v = i // pixels
            row = (i - v * pixels) // image_width
            col = i % image_width
            x = (2.0 * (col + 0.5) - image_width) / shorter
            y = (image_height - 2.0 * (row + 0.5)) / shorter
            p = v * vertices
            corners = [row3(clip, p + faces[f, k]) for k in ti.static(range(3))]
            uvs = [row2(uv, uv_faces[f, k]) for k in ti.static(range(3))]
            first = first_levels[f]
            size = [levels[first, WIDTH], levels[first, HEIGHT]]
            at = rung(levels, first, mip_level(corners, uvs, [x, y], 2.0 / shorter, size))
        rungs[i] = at
