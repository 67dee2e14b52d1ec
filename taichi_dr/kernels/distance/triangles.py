"""Nodes near a mesh: their closest points on it, exactly.

Work is cut into (face, layer of nodes) pairs, the layers being those that the face's box, grown by the band, reaches:
so that a large face is the work of many threads.  Nodes take the least distance, then the lowest face that has it:
both do not depend on the order of the threads.  Faces are floats in that: on Mesa's lavapipe ``atomic_min`` of integers
leaves some out.

Source of the closest point: Ericson, Real-Time Collision Detection, 2005, 5.1.5.
"""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.types import Ints, Rows, VectorVolume, Volume
from taichi_dr.kernels.base.vectors import get3
from taichi_dr.kernels.distance.closest_points import FAR, FIXED, write_closest
from taichi_dr.runtime import float_dtype

NOBODY = 1e9
SAME, ROUNDING = 5e-6, 8.0
"""Distances are one if they differ by less than this part of themselves and so many roundings of the farthest node's
coordinate: backends, and two kernels on one of them, round differently."""


def slack(shape, spacing):
    """By how much two kernels may differ over a distance, for nodes of a grid of this shape."""
    epsilon = np.finfo(ti.lang.util.to_numpy_type(float_dtype())).eps
    return ROUNDING * epsilon * max(n * h for n, h in zip(shape, spacing))


@ti.kernel
def clear(square: Volume, face: Volume):
    """Begins: no face is near any node."""
    for i, j, k in square:
        square[i, j, k] = FAR
        face[i, j, k] = NOBODY


@ti.kernel
def least_squares(
    corners: Rows, pair_face: Ints, pair_layer: Ints, square: Volume, band: float, hx: float, hy: float, hz: float
):
    """Lowers ``square`` (X, Y, Z) to the squared distance from faces that are within ``band``.

    ``corners`` (F, 9), from node (0, 0, 0) on; pair n is of face ``pair_face[n]`` and nodes (``pair_layer[n]``, j, k).
    """
    spacing = ti.Vector([hx, hy, hz])
    for n in pair_face:
        a, b, c = _corners(corners, pair_face[n])
        first, last = _reach(a, b, c, square, band, spacing)
        for j in range(first[1], last[1]):
            for k in range(first[2], last[2]):
                p = ti.Vector([pair_layer[n], j, k])
                found = (p * spacing - closest_on_triangle(p * spacing, a, b, c)).norm_sqr()
                if found <= band * band and found < square[p]:
                    ti.atomic_min(square[p], found)


@ti.kernel
def lowest_faces(
    corners: Rows,
    pair_face: Ints,
    pair_layer: Ints,
    square: Volume,
    face: Volume,
    band: float,
    hx: float,
    hy: float,
    hz: float,
    slack: float,
):
    """Writes the lowest ``face`` (X, Y, Z) that is as near as ``square`` says, but for ``slack``."""
    spacing = ti.Vector([hx, hy, hz])
    for n in pair_face:
        a, b, c = _corners(corners, pair_face[n])
        first, last = _reach(a, b, c, square, band, spacing)
        for j in range(first[1], last[1]):
            for k in range(first[2], last[2]):
                p = ti.Vector([pair_layer[n], j, k])
                found = (p * spacing - closest_on_triangle(p * spacing, a, b, c)).norm()
                if square[p] < FAR and found <= ti.sqrt(square[p]) * (1.0 + SAME) + slack:
                    ti.atomic_min(face[p], float(pair_face[n]))


@ti.kernel
def write_near(
    corners: Rows,
    face: Volume,
    closest: VectorVolume,
    distance: Volume,
    hx: float,
    hy: float,
    hz: float,
):
    """Writes ``closest`` (X, Y, Z, 4), ``FIXED`` where a face is near, and ``distance`` there."""
    spacing = ti.Vector([hx, hy, hz])
    for i, j, k in face:
        p = ti.Vector([i, j, k])
        point, square = p * spacing, FAR
        if face[p] < NOBODY:
            a, b, c = _corners(corners, int(face[p]))
            point, square = closest_on_triangle(p * spacing, a, b, c), FIXED
            distance[p] = (p * spacing - point).norm()
        write_closest(closest, p, point, square)


@ti.func
def _corners(corners: ti.template(), face):
    return get3(corners, face, 0), get3(corners, face, 3), get3(corners, face, 6)


@ti.func
def _reach(a, b, c, nodes: ti.template(), band, spacing):
    """The first nodes within ``band`` of a face's box along each axis, and those after the last."""
    first, last = ti.Vector([0, 0, 0]), ti.Vector([0, 0, 0])
    for axis in ti.static(range(3)):
        low, high = ti.min(a[axis], b[axis], c[axis]) - band, ti.max(a[axis], b[axis], c[axis]) + band
        first[axis] = ti.max(ti.ceil(low / spacing[axis], ti.i32), 0)
        last[axis] = ti.min(ti.floor(high / spacing[axis], ti.i32) + 1, nodes.shape[axis])
    return first, last


@ti.func
def closest_on_triangle(p, a, b, c):
    """The point of triangle abc that is closest to p; corners that coincide make it an edge or a point.

    Of the triangle (0, 0, 0), (1, 0, 0), (0, 1, 0): for (2, 2, 1) it is (0.5, 0.5, 0), for (-1, 0.25, 3) (0, 0.25, 0).
    """
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = ab.dot(ap), ac.dot(ap)
    bp = p - b
    d3, d4 = ab.dot(bp), ac.dot(bp)
    cp = p - c
    d5, d6 = ab.dot(cp), ac.dot(cp)
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    point = a
    if d1 <= 0 and d2 <= 0:
        point = a
    elif d3 >= 0 and d4 <= d3:
        point = b
    elif d6 >= 0 and d5 <= d6:
        point = c
    elif vc <= 0 and d1 >= 0 and d3 <= 0:
        point = a + _share(d1, d1 - d3) * ab
    elif vb <= 0 and d2 >= 0 and d6 <= 0:
        point = a + _share(d2, d2 - d6) * ac
    elif va <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
        point = b + _share(d4 - d3, d4 - d3 + d5 - d6) * (c - b)
    else:
        point = a + _share(vb, va + vb + vc) * ab + _share(vc, va + vb + vc) * ac
    return point


@ti.func
def _share(part, whole):
    return part / ti.max(whole, 1e-30)
