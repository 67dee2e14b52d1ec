"""Which pairs of neighbouring pixels a silhouette edge separates: the claims of antialiasing.

Axes, lines and pairs are those of ``edge_crossing``; what a claim is for, and why the walk, is in ``antialias``.
"""

import taichi as ti

from taichi_dr.kernels.antialias.crossing import (
    clip_point,
    crossed_pairs,
    crossing_position,
    edge_crossing,
    edge_line,
    lines_crossed,
    pixel_center,
    side_of_line,
)

NO_EDGE = 0
STRONGEST = 2**31 - 1  # a claim of half-edge h is STRONGEST - h: of two the greater one holds, and 0 is none
BEHIND = 2**30  # taken off a claim where the outer pixel is nearer than the edge
FACING = 8  # in a face's mask of silhouette edges: the face's corners run counter-clockwise as the camera sees them
EDGES = 7
WALK_STEPS = 32  # faces between an edge and the centre of the pixel beside it


@ti.func
def faces_camera(face, base, clip: ti.template(), faces: ti.template()):
    """FACING or 0: the sign of det [P_0 P_1 P_2], P = (X, Y, W)."""
    a, b = clip_point(clip, base + faces[face, 0]), clip_point(clip, base + faces[face, 1])
    return ti.select(side_of_line(edge_line(a, b), clip_point(clip, base + faces[face, 2])) > 0.0, FACING, 0)


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
    face,
    e,
    a,
    b,
    inner,
    view,
    base,
    size,
    near,
    clip: ti.template(),
    faces: ti.template(),
    twins: ti.template(),
    face_id: ti.template(),
    depth: ti.template(),
    image: ti.template(),
    before: ti.template(),
    claims: ti.template(),
    claimed: ti.template(),
    channels: ti.template(),
    axis: ti.template(),
):
    """Enters edge e in every pair that it separates and in which its surface is what the inner pixel shows; copies the
    pixels of these pairs to ``before``."""
    line = edge_line(a, b)
    inner_side = side_of_line(line, inner)
    # Inside is towards larger columns or rows if the line's value grows that way.
    inner_is_second = (line[axis] > 0.0) == (inner_side > 0.0)
    if ti.static(axis == 1):
        inner_is_second = not inner_is_second
    first_line, last_line = lines_crossed(a, b, near, size, axis)
    for index in range(first_line, last_line + 1):
        position, crossing_depth = crossing_position(a, b, index, near, size, axis)
        if position >= 0.0:
            along, other = crossed_pairs(position, size, axis)
            step = pixel_index(0, 1, 0, size, axis)
            pixel = pixel_index(view, along, index, size, axis)
            if face_id[pixel] == face_id[pixel + step]:
                along, pixel = other, pixel + (other - along) * step
            inside, outside = pixel, pixel + step
            second = 0
            if inner_is_second:
                inside, outside, second = outside, inside, 1
            shown = face_id[inside]
            if shown >= 0 and shown != face_id[outside]:
                across = pixel_center(index, 1 - axis, size)
                if _reaches(
                    face, e, shown, pixel_center(along + second, axis, size), across, base, clip, faces, twins, axis
                ):
                    claim = STRONGEST - (3 * face + e)
                    if depth[outside] < crossing_depth:
                        claim -= BEHIND
                    claims[pixel, 2 * axis + second] = claim
                    for pixel_of_pair in ti.static((inside, outside)):
                        claimed[pixel_of_pair] = 1
                        for c in ti.static(range(channels)):
                            before[pixel_of_pair, c] = image[pixel_of_pair, c]


@ti.func
def _reaches(
    face,
    e,
    target,
    along,
    across,
    base,
    clip: ti.template(),
    faces: ti.template(),
    twins: ti.template(),
    axis: ti.template(),
):
    """Whether the surface leads from edge e of a face to the point (along, across) on the face `target`.

    Follows the pixel line from face to face, and stops where the surface ends or folds back.
    """
    current, corner = face, e
    a = clip_point(clip, base + faces[current, corner])
    b = clip_point(clip, base + faces[current, (corner + 1) % 3])
    crossing = edge_crossing(a, b, along, across, axis)
    distance = crossing[0] / crossing[1]
    walking = 1
    for _ in range(WALK_STEPS):
        if walking == 1 and current != target:
            c = clip_point(clip, base + faces[current, (corner + 2) % 3])
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
                a = clip_point(clip, base + faces[current, corner])
                b = clip_point(clip, base + faces[current, (corner + 1) % 3])
    return current == target


@ti.func
def pixel_index(view, along, line, size, axis: ti.template()):
    """Index of a view's pixel number ``along`` on pixel line ``line``."""
    index = line * size[0] + along
    if ti.static(axis == 1):
        index = along * size[0] + line
    return view * size[0] * size[1] + index
