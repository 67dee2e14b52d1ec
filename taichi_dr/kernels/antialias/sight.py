"""What a pixel shows on both sides of a piece of a silhouette, if the piece is seen at all.

A piece is seen if its surface leads to what the pixel on its inner side shows, which is found by walking from the piece
to that pixel's centre through adjacent faces: they may be smaller than a pixel.  Where corners and slivers leave that
pixel to others, the surface's colour comes from a pixel around that it leads to, or from the nearest one that shows the
face itself.  The outer side is the pixel beyond the piece; if what that shows is nearer than the piece where the piece
is, the piece is hidden.  Where edges of two faces coincide that do not know of each other, the first face's counts.
"""

import taichi as ti

from taichi_dr.kernels.antialias.piece import (
    NOTHING,
    at_point,
    center_of,
    edge_line,
    in_pixels,
    part_in_pixel,
    pixel_at,
    side_of_line,
)
from taichi_dr.kernels.antialias.silhouettes import Edge
from taichi_dr.kernels.antialias.walk import leads_to
from taichi_dr.kernels.screen.projected_mesh import clip_point

NOWHERE = 1 << 20
SEARCH_LINES = 24  # on either side of a piece, that are searched for a pixel that shows its face
TOUCH = 1e-4  # share of a depth, or of a face: nearer than that is there


@ti.func
def sides(edge: ti.template(), at, inside, scene: ti.template()):
    """Pixels that show the surface and what is beyond its edge at the edge's piece in pixel ``at`` (row, column), whose
    centre is ``inside`` or not; NOTHING twice if the piece is not seen.
    """
    center = center_of(at[0], at[1], scene.screen)
    a, b = in_pixels(edge.a, center, scene.screen), in_pixels(edge.b, center, scene.screen)
    line, part = edge_line(a, b), part_in_pixel(a, b)
    middle = edge.a + 0.5 * (part[0] + part[1]) * (edge.b - edge.a)
    inwards = _inwards(line, side_of_line(line, in_pixels(edge.inner, center, scene.screen)) > 0.0)
    within, beyond = at, at - inwards
    if not inside:
        within, beyond = at + inwards, at
    outer = _outer(edge, middle, at, beyond, scene)
    inner = NOTHING
    if outer >= 0:
        inner = _inner(edge, middle, at, within, outer, scene)
        if inner < 0:
            inner = _behind(edge, middle, within, outer, scene)
        if inner < 0:
            outer = NOTHING
    return inner, outer


@ti.func
def _outer(edge: ti.template(), middle, at, beyond, scene: ti.template()):
    """The pixel that shows what is beyond an edge, NOTHING if that hides it or is out of the image."""
    outer = pixel_at(edge.view, beyond[0], beyond[1], scene.screen)
    if scene.twins[edge.face, edge.corner] < 0:
        outer = _beside_seam(edge, middle, at, outer, scene)
    if outer >= 0:
        if _is_hidden(edge, middle, outer, scene):
            outer = NOTHING
    return outer


@ti.func
def _inner(edge: ti.template(), middle, at, within, outer, scene: ti.template()):
    """The pixel that shows the surface of an edge, NOTHING if there is none."""
    inner, searching = NOTHING, True
    for k in range(10):
        if searching:
            if k == 1:  # it is not where it should be: is it worth while to look around?
                searching = not _is_hidden(edge, middle, pixel_at(edge.view, at[0], at[1], scene.screen), scene)
            around = within
            if k > 0:
                around = ti.Vector([at[0] + (k - 1) // 3 - 1, at[1] + (k - 1) % 3 - 1])
            if searching and _shows_surface(edge, middle, around, outer, scene):
                searching = False
                inner = pixel_at(edge.view, around[0], around[1], scene.screen)
    if searching:
        inner = _nearest_of_face(edge, at, scene)
    return inner


@ti.func
def _inwards(line, is_left):
    """The step (rows, columns) to the next pixel on the inner side of an edge, along the axis that it crosses."""
    step = ti.Vector([0, 0])
    if ti.abs(line[0]) >= ti.abs(line[1]):
        step[1] = ti.select((line[0] > 0.0) == is_left, 1, -1)
    else:
        step[0] = ti.select((line[1] > 0.0) == is_left, -1, 1)
    return step


@ti.func
def _behind(edge: ti.template(), middle, within, outer, scene: ti.template()):
    """The pixel ``within`` if it shows the surface that lies behind an edge's face and ends there too, else NOTHING."""
    pixel, twin = NOTHING, scene.twins[edge.face, edge.corner]
    if twin >= 0:
        face, corner = twin // 3, twin % 3
        a = clip_point(scene.mesh, edge.first, face, corner)
        b = clip_point(scene.mesh, edge.first, face, (corner + 1) % 3)
        other = ti.static(Edge(face, corner, a, b, None, edge.view, edge.first))
        if _shows_surface(other, middle, within, outer, scene):
            pixel = pixel_at(edge.view, within[0], within[1], scene.screen)
    return pixel


@ti.func
def _shows_surface(edge: ti.template(), middle, at, outer, scene: ti.template()):
    """Whether the pixel ``at`` (row, column) shows the surface of an edge, and something else than pixel ``outer``."""
    shows = False
    pixel = pixel_at(edge.view, at[0], at[1], scene.screen)
    if pixel >= 0:
        target = scene.picture.face_id[pixel]
        if target >= 0 and target != scene.picture.face_id[outer]:
            shows = leads_to(edge, middle, at, target, scene)
    return shows


@ti.func
def _beside_seam(edge: ti.template(), middle, at, outer, scene: ti.template()):
    """A pixel around pixel ``at`` that shows a face with an edge along that of ours; ``outer`` if there is none."""
    found = outer
    for k in range(9):
        pixel = pixel_at(edge.view, at[0] + k // 3 - 1, at[1] + k % 3 - 1, scene.screen)
        if pixel >= 0:
            face = scene.picture.face_id[pixel]
            if face >= 0 and face != edge.face:
                share, depth = at_point(face, edge.first, middle, scene.mesh)
                if ti.abs(share) < TOUCH and ti.abs(depth - middle[3]) < TOUCH * middle[3]:
                    found = pixel
    return found


@ti.func
def _is_hidden(edge: ti.template(), middle, outer, scene: ti.template()):
    """Whether what a pixel beyond the piece shows is before the piece, or has an edge there and comes first."""
    hidden = False
    face = scene.picture.face_id[outer]
    if face >= 0:
        share, depth = at_point(face, edge.first, middle, scene.mesh)
        if depth < middle[3] * (1.0 - TOUCH):
            hidden = True
        elif depth < middle[3] * (1.0 + TOUCH) and ti.abs(share) < TOUCH:
            hidden = face < edge.face
    return hidden


@ti.func
def _nearest_of_face(edge: ti.template(), at, scene: ti.template()):
    """The nearest pixel, in lines across the face, that shows the edge's face; NOTHING if none does."""
    found = NOTHING
    center = center_of(at[0], at[1], scene.screen)
    a, b = in_pixels(edge.a, center, scene.screen), in_pixels(edge.b, center, scene.screen)
    c = in_pixels(edge.inner, center, scene.screen)
    if min(a[2], b[2], c[2]) > 0.0:
        x = ti.Vector([a[0] / a[2], b[0] / b[2], c[0] / c[2]])
        y = ti.Vector([a[1] / a[2], b[1] / b[2], c[1] / c[2]])
        is_tall = y.max() - y.min() >= x.max() - x.min()
        along, across = x, y
        if not is_tall:
            along, across = y, x
        for k in range(2 * SEARCH_LINES + 1):
            offset = (k + 1) // 2 * (1 - 2 * (k % 2))
            if found < 0 and across.min() <= offset <= across.max():
                first = _first_within(along, across, offset)
                pixel = pixel_at(edge.view, at[0] - offset, at[1] + first, scene.screen)
                if not is_tall:
                    pixel = pixel_at(edge.view, at[0] - first, at[1] + offset, scene.screen)
                if pixel >= 0:
                    if scene.picture.face_id[pixel] == edge.face:
                        found = pixel
    return found


@ti.func
def _first_within(along, across, offset):
    """The first whole number within a triangle on the line ``across = offset``; NOWHERE if there is none."""
    low, high = 1e9, -1e9
    for i in ti.static(range(3)):
        j = ti.static((i + 1) % 3)
        fi, fj = across[i] - offset, across[j] - offset
        if (fi < 0.0) != (fj < 0.0):
            crossing = (along[i] * fj - along[j] * fi) / (fj - fi)
            low, high = min(low, crossing), max(high, crossing)
    first = NOWHERE
    if ti.ceil(low) <= high:
        first = ti.cast(ti.ceil(low), ti.i32)
    return first
