"""Where surfaces end for somebody who looks at them: edges of meshes, and circles around spheres.

From a place, or a direction, an edge between two faces is a silhouette if both are to the same side of the plane
through the edge and the place: one of them is then seen from the front and one from behind, however they are wound.  An
edge of one face always is one.  A sphere of centre c and radius r ends, as seen from o at the distance D, in a circle
of radius ``r sqrt(1 - r^2 / D^2)`` around the axis, ``r^2 / D`` from c towards o.

Outlines are rows of ``edges`` (E, 4): two points a, b and, opposite to the edge, one of each of its two faces (-1:
there is no second one); or, of the sphere in row k of ``solids``, ``(-1 - k, arc, -1, -1)`` for each of ``ARCS`` arcs.

Source: Li et al., Differentiable Monte Carlo ray tracing through edge sampling, 2018.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.vectors import get3, row3, unit
from taichi_dr.kernels.camera.pack import E, W
from taichi_dr.kernels.rays.triangle import across

ARCS = 64  # of the circle around a sphere
EDGE_ON = 1e-6  # of the lengths that a volume is the product of: below it, points are in one plane
ASIDE = 0.5519, 0.3847, 0.7398  # a direction that is in no plane that anybody models


class Outlines(NamedTuple):
    """What may end: ``edges`` (E, 4) i32, ``points`` (N, 3) of them, and ``solids`` (S, >= 4): centre and radius."""

    edges: Any
    points: Any
    solids: Any


class MeshEdges(NamedTuple):
    """The edges of a mesh, int32."""

    edges: Any  # (E, 4) as ``Outlines`` has them
    corners: Any  # (E, 4): which corners 3 f + k of the first face are a and b, and which of the second (-1: none)
    first: Any  # (N,): of each vertex the first at the same place


def edges_of_mesh(vertices, faces):
    """The ``MeshEdges`` of vertices (N, 3) and faces (F, 3), NumPy arrays.

    Vertices at one place are one (the first of them), so that seams of texture coordinates are no ends of the surface.
    Edges of more than two faces count as those of one: they may be seen from everywhere.  Faces that have two corners
    at one place have none.

    >>> mesh = edges_of_mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 1, 2], [3, 5, 4]])
    >>> mesh.edges.tolist()
    [[0, 1, 2, -1], [0, 2, 1, -1], [1, 2, 0, 5], [1, 5, 2, -1], [2, 5, 1, -1]]
    >>> mesh.corners[2].tolist(), mesh.first.tolist()
    ([1, 2, 3, 5], [0, 1, 2, 1, 2, 5])
    """
    vertices = np.asarray(vertices) + 0.0  # no -0.0
    _, index, group = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    first = index[group.reshape(-1)].astype(np.int32)
    welded = first[np.asarray(faces)]
    a, b, c = welded.T
    face = np.flatnonzero((a != b) & (b != c) & (c != a))
    here = 3 * face[:, None] + np.arange(3)
    there = np.roll(here, -1, axis=1)
    flat = welded.reshape(-1).astype(np.int64)
    is_up = flat[here] < flat[there]
    low, high = np.where(is_up, here, there).reshape(-1), np.where(is_up, there, here).reshape(-1)
    keys = flat[low] << 32 | flat[high]
    order = np.argsort(keys, kind="stable")
    _, start, count = np.unique(keys[order], return_index=True, return_counts=True)
    one, other = order[start], order[np.minimum(start + 1, max(len(order) - 1, 0))]
    has_other = count == 2
    opposite = flat[np.roll(here, -2, axis=1).reshape(-1)]
    edges = flat[low[one]], flat[high[one]], opposite[one], np.where(has_other, opposite[other], -1)
    corners = low[one], high[one], np.where(has_other, low[other], -1), np.where(has_other, high[other], -1)
    return MeshEdges(np.stack(edges, axis=1).astype(np.int32), np.stack(corners, axis=1).astype(np.int32), first)


def edges_of_rectangle(first):
    """The edges (4, 4) of a rectangle, whose corners are four points from ``first`` on, one after the other around it.

    >>> edges_of_rectangle(8).tolist()
    [[8, 9, 10, -1], [9, 10, 11, -1], [10, 11, 8, -1], [11, 8, 9, -1]]
    """
    corner = np.arange(4)
    columns = first + corner, first + (corner + 1) % 4, first + (corner + 2) % 4, np.full(4, -1)
    return np.stack(columns, axis=1).astype(np.int32)


def edges_of_sphere(row):
    """The arcs (ARCS, 4) of the sphere in a row of ``solids``."""
    arc, nobody = np.arange(ARCS), np.full(ARCS, -1)
    return np.stack([np.full(ARCS, -1 - row), arc, nobody, nobody], axis=1).astype(np.int32)


@ti.func
def eye_place(eye: ti.template(), view):
    """From where a camera looks: (x, y, z, 1), or the direction towards it (x, y, z, 0)."""
    place = get3(eye.camera, view, E)
    kind = 1.0
    if ti.static(eye.orthographic):
        place, kind = get3(eye.camera, view, W), 0.0
    return ti.Vector([place[0], place[1], place[2], kind])


@ti.func
def towards(place, p):
    """From a point to a place, or in its direction."""
    return ti.Vector([place[0] - place[3] * p[0], place[1] - place[3] * p[1], place[2] - place[3] * p[2]])


@ti.func
def is_arc(outlines: ti.template(), k):
    """Whether an outline is of a sphere."""
    return outlines.edges[k, 0] < 0


@ti.func
def sphere_of(outlines: ti.template(), k):
    """The row of the sphere that an arc belongs to."""
    return -1 - outlines.edges[k, 0]


@ti.func
def ends_of(outlines: ti.template(), k):
    """The two points of an edge."""
    return row3(outlines.points, outlines.edges[k, 0]), row3(outlines.points, outlines.edges[k, 1])


@ti.func
def side_of_face(points: ti.template(), a, b, c, place):
    """1 or -1: to which side of the plane through rows a, b of ``points`` and ``place`` is row c?

    If it is in it (a face seen edge-on), then to which side it would be if ``place`` were moved along ``ASIDE`` by as
    little as there is.  Of a face all three edges find the same number but for its sign, and so agree about which way
    it faces: outlines are closed, and go along one side of a face that is seen edge-on, not along all of them.

    Source: Edelsbrunner and Muecke, Simulation of simplicity, 1990.
    """
    low, high = ti.min(a, b, c), ti.max(a, b, c)
    p = row3(points, low)
    e, f = row3(points, a + b + c - low - high) - p, row3(points, high) - p
    toward = towards(place, p)
    volume = e.cross(f).dot(toward)
    if volume * volume <= EDGE_ON * EDGE_ON * e.dot(e) * f.dot(f) * toward.dot(toward):
        volume = e.cross(f).dot(ti.Vector(ASIDE))
    is_odd = ((a < b) == (b < c)) == (c < a)  # the permutation that puts a, b, c in order
    return 1.0 if (volume >= 0.0) == is_odd else -1.0


@ti.func
def side_of_surface(outlines: ti.template(), k, place):
    """(whether, side): is an edge a silhouette, and to which side of it is the surface (``side_of_face``)?"""
    a, b = outlines.edges[k, 0], outlines.edges[k, 1]
    side = side_of_face(outlines.points, a, b, outlines.edges[k, 2], place)
    whether = True
    if outlines.edges[k, 3] >= 0:
        whether = side == side_of_face(outlines.points, a, b, outlines.edges[k, 3], place)
    return whether, side


@ti.func
def circle_of(outlines: ti.template(), k, place):
    """(centre, radius, axis towards ``place``) of the circle in which a sphere ends; the radius is 0 from inside."""
    row = sphere_of(outlines, k)
    center, radius = get3(outlines.solids, row, 0), outlines.solids[row, 3]
    toward = towards(place, center)
    axis, share = unit(toward), 0.0
    if place[3] > 0.0:
        share = radius / ti.max(toward.norm(), 1e-30)
    return center + share * radius * axis, radius * ti.sqrt(ti.max(1.0 - share * share, 0.0)), axis


@ti.func
def outline_at(outlines: ti.template(), k, s, place):
    """(point, tangent d point / ds, outward unit normal of a sphere) of an outline at 0 <= s <= 1."""
    point, tangent, outward = row3(outlines.points, 0), row3(outlines.points, 0), ti.Vector([0.0, 0.0, 0.0])
    if is_arc(outlines, k):
        center, radius, axis = circle_of(outlines, k, place)
        p, q = across(axis)
        each = ti.static(2.0 * math.pi / ARCS)
        angle = (float(outlines.edges[k, 1]) + s) * each
        point = center + radius * (ti.cos(angle) * p + ti.sin(angle) * q)
        tangent = each * radius * (ti.cos(angle) * q - ti.sin(angle) * p)
        outward = unit(point - get3(outlines.solids, sphere_of(outlines, k), 0))
    else:
        a, b = ends_of(outlines, k)
        point, tangent = a + s * (b - a), b - a
    return point, tangent, outward


@ti.func
def write_outline_adjoint(outlines: ti.template(), k, s, outward, g, i, sums: ti.template()):
    """Writes what sample i implies, of the adjoint g of its point, for the edge's two points or the sphere.

    ``sums``: an ``OutlineSums``.
    """
    for c in ti.static(range(3)):
        sums.ends[2 * i, c], sums.ends[2 * i + 1, c] = (1.0 - s) * g[c], s * g[c]
        sums.sphere[i, c] = g[c]
    sums.sphere[i, 3] = g.dot(outward)
    sums.end_owner[2 * i], sums.end_owner[2 * i + 1], sums.sphere_owner[i] = -1, -1, -1
    if is_arc(outlines, k):
        sums.sphere_owner[i] = sphere_of(outlines, k)
    else:
        sums.end_owner[2 * i], sums.end_owner[2 * i + 1] = outlines.edges[k, 0], outlines.edges[k, 1]


class OutlineSums(NamedTuple):
    """What each of M samples implies, and whom it belongs to (-1: nobody); for ``base.scatter``."""

    ends: Any  # (2M, 3), for two points
    end_owner: Any  # (2M,) i32
    sphere: Any  # (M, 4): centre and radius
    sphere_owner: Any  # (M,) i32
