"""A mesh as each of several views sees it: what rasterizers draw."""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.views import first_row


class ProjectedMesh(NamedTuple):
    """V views of N vertices and F faces."""

    clip: Any  # (V*N, 4): X, Y, W, depth of ``camera.transform``; the screen position is (X / W, Y / W)
    faces: Any  # (F, 3) i32
    views: Any  # V


class World(NamedTuple):
    """Where a ``ProjectedMesh`` comes from: what ``camera.transform`` was given."""

    vertices: Any  # (B*N, 3)
    view_mesh: Any  # (V,) i32
    camera: Any  # (V, 16), packed


@ti.func
def first_vertex(mesh: ti.template(), view):
    """The view's first row of ``clip``."""
    return first_row(mesh.clip, view, mesh.views)


@ti.func
def clip_point(mesh: ti.template(), first, face, corner):
    """X, Y, W, depth of a face's corner, ``first`` being the view's first row."""
    row = first + mesh.faces[face, corner]
    return ti.Vector([mesh.clip[row, 0], mesh.clip[row, 1], mesh.clip[row, 2], mesh.clip[row, 3]])
