"""Which mesh each view shows, as arrays for the kernels."""

from functools import lru_cache

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.gather import Adjacency
from taichi_dr.runtime import runtime_token
from taichi_dr.scene.topology import group_by_owner


class ViewMap:
    """View v shows mesh ``mesh_of_view[v]``: mesh 0 if there is one, mesh v if there are as many as views.

    Attributes: ``views`` and ``batch`` (counts), ``view_mesh`` (V,) and, for sums over the views of a mesh, the
    ``Adjacency`` ``of_mesh``: the views of mesh b are ``of_mesh.list[of_mesh.start[b] : of_mesh.start[b + 1]]``.
    """

    def __init__(self, mesh_of_view, batch):
        mesh_of_view = np.asarray(mesh_of_view, np.int32)
        self.views, self.batch = len(mesh_of_view), batch
        self.one_to_one = batch == self.views and bool((mesh_of_view == np.arange(batch)).all())
        self.view_mesh = array_from(mesh_of_view, ti.i32)
        self.of_mesh = Adjacency(*(array_from(rows, ti.i32) for rows in group_by_owner(mesh_of_view, batch)))


def view_map(views, batch, view_mesh=None):
    """The ViewMap of V cameras and B meshes; the same object for the same arguments until the next ``ti.init``.

    Raises:
        ShapeError: V and B differ and ``view_mesh`` is not given, or it has not V entries.
        InputError: an entry of ``view_mesh`` is no integer or names no mesh.
    """
    if view_mesh is None:
        return _cached(runtime_token(), batch, _default(views, batch))
    view_mesh = np.asarray(view_mesh)
    if view_mesh.shape != (views,):
        raise ShapeError(f"view_mesh: expected shape ({views},), got {view_mesh.shape}")
    if not np.issubdtype(view_mesh.dtype, np.integer):
        raise InputError(f"view_mesh: expected integers (the mesh that each view shows), got {view_mesh.dtype}")
    wrong = np.flatnonzero((view_mesh < 0) | (view_mesh >= batch))
    if len(wrong):
        raise InputError(f"view_mesh[{wrong[0]}] = {view_mesh[wrong[0]]}: expected 0 to {batch - 1} ({batch} meshes)")
    return _cached(runtime_token(), batch, tuple(int(b) for b in view_mesh))


@lru_cache(maxsize=64)
def _default(views, batch):
    if batch not in (1, views):
        hint = f"; to look at each from one camera: camera.select([0] * {batch})" if views == 1 else ""
        raise ShapeError(
            f"{views} views of {batch} meshes: expected 1 mesh, {views}, or view_mesh (a mesh per view){hint}"
        )
    return (0,) * views if batch == 1 else tuple(range(batch))


@lru_cache(maxsize=64)
def _cached(token, batch, view_mesh):
    return ViewMap(view_mesh, batch)
