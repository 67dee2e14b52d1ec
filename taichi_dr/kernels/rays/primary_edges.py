"""How pixels change when the outlines of what they show move.

A pixel is the mean of the radiance L over its area A.  Where L jumps along a curve x(s) on the screen, that mean
changes with any number theta as

    dI / dtheta = 1 / A integral (L_right - L_left) n.(dx / dtheta) |dx / ds| ds,  n = (-dx_2, dx_1) / |dx|

(n to the left of where the curve goes to).  The integral is found by samples that are evenly spread over the curves in
the image, as long as they are on the screen, with a ray on either side of each.

Steps: ``measure`` says how long each outline is on the screen, ``strata.strata`` spreads the samples, ``place`` gives
their rays, somebody traces them, ``accumulate`` takes the adjoints of pixels back to edges, spheres and cameras.

Source: Li et al., Differentiable Monte Carlo ray tracing through edge sampling, 2018.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row2, row3
from taichi_dr.kernels.camera.pack import PACKED, E, U, V, W
from taichi_dr.kernels.camera.project import depth_of, divisor, project, project_adjoint, project_slope
from taichi_dr.kernels.camera.rays import Eye, ray, slopes
from taichi_dr.kernels.rays.outlines import (
    Outlines,
    OutlineSums,
    ends_of,
    eye_place,
    is_arc,
    outline_at,
    side_of_surface,
    write_outline_adjoint,
)
from taichi_dr.kernels.rays.spans import half_screen, seen_span

HIDDEN = 1e-3  # of an outline's distance, by which what hides it is closer
FURTHEST = 1e30
LONGEST = 8.0  # of an arc, in screen units: one that passes the eye by


@replayed
@ti.kernel
def measure(
    edges: IntRows,
    points: Rows,
    solids: Rows,
    folds: Numbers,
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    view: ti.i32,
    spans: Rows,
    lengths: Numbers,
):
    """Writes how long outlines are on a view's screen, ``lengths`` (E,), and between which places, ``spans`` (E, 4);
    of arcs, between which two s.

    ``edges``, ``points``, ``solids``: ``Outlines``; ``folds`` (E,): what the length of an edge that is no silhouette
    counts, 0 to 1: above 0 where its two faces look different, and the more the more so.  What is behind the near plane
    or outside of the image has no length.
    """
    outlines, eye = ti.static(Outlines(edges, points, solids), Eye(camera, orthographic))
    for k in range(lengths.shape[0]):
        half = half_screen(width, height)
        start, end, length = ti.Vector([0.0, 0.0]), ti.Vector([0.0, 0.0]), 0.0
        if is_arc(outlines, k):
            start[0], start[1] = seen_span(outlines, eye, view, k, half, near, eye_place(eye, view))
            length = arc_length(outlines, eye, view, k, start[0], start[1], near)
        else:
            share = 1.0
            whether, _ = side_of_surface(outlines, k, eye_place(eye, view))
            if not whether:
                share = folds[k]
            if share > 0.0:
                start, end = visible_span(outlines, eye, view, k, near, half)
                length = share * (end - start).norm()
        for c in ti.static(range(2)):
            spans[k, c], spans[k, 2 + c] = start[c], end[c]
        lengths[k] = length


@ti.func
def visible_span(outlines: ti.template(), eye: ti.template(), view, k, near, half):
    """The two ends, on the screen, of the part of an edge that is beyond the near plane and in the image; (0, 0) twice
    if there is none.
    """
    a, b = ends_of(outlines, k)
    depth_a, depth_b = depth_of(eye, view, a) - near, depth_of(eye, view, b) - near
    start, end = ti.Vector([0.0, 0.0]), ti.Vector([0.0, 0.0])
    if depth_a > 0.0 or depth_b > 0.0:
        near_a, near_b = a, b
        if depth_a <= 0.0:
            near_a = b + (a - b) * (depth_b / (depth_b - depth_a))
        elif depth_b <= 0.0:
            near_b = a + (b - a) * (depth_a / (depth_a - depth_b))
        p, q = project(eye, view, near_a), project(eye, view, near_b)
        first, last = 0.0, 1.0
        for c in ti.static(range(2)):
            first, last = _between(p[c], q[c] - p[c], half[c], first, last)
        if first < last:
            start, end = p + first * (q - p), p + last * (q - p)
    return start, end


@ti.func
def _between(p, step, half, first, last):
    """Where ``p + t step`` is between -half and half, if t is between ``first`` and ``last``."""
    if step != 0.0:
        low, high = (-half - p) / step, (half - p) / step
        first, last = ti.max(first, ti.min(low, high)), ti.min(last, ti.max(low, high))
    elif ti.abs(p) > half:
        last = first
    return first, last


@ti.func
def arc_length(outlines: ti.template(), eye: ti.template(), view, k, first, last, near):
    """About how long a part of an arc is on the screen."""
    a, tangent, _ = outline_at(outlines, k, first, eye_place(eye, view))
    b, _, _ = outline_at(outlines, k, last, eye_place(eye, view))
    length = 0.0
    if tangent.dot(tangent) > 0.0 and first < last:
        length = LONGEST
        if depth_of(eye, view, a) > near and depth_of(eye, view, b) > near:
            length = ti.min((project(eye, view, b) - project(eye, view, a)).norm(), LONGEST)
    return length


@replayed
@ti.kernel
def place(
    edges: IntRows,
    points: Rows,
    solids: Rows,
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    aside: float,
    view: ti.i32,
    spans: Rows,
    piece: Ints,
    within: Numbers,
    where: Rows,
    pixel: Ints,
    origins: Rows,
    directions: Rows,
    ends: Rows,
):
    """Writes where samples are, ``where`` (M, 4): s on the outline, and the curve's rate dx / d``within`` and distance
    from the eye; in which ``pixel`` (M,) of (V*H*W), -1 if it is in none; and the rays to the right and to the left of
    each, side by side: ``origins``, ``directions`` (2M, 3), ``ends`` (2M, 2).

    ``piece``, ``within`` (M,): ``strata.strata`` of ``measure``'s lengths.  ``aside``: from the outline to the rays, in
    screen units.
    """
    outlines, eye = ti.static(Outlines(edges, points, solids), Eye(camera, orthographic))
    for i in range(piece.shape[0]):
        k = piece[i]
        s, x, rate = within[i], ti.Vector([0.0, 0.0]), ti.Vector([0.0, 0.0])
        is_there = True
        if is_arc(outlines, k):
            s = spans[k, 0] + s * (spans[k, 1] - spans[k, 0])
            point, tangent, _ = outline_at(outlines, k, s, eye_place(eye, view))
            is_there = depth_of(eye, view, point) > near
            if is_there:
                x = project(eye, view, point)
                rate = project_slope(eye, view, point, (spans[k, 1] - spans[k, 0]) * tangent)
        else:
            start = row2(spans, k)
            rate = ti.Vector([spans[k, 2], spans[k, 3]]) - start
            x = start + s * rate
            s = along_edge(outlines, eye, view, k, x, rate)
        place_in_image = pixel_at(x, width, height)
        pixel[i] = -1
        if is_there and place_in_image >= 0:
            pixel[i] = view * width * height + place_in_image
        point, _, _ = outline_at(outlines, k, s, eye_place(eye, view))
        left = ti.Vector([-rate[1], rate[0]]) / ti.max(rate.norm(), 1e-30)
        for one in ti.static(range(2)):
            sideways = x + (2.0 * one - 1.0) * aside * left
            write_eye_ray(eye, view, sideways, near, far, 2 * i + one, ti.static(Rays(origins, directions, ends)))
        where[i, 0], where[i, 1], where[i, 2] = s, rate[0], rate[1]
        where[i, 3] = (point - row3(origins, 2 * i)).norm()


class Rays(NamedTuple):
    """Arrays of rays: origins and unit directions (R, 3), and between which t's, ``ends`` (R, 2)."""

    origins: Any
    directions: Any
    ends: Any


@ti.func
def write_eye_ray(eye: ti.template(), view, x, near, far, row, rays: ti.template()):
    """Writes the ray through a place on the screen, from the near to the far plane."""
    origin, direction = ray(eye, view, x[0], x[1])
    cosine = -direction.dot(get3(eye.camera, view, W))
    for c in ti.static(range(3)):
        rays.origins[row, c], rays.directions[row, c] = origin[c], direction[c]
    rays.ends[row, 0], rays.ends[row, 1] = near / cosine, far / cosine


@ti.func
def along_edge(outlines: ti.template(), eye: ti.template(), view, k, x, rate):
    """The share s of an edge at which it is at x on the screen, where it goes in the direction ``rate``."""
    camera = ti.static(eye.camera)
    a, b = ends_of(outlines, k)
    z_a, z_b = divisor(eye, view, a), divisor(eye, view, b)
    slope, side = slopes(camera, view, x[0], x[1])[0], get3(camera, view, U)
    if ti.abs(rate[1]) > ti.abs(rate[0]):
        slope, side = slopes(camera, view, x[0], x[1])[1], get3(camera, view, V)
    from_a = (a - get3(camera, view, E)).dot(side) - slope * z_a
    from_b = (b - get3(camera, view, E)).dot(side) - slope * z_b
    s = 0.5
    if from_a != from_b:
        s = ti.math.clamp(from_a / (from_a - from_b), 0.0, 1.0)
    return s


@ti.func
def pixel_at(x, width, height):
    """The pixel, row after row, that a place on the screen is in; -1 outside of the image."""
    shorter = ti.cast(ti.min(width, height), float)
    column, row = 0.5 * (x[0] * shorter + float(width)), 0.5 * (float(height) - x[1] * shorter)
    pixel = -1
    if 0.0 <= column < float(width) and 0.0 <= row < float(height):
        pixel = ti.cast(row, ti.i32) * width + ti.cast(column, ti.i32)
    return pixel


@replayed
@ti.kernel
def accumulate(
    edges: IntRows,
    points: Rows,
    solids: Rows,
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    view: ti.i32,
    piece: Ints,
    lengths: Numbers,
    each: float,
    where: Rows,
    pixel: Ints,
    radiance: Rows,
    what: Ints,
    hits: Rows,
    image_adjoint: Rows,
    ends: Rows,
    end_owner: Ints,
    sphere: Rows,
    sphere_owner: Ints,
    camera_adjoint: Rows,
):
    """Writes what each sample implies for points, spheres (``OutlineSums``) and for the view's camera (M, 16).

    ``radiance`` (2M, C): of the rays of ``place``, C numbers like those of ``image_adjoint`` (V*H*W, C); ``what`` (2M,)
    they met, -1: nothing, and ``hits`` (2M, 3), at which t.  ``each``: ``strata.strata``'s length of a sample.
    """
    outlines, eye = ti.static(Outlines(edges, points, solids), Eye(camera, orthographic))
    sums = ti.static(OutlineSums(ends, end_owner, sphere, sphere_owner))
    for i in range(piece.shape[0]):
        k = piece[i]
        s, rate, jump = where[i, 0], ti.Vector([where[i, 1], where[i, 2]]), 0.0
        right, left = distance_met(what, hits, 2 * i), distance_met(what, hits, 2 * i + 1)
        is_seen = ti.max(right, left) > (1.0 - HIDDEN) * where[i, 3]
        if is_fold(outlines, k, eye_place(eye, view)):
            is_seen = is_seen and ti.max(right, left) < (1.0 + HIDDEN) * where[i, 3]
            is_seen = is_seen and ti.min(right, left) > (1.0 - HIDDEN) * where[i, 3]
        if pixel[i] >= 0 and is_seen:
            for c in range(radiance.shape[1]):
                jump += image_adjoint[pixel[i], c] * (radiance[2 * i, c] - radiance[2 * i + 1, c])
        size = 0.5 * float(ti.min(width, height))  # pixels per screen unit
        scale = jump * size * size * each / lengths[k]
        point, _, outward = outline_at(outlines, k, s, eye_place(eye, view))
        g, packed = ti.Vector([0.0, 0.0, 0.0]), ti.Vector([0.0 for _ in ti.static(range(PACKED))])
        if jump != 0.0:
            g, packed = project_adjoint(eye, view, point, scale * ti.Vector([-rate[1], rate[0]]))
        write_outline_adjoint(outlines, k, s, outward, g, i, sums)
        for c in ti.static(range(PACKED)):
            camera_adjoint[i, c] = packed[c]


@ti.func
def distance_met(what: ti.template(), hits: ti.template(), row):
    """At which t a ray meets something, far away if it is nothing."""
    t = FURTHEST
    if what[row] >= 0:
        t = hits[row, 0]
    return t


@ti.func
def is_fold(outlines: ti.template(), k, place):
    """Whether an outline lies within the surface: an edge whose two faces are both seen.  Then both are met beside it;
    rays that miss them are beside another outline as well, which counts by itself.
    """
    silhouette = True
    if not is_arc(outlines, k):
        silhouette, _ = side_of_surface(outlines, k, place)
    return not silhouette
