"""Points where rays meet a surface: where exactly, and what moves them.

At t0 marching has found |f| small.  One step of Newton's method gives the point itself,

    t = t0 - f(o + t0 d) / s,   s = df/dt,

and, with t0 and s held constant, its derivative by everything that f depends on: ``dt = -df / s``, the implicit
function theorem.  Rays that graze have a small s; it counts as at least ``STEEP``, so that no derivative explodes.

Source: Liu et al., DIST, 2020, section 3.3; Yariv et al., Multiview Neural Surface Reconstruction, 2020 (implicit).
"""

import taichi as ti

from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import row3
from taichi_dr.kernels.camera.rays import Eye, ray
from taichi_dr.kernels.march.rows import FIXED
from taichi_dr.kernels.screen.pixels import Screen, pixel_center

STEEP = 0.05  # cosine: about 3 degrees


@ti.func
def ray_of_pixel(pixel, eye: ti.template(), screen: ti.template()):
    """(view, origin, direction) of the ray of pixel ``pixel`` of all views."""
    view = pixel // (screen.width * screen.height)
    inside = pixel - view * screen.width * screen.height
    x, y = pixel_center(inside // screen.width, inside % screen.width, screen)
    origin, direction = ray(eye, view, x, y)
    return view, origin, direction


@ti.kernel
def place_rows(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    pixel: Ints,
    t: Numbers,
    count: ti.i32,
    step: float,
    points: Rows,
):
    """Writes the points at t on the rays of ``pixel``, then those a ``step`` behind and in front: (3 count, 3)."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        _, origin, direction = ray_of_pixel(pixel[i], eye, screen)
        for k in ti.static(range(3)):
            points[i, k] = origin[k] + t[i] * direction[k]
            points[count + i, k] = origin[k] + (t[i] + step) * direction[k]
            points[2 * count + i, k] = origin[k] + (t[i] - step) * direction[k]


@ti.kernel
def find_slopes(
    t: Numbers,
    edge: Ints,
    edge_t: Numbers,
    count: ti.i32,
    step: float,
    values: Rows,
    inverse: Numbers,
):
    """Writes ``inverse`` (count,): 1/s, from ``values`` (3 count, 1) at the points of ``place_rows``.

    It is 0 where nothing moves the point along its ray: it begins with the bounds, or is the closest one of a ray that
    passes by.
    """
    for i in range(count):
        moves = edge[i] != FIXED
        if edge[i] >= 0:
            moves = t[i] != edge_t[edge[i]]
        inverse[i] = 0.0
        if moves:
            inverse[i] = 1.0 / ti.min((values[count + i, 0] - values[2 * count + i, 0]) / (2.0 * step), -STEEP)


@ti.kernel
def converge(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    pixel: Ints,
    t: Numbers,
    count: ti.i32,
    values: Rows,
    points: Rows,
    inverse: Numbers,
):
    """A step of Newton's method: moves t and the first ``count`` points to where the surface is."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        _, origin, direction = ray_of_pixel(pixel[i], eye, screen)
        t[i] = t[i] - values[i, 0] * inverse[i]
        for k in ti.static(range(3)):
            points[i, k] = origin[k] + t[i] * direction[k]


@ti.kernel
def converge_adjoint(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    pixel: Ints,
    count: ti.i32,
    inverse: Numbers,
    points_adjoint: Rows,
    values_adjoint: Rows,
):
    """Writes ``values_adjoint`` (count, 1), what the points' adjoints imply for f at the points: ``dp = -d df / s``."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        _, _, direction = ray_of_pixel(pixel[i], eye, screen)
        values_adjoint[i, 0] = -row3(points_adjoint, i).dot(direction) * inverse[i]
