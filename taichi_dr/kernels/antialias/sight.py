"""What a pixel shows on both sides of a piece of a silhouette, if the piece is seen at all.

A piece is seen if its surface leads to what the pixel on its inner side shows, which is found by walking from the piece
to that pixel's centre through adjacent faces: they may be smaller than a pixel.  Where corners and slivers leave that
pixel to others, the surface's colour comes from a pixel around that it leads to, or from the nearest one that shows the
face itself.  The outer side is the pixel beyond the piece; if what that shows is nearer than the piece where the piece
is, the piece is hidden.  Where edges of two faces coincide that do not know of each other, the first face's counts.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.antialias.piece import (
    area_behind,
    center_coordinate,
    cross,
    edge_line,
    in_pixels,
    part_in_pixel,
    point_between,
    sector_between,
    side_of_line,
)
from taichi_dr.kernels.antialias.silhouettes import is_silhouette
from taichi_dr.kernels.screen.projected_mesh import clip_point

NOTHING = -1
NOWHERE = 1 << 20
SNAP = 1 / 200  # pixels: the rasterizer rounds corners to 1/256, so it may see an edge on the other side of a centre
WALK_STEPS = 32  # faces between an edge and the centre of a pixel beside it
SEARCH_LINES = 24  # on either side of a piece, that are searched for a pixel that shows its face
TOUCH = 1e-4  # share of a depth, or of a face: nearer than that is there


class Scene(NamedTuple):
    """What pieces are looked at in."""

    mesh: Any  # ``ProjectedMesh``
    twins: Any  # (F, 3)
    oriented: Any  # whether neighbours have one winding
    picture: Any  # ``Picture``
    facing: Any  # (V*F,): ``faces_camera``
    screen: Any  # ``Screen``
    near: Any


@ti.func
def look(edge: ti.template(), at, scene: ti.template()):
    """The area that the surface gains in pixel ``at`` (row, column) by an edge's piece there (negative: loses), and the
    numbers of the pixel, of one that shows the surface, and of one that shows what is beyond; NOTHING thrice if it is
    not seen.
    """
    places = ti.Vector([NOTHING, NOTHING, NOTHING])
    gained = 0.0
    pixel = pixel_at(edge.view, at[0], at[1], scene.screen)
    if pixel >= 0:
        center = center_of(at[0], at[1], scene.screen)
        a, b = in_pixels(edge.a, center, scene.screen), in_pixels(edge.b, center, scene.screen)
        part = part_in_pixel(a, b)
        middle = edge.a + 0.5 * (part[0] + part[1]) * (edge.b - edge.a)
        if part[1] > part[0] and middle[3] >= scene.near:
            line = edge_line(a, b)
            is_left = side_of_line(line, in_pixels(edge.inner, center, scene.screen)) > 0.0
            p, q = point_between(a, b, part[0]), point_between(a, b, part[1])
            area = area_behind(p, q)
            turn = sector_between(p, q)
            inside = (turn > 0.0) == is_left
            if _passes_centre(p, q):
                shown = _is_on_surface(edge, middle, at, inside, scene)
                if _is_to_flip(edge, _from_centre(p, q), is_left, inside, shown, center, scene):
                    inside = not inside
                    area -= ti.select(turn > 0.0, 1.0, -1.0)
            inner, outer = _sides(edge, middle, at, _inwards(line, is_left), inside, scene)
            if inner >= 0 and outer >= 0:
                gained = ti.select(is_left, -area, area)
                places = ti.Vector([pixel, inner, outer])
    return gained, places


@ti.func
def _is_to_flip(edge: ti.template(), distance, is_left, inside, shown, center, scene: ti.template()):
    """Whether it is this of the face's silhouettes near a centre whose sides the rasterizer has swapped."""
    all_inside, is_nearest = inside, inside != shown
    for k in range(1, 3):
        corner = (edge.corner + k) % 3
        if is_silhouette(edge.view * scene.mesh.faces.shape[0] + edge.face, corner, scene):
            a = in_pixels(clip_point(scene.mesh, edge.first, edge.face, corner), center, scene.screen)
            b = in_pixels(clip_point(scene.mesh, edge.first, edge.face, (corner + 1) % 3), center, scene.screen)
            part = part_in_pixel(a, b)
            if part[1] > part[0]:
                p, q = point_between(a, b, part[0]), point_between(a, b, part[1])
                if _passes_centre(p, q):
                    other, far = (cross(p, q) > 0.0) == is_left, _from_centre(p, q)
                    all_inside = all_inside and other
                    if other != shown and (far < distance or (far == distance and corner < edge.corner)):
                        is_nearest = False
    return all_inside != shown and is_nearest


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
def center_of(row, col, screen: ti.template()):
    """Screen position of a pixel's centre."""
    return ti.Vector([center_coordinate(col, 0, screen), center_coordinate(row, 1, screen)])


@ti.func
def pixel_at(view, row, col, screen: ti.template()):
    """Number of a pixel, NOTHING outside the image."""
    pixel = NOTHING
    if 0 <= row < screen.height and 0 <= col < screen.width:
        pixel = (view * screen.height + row) * screen.width + col
    return pixel


@ti.func
def _passes_centre(p, q):
    """Whether the piece from p to q passes the pixel's centre so closely that rounding may have swapped their sides."""
    d = q - p
    return ti.abs(cross(p, q)) < SNAP * d.norm() and p.dot(d) <= 0.0 and q.dot(d) >= 0.0


@ti.func
def _from_centre(p, q):
    """The distance of the pixel's centre from the line through p and q."""
    return ti.abs(cross(p, q)) / (q - p).norm()


@ti.func
def _is_on_surface(edge: ti.template(), middle, at, inside, scene: ti.template()):
    """What the rasterizer made of a centre close to an edge, that lies ``inside`` or not."""
    face = scene.picture.face_id[pixel_at(edge.view, at[0], at[1], scene.screen)]
    is_on = face == edge.face
    if inside and face >= 0 and not is_on:
        is_on = _leads_to(edge, middle, at, face, scene)
    return is_on


@ti.func
def _sides(edge: ti.template(), middle, at, inwards, inside, scene: ti.template()):
    """Pixels that show the surface and what is beyond its edge, around pixel ``at``, whose centre is ``inside`` or not;
    NOTHING if there is none.
    """
    within, beyond = at, at - inwards
    if not inside:
        within, beyond = at + inwards, at
    inner, outer = NOTHING, pixel_at(edge.view, beyond[0], beyond[1], scene.screen)
    if scene.twins[edge.face, edge.corner] < 0:
        outer = _beside_seam(edge, middle, at, outer, scene)
    if outer >= 0:
        if _is_hidden(edge, middle, outer, scene):
            outer = NOTHING
    if outer >= 0:
        searching = True
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
    return inner, outer


@ti.func
def _shows_surface(edge: ti.template(), middle, at, outer, scene: ti.template()):
    """Whether the pixel ``at`` (row, column) shows the surface of an edge, and something else than pixel ``outer``."""
    shows = False
    pixel = pixel_at(edge.view, at[0], at[1], scene.screen)
    if pixel >= 0:
        target = scene.picture.face_id[pixel]
        if target >= 0 and target != scene.picture.face_id[outer]:
            shows = _leads_to(edge, middle, at, target, scene)
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
                share, depth = _at_point(face, edge.first, middle, scene.mesh)
                if ti.abs(share) < TOUCH and ti.abs(depth - middle[3]) < TOUCH * middle[3]:
                    found = pixel
    return found


@ti.func
def _is_hidden(edge: ti.template(), middle, outer, scene: ti.template()):
    """Whether what a pixel beyond the piece shows is before the piece, or has an edge there and comes first."""
    hidden = False
    face = scene.picture.face_id[outer]
    if face >= 0:
        share, depth = _at_point(face, edge.first, middle, scene.mesh)
        if depth < middle[3] * (1.0 - TOUCH):
            hidden = True
        elif depth < middle[3] * (1.0 + TOUCH) and ti.abs(share) < TOUCH:
            hidden = face < edge.face
    return hidden


@ti.func
def _at_point(face, first, point, mesh: ti.template()):
    """The least barycentric coordinate of a face at a point's place on the screen, and the depth of its plane there."""
    a, b, c = clip_point(mesh, first, face, 0), clip_point(mesh, first, face, 1), clip_point(mesh, first, face, 2)
    u, v, w = side_of_line(edge_line(b, c), point), side_of_line(edge_line(c, a), point), 0.0
    w = side_of_line(edge_line(a, b), point)
    total = u + v + w
    least, depth = -1.0, point[3]
    if total != 0.0:
        least, depth = min(u, v, w) / total, (u * a[3] + v * b[3] + w * c[3]) / total
        if total < 0.0:
            least = max(u, v, w) / total
    return least, depth


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


@ti.func
def _leads_to(edge: ti.template(), middle, at, target, scene: ti.template()):
    """Whether the surface leads from a point on an edge of its face to the centre of pixel ``at`` on face ``target``.

    Follows the straight line there from face to face, and stops where the surface ends or folds back.
    """
    current, corner = edge.face, edge.corner
    if target != current:
        center = center_of(at[0], at[1], scene.screen)
        start = in_pixels(middle, center, scene.screen)
        a, b = in_pixels(edge.a, center, scene.screen), in_pixels(edge.b, center, scene.screen)
        fa, fb = cross(start, a), cross(start, b)
        distance = start.xy.dot(start.xy) / start[2]
        walking = 1
        for _ in range(WALK_STEPS):
            if walking == 1 and current != target:
                c = in_pixels(clip_point(scene.mesh, edge.first, current, (corner + 2) % 3), center, scene.screen)
                fc = cross(start, c)
                if (fa < 0.0) == (fc < 0.0):
                    corner, a, fa = (corner + 1) % 3, c, fc
                else:
                    corner, b, fb = (corner + 2) % 3, c, fc
                w = a[2] * fb - b[2] * fa
                new = start.xy.dot(a.xy * fb - b.xy * fa) / w
                twin = scene.twins[current, corner]
                # The surface ends, leaves through the camera's plane, is past the centre, or folds back.
                if twin < 0 or w * (fb - fa) <= 0.0 or new <= 0.0 or new > distance:
                    walking = 0
                else:
                    distance = new
                    current, corner = twin // 3, twin % 3
                    a = in_pixels(clip_point(scene.mesh, edge.first, current, corner), center, scene.screen)
                    b = in_pixels(clip_point(scene.mesh, edge.first, current, (corner + 1) % 3), center, scene.screen)
                    fa, fb = cross(start, a), cross(start, b)
    return current == target
