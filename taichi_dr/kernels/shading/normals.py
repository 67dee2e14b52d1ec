"""Unit normals of faces and of vertices, with their adjoints to the vertices.

Every loop runs over the rows it writes and gathers from the incident faces through the ``Adjacency`` of the faces, so
sums have a fixed order.  A face without area and a vertex without faces have the normal (0, 0, 0) and pass no gradient
on.
"""

import taichi as ti

from taichi_dr.kernels.base.gather import Adjacency
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import add_row3, row3, unit, unit_adjoint


@ti.func
def face_cross(vertices: ti.template(), faces: ti.template(), base, f):
    """``(b - a) x (c - a)`` of face f: the normal with twice the area as length; ``base`` is the mesh's first row."""
    a = row3(vertices, base + faces[f, 0])
    b = row3(vertices, base + faces[f, 1])
    c = row3(vertices, base + faces[f, 2])
    return (b - a).cross(c - a)


@ti.func
def opposite_edge(vertices: ti.template(), faces: ti.template(), base, corner):
    """``p_{k+1} - p_{k+2}`` for corner 3 f + k: a face's cross product moves by ``dp_k x (p_{k+1} - p_{k+2})``."""
    f = corner // 3
    k = corner - 3 * f
    return row3(vertices, base + faces[f, (k + 1) % 3]) - row3(vertices, base + faces[f, (k + 2) % 3])


@replayed
@ti.kernel
def face_normals(vertices: Rows, faces: Rows, normals: Rows, meshes: ti.i32):
    """``normals[b F + f] = unit((p1 - p0) x (p2 - p0))``: vertices (B*N, 3), faces (F, 3) i32, normals (B*F, 3)."""
    count = faces.shape[0]
    for i in range(meshes * count):
        b = i // count
        n = unit(face_cross(vertices, faces, b * (vertices.shape[0] // meshes), i - b * count))
        for c in ti.static(range(3)):
            normals[i, c] = n[c]


@replayed
@ti.kernel
def face_normals_adjoint(
    vertices: Rows,
    faces: Rows,
    corner_start: Numbers,
    corner_list: Numbers,
    normals_adjoint: Rows,
    vertices_adjoint: Rows,
    meshes: ti.i32,
):
    """Adds the adjoint of ``face_normals`` to ``vertices_adjoint`` (B*N, 3)."""
    per_mesh = vertices.shape[0] // meshes
    for i in range(meshes * per_mesh):
        b = i // per_mesh
        base = b * per_mesh
        total = ti.Vector([0.0, 0.0, 0.0])
        for j in range(corner_start[i - base], corner_start[i - base + 1]):
            f = corner_list[j] // 3
            cross = face_cross(vertices, faces, base, f)
            cross_adjoint = unit_adjoint(cross, row3(normals_adjoint, b * faces.shape[0] + f))
            total += opposite_edge(vertices, faces, base, corner_list[j]).cross(cross_adjoint)
        add_row3(vertices_adjoint, i, 0, total)


@ti.func
def crosses_around(vertices: ti.template(), faces: ti.template(), corners: ti.template(), base, n):
    """Sum of the cross products of the faces around vertex n of the mesh whose first row is ``base``."""
    total = ti.Vector([0.0, 0.0, 0.0])
    for j in range(corners.start[n], corners.start[n + 1]):
        total += face_cross(vertices, faces, base, corners.list[j] // 3)
    return total


@replayed
@ti.kernel
def vertex_normals(
    vertices: Rows, faces: Rows, corner_start: Numbers, corner_list: Numbers, normals: Rows, meshes: ti.i32
):
    """``normals[b N + n] = unit(sum of (p1 - p0) x (p2 - p0) over the faces around n)``: area-weighted, (B*N, 3)."""
    per_mesh = vertices.shape[0] // meshes
    for i in range(meshes * per_mesh):
        base = i // per_mesh * per_mesh
        normal = unit(crosses_around(vertices, faces, ti.static(Adjacency(corner_start, corner_list)), base, i - base))
        for c in ti.static(range(3)):
            normals[i, c] = normal[c]


@replayed
@ti.kernel
def vertex_normals_adjoint(
    vertices: Rows,
    faces: Rows,
    corner_start: Numbers,
    corner_list: Numbers,
    normals_adjoint: Rows,
    sum_adjoint: Rows,
    vertices_adjoint: Rows,
    meshes: ti.i32,
):
    """Adds the adjoint of ``vertex_normals`` to ``vertices_adjoint`` (B*N, 3); ``sum_adjoint`` (B*N, 3) is scratch."""
    per_mesh = vertices.shape[0] // meshes
    for i in range(meshes * per_mesh):
        base = i // per_mesh * per_mesh
        total = crosses_around(vertices, faces, ti.static(Adjacency(corner_start, corner_list)), base, i - base)
        g = unit_adjoint(total, row3(normals_adjoint, i))
        for c in ti.static(range(3)):
            sum_adjoint[i, c] = g[c]
    for i in range(meshes * per_mesh):
        base = i // per_mesh * per_mesh
        total = ti.Vector([0.0, 0.0, 0.0])
        for j in range(corner_start[i - base], corner_start[i - base + 1]):
            f = corner_list[j] // 3
            cross_adjoint = ti.Vector([0.0, 0.0, 0.0])
            for k in ti.static(range(3)):
                cross_adjoint += row3(sum_adjoint, base + faces[f, k])
            total += opposite_edge(vertices, faces, base, corner_list[j]).cross(cross_adjoint)
        add_row3(vertices_adjoint, i, 0, total)
