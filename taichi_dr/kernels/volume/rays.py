"""Rays of pixels through bounds, from where they enter to where they leave, and the adjoint back to cameras.

A ray enters where it meets the near side of the bounds, or the near plane if that is further on, and leaves at the far
side, or at the far plane.  Either end t stays on a side with the normal n as the ray moves:

    dt = -n . (do + t dd) / (n . d)
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.partial_sums import clear_column
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.camera.pack import PACKED, W
from taichi_dr.kernels.camera.rays import Eye, ray_adjoint, ray_components
from taichi_dr.kernels.march.bounds import Bounds, interval, nearest_side
from taichi_dr.kernels.march.rays import add_columns, first_at_least, place_of_pixel
from taichi_dr.kernels.march.settings import BAND, MISS
from taichi_dr.kernels.screen.pixels import Screen

GRAZING = 1e-4  # cosine between a ray and a side, below which the side counts as so steep


class RayBatch(NamedTuple):
    """``size`` rays: ``origins``, ``directions`` (R, 3), unit vectors; ``ends`` (R, 2): where they enter and leave;
    ``pixel`` (R,): which of all pixels of all views they belong to, whose random numbers they have.
    """

    origins: Any
    directions: Any
    ends: Any
    pixel: Any
    size: int


@ti.func
def _ends(origin, direction, cosine, near, far, bounds: ti.template()):
    """(entry, exit) of a ray, between the planes too; entry >= exit where it misses."""
    entry, leave = interval(origin, direction, bounds)
    return ti.max(entry, near / cosine), ti.min(leave, far / cosine)


@ti.func
def _pixel_ray(pixel, eye: ti.template(), screen: ti.template()):
    """(view, x, y, origin, direction, cosine) of a pixel."""
    view, x, y = place_of_pixel(pixel, screen)
    ox, oy, oz, dx, dy, dz, cosine = ray_components(eye, view, x, y)
    return view, x, y, ti.Vector([ox, oy, oz]), ti.Vector([dx, dy, dz]), cosine


@replayed
@ti.kernel
def find_rays(
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    status: Ints,
):
    """Writes ``status`` (V*H*W,): BAND where a pixel's ray crosses the bounds, else MISS."""
    eye, screen, bounds = ti.static(Eye(camera, orthographic), Screen(width, height), Bounds(numbers, is_ball))
    for pixel in range(status.shape[0]):
        _, _, _, origin, direction, cosine = _pixel_ray(pixel, eye, screen)
        entry, leave = _ends(origin, direction, cosine, near, far, bounds)
        status[pixel] = ti.select(entry < leave, BAND, MISS)


@replayed
@ti.kernel
def place_rays(
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    pixels: Ints,
    start: ti.i32,
    origins: Rows,
    directions: Rows,
    ends: Rows,
    pixel: Ints,
    count: ti.i32,
):
    """Writes a batch of rays, those of ``pixels[start : start + count]``."""
    eye, screen, bounds = ti.static(Eye(camera, orthographic), Screen(width, height), Bounds(numbers, is_ball))
    for i in range(count):
        pixel[i] = pixels[start + i]
        _, _, _, origin, direction, cosine = _pixel_ray(pixel[i], eye, screen)
        ends[i, 0], ends[i, 1] = _ends(origin, direction, cosine, near, far, bounds)
        for k in ti.static(range(3)):
            origins[i, k], directions[i, k] = origin[k], direction[k]


@replayed
@ti.kernel
def rays_adjoint(
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    pixel: Ints,
    count: ti.i32,
    origins_adjoint: Rows,
    directions_adjoint: Rows,
    ends_adjoint: Rows,
    camera_adjoint: Rows,
    partials: Rows,
):
    """Adds to ``camera_adjoint`` (V, 16) what the adjoints of a batch of rays imply.

    ``ends_adjoint`` (R, 3): of entry, exit, and of the cosine between a ray and the viewing axis.  The rays of a batch
    are in the order of their pixels, and so of their views.  ``partials``: scratch (16, V*columns).
    """
    eye, screen, bounds = ti.static(Eye(camera, orthographic), Screen(width, height), Bounds(numbers, is_ball))
    columns = partials.shape[1] // camera.shape[0]
    for column in range(camera.shape[0] * columns):
        clear_column(partials, column)
        view, chunk = column // columns, column % columns
        pixels = width * height
        start = first_at_least(pixel, count, view * pixels)
        end = first_at_least(pixel, count, (view + 1) * pixels)
        size = (end - start + columns - 1) // columns
        for i in range(start + chunk * size, ti.min(start + (chunk + 1) * size, end)):
            _, x, y, origin, direction, cosine = _pixel_ray(pixel[i], eye, screen)
            entry, leave = interval(origin, direction, bounds)
            near_end, far_end, backward = near / cosine, far / cosine, get3(camera, view, W)
            g_cosine = ends_adjoint[i, 2]
            g_origin, g_direction = row3(origins_adjoint, i), row3(directions_adjoint, i) - g_cosine * backward
            g_backward = -g_cosine * direction
            if near_end > entry:
                g = ends_adjoint[i, 0] * near_end / cosine
                g_direction, g_backward = g_direction + g * backward, g_backward + g * direction
            else:
                g = _slide_adjoint(ends_adjoint[i, 0], origin, direction, entry, bounds)
                g_origin, g_direction = g_origin + g, g_direction + entry * g
            if far_end < leave:
                g = ends_adjoint[i, 1] * far_end / cosine
                g_direction, g_backward = g_direction + g * backward, g_backward + g * direction
            else:
                g = _slide_adjoint(ends_adjoint[i, 1], origin, direction, leave, bounds)
                g_origin, g_direction = g_origin + g, g_direction + leave * g
            out = ray_adjoint(eye, view, x, y, g_origin, g_direction)
            for k in ti.static(range(3)):
                out[W + k] += g_backward[k]
            for c in ti.static(range(PACKED)):
                partials[c, column] = partials[c, column] + out[c]
    for k in range(camera.shape[0] * PACKED):
        add_columns(k, partials, camera_adjoint)


@ti.func
def _slide_adjoint(t_adjoint, origin, direction, t, bounds: ti.template()):
    """The adjoint of the point at t on a ray with t held, of that of t where the ray meets a side of the bounds."""
    _, normal = nearest_side(origin + t * direction, bounds)
    steepness = normal.dot(direction)
    steepness = ti.select(steepness < 0.0, ti.min(steepness, -GRAZING), ti.max(steepness, GRAZING))
    return -t_adjoint / steepness * normal


@replayed
@ti.kernel
def look(camera: Rows, orthographic: ti.template(), width: ti.i32, height: ti.i32, directions: Rows):
    """Writes ``directions`` (V*H*W, 3): those of the rays of all pixels."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for pixel in range(directions.shape[0]):
        _, _, _, _, direction, _ = _pixel_ray(pixel, eye, screen)
        for k in ti.static(range(3)):
            directions[pixel, k] = direction[k]


@replayed
@ti.kernel
def list_all(pixel: Ints):
    """Writes 0, 1, 2, ..."""
    for i in pixel:
        pixel[i] = i
