"""The area that a pixel's surface gains by a piece of a silhouette, compared with what the pixel's centre shows."""

import taichi as ti

from taichi_dr.kernels.antialias.piece import (
    area_behind,
    center_of,
    cross,
    edge_line,
    in_pixels,
    part_in_pixel,
    pixel_at,
    point_between,
    sector_between,
    side_of_line,
)
from taichi_dr.kernels.antialias.silhouettes import is_silhouette
from taichi_dr.kernels.antialias.walk import leads_to
from taichi_dr.kernels.screen.projected_mesh import clip_point

SNAP = 1 / 200  # pixels: the rasterizer rounds corners to 1/256, so it may see an edge on the other side of a centre


@ti.func
def area_gained(edge: ti.template(), at, scene: ti.template()):
    """The area that the surface gains in pixel ``at`` (row, column) by an edge's piece there (negative: loses), whether
    there is a piece, and whether the centre lies on the surface's side of it.
    """
    gained, is_piece, inside = 0.0, False, False
    if pixel_at(edge.view, at[0], at[1], scene.screen) >= 0:
        center = center_of(at[0], at[1], scene.screen)
        a, b = in_pixels(edge.a, center, scene.screen), in_pixels(edge.b, center, scene.screen)
        part = part_in_pixel(a, b)
        middle = edge.a + 0.5 * (part[0] + part[1]) * (edge.b - edge.a)
        if part[1] > part[0] and middle[3] >= scene.near:
            is_piece = True
            is_left = side_of_line(edge_line(a, b), in_pixels(edge.inner, center, scene.screen)) > 0.0
            p, q = point_between(a, b, part[0]), point_between(a, b, part[1])
            area, turn = area_behind(p, q), sector_between(p, q)
            inside = (turn > 0.0) == is_left
            if _passes_centre(p, q):
                shown = _is_on_surface(edge, middle, at, inside, scene)
                if _is_to_flip(edge, _from_centre(p, q), is_left, inside, shown, center, scene):
                    inside = not inside
                    area -= ti.select(turn > 0.0, 1.0, -1.0)
            gained = ti.select(is_left, -area, area)
    return gained, is_piece, inside


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
    twin = scene.twins[edge.face, edge.corner]
    is_on = face == edge.face or (twin >= 0 and face == twin // 3)
    if inside and face >= 0 and not is_on:
        is_on = leads_to(edge, middle, at, face, scene)
    return is_on
