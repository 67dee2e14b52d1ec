"""What views see of the surface of a grid of distances, and whether their colours agree there.  Without gradients.

Of the colours c_v of the n views that see a point, weighted by w_v, the cosine under which they do:

    variance = n / (n - 1) sum_v w_v |c_v - mean|^2 / sum_v w_v,   mean = sum_v w_v c_v / sum_v w_v

Source: Kutulakos and Seitz, A Theory of Shape by Space Carving, 2000.
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Rows, VectorVolume, Volume
from taichi_dr.kernels.base.vectors import get3
from taichi_dr.kernels.distance.silhouettes import BACKWARD, EYE, FOCAL, PRINCIPAL, RIGHT, UP
from taichi_dr.kernels.fit.rays import interpolate, ray_in_cells

UNSEEN = 1e9
RED, SPREAD, ALPHA, OUTSIDE = 0, 3, 4, 5
"""Channels of pictures: the colour, its variance within a pixel's neighbourhood, alpha, and the pixel's signed distance
from the silhouette's edge."""
WHOLE = 0.9  # alpha of pixels whose colour is the surface's alone
STEP, TRUST = 0.5, 0.9  # the least step in cells; the part of a distance that a step is


@replayed
@ti.kernel
def look(
    distances: VectorVolume,
    views: Rows,
    pictures: VectorVolume,
    depths: Volume,
    solid: Volume,
    lower_x: float,
    lower_y: float,
    lower_z: float,
    spacing: float,
):
    """Writes of every pixel (V, H, W) the depth of the surface, or ``UNSEEN``, and how many cells its ray is inside.

    ``distances`` (X, Y, Z, 1), ``views`` (V, 16), ``pictures`` (V, H, W, 6).
    """
    lower = ti.Vector([lower_x, lower_y, lower_z])
    for v, row, col in depths:
        height, width = depths.shape[1], depths.shape[2]
        origin, direction, _ = ray_in_cells(views, (v * height + row) * width + col, width, height, lower, spacing)
        t, last = 1e-3 * spacing, 1e30
        for axis in ti.static(range(3)):
            inverse = 1.0 / (direction[axis] if ti.abs(direction[axis]) > 1e-9 else 1e-9)
            first, second = -origin[axis] * inverse, (distances.shape[axis] - 1 - origin[axis]) * inverse
            t, last = ti.max(t, ti.min(first, second)), ti.min(last, ti.max(first, second))
        if pictures[v, row, col, OUTSIDE] > 2.0:
            last = t
        met, inside, before, t_before = UNSEEN, 0.0, 0.0, t
        while t < last:
            f = interpolate(distances, origin + t * direction, 0)
            step = ti.max(STEP, TRUST * ti.abs(f) / spacing)
            if f <= 0:
                inside += step
                if met == UNSEEN:
                    met = t_before + (t - t_before) * before / ti.max(before - f, 1e-20)
            before, t_before = f, t
            t += step / direction.norm()
        depths[v, row, col], solid[v, row, col] = met, inside


@replayed
@ti.kernel
def agreement(
    distances: VectorVolume,
    nodes: IntRows,
    views: Rows,
    pictures: VectorVolume,
    depths: Volume,
    solid: Volume,
    found: Rows,
    lower_x: float,
    lower_y: float,
    lower_z: float,
    spacing: float,
    inward: float,
    tolerance: float,
    least_cosine: float,
    depth_within: float,
):
    """Writes of ``nodes`` (A, 3) in ``found`` (A, 4): variance, spread, how many views see it, how thick it is.

    A node, none on the grid's border, stands for the point of the surface nearest to it, moved by ``inward`` cells.  A
    view sees that under a cosine above ``least_cosine``, and not more than ``tolerance`` cells behind its depth; fewer
    than two have no variance.  The spread is the pictures' own, averaged like the colours.  The thickness, in cells, is
    the least along the rays of pixels that are ``depth_within`` pixels within a silhouette: ``UNSEEN`` without any.
    """
    lower = ti.Vector([lower_x, lower_y, lower_z])
    for i in range(nodes.shape[0]):
        x, y, z = nodes[i, 0], nodes[i, 1], nodes[i, 2]
        normal = ti.Vector(
            [
                distances[x + 1, y, z, 0] - distances[x - 1, y, z, 0],
                distances[x, y + 1, z, 0] - distances[x, y - 1, z, 0],
                distances[x, y, z + 1, 0] - distances[x, y, z - 1, 0],
            ]
        )
        normal /= ti.max(normal.norm(), 1e-12)
        p = lower + spacing * ti.Vector([float(x), float(y), float(z)])
        p -= (distances[x, y, z, 0] + inward * spacing) * normal
        total, squares, spread, weight, count = ti.Vector([0.0, 0.0, 0.0]), 0.0, 0.0, 0.0, 0.0
        thickness = UNSEEN
        for v in range(views.shape[0]):
            depth, row, col, within = _place(p, v, views, depths)
            if within:
                r, c = int(row), int(col)
                if _between(pictures, v, row, col, OUTSIDE) < -depth_within:
                    thickness = ti.min(thickness, solid[v, int(row + 0.5), int(col + 0.5)])
                way = get3(views, v, EYE) - p
                cosine = way.dot(normal) / way.norm()
                farthest = 0.0
                for corner in ti.static(range(4)):
                    met = depths[v, r + corner // 2, c + corner % 2]
                    farthest = ti.max(farthest, met if met < UNSEEN else 0.0)
                if (
                    cosine > least_cosine
                    and depth < farthest + tolerance * spacing / cosine
                    and _between(pictures, v, row, col, ALPHA) > WHOLE
                ):
                    color = ti.Vector([_between(pictures, v, row, col, RED + k) for k in ti.static(range(3))])
                    total += cosine * color
                    squares += cosine * color.dot(color)
                    spread += cosine * _between(pictures, v, row, col, SPREAD)
                    weight += cosine
                    count += 1.0
        variance = 0.0
        if count > 1.5:
            mean = total / weight
            variance = ti.max(squares / weight - mean.dot(mean), 0.0) * count / (count - 1.0)
        found[i, 0], found[i, 1] = variance, spread / ti.max(weight, 1e-12)
        found[i, 2], found[i, 3] = count, thickness


@ti.func
def _place(p, v, views: ti.template(), depths: ti.template()):
    """``(depth, row, column, whether four pixels are around it)`` of p in view v, from the first pixel's centre on."""
    q = p - get3(views, v, EYE)
    depth = -q.dot(get3(views, v, BACKWARD))
    safe = ti.max(depth, 1e-9)
    col = views[v, FOCAL] * q.dot(get3(views, v, RIGHT)) / safe + views[v, PRINCIPAL] - 0.5
    row = views[v, PRINCIPAL + 1] - views[v, FOCAL + 1] * q.dot(get3(views, v, UP)) / safe - 0.5
    height, width = depths.shape[1], depths.shape[2]
    within = depth > 0 and row >= 0 and col >= 0 and row < height - 1 and col < width - 1
    return depth, row, col, within


@ti.func
def _between(pictures: ti.template(), v, row, col, channel: ti.template()):
    r, c = int(row), int(col)
    y, x = row - r, col - c
    above = (1.0 - x) * pictures[v, r, c, channel] + x * pictures[v, r, c + 1, channel]
    below = (1.0 - x) * pictures[v, r + 1, c, channel] + x * pictures[v, r + 1, c + 1, channel]
    return (1.0 - y) * above + y * below
