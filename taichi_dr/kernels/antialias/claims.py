"""Which pairs of neighbouring pixels a silhouette edge separates: the claims of antialiasing.

Axes, lines and pairs are those of ``crossing``; what a claim is for, and why the walk, is in ``blend``.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.antialias.crossing import (
    center_coordinate,
    crossed_pairs,
    crossing_position,
    edge_crossing,
    edge_line,
    lines_crossed,
    side_of_line,
)
from taichi_dr.kernels.screen.projected_mesh import clip_point

NO_EDGE = 0
STRONGEST = 2**31 - 1  # a claim of half-edge h is STRONGEST - h: of two the greater one holds, and 0 is none
BEHIND = 2**30  # taken off a claim where the outer pixel is nearer than the edge
FACING = 8  # in a face's mask of silhouette edges: the face's corners run counter-clockwise as the camera sees them
EDGES = 7
WALK_STEPS = 32  # faces between an edge and the centre of the pixel beside it


class Silhouettes(NamedTuple):
    """What the blend leaves for its adjoints: scratch, zeros before the first call, of L = ``claimed_length(V*H*W)``
    rows.
    """

    before: Any  # (L, channels): the claimed pixels as they were
    claims: Any  # (L, 4) i32: which half-edges separate a pixel from its right (0, 1) and from its lower (2, 3)
    # neighbour, first that whose surface is on the pixel's own side, then that on the neighbour's
    claimed: Any  # (L,) i32: 1 for the pixels of a claimed pair
    edge_mask: Any  # (V*F,) i32: bit e is set where edge e of the face is a silhouette
    channels: Any  # static


class Edge(NamedTuple):
    """An edge of a face in a view."""

    face: Any
    corner: Any  # from which it goes to the next one
    a: Any  # its ends as clip coordinates
    b: Any
    view: Any
    first: Any  # the view's first row of ``clip``


class Picture(NamedTuple):
    """What is blended, and what decides where."""

    face_id: Any  # (V*H*W,), -1 for the background
    depth: Any  # (V*H*W,), the far distance for the background
    image: Any  # (V*H*W, channels)


@ti.func
def faces_camera(mesh: ti.template(), first, face):
    """FACING or 0: the sign of det [P_0 P_1 P_2], P = (X, Y, W)."""
    a, b = clip_point(mesh, first, face, 0), clip_point(mesh, first, face, 1)
    return ti.select(side_of_line(edge_line(a, b), clip_point(mesh, first, face, 2)) > 0.0, FACING, 0)


@ti.func
def is_silhouette(face, e, first, faces: ti.template(), twins: ti.template(), edge_mask: ti.template()):
    """True for boundaries and where both faces lie on the same side of the plane through the camera and the edge.

    Faces of one winding do if one of them faces the camera and the other does not.  ``first``: the view's first row of
    ``edge_mask``.
    """
    silhouette = True
    twin = twins[face, e]
    if twin >= 0:
        own, other = edge_mask[first + face] & FACING, edge_mask[first + twin // 3] & FACING
        same_winding = faces[twin // 3, twin % 3] != faces[face, e]
        silhouette = (own != other) == same_winding
    return silhouette


@ti.func
def best_claim(claims: ti.template(), pixel, axis: ti.template()):
    """The stronger of the two claims on a pair, NO_EDGE if there is none."""
    return ti.max(claims[pixel, 2 * axis], claims[pixel, 2 * axis + 1])


@ti.func
def claimed_edge(claim):
    """The half-edge of a claim."""
    return (STRONGEST - claim) & (BEHIND - 1)


@ti.func
def claim_pairs(
    edge: ti.template(),
    mesh: ti.template(),
    twins: ti.template(),
    picture: ti.template(),
    silhouettes: ti.template(),
    screen: ti.template(),
    near,
    axis: ti.template(),
):
    """Enters an edge in every pair that it separates and in which its surface is what the inner pixel shows."""
    inner = clip_point(mesh, edge.first, edge.face, (edge.corner + 2) % 3)
    line = edge_line(edge.a, edge.b)
    inner_side = side_of_line(line, inner)
    # Inside is towards larger columns or rows if the line's value grows that way.
    inner_is_second = (line[axis] > 0.0) == (inner_side > 0.0)
    if ti.static(axis == 1):
        inner_is_second = not inner_is_second
    first_line, last_line = lines_crossed(edge.a, edge.b, near, screen, axis)
    for index in range(first_line, last_line + 1):
        position, crossing_depth = crossing_position(edge.a, edge.b, index, near, screen, axis)
        if position >= 0.0:
            along, pixel, next_along, next_pixel, step = pairs_at(position, edge.view, index, screen, axis)
            if picture.face_id[pixel] == picture.face_id[pixel + step]:
                along, pixel = next_along, next_pixel
            inside, outside = pixel, pixel + step
            second = 0
            if inner_is_second:
                inside, outside, second = outside, inside, 1
            shown = picture.face_id[inside]
            if shown >= 0 and shown != picture.face_id[outside]:
                x = center_coordinate(along + second, axis, screen)
                y = center_coordinate(index, 1 - axis, screen)
                if _reaches(edge, mesh, twins, shown, x, y, axis):
                    claim = STRONGEST - (3 * edge.face + edge.corner)
                    if picture.depth[outside] < crossing_depth:
                        claim -= BEHIND
                    silhouettes.claims[pixel, 2 * axis + second] = claim
                    _keep_pixel(picture, silhouettes, inside)
                    _keep_pixel(picture, silhouettes, outside)


@ti.func
def _keep_pixel(picture: ti.template(), silhouettes: ti.template(), pixel):
    """Marks a pixel as claimed, and copies it to ``before``."""
    silhouettes.claimed[pixel] = 1
    for c in ti.static(range(silhouettes.channels)):
        silhouettes.before[pixel, c] = picture.image[pixel, c]


@ti.func
def _reaches(
    edge: ti.template(), mesh: ti.template(), twins: ti.template(), target, along, across, axis: ti.template()
):
    """Whether the surface leads from an edge of its face to the point (along, across) on the face `target`.

    Follows the pixel line from face to face, and stops where the surface ends or folds back.
    """
    current, corner = edge.face, edge.corner
    a, b = edge.a, edge.b
    crossing = edge_crossing(a, b, along, across, axis)
    distance = crossing[0] / crossing[1]
    walking = 1
    for _ in range(WALK_STEPS):
        if walking == 1 and current != target:
            c = clip_point(mesh, edge.first, current, (corner + 2) % 3)
            fa = a[1 - axis] - across * a[2]
            fc = c[1 - axis] - across * c[2]
            if (fa < 0.0) == (fc < 0.0):
                corner, a = (corner + 1) % 3, c
            else:
                corner, b = (corner + 2) % 3, c
            crossing = edge_crossing(a, b, along, across, axis)
            new = crossing[0] / crossing[1]
            twin = twins[current, corner]
            # The surface ends, leaves through the camera's plane, is past the point, or folds back.
            if twin < 0 or crossing[1] * crossing[2] <= 0.0 or new * distance <= 0.0 or ti.abs(new) > ti.abs(distance):
                walking = 0
            else:
                distance = new
                current, corner = twin // 3, twin % 3
                a = clip_point(mesh, edge.first, current, corner)
                b = clip_point(mesh, edge.first, current, (corner + 1) % 3)
    return current == target


@ti.func
def pairs_at(position, view, line, screen: ti.template(), axis: ti.template()):
    """The two ``crossed_pairs`` at a position on a pixel line: number and index of each one's first pixel, and the
    step from there to its second pixel.
    """
    along, other = crossed_pairs(position, screen, axis)
    step = pixel_index(0, 1, 0, screen, axis)
    pixel = pixel_index(view, along, line, screen, axis)
    return along, pixel, other, pixel + (other - along) * step, step


@ti.func
def pixel_index(view, along, line, screen: ti.template(), axis: ti.template()):
    """Index of a view's pixel number ``along`` on pixel line ``line``."""
    index = line * screen.width + along
    if ti.static(axis == 1):
        index = along * screen.width + line
    return view * screen.width * screen.height + index
