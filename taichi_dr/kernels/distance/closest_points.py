"""Distances everywhere on a grid from the closest points of the nodes near a surface.

A row of ``closest`` (X, Y, Z, 4) is a node's closest point and its squared distance from the node: ``FAR`` where
nothing is known yet, ``FIXED`` where the point is not to be replaced.  Node (i, j, k) is at ``(i hx, j hy, k hz)``;
``spacing`` is (hx, hy, hz).

Sources: Danielsson, Euclidean distance mapping, 1980 (points are handed from neighbour to neighbour); Zhao, A fast
sweeping method for eikonal equations, 2005 (in all eight directions); Detrixhe et al., A parallel fast sweeping method
for the eikonal equation, 2013 (plane after plane).
"""

import taichi as ti

from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.base.types import VectorVolume, Volume

FAR = 1e30
FIXED = -1.0


def spread(closest, spacing):
    """Hands the closest points on until every node that is not ``FIXED`` has one of the nearest.

    A node's distance is that from points about a cell apart: at d cells from the surface too large by about
    ``1 / 8 d`` cells.
    """
    for direction in range(8):
        if on_cpu():
            _sweep(closest, *spacing, direction)
        else:
            for plane in range(sum(closest.shape[:3]) - 2):
                _sweep_plane(closest, *spacing, direction, plane)


@ti.kernel
def _sweep(closest: VectorVolume, hx: float, hy: float, hz: float, direction: int):
    """Node after node, on one thread, where every node comes after those it looks at, as plane after plane."""
    x, y, z = closest.shape[0], closest.shape[1], closest.shape[2]
    ti.loop_config(serialize=True)
    for i in range(x):
        for j in range(y):
            for k in range(z):
                _look_back(closest, ti.Vector([i, j, k]), ti.Vector([hx, hy, hz]), direction)


@ti.kernel
def _sweep_plane(closest: VectorVolume, hx: float, hy: float, hz: float, direction: int, plane: int):
    """The nodes with ``i + j + k = plane``, which do not look at each other."""
    for i, j in ti.ndrange(closest.shape[0], closest.shape[1]):
        k = plane - i - j
        if 0 <= k and k < closest.shape[2]:
            _look_back(closest, ti.Vector([i, j, k]), ti.Vector([hx, hy, hz]), direction)


@ti.func
def _look_back(closest: ti.template(), turned, spacing, direction):
    """Takes the closest point of the neighbour before along each axis, if it is nearer.

    ``turned`` is the node counted from the other end of every axis whose bit of ``direction`` is set.
    """
    p, step = turned, ti.Vector([1, 1, 1])
    for axis in ti.static(range(3)):
        if (direction >> axis) & 1:
            p[axis] = closest.shape[axis] - 1 - turned[axis]
            step[axis] = -1
    best = closest[p[0], p[1], p[2], 3]
    if best > 0:
        for axis in ti.static(range(3)):
            if turned[axis] > 0:
                q = p
                q[axis] -= step[axis]
                if closest[q[0], q[1], q[2], 3] < FAR:
                    point = ti.Vector([closest[q[0], q[1], q[2], c] for c in ti.static(range(3))])
                    square = (p * spacing - point).norm_sqr()
                    if square < best:
                        best = square
                        write_closest(closest, p, point, square)


@ti.func
def write_closest(closest: ti.template(), p, point, square):
    """Writes the row of node p."""
    for c in ti.static(range(3)):
        closest[p[0], p[1], p[2], c] = point[c]
    closest[p[0], p[1], p[2], 3] = square


@ti.kernel
def add_distances(closest: VectorVolume, distance: Volume):
    """Writes ``distance`` (X, Y, Z) of the nodes that are not ``FIXED``."""
    for i, j, k in distance:
        if closest[i, j, k, 3] >= 0:
            distance[i, j, k] = ti.sqrt(closest[i, j, k, 3])
