"""The rays of single pixels of many views, by depth: ``p(t) = eye + t direction``, t the depth along the viewing axis.

A pixel is a number, ``(view height + row) width + column``.  At depth t it is ``t / f`` world units wide.
"""

import taichi as ti

from taichi_dr.kernels.base.vectors import get3
from taichi_dr.kernels.distance.silhouettes import BACKWARD, EYE, FOCAL, PRINCIPAL, RIGHT, UP


@ti.func
def ray_in_cells(views: ti.template(), pixel, width, height, lower, spacing):
    """``(origin, direction, focal)`` in cells from the first node on; focal in pixels."""
    view = pixel // (width * height)
    row, col = pixel // width % height, pixel % width
    fx, fy = views[view, FOCAL], views[view, FOCAL + 1]
    x = (col + 0.5 - views[view, PRINCIPAL]) / fx
    y = (views[view, PRINCIPAL + 1] - row - 0.5) / fy
    direction = x * get3(views, view, RIGHT) + y * get3(views, view, UP) - get3(views, view, BACKWARD)
    origin = get3(views, view, EYE) - lower
    return origin / spacing, direction / spacing, ti.sqrt(fx * fy)


@ti.func
def cell_of(numbers: ti.template(), q):
    """``(cell, place)``: the cell that q, in cells, is in or nearest to, and where in it."""
    cell = ti.Vector([0, 0, 0])
    for axis in ti.static(range(3)):
        cell[axis] = ti.math.clamp(int(q[axis]), 0, numbers.shape[axis] - 2)
    return cell, ti.math.clamp(q - cell, 0.0, 1.0)


@ti.func
def interpolate(numbers: ti.template(), q, c: ti.template()):
    """Number c at q, trilinear; outside the grid that of the nearest point."""
    cell, u = cell_of(numbers, q)
    i, j, k = cell[0], cell[1], cell[2]
    total = 0.0
    for a in ti.static(range(2)):
        for b in ti.static(range(2)):
            weight = (u[0] if a else 1.0 - u[0]) * (u[1] if b else 1.0 - u[1])
            near, far = numbers[i + a, j + b, k, c], numbers[i + a, j + b, k + 1, c]
            total += weight * (near + u[2] * (far - near))
    return total
