"""How pixels change when what casts shadows moves, or what they fall on, or the light.

As seen from a place l that light comes from, what stands in its way ends in outlines.  Light that passes an outline at
e goes on to r, on a surface with the normal n, and is seen at x: there the radiance jumps by dL, what this light adds
where it is not blocked.  With d = e - l and the distances of r and e from l in the ratio ``ratio`` = |r - l| / |e - l|
(for light from one direction, ``r = e - sigma l``: ratio 1),

    dr = P(ratio de + (1 - ratio) dl) + d (n.m) / (n.d),    P(v) = v - d (n.v) / (n.d)

where m is the motion of the receiving surface.  So x moves as the projection of dr does, along the curve by de / ds
too, and pixels change as ``primary_edges`` says, by the jump dL.  For lights with an area this is an integral over
places l on them, each fixed to the light.

Steps: ``light_places.measure`` says how large outlines may look, ``light_places.place`` where light comes from,
``cast`` gives rays past the outlines, ``land`` says where they arrive and rays from the eye to there,
``accumulate`` takes the adjoints of pixels back to outlines, receivers, lights and the camera.

Source: Li et al., Differentiable Monte Carlo ray tracing through edge sampling, 2018, section 4.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row2, row3, unit
from taichi_dr.kernels.camera.pack import PACKED
from taichi_dr.kernels.camera.project import depth_of, project, project_adjoint, project_slope
from taichi_dr.kernels.camera.rays import Eye
from taichi_dr.kernels.rays.bounce import clearance
from taichi_dr.kernels.rays.light_places import place_adjoint
from taichi_dr.kernels.rays.meeting import meeting_adjoint, steepness
from taichi_dr.kernels.rays.outlines import (
    Outlines,
    OutlineSums,
    ends_of,
    is_arc,
    outline_at,
    side_of_surface,
    sphere_of,
    towards,
    write_outline_adjoint,
)
from taichi_dr.kernels.rays.primary_edges import FURTHEST, HIDDEN, Rays, pixel_at, write_eye_ray
from taichi_dr.kernels.rays.solids import COLUMNS, IMPLICIT, solid_adjoint, solid_at

BEFORE = 1e-4  # of the way to a light's place, by which rays end before it
ASIDE = 2.0  # roundings, by which rays pass outlines
TOUCHING = 8.0  # roundings, by which an outline is above what its shadow falls on: it hides what is closer
HIDES = 2e-5  # of the eye's distance to where a shadow falls, by which something else that it sees is closer


class ReceiverSums(NamedTuple):
    """What each of M samples implies for what a shadow falls on, and whom it belongs to (-1: nobody)."""

    corners: Any  # (3M, 3): the three points of a face
    corner_owner: Any  # (3M,) i32
    solid: Any  # (M, 9)
    solid_owner: Any  # (M,) i32


@replayed
@ti.kernel
def cast(
    edges: IntRows,
    points: Rows,
    solids: Rows,
    piece: Ints,
    within: Numbers,
    places: Rows,
    origins: Rows,
    directions: Rows,
    ends: Rows,
):
    """Writes two rays for each sample that begin beside the outline, where it is light: ``origins``, ``directions``
    (2M, 3) and ``ends`` (2M, 2), of which the second is before the first where an outline is none from there.

    Row i is the way that the light goes on, row M + i the way that it has come, up to a little before its place.  All
    that these rays ask is near the outline, and so exact, however large the scene is.
    """
    outlines, rays = ti.static(Outlines(edges, points, solids), Rays(origins, directions, ends))
    for i in range(piece.shape[0]):
        place = light_place(places, i)
        point, _, _ = outline_at(outlines, piece[i], within[i], place)
        whether, lit = lit_side(outlines, piece[i], within[i], place)
        beside = point + ASIDE * roundings_at(outlines, piece[i], point) * lit
        toward = towards(place, beside)
        onward, back = -1.0, -1.0
        if whether:
            onward, back = FURTHEST, FURTHEST
            if place[3] > 0.0:
                back = (1.0 - BEFORE) * toward.norm()
        write_ray(beside, -unit(toward), onward, i, rays)
        write_ray(beside, unit(toward), back, piece.shape[0] + i, rays)


@ti.func
def roundings_at(outlines: ti.template(), k, point):
    """How far off a point of an outline rounding may put things."""
    reach = 0.0
    if is_arc(outlines, k):
        reach = ti.abs(outlines.solids[sphere_of(outlines, k), 3])
    else:
        a, b = ends_of(outlines, k)
        reach = (b - a).norm()
    return clearance(point, reach)


@ti.func
def write_ray(origin, direction, last, row, rays: ti.template()):
    """Writes a ray from its origin on."""
    for c in ti.static(range(3)):
        rays.origins[row, c], rays.directions[row, c] = origin[c], direction[c]
    rays.ends[row, 0], rays.ends[row, 1] = 0.0, last


@ti.func
def light_place(places: ti.template(), i):
    """Row i of places."""
    return ti.Vector([places[i, 0], places[i, 1], places[i, 2], places[i, 3]])


@ti.func
def lit_side(outlines: ti.template(), k, s, place):
    """(whether, direction): is this the outline of something in the way of light, and to which side does light pass?"""
    point, tangent, lit = outline_at(outlines, k, s, place)
    whether = tangent.dot(tangent) > 0.0
    if not is_arc(outlines, k):
        whether, side = side_of_surface(outlines, k, place)
        lit = -side * unit(tangent.cross(towards(place, point)))
    return whether, lit


@replayed
@ti.kernel
def land(
    edges: IntRows,
    points: Rows,
    solids: Rows,
    kinds: Ints,
    faces: IntRows,
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    view: ti.i32,
    piece: Ints,
    within: Numbers,
    places: Rows,
    origins: Rows,
    directions: Rows,
    what: Ints,
    hits: Rows,
    spots: Rows,
    rates: Rows,
    pixel: Ints,
    eyes: Rows,
    looks: Rows,
    ends: Rows,
):
    """Writes where light that passes outlines arrives: ``spots`` (M, 6), place and normal; in which ``pixel`` (M,) of
    (V*H*W) one view may see it, -1 in none; ``rates`` (M, 2): dx / ds turned by 90 degrees, away from the light; and
    rays from the eye to there: ``eyes``, ``looks`` (M, 3), ``ends`` (M, 2), the second before the first for none.

    ``what`` and ``hits``: what the rays of ``cast`` met: a row of ``faces`` (F, 3), or F + a row of ``solids``;
    implicit ones are left out, and what an outline lies on.
    """
    outlines, eye = ti.static(Outlines(edges, points, solids), Eye(camera, orthographic))
    for i in range(piece.shape[0]):
        place = light_place(places, i)
        point, tangent, _ = outline_at(outlines, piece[i], within[i], place)
        pixel[i], ends[i, 0], ends[i, 1] = -1, 0.0, -1.0
        spot, normal, rate = point, zero3(), ti.Vector([0.0, 0.0])
        origin, look = row3(origins, i), row3(directions, i)
        for c in ti.static(range(3)):
            eyes[i, c], looks[i, c] = origin[c], look[c]
        is_known = what[i] >= 0 and what[piece.shape[0] + i] < 0
        if is_known and what[i] >= faces.shape[0]:
            is_known = kinds[what[i] - faces.shape[0]] != IMPLICIT
        if is_known:
            normal = normal_at(points, solids, kinds, faces, what[i], origin + hits[i, 0] * look)
            d = -unit(towards(place, point))
            above = normal.dot(origin + hits[i, 0] * look - point)
            t = above / steepness(normal, d)
            spot = point + t * d
            is_above = ti.abs(above) > TOUCHING * roundings_at(outlines, piece[i], point)
            if is_above and depth_of(eye, view, spot) > near:
                x = project(eye, view, spot)
                pixel[i] = pixel_at(x, width, height)
                ratio = 1.0 + place[3] * t / ti.max(towards(place, point).norm(), 1e-30)
                rate = project_slope(eye, view, spot, ratio * in_plane(normal, d, tangent))
                _, lit = lit_side(outlines, piece[i], within[i], place)
                bright = project_slope(eye, view, spot, in_plane(normal, d, lit))
                rate = ti.Vector([-rate[1], rate[0]])
                if rate.dot(bright) > 0.0:
                    rate = -rate
                if pixel[i] >= 0:
                    pixel[i] += view * width * height
                    write_eye_ray(eye, view, x, near, far, i, ti.static(Rays(eyes, looks, ends)))
        for c in ti.static(range(3)):
            spots[i, c], spots[i, 3 + c] = spot[c], normal[c]
        rates[i, 0], rates[i, 1] = rate[0], rate[1]


@ti.func
def in_plane(normal, direction, v):
    """P(v): v, moved along a direction into the plane with a normal."""
    return v - direction * (normal.dot(v) / steepness(normal, direction))


@ti.func
def normal_at(points: ti.template(), solids: ti.template(), kinds: ti.template(), faces: ti.template(), what, point):
    """The unit normal of a face, or of a solid at a point."""
    normal = ti.Vector([0.0, 0.0, 0.0])
    if what < faces.shape[0]:
        a = row3(points, faces[what, 0])
        normal = unit((row3(points, faces[what, 1]) - a).cross(row3(points, faces[what, 2]) - a))
    else:
        row = what - faces.shape[0]
        normal = solid_at(kinds[row], row, solids, point)
    return normal


@replayed
@ti.kernel
def accumulate(
    edges: IntRows,
    points: Rows,
    solids: Rows,
    kinds: Ints,
    faces: IntRows,
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    view: ti.i32,
    light: ti.i32,
    piece: Ints,
    within: Numbers,
    lengths: Numbers,
    each: float,
    places: Rows,
    sides: Rows,
    areas: Numbers,
    spots: Rows,
    rates: Rows,
    pixel: Ints,
    eyes: Rows,
    what: Ints,
    hits: Rows,
    seen: Ints,
    seen_hits: Rows,
    radiance: Rows,
    image_adjoint: Rows,
    outline_ends: Rows,
    end_owner: Ints,
    sphere: Rows,
    sphere_owner: Ints,
    corners: Rows,
    corner_owner: Ints,
    receiver: Rows,
    receiver_owner: Ints,
    lights: Rows,
    camera_adjoint: Rows,
):
    """Writes what each sample implies, by owner: for outlines (``OutlineSums``), for the three points of the face that
    the shadow falls on, or its solid (``ReceiverSums``), for the light and the camera (M, 16).

    ``what``, ``hits``: of ``cast``'s rays; ``seen``, ``seen_hits``: of ``land``'s.  ``radiance`` (M, C): what light of
    a sample's place adds to what its pixel shows, for each unit of area.  ``lights`` (M, 9): of the solid that shines,
    or first the place or direction.
    """
    outlines, eye = ti.static(Outlines(edges, points, solids), Eye(camera, orthographic))
    sums = ti.static(OutlineSums(outline_ends, end_owner, sphere, sphere_owner))
    receivers = ti.static(ReceiverSums(corners, corner_owner, receiver, receiver_owner))
    for i in range(piece.shape[0]):
        place, spot, normal = light_place(places, i), get3(spots, i, 0), get3(spots, i, 3)
        point, _, outward = outline_at(outlines, piece[i], within[i], place)
        jump, far = 0.0, (spot - row3(eyes, i)).norm()
        if pixel[i] >= 0 and is_what_is_seen(what[i], seen[i], seen_hits[i, 0], far):
            for c in range(radiance.shape[1]):
                jump += image_adjoint[pixel[i], c] * radiance[i, c]
        size = 0.5 * float(ti.min(width, height))  # pixels per screen unit
        scale = jump * areas[i] * size * size * each / lengths[piece[i]]
        g, e_adjoint, packed = zero3(), zero3(), ti.Vector([0.0 for _ in ti.static(range(PACKED))])
        d, past, ratio = -unit(towards(place, point)), (spot - point).norm(), 1.0
        if scale != 0.0:
            g, packed = project_adjoint(eye, view, spot, scale * row2(rates, i))
            ratio = 1.0 + place[3] * past / ti.max(towards(place, point).norm(), 1e-30)
            e_adjoint, _ = meeting_adjoint(normal, d, g)
        by_place = (1.0 - ratio) * e_adjoint
        if place[3] == 0.0:
            by_place = -past * e_adjoint
        for c in ti.static(range(PACKED)):
            camera_adjoint[i, c] = packed[c]
        numbers = place_adjoint(kinds, light, sides, i, by_place)
        for c in ti.static(range(COLUMNS)):
            lights[i, c] = numbers[c]
        write_outline_adjoint(outlines, piece[i], within[i], outward, ratio * e_adjoint, i, sums)
        receiver_owner[i] = -1
        for j in ti.static(range(3)):
            corner_owner[3 * i + j] = -1
        if scale != 0.0 and what[i] < faces.shape[0]:
            _, along = meeting_adjoint(normal, d, g)
            write_face_adjoint(faces, what[i], hits, along, i, receivers)
        elif scale != 0.0:
            row = what[i] - faces.shape[0]
            _, _, moved = solid_adjoint(kinds[row], row, solids, point, d, past, g, zero3())
            for c in ti.static(range(COLUMNS)):
                receiver[i, c] = moved[c]
            receiver_owner[i] = row


@ti.func
def is_what_is_seen(what, seen, t, far):
    """Whether a ray that meets ``seen`` at t shows the place at ``far`` on ``what``, or beside an edge of it."""
    return seen >= 0 and ti.abs(t - far) <= ti.select(seen == what, HIDDEN, HIDES) * far


@ti.func
def write_face_adjoint(faces: ti.template(), face, hits: ti.template(), along, i, receivers: ti.template()):
    """Writes what sample i implies for the corners of a face, of the adjoint ``along`` of its material point."""
    u, v = hits[i, 1], hits[i, 2]
    shares = ti.Vector([u, v, 1.0 - u - v])
    for j in ti.static(range(3)):
        receivers.corner_owner[3 * i + j] = faces[face, j]
        for c in ti.static(range(3)):
            receivers.corners[3 * i + j, c] = shares[j] * along[c]


@ti.func
def zero3():
    """(0, 0, 0)."""
    return ti.Vector([0.0, 0.0, 0.0])
