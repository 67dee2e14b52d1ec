"""Silhouettes: how much of its pixel a surface covers, by how close the pixel's ray comes to it.

With s the distance where the ray is closest to the surface (negative if it goes through), and

    (a, b) = (ds/dcolumn, ds/drow),  n = |(a, b)|

what s changes from a pixel to the next, s / n is the signed distance from the pixel's centre to the silhouette, in
pixels, to first order; whatever the length of f's gradient, the lens and the angle of view are.  The coverage is that
of a square of ``width`` pixels by the half-plane behind this edge: with p >= q the sizes of a / n and b / n, and
x = -s / (n width),

    c(x) = 1/2 + x / p                               |x| <= (p - q) / 2
    c(x) = 1 - ((p + q) / 2 - x)^2 / (2 p q)         (p - q) / 2 < x < (p + q) / 2

and c(-x) = 1 - c(x), 0 or 1 further away: a ramp along the edge's normal, 1 wide for upright edges, 1.4 for diagonal
ones.  Sums over pixels are then those of the area, whichever way an edge lies among the pixels, which those of a ramp
of one width are not: a diagonal edge has now one pixel in it, now two.

At the closest point df/dt = 0, so s changes with the parameters as f does at that point (envelope theorem); (a, b) are
held constant, which changes what the two sides of the ramp say by equal amounts in opposite directions.

Where f has a kink (a ray through the middle of a thin plate) central differences see both sides, and n is what they
agree on: nothing for a plate, which covers its pixel however thin it is; the edge's own for the edge of a box.
"""

import taichi as ti

from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3
from taichi_dr.kernels.camera.pack import F, U, V, W
from taichi_dr.kernels.camera.rays import Eye, footprint, ray_components
from taichi_dr.kernels.march.surface import ray_of_pixel
from taichi_dr.kernels.screen.pixels import Screen, pixel_center, pixel_size

POINTS = 5  # evaluated for each edge: the closest one and two on either side
STEP = 0.25  # pixels from it to those


@ti.kernel
def place_edges(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    pixel: Ints,
    t: Numbers,
    count: ti.i32,
    points: Rows,
):
    """Writes the closest points (count, 3), then those a little to the right, left, above and below: (5 count, 3)."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        view, origin, direction = ray_of_pixel(pixel[i], eye, screen)
        p = origin + t[i] * direction
        right, up = _across(view, origin, p, direction, eye, screen)
        for k in ti.static(range(3)):
            points[i, k] = p[k]
            points[count + i, k] = p[k] + STEP * right[k]
            points[2 * count + i, k] = p[k] - STEP * right[k]
            points[3 * count + i, k] = p[k] + STEP * up[k]
            points[4 * count + i, k] = p[k] - STEP * up[k]


@ti.func
def _across(view, origin, p, direction, eye: ti.template(), screen: ti.template()):
    """What a pixel to the right and one upwards are at p, across the ray."""
    camera = ti.static(eye.camera)
    size = pixel_size(screen)
    if ti.static(not eye.orthographic):
        size *= (origin - p).dot(get3(camera, view, W))
    u, v = get3(camera, view, U), get3(camera, view, V)
    right = (u - direction * direction.dot(u)) * (size / camera[view, F])
    up = (v - direction * direction.dot(v)) * (size / camera[view, F + 1])
    return right, up


@ti.kernel
def approach(values: Rows, count: ti.i32, scale: Numbers, normal: Rows):
    """``scale`` (count,) = 1 / n and ``normal`` (count, 2) = (a, b) / n.

    ``values``: (5 count, 1), at the points of ``place_edges``.
    """
    for i in range(count):
        right = (values[count + i, 0] - values[2 * count + i, 0]) / (2.0 * STEP)
        up = (values[3 * count + i, 0] - values[4 * count + i, 0]) / (2.0 * STEP)
        scale[i] = 1.0 / ti.sqrt(ti.max(right * right + up * up, 1e-20))
        normal[i, 0], normal[i, 1] = right * scale[i], up * scale[i]


@ti.kernel
def cover(values: Rows, scale: Numbers, normal: Rows, count: ti.i32, width: float, coverage: Numbers):
    """``coverage`` (count,) of edges where s = ``values[i, 0]``."""
    for i in range(count):
        p, q = _sides(normal, i)
        coverage[i] = half_plane_coverage(-values[i, 0] * scale[i] / width, p, q)


@ti.kernel
def cover_adjoint(
    values: Rows,
    scale: Numbers,
    normal: Rows,
    count: ti.i32,
    width: float,
    coverage_adjoint: Numbers,
    values_adjoint: Rows,
):
    """Writes ``values_adjoint`` (count, 1), the adjoint of s."""
    for i in range(count):
        p, q = _sides(normal, i)
        slope = half_plane_slope(-values[i, 0] * scale[i] / width, p, q)
        values_adjoint[i, 0] = -coverage_adjoint[i] * slope * scale[i] / width


@ti.func
def _sides(normal: ti.template(), i):
    """(p, q) of an edge: the larger and the smaller size of its normal's components; upright where it has none."""
    a, b = ti.abs(normal[i, 0]), ti.abs(normal[i, 1])
    return ti.max(a, b, 0.7), ti.max(ti.min(a, b), 1e-6)


@ti.func
def half_plane_coverage(x, p, q):
    """The part of a unit square, within x of whose middle a half-plane ends, that it covers.

    Its normal's components have the sizes p >= q.  ``x = 0, 0.25, 2`` with p = 1, q = 0 give 0.5, 0.75, 1.
    """
    away = ti.abs(x)
    part = 0.5 + away / p
    if away > 0.5 * (p - q):
        rest = ti.max(0.5 * (p + q) - away, 0.0)
        part = 1.0 - rest * rest / (2.0 * p * q)
    return ti.select(x < 0.0, 1.0 - part, part)


@ti.func
def half_plane_slope(x, p, q):
    """The derivative of ``half_plane_coverage`` by x."""
    away = ti.abs(x)
    slope = 1.0 / p
    if away > 0.5 * (p - q):
        slope = ti.max(0.5 * (p + q) - away, 0.0) / (p * q)
    return slope


@ti.kernel
def place_closest(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    t: Numbers,
    points: Rows,
    scale: Numbers,
):
    """Writes the points at t on the rays of all pixels, and one over the width of a pixel there."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(t.shape[0]):
        view = i // (width * height)
        inside = i - view * width * height
        x, y = pixel_center(inside // width, inside % width, screen)
        ox, oy, oz, dx, dy, dz, cosine = ray_components(eye, view, x, y)
        constant, slope = footprint(eye, view, cosine, pixel_size(screen))
        points[i, 0], points[i, 1], points[i, 2] = ox + t[i] * dx, oy + t[i] * dy, oz + t[i] * dz
        scale[i] = 1.0 / (constant + slope * t[i])


@ti.kernel
def to_pixels(values: Rows, scale: Numbers, closest: Numbers):
    """``closest[i] = values[i, 0] scale[i]``: a distance in pixels."""
    for i in range(closest.shape[0]):
        closest[i] = values[i, 0] * scale[i]


@ti.kernel
def to_pixels_adjoint(scale: Numbers, closest_adjoint: Numbers, values_adjoint: Rows):
    """Writes ``values_adjoint``, the adjoint of the distance; the width of a pixel is held constant."""
    for i in range(closest_adjoint.shape[0]):
        values_adjoint[i, 0] = closest_adjoint[i] * scale[i]
