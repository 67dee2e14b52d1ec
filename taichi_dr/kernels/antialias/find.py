"""Finds the pieces of silhouettes: which they are, the areas that they gain, and what is on both sides of them.

In three kernels, because what Taichi takes to compile one grows with the square of its length.
"""

import taichi as ti

from taichi_dr.kernels.antialias.gain import area_gained
from taichi_dr.kernels.antialias.piece import NOTHING, more_vertical, pixel_at
from taichi_dr.kernels.antialias.sight import sides
from taichi_dr.kernels.antialias.silhouettes import (
    Edge,
    Picture,
    Scene,
    faces_camera,
    first_along,
    is_nearer,
    is_silhouette,
    lines_touched,
)
from taichi_dr.kernels.antialias.weights import (
    COLORS,
    GAINED,
    INNER,
    OUTER,
    PIXEL,
    SIDES,
    Pieces,
    put_in_list,
    share_columns,
)
from taichi_dr.kernels.base.launch import grain, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Rows
from taichi_dr.kernels.base.views import view_of
from taichi_dr.kernels.screen.pixels import Screen
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh, clip_point, first_vertex

GPU_OWNERS = 256  # threads that list pieces by pixel, each for its share of the pixels


def find_pieces(mesh, twins, picture, silhouettes, screen, near):
    """Fills the ``pieces`` and ``lists`` of ``silhouettes``; the arguments are those of ``blend.antialias``."""
    screen_and_near, serial = (*screen, near), silhouettes.serial
    for _ in range(2):
        counts, places, shares = silhouettes.pieces()
        needed = silhouettes.chunks * _list_pieces(
            *mesh, twins, silhouettes.facing, counts, places, *screen_and_near, serial
        )
        if needed <= places.shape[0]:
            break
        silhouettes.pieces(needed)
    arrays = (*mesh, twins, picture.face_id, silhouettes.facing, counts, places, shares)
    _measure_pieces(*arrays, share_columns(silhouettes.channels), *screen_and_near, serial)
    arrays = (picture.face_id, picture.image, counts, places, shares, silhouettes.lists)
    _look_at_pieces(*mesh, twins, *arrays, silhouettes.channels, *screen, owners(), serial)


def owners():
    """How many threads share the pixels of all pieces among them."""
    return 1 if on_cpu() else GPU_OWNERS


@replayed
@ti.kernel
def _list_pieces(
    clip: Rows,
    faces: Rows,
    views: int,
    twins: Rows,
    facing: Ints,
    counts: Ints,
    places: IntRows,
    width: int,
    height: int,
    near: float,
    serial: ti.template(),
) -> ti.i32:
    """Lists half-edges and lines; returns how many the chunk with most of them has, also where there is less room."""
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
    scene = ti.static(Scene(mesh, twins, None, facing, screen, near))
    ti.loop_config(serialize=serial)
    for i in range(facing.shape[0]):
        view = view_of(i, faces.shape[0])
        facing[i] = faces_camera(mesh, first_vertex(mesh, view), i - view * faces.shape[0])

    ti.loop_config(serialize=serial)
    for task in range((counts.shape[0] - 1) * ti.static(grain())):
        if task % ti.static(grain()) == 0:
            chunk, chunks = task // ti.static(grain()), counts.shape[0] - 1
            rows, room = (facing.shape[0] + chunks - 1) // chunks, places.shape[0] // chunks
            count = 0
            for i in range(chunk * rows, ti.min((chunk + 1) * rows, facing.shape[0])):
                for e in range(3):
                    if is_silhouette(i, e, scene):
                        a, b, third, who = edge_of(3 * i + e, mesh)
                        edge = ti.static(Edge(who[0], who[1], a, b, third, who[2], who[3]))
                        if is_nearer(edge, scene):
                            lines = lines_touched(a, b, near, screen)
                            for line in range(lines[0], lines[1] + 1):
                                if count < room:
                                    places[chunk * room + count, 0] = 3 * i + e
                                    places[chunk * room + count, 1] = line
                                count += 1
            counts[chunk] = count

    ti.loop_config(serialize=True)
    for _ in range(1):
        most = 0
        for chunk in range(counts.shape[0] - 1):
            most = ti.max(most, counts[chunk])
        counts[counts.shape[0] - 1] = most
    return counts[counts.shape[0] - 1]


@replayed
@ti.kernel
def _measure_pieces(
    clip: Rows,
    faces: Rows,
    views: int,
    twins: Rows,
    face_id: Ints,
    facing: Ints,
    counts: Ints,
    places: IntRows,
    shares: Rows,
    columns: ti.template(),
    width: int,
    height: int,
    near: float,
    serial: ti.template(),
):
    """Writes the areas that pieces gain in the two pixels of their line; for INNER, whether the centre is inside."""
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
    scene = ti.static(Scene(mesh, twins, Picture(face_id, None), facing, screen, near))
    ti.loop_config(serialize=serial)
    for k in range(counts[counts.shape[0] - 1] * (counts.shape[0] - 1)):
        piece = piece_row(k, counts, places)
        if piece >= 0:
            a, b, inner, who = edge_of(places[piece, 0], mesh)
            edge = ti.static(Edge(who[0], who[1], a, b, inner, who[2], who[3]))
            line, step = places[piece, 1], ti.Vector([0, 1])
            at = ti.Vector([line, 0])
            if more_vertical(a, b):
                at[1] = first_along(edge, line, screen, 0)
            else:
                at, step = ti.Vector([first_along(edge, line, screen, 1), line]), ti.Vector([1, 0])
            for side in range(2):
                pixel = at + side * step
                gained, is_piece, inside = area_gained(edge, pixel, scene)
                number = pixel_at(edge.view, pixel[0], pixel[1], screen)
                places[piece, PIXEL + SIDES * side] = ti.select(is_piece, number, NOTHING)
                places[piece, INNER + SIDES * side] = ti.cast(inside, ti.i32)
                shares[piece, side * columns + GAINED] = gained


@replayed
@ti.kernel
def _look_at_pieces(
    clip: Rows,
    faces: Rows,
    views: int,
    twins: Rows,
    face_id: Ints,
    image: Rows,
    counts: Ints,
    places: IntRows,
    shares: Rows,
    lists: Ints,
    channels: ti.template(),
    width: int,
    height: int,
    owners: int,
    serial: ti.template(),
):
    """Finds what is on both sides of pieces, and lists those that are seen with their pixels."""
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
    picture, pieces = ti.static(Picture(face_id, image), Pieces(places, shares, lists, channels))
    scene = ti.static(Scene(mesh, twins, picture, None, screen, None))
    ti.loop_config(serialize=serial)
    for k in range(counts[counts.shape[0] - 1] * (counts.shape[0] - 1)):
        piece = piece_row(k, counts, places)
        if piece >= 0:
            a, b, third, who = edge_of(places[piece, 0], mesh)
            edge = ti.static(Edge(who[0], who[1], a, b, third, who[2], who[3]))
            for side in range(2):
                pixel = places[piece, PIXEL + SIDES * side]
                if pixel >= 0:
                    row = pixel // width
                    at = ti.Vector([row - who[2] * height, pixel - row * width])
                    inner, outer = sides(edge, at, places[piece, INNER + SIDES * side] == 1, scene)
                    if inner >= 0:
                        _note_sides(piece, side, inner, outer, image, pieces)
                        lists[pixel] = 0
                    else:
                        places[piece, PIXEL + SIDES * side] = NOTHING

    ti.loop_config(serialize=ti.static(on_cpu()))
    for owner in range(owners):
        for k in range(counts[counts.shape[0] - 1] * (counts.shape[0] - 1)):
            piece = piece_row(k, counts, places)
            if piece >= 0:
                for side in ti.static(range(2)):
                    pixel = places[piece, PIXEL + SIDES * side]
                    if pixel >= 0 and pixel % owners == owner:
                        put_in_list(piece, side, pieces)


@ti.func
def _note_sides(piece, side, inner, outer, image: ti.template(), pieces: ti.template()):
    """Writes the pixels on both sides of a piece, and their colours."""
    places, shares, channels = ti.static(pieces.places, pieces.shares, pieces.channels)
    column = side * ti.static(share_columns(channels)) + COLORS
    places[piece, INNER + SIDES * side], places[piece, OUTER + SIDES * side] = inner, outer
    for c in ti.static(range(channels)):
        shares[piece, column + c], shares[piece, column + channels + c] = image[inner, c], image[outer, c]


@ti.func
def piece_row(k, counts: ti.template(), places: ti.template()):
    """The row of ``places`` of piece k among as many of every chunk; NOTHING where that has less, or all no room."""
    chunks = counts.shape[0] - 1
    most, room = counts[chunks], places.shape[0] // chunks
    chunk = view_of(k, most)
    row = NOTHING
    if k - chunk * most < counts[chunk] and most <= room:
        row = chunk * room + k - chunk * most
    return row


@ti.func
def edge_of(half_edge, mesh: ti.template()):
    """The ends, the third corner, and (face, corner, view, first row of ``clip``) of a view's half-edge."""
    i, e = half_edge // 3, half_edge % 3
    view = view_of(i, mesh.faces.shape[0])
    face = i - view * mesh.faces.shape[0]
    first = first_vertex(mesh, view)
    a, b = clip_point(mesh, first, face, e), clip_point(mesh, first, face, (e + 1) % 3)
    return a, b, clip_point(mesh, first, face, (e + 2) % 3), ti.Vector([face, e, view, first])
