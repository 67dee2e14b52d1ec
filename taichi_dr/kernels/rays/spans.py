"""Which part of an outline is in the image, or may throw its shadow there.

The image shows what is inside of five planes, ``h_i(p) = n_i.(p - e) + d_i >= 0``.  Light from a place l that passes
the point e(s) of an edge gets to ``e + t (e - l)`` (from a direction, to ``e - t l``).  With ``tau = t / (1 + t)``, or
t, it is inside where

    h_i(e(s)) - tau H_i >= 0,  0 <= tau (<= 1),    H_i = h_i(l), or n_i.l

which are linear in s and tau; two of them at a time, of which one says that tau is small and one that it is large,
leave a bound of s (Fourier and Motzkin).  For a light with an area, H_i is the least that it has anywhere.
"""

import math

import taichi as ti

from taichi_dr.kernels.base.vectors import get3
from taichi_dr.kernels.camera.pack import E, F, P, U, V, W
from taichi_dr.kernels.rays.bounce import clearance, roundings
from taichi_dr.kernels.rays.outlines import ARCS, is_arc, outline_at, sphere_of
from taichi_dr.kernels.rays.solids import SPHERE

PLANES = 5  # left, right, bottom, top, near
BULGE = 1.5 * (1.0 - math.cos(math.pi / ARCS))  # of a sphere's radius: how far an arc is from its chord, and more


@ti.func
def half_screen(width, height):
    """Half of the image's width and height, in screen units."""
    shorter = ti.cast(ti.min(width, height), float)
    return ti.Vector([float(width) / shorter, float(height) / shorter])


@ti.func
def plane(eye: ti.template(), view, i, half, near):
    """(n, d) of plane i of those that the image is inside of."""
    camera = ti.static(eye.camera)
    n, d = -get3(camera, view, W), -near
    if i < 4:
        axis = i // 2
        across = get3(camera, view, U)
        if axis == 1:
            across = get3(camera, view, V)
        sign = 1.0 - 2.0 * float(i % 2)
        room = half[axis] - sign * camera[view, P + axis]
        n, d = n * room - sign * camera[view, F + axis] * across, 0.0
        if ti.static(eye.orthographic):
            n, d = -sign * camera[view, F + axis] * across, room
    return n, d


@ti.func
def chord(outlines: ti.template(), k, place):
    """(a, b, how far an outline is from the segment between them at most), as seen from a place or direction."""
    a, _, _ = outline_at(outlines, k, 0.0, place)
    b, _, _ = outline_at(outlines, k, 1.0, place)
    bulge = 0.0
    if is_arc(outlines, k):
        bulge = BULGE * ti.abs(outlines.solids[sphere_of(outlines, k), 3])
    return a, b, bulge


@ti.func
def seen_span(outlines: ti.template(), eye: ti.template(), view, k, half, near, place):
    """(first, last): between which s an outline is in the image, or a little more; the last is first if nowhere."""
    a, b, bulge = chord(outlines, k, place)
    e = get3(eye.camera, view, E)
    first, last = 0.0, 1.0
    for i in range(PLANES):
        n, d = plane(eye, view, i, half, near)
        slack = (bulge + clearance(a, (a - e).norm() + (b - a).norm())) * n.norm() + d
        first, last = positive(n.dot(a - e) + slack, n.dot(b - e) + slack, first, last)
    return first, last


@ti.func
def shadow_span(
    a, b, bulge, eye: ti.template(), view, half, near, place, light, solids: ti.template(), kinds: ti.template()
):
    """(first, last): between which s an outline may throw its shadow into the image; the last is first if nowhere.

    ``a``, ``b``, ``bulge``: as ``chord`` has them.  ``light``: the row of ``solids`` around ``place`` that shines, of
    ``kinds``; -1 if none does.
    """
    e = get3(eye.camera, view, E)
    bounds = ti.Matrix.zero(float, PLANES + 2, 3)  # h at a, h at b, H
    from_e = ti.Vector([place[0], place[1], place[2]]) - place[3] * e
    for i in range(PLANES):
        n, d = plane(eye, view, i, half, near)
        slack = (bulge + clearance(a, (a - e).norm() + (b - a).norm())) * n.norm() + d
        spread = ti.static(roundings()) * from_e.norm() * n.norm()
        if light >= 0:
            spread += half_width(solids, kinds[light], light, n)
        bounds[i, 0], bounds[i, 1] = n.dot(a - e) + slack, n.dot(b - e) + slack
        bounds[i, 2] = n.dot(from_e) + place[3] * d - spread
    bounds[PLANES, 2] = -1.0  # tau >= 0
    bounds[PLANES + 1, 0], bounds[PLANES + 1, 1], bounds[PLANES + 1, 2] = 1.0, 1.0, place[3]  # tau <= 1
    first, last = 0.0, 1.0
    for i in range(PLANES + 2):
        for j in range(PLANES + 2):
            least, most = bounds[j, 2], bounds[i, 2]
            if least < 0.0 <= most:
                at_a = bounds[j, 0] * most - bounds[i, 0] * least
                at_b = bounds[j, 1] * most - bounds[i, 1] * least
                first, last = positive(at_a, at_b, first, last)
    return first, last


@ti.func
def half_width(solids: ti.template(), kind, row, direction):
    """How far a sphere or a rectangle reaches from its centre in a direction, times the direction's length."""
    reach = ti.abs(direction.dot(get3(solids, row, 3))) + ti.abs(direction.dot(get3(solids, row, 6)))
    if kind == SPHERE:
        reach = solids[row, 3] * direction.norm()
    return reach


@ti.func
def positive(at_first, at_last, first, last):
    """(first, last) of the part of an interval where a number is positive that is linear from s = 0 to s = 1."""
    if at_first < 0.0 and at_last < 0.0:
        last = first
    elif at_first < 0.0:
        first = ti.min(ti.max(first, at_first / (at_first - at_last)), last)
    elif at_last < 0.0:
        last = ti.max(ti.min(last, at_first / (at_first - at_last)), first)
    return first, last
