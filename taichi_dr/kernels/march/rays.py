"""Rays of pixels and of rows, and where the adjoints of what lies on them are added up for cameras.

A row is seen at the centre of its pixel, or, where the edge of its layer covers part of it, in the middle of that part:
the edge's ``shift`` away.  Rows, and edges, are in the order of their pixels, so that those of a view are consecutive;
each view's are cut into the same number of chunks, one column of partial sums each.

A point that something cuts off stays on it, a plane or a sphere with the normal n, so that it slides as its ray turns:

    dt = -n . (do + t dd) / (n . d),  dp = do + t dd + dt d.
"""

import taichi as ti

from taichi_dr.kernels.base.partial_sums import clear_column
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3
from taichi_dr.kernels.camera.pack import PACKED, E, P, W
from taichi_dr.kernels.camera.rays import Eye, footprint, ray, ray_adjoint, ray_components
from taichi_dr.kernels.march.bounds import Bounds, nearest_side
from taichi_dr.kernels.march.rows import passes_by, rows_of
from taichi_dr.kernels.screen.pixels import Screen, pixel_center, pixel_size

STEEP = 0.05  # cosine: about 3 degrees


@ti.func
def place_of_pixel(pixel, screen: ti.template()):
    """(view, x, y): where on the screen the centre of pixel ``pixel`` of all views is."""
    view = pixel // (screen.width * screen.height)
    inside = pixel - view * screen.width * screen.height
    row = inside // screen.width
    x, y = pixel_center(row, inside - row * screen.width, screen)
    return view, x, y


@ti.func
def ray_of_pixel(pixel, eye: ti.template(), screen: ti.template()):
    """(view, origin, direction) of the ray of pixel ``pixel`` of all views."""
    view, x, y = place_of_pixel(pixel, screen)
    origin, direction = ray(eye, view, x, y)
    return view, origin, direction


@ti.func
def pixel_ray(pixel, eye: ti.template(), screen: ti.template()):
    """Origin, unit direction and cosine of a pixel's ray, and its footprint: nine numbers, those of a ``Ray``."""
    view, x, y = place_of_pixel(pixel, screen)
    ox, oy, oz, dx, dy, dz, cosine = ray_components(eye, view, x, y)
    constant, slope = footprint(eye, view, cosine, pixel_size(screen))
    return ox, oy, oz, dx, dy, dz, cosine, constant, slope


@ti.func
def shift_of(edge, shift: ti.template()):
    """(x, y): from the centre of its pixel to where a row is seen."""
    here, at = ti.cast(edge >= 0, float), ti.max(edge, 0)  # without branches: packets ask lane by lane
    return here * shift[at, 0], here * shift[at, 1]


@ti.func
def ray_of_row(
    i,
    pixel: ti.template(),
    edge: ti.template(),
    shift: ti.template(),
    eye: ti.template(),
    screen: ti.template(),
):
    """(view, origin, direction) of the ray of row i."""
    view, x, y = place_of_pixel(pixel[i], screen)
    right, up = shift_of(edge[i], shift)
    origin, direction = ray(eye, view, x + right, y + up)
    return view, origin, direction


@replayed
@ti.kernel
def rows_adjoint(
    first: Ints,
    pixel: Ints,
    t: Numbers,
    edge: Ints,
    edge_t: Numbers,
    shift: Rows,
    inverse: Numbers,
    points: Rows,
    points_adjoint: Rows,
    depth_adjoint: Numbers,
    origin_adjoint: Rows,
    direction_adjoint: Rows,
    unrolled: ti.template(),
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    camera_adjoint: Rows,
    shift_adjoint: Rows,
    partials: Rows,
):
    """Adds to ``camera_adjoint`` (V, 16) what rows, points at t on their rays, imply; writes ``shift_adjoint`` (E, 2).

    ``depth_adjoint`` (R,): of the points' depths.  ``origin_adjoint``, ``direction_adjoint`` (R, 3): what there is for
    the rays themselves, where ``unrolled``.  Where ``inverse`` (R,) is 0 the surface does not move the point: bounds or
    the near plane cut it off, unless the ray passes by.  ``partials``: scratch (16, V*columns).
    """
    eye, screen, bounds = ti.static(Eye(camera, orthographic), Screen(width, height), Bounds(numbers, is_ball))
    for column in range(partials.shape[1]):
        clear_column(partials, column)
        view, start, end = rows_of(column, first, width * height, partials.shape[1] // camera.shape[0])
        for i in range(start, end):
            g, g_depth = row3(points_adjoint, i), depth_adjoint[i]
            _, x, y = place_of_pixel(pixel[i], screen)
            right, up = shift_of(edge[i], shift)
            if inverse[i] == 0.0 and not passes_by(i, t, edge, edge_t):
                _, direction = ray(eye, view, x + right, y + up)
                g, of_near = _slide_adjoint(g, row3(points, i), direction, view, near, eye, bounds)
                g_depth += of_near
            g_origin, g_direction = g, t[i] * g
            if ti.static(unrolled):
                g_origin += row3(origin_adjoint, i)
                g_direction += row3(direction_adjoint, i)
            out = ray_adjoint(eye, view, x + right, y + up, g_origin, g_direction)
            if edge[i] >= 0:  # what moves the screen moves a point on it the other way
                shift_adjoint[edge[i], 0], shift_adjoint[edge[i], 1] = -out[P], -out[P + 1]
            for c in ti.static(range(3)):
                out[E + c] += g_depth * camera[view, W + c]
                out[W + c] += g_depth * (camera[view, E + c] - points[i, c])
            for c in ti.static(range(PACKED)):
                partials[c, column] = partials[c, column] + out[c]
    for k in range(camera.shape[0] * PACKED):
        add_columns(k, partials, camera_adjoint)


@ti.func
def _slide_adjoint(g, p, direction, view, near, eye: ti.template(), bounds: ti.template()):
    """The adjoint of o + t d with t held, of that of a point p that slides along what cuts it off; and of the near
    plane's depth, which moves with the camera, if that does.
    """
    distance, normal = nearest_side(p, bounds)
    backward = get3(eye.camera, view, W)
    by_near = ti.abs(backward.dot(get3(eye.camera, view, E) - p) - near) < distance
    normal = ti.select(by_near, backward, normal)
    steepness = normal.dot(direction)
    steepness = ti.select(steepness < 0.0, ti.min(steepness, -STEEP), ti.max(steepness, STEEP))
    along = g.dot(direction) / steepness
    return g - along * normal, ti.select(by_near, along, 0.0)


@replayed
@ti.kernel
def centers_adjoint(
    pixel: Ints,
    t: Numbers,
    points_adjoint: Rows,
    count: ti.i32,
    width: ti.i32,
    height: ti.i32,
    camera: Rows,
    orthographic: ti.template(),
    camera_adjoint: Rows,
    partials: Rows,
):
    """Adds to ``camera_adjoint`` what points (count, 3) at t on the rays of pixels' centres imply.

    ``pixel`` (count,): ascending.
    """
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for column in range(partials.shape[1]):
        clear_column(partials, column)
        columns, pixels = partials.shape[1] // camera.shape[0], width * height
        view = column // columns
        start, end = first_at_least(pixel, count, view * pixels), first_at_least(pixel, count, (view + 1) * pixels)
        size = (end - start + columns - 1) // columns
        start += (column - view * columns) * size
        for i in range(start, ti.min(start + size, end)):
            g = row3(points_adjoint, i)
            _, x, y = place_of_pixel(pixel[i], screen)
            out = ray_adjoint(eye, view, x, y, g, t[i] * g)
            for c in ti.static(range(PACKED)):
                partials[c, column] = partials[c, column] + out[c]
    for k in range(camera.shape[0] * PACKED):
        add_columns(k, partials, camera_adjoint)


@ti.func
def first_at_least(pixel: ti.template(), count, least):
    """The first of the ascending ``pixel`` (count,) that is at least so large."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if pixel[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


@ti.func
def add_columns(k, partials: ti.template(), camera_adjoint: ti.template()):
    """Adds the columns of a view's partial sums of one number to the adjoint of its camera."""
    columns = partials.shape[1] // camera_adjoint.shape[0]
    total = 0.0
    for c in range(columns):
        total += partials[k % PACKED, k // PACKED * columns + c]
    camera_adjoint[k // PACKED, k % PACKED] = camera_adjoint[k // PACKED, k % PACKED] + total
