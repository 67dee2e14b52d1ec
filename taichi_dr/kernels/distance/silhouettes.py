"""The visual hull as a signed distance: how far a node is outside of the cone of any silhouette.

    phi(p) = max_v  s_v(p) depth_v(p) / f_v

``s_v(p)`` is the signed distance, in pixels, of the place where p falls from the silhouette of view v: negative inside.
A pixel is ``depth / f`` world units wide at p, so phi says how far p is outside of some silhouette's cone, or inside of
all: smooth, where carving is a staircase.
"""

import taichi as ti

from taichi_dr.kernels.base.types import Numbers, Rows, Volume
from taichi_dr.kernels.base.vectors import get3

RIGHT, UP, BACKWARD, EYE, FOCAL, PRINCIPAL = 0, 3, 6, 9, 12, 14
VIEW = 16
"""Columns of a view: its axes, its origin, focal lengths and principal point in pixels; and how many there are."""


@ti.kernel
def hull(distances: Volume, views: Rows, origin: Numbers, values: Volume, hx: float, hy: float, hz: float):
    """Writes phi at the nodes ``origin + (i hx, j hy, k hz)`` of ``values`` (X, Y, Z).

    ``distances`` (V, H, W) are pixels, at pixel centres; ``views`` (V, 16).  Outside a picture, and where the nearest
    of its pixels is outside the silhouette, the way to that pixel comes on top; what is behind a camera is outside.
    """
    for i, j, k in values:
        p = get3_of(origin) + ti.Vector([i * hx, j * hy, k * hz])
        phi = -1e30
        for view in range(views.shape[0]):
            q = p - get3(views, view, EYE)
            depth = -q.dot(get3(views, view, BACKWARD))
            value = ti.abs(depth)
            if depth > 0:
                fx, fy = views[view, FOCAL], views[view, FOCAL + 1]
                col = fx * q.dot(get3(views, view, RIGHT)) / depth + views[view, PRINCIPAL] - 0.5
                row = views[view, PRINCIPAL + 1] - fy * q.dot(get3(views, view, UP)) / depth - 0.5
                value = pixel_distance(distances, view, row, col) * depth / ti.sqrt(fx * fy)
            phi = ti.max(phi, value)
        values[i, j, k] = phi


@ti.func
def get3_of(numbers: ti.template()):
    """The three numbers of an array (3,)."""
    return ti.Vector([numbers[0], numbers[1], numbers[2]])


@ti.func
def pixel_distance(distances: ti.template(), view, row, col):
    """Between four pixels; from outside the picture the way to it comes on top, where it is outside the silhouette."""
    height, width = distances.shape[1], distances.shape[2]
    y, x = ti.math.clamp(row, 0.0, height - 1.0), ti.math.clamp(col, 0.0, width - 1.0)
    r, c = ti.min(int(y), height - 2), ti.min(int(x), width - 2)
    v, u = y - r, x - c
    above = (1.0 - u) * distances[view, r, c] + u * distances[view, r, c + 1]
    below = (1.0 - u) * distances[view, r + 1, c] + u * distances[view, r + 1, c + 1]
    value = (1.0 - v) * above + v * below
    if value > 0:
        value += ti.sqrt((row - y) ** 2 + (col - x) ** 2)
    return value
