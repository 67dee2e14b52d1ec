"""Silhouettes: how much of its pixel a surface covers, by how close the pixel's ray comes to it.

With s the distance where the ray is closest to the surface (negative if it goes through), and

    (a, b) = (ds/dcolumn, ds/drow),  n = |(a, b)|

what s changes from a pixel to the next, s / n is the signed distance from the pixel's centre to the silhouette, in
pixels, to first order; whatever the length of f's gradient, the lens and the angle of view are.  The coverage is that
of a square of ``width`` pixels by the half-plane behind this edge (``coverage``), at x = -s / (n width): a ramp along
the edge's normal, 1 wide for upright edges, 1.4 for diagonal ones.  Sums over pixels are then those of the area,
whichever way an edge lies among the pixels, which those of a ramp of one width are not: a diagonal edge has now one
pixel in it, now two.

At the closest point df/dt = 0, so s changes with the parameters as f does at that point (envelope theorem).  Within
solids with edges f has a kink there: in front of it f falls by r1 for each unit along the ray, and changes across it by
g1; behind, it rises by r2, and changes by g2.  What is lowest on the ray is where both are equal, so

    ds = (r2 df1 + r1 df2) / (r1 + r2),  (a, b) = (r2 g1 + r1 g2) / (r1 + r2)

with f1, f2 as f a little in front and behind (Danskin's theorem; where f is smooth, both are the same).  A ray through
a thin plate has (a, b) = 0: it covers its pixel however thin it is.  (a, b), r1 and r2 are held constant, which changes
what the two sides of the ramp say by equal amounts in opposite directions.

What is covered is seen in its middle, which moves with the edge at half of its speed: at the pixel's centre the surface
would be seen as it turns away, or not at all, and light there has no derivative.  The ray through the middle goes in
deeper, to f = -d n; where it enters is found on the parabola through the closest point.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.base.vectors import add_row3, get3, row3
from taichi_dr.kernels.camera.pack import F, U, V, W
from taichi_dr.kernels.camera.rays import Eye, footprint, ray
from taichi_dr.kernels.march.coverage import half_plane_coverage, half_plane_slope, middle_depth
from taichi_dr.kernels.march.rays import pixel_ray, place_of_pixel, ray_of_pixel
from taichi_dr.kernels.screen.pixels import Screen, pixel_size

SIDE, AWAY, FAR = 0.03, 0.04, 2.0
"""Pixels from the closest point to samples on both sides across the ray; how far in front and behind these are; and to
samples along the ray, where f has little but its curvature."""

POINTS = 11  # the closest one, four around it in front and behind, and two for the curvature
SHALLOW = (
    0.05  # pixels behind the edge that points to be seen are at least: at the edge itself nothing has a derivative
)


@replayed
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
    """Writes the closest points, then those to the right, left, above and below in front of them, and behind, and then
    those far in front and behind: (11 count, 3).
    """
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        view, origin, direction = ray_of_pixel(pixel[i], eye, screen)
        p = origin + t[i] * direction
        right, up = _across(view, origin, p, direction, eye, screen)
        along = _footprint(view, t[i], eye, screen) * direction
        for k in ti.static(range(3)):
            points[i, k] = p[k]
            points[9 * count + i, k], points[10 * count + i, k] = p[k] - FAR * along[k], p[k] + FAR * along[k]
            for side in ti.static(range(2)):
                there, first = p[k] + ti.static((-AWAY, AWAY)[side]) * along[k], ti.static(1 + 4 * side)
                points[first * count + i, k] = there + SIDE * right[k]
                points[(first + 1) * count + i, k] = there - SIDE * right[k]
                points[(first + 2) * count + i, k] = there + SIDE * up[k]
                points[(first + 3) * count + i, k] = there - SIDE * up[k]


@replayed
@ti.kernel
def place_ends(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    pixel: Ints,
    t: Numbers,
    count: ti.i32,
    points: Rows,
):
    """Writes the points a little in front of the closest ones, then those behind: (2 count, 3)."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        view, origin, direction = ray_of_pixel(pixel[i], eye, screen)
        away = AWAY * _footprint(view, t[i], eye, screen)
        for k in ti.static(range(3)):
            points[i, k] = origin[k] + (t[i] - away) * direction[k]
            points[count + i, k] = origin[k] + (t[i] + away) * direction[k]


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


@ti.func
def _footprint(view, t, eye: ti.template(), screen: ti.template()):
    """How wide a pixel in the middle of the image is at t."""
    constant, slope = footprint(eye, view, 1.0, pixel_size(screen))
    return constant + slope * t


@ti.func
def _changes(values: ti.template(), count, i):
    """What s does from pixel to pixel, to the right and up; and r2 / (r1 + r2)."""
    right, up, away = ti.Vector([0.0, 0.0]), ti.Vector([0.0, 0.0]), ti.Vector([0.0, 0.0])
    for side in ti.static(range(2)):
        v = ti.Vector([values[(1 + 4 * side + n) * count + i, 0] for n in ti.static(range(4))])
        right[side], up[side] = (v[0] - v[1]) / (2.0 * SIDE), (v[2] - v[3]) / (2.0 * SIDE)
        away[side] = ti.max(0.25 * v.sum() - values[i, 0], 1e-12)
    weights = ti.Vector([away[1], away[0]]) / away.sum()
    return weights.dot(right), weights.dot(up), weights[0]


@replayed
@ti.kernel
def fold_ends(count: ti.i32, points_adjoint: Rows):
    """Adds the adjoints of the points behind to those of the points in front: as if both were at the closest one."""
    for i in range(count):
        add_row3(points_adjoint, i, 0, row3(points_adjoint, count + i))


@replayed
@ti.kernel
def cover_adjoint(
    values: Rows,
    scale: Numbers,
    normal: Rows,
    front: Numbers,
    count: ti.i32,
    band: float,
    width: ti.i32,
    height: ti.i32,
    coverage_adjoint: Numbers,
    shift_adjoint: Rows,
    ends_adjoint: Rows,
):
    """Writes ``ends_adjoint`` (2 count, 1): the adjoint of s, as that of the values at the points of ``place_ends``."""
    screen = ti.static(Screen(width, height))
    for i in range(count):
        p, q = _sides(normal, i)
        x = -values[i, 0] * scale[i] / band
        adjoint = -coverage_adjoint[i] * half_plane_slope(x, p, q) * scale[i] / band
        if ti.abs(x) < 0.5 * (p + q):
            depth, slope = middle_depth(x, p, q)
            slope = ti.select(depth > SHALLOW, slope, 0.0)
            along = shift_adjoint[i, 0] * normal[i, 0] + shift_adjoint[i, 1] * normal[i, 1]
            adjoint -= along * (1.0 - slope) * scale[i] * pixel_size(screen)
        ends_adjoint[i, 0] = front[i] * adjoint
        ends_adjoint[count + i, 0] = (1.0 - front[i]) * adjoint


@ti.func
def _sides(normal: ti.template(), i):
    """(p, q) of an edge: the larger and the smaller size of its normal's components; upright where it has none."""
    a, b = ti.abs(normal[i, 0]), ti.abs(normal[i, 1])
    return ti.max(a, b, 0.7), ti.max(ti.min(a, b), 1e-6)


@replayed
@ti.kernel
def cover(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    pixel: Ints,
    t: Numbers,
    row: Ints,
    row_t: Numbers,
    values: Rows,
    count: ti.i32,
    band: float,
    scale: Numbers,
    normal: Rows,
    front: Numbers,
    coverage: Numbers,
    shift: Rows,
    guess: Numbers,
    points: Rows,
):
    """Writes ``coverage`` (count,) of edges, and ``shift`` (count, 2), on the screen, from their pixels' centres to the
    middles of what they cover.

    ``values``: (11 count, 1), at the points of ``place_edges``.  For the way back: ``scale`` (count,) = 1 / n,
    ``normal`` (count, 2) = (a, b) / n and ``front`` (count,) = r2 / (r1 + r2).  For ``enter``: ``points`` (3 count, 3)
    on the rays through the middles, the one opposite the closest one, the one at ``guess``, where a parabola through
    that has its zero, and the one as far away as the surface is from the centre, at ``row_t[row]``.
    """
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        a, b, front[i] = _changes(values, count, i)
        scale[i] = 1.0 / ti.sqrt(ti.max(a * a + b * b, 1e-20))
        normal[i, 0], normal[i, 1] = a * scale[i], b * scale[i]
        p, q = _sides(normal, i)
        x = -values[i, 0] * scale[i] / band
        coverage[i] = half_plane_coverage(x, p, q)
        x = ti.min(ti.max(x, -0.5 * (p + q)), 0.5 * (p + q))
        depth, _ = middle_depth(x, p, q)
        depth = ti.max(depth, SHALLOW)
        move = (x - depth) * band * pixel_size(screen)
        shift[i, 0], shift[i, 1] = move * normal[i, 0], move * normal[i, 1]
        view, x_center, y_center = place_of_pixel(pixel[i], screen)
        origin, direction = ray(eye, view, x_center + shift[i, 0], y_center + shift[i, 1])
        mean = 0.5 * (values[9 * count + i, 0] + values[10 * count + i, 0])
        ahead = FAR * ti.sqrt(depth * band / (scale[i] * ti.max(mean - values[i, 0], 1e-20)))  # in pixels
        guess[i] = t[i] - ti.min(ahead * _footprint(view, t[i], eye, screen), 0.5 * t[i])
        for k in ti.static(range(3)):
            points[i, k] = origin[k] + t[i] * direction[k]
            points[count + i, k] = origin[k] + guess[i] * direction[k]
            points[2 * count + i, k] = origin[k] + row_t[row[i]] * direction[k]


@replayed
@ti.kernel
def enter(
    t: Numbers,
    row: Ints,
    values: Rows,
    guess: Numbers,
    count: ti.i32,
    row_t: Numbers,
):
    """Moves the rows of edges to where the surface is nearest among the points of ``cover``.

    ``values`` (3 count, 1), there.  If that is where the ray is deepest, or the ray passes by, nothing moves the row.
    """
    for i in range(count):
        deepest, at = values[i, 0], t[i]
        least = ti.abs(deepest)
        if deepest < 0.0:
            for k in ti.static((1, 2)):
                there = guess[i] if ti.static(k == 1) else row_t[row[i]]
                if ti.abs(values[k * count + i, 0]) < least and there < t[i]:
                    least, at = ti.abs(values[k * count + i, 0]), there
        row_t[row[i]] = at


@replayed
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
        ox, oy, oz, dx, dy, dz, _, constant, slope = pixel_ray(i, eye, screen)
        points[i, 0], points[i, 1], points[i, 2] = ox + t[i] * dx, oy + t[i] * dy, oz + t[i] * dz
        scale[i] = 1.0 / (constant + slope * t[i])


@replayed
@ti.kernel
def to_pixels(values: Rows, scale: Numbers, closest: Numbers):
    """``closest[i] = values[i, 0] scale[i]``: a distance in pixels."""
    for i in range(closest.shape[0]):
        closest[i] = values[i, 0] * scale[i]


@replayed
@ti.kernel
def to_pixels_adjoint(scale: Numbers, closest_adjoint: Numbers, values_adjoint: Rows):
    """Writes ``values_adjoint``, the adjoint of the distance; the width of a pixel is held constant."""
    for i in range(closest_adjoint.shape[0]):
        values_adjoint[i, 0] = closest_adjoint[i] * scale[i]
