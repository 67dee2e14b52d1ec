"""What rays meet, for programs of one's own."""

from typing import NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.errors import InputError, ShapeError
from taichi_dr.kernels.base.arrays import make_array, write_array
from taichi_dr.kernels.base.checks import all_usable
from taichi_dr.kernels.rays.bvh import BVH
from taichi_dr.kernels.rays.closest import closest, occluded
from taichi_dr.render.arguments import require_kind
from taichi_dr.scene.mesh import Mesh
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike

FURTHEST = 1e30


class Hits(NamedTuple):
    """What rays (...,) meet first.

    ``t`` (...,): how far away, in lengths of the directions, inf where there is nothing; ``face_id`` (...,): -1 there;
    ``barycentrics`` (..., 3): of the face's corners, 0 there.
    """

    t: Array
    face_id: Array
    barycentrics: Array


class RayCaster:
    """Asks which faces of a mesh rays meet: for collisions, visibility, picking, sensors.

    The triangles are in a hierarchy of boxes (binned SAH), which is made once; when the mesh moves, its boxes follow by
    themselves.  After large deformations ``rebuild`` makes rays fast again.  Faces are met from both sides, and nothing
    comes through between faces that share an edge.

    Arguments:
        mesh: one mesh (of a batch, make one of each).

    Raises:
        ShapeError: a batch of more than one.

    Source: Wald, On fast construction of SAH-based bounding volume hierarchies, 2007; Woop, Benthin and Wald,
    Watertight ray/triangle intersection, 2013.

    >>> import taichi_dr as dr
    >>> dr.init("cpu")
    'cpu'
    >>> caster = dr.RayCaster(dr.shapes.box())
    >>> hits = caster.closest([[0, 0, 3], [5, 0, 3]], [0, 0, -1])
    >>> hits.t.tolist(), hits.face_id[1].item()
    ([2.5, inf], -1)
    >>> caster.occluded([[0, 0, 3], [5, 0, 3]], [0, 0, -1]).tolist()
    [True, False]
    """

    def __init__(self, mesh: Mesh) -> None:
        require_kind("mesh", mesh, Mesh)
        if mesh.batch != 1:
            raise ShapeError(f"RayCaster: expected one mesh, got a batch of {mesh.batch}; make one for each")
        self._mesh = mesh
        self._bvh = BVH()
        self.rebuild()

    def __repr__(self):
        return f"RayCaster({self._mesh!r})"

    @property
    def mesh(self) -> Mesh:
        """Whose faces are met."""
        return self._mesh

    @off_tape
    def rebuild(self) -> None:
        """Makes the hierarchy anew, of the mesh as it is now.

        Raises:
            RuntimeStateError: the mesh is older than the latest ``ti.init``.
            GeometryError: a vertex that is not finite.
        """
        self._bvh.build(self._vertices(), self._mesh.topology.array("faces"))

    @off_tape
    def closest(self, origins: ArrayLike, directions: ArrayLike, t_min: float = 0.0, t_max: float = np.inf) -> Hits:
        """What rays ``origins + t directions`` meet first at t_min <= t <= t_max.

        Args:
            origins, directions: (..., 3), NumPy arrays or fields of 3-vectors, broadcast to each other; directions of
                any length.
            t_min, t_max: in lengths of the directions.

        Raises:
            ShapeError: shapes that do not fit.
            InputError: numbers that are not finite, directions of length 0, or t_min and t_max that are not in order.
            RuntimeStateError: the mesh is older than the latest ``ti.init``.
            GeometryError: a vertex that is not finite.
        """
        rays = _Rays(origins, directions, t_min, t_max)
        face, hits = make_array((rays.rows,), ti.i32), make_array((rays.rows, 3))
        closest(*self._asked(), self._bvh.order, *rays.arrays, rays.rows, face, hits)
        face_id, found = face.to_numpy()[: rays.count], hits.to_numpy()[: rays.count]
        t = np.where(face_id < 0, np.inf, found[:, 0])
        u, v = found[:, 1], found[:, 2]
        barycentrics = np.where(face_id[:, None] < 0, 0, np.stack([u, v, 1 - u - v], axis=1))
        shape = rays.shape
        return Hits((t / rays.length).reshape(shape), face_id.reshape(shape), barycentrics.reshape(*shape, 3))

    @off_tape
    def occluded(self, origins: ArrayLike, directions: ArrayLike, t_min: float = 0.0, t_max: float = np.inf) -> Array:
        """(...,) whether rays meet anything at t_min <= t <= t_max; sooner known than what they meet first.

        Arguments and errors as of ``closest``.
        """
        rays = _Rays(origins, directions, t_min, t_max)
        met = make_array((rays.rows,), ti.i32)
        occluded(*self._asked(), *rays.arrays, rays.rows, met)
        return met.to_numpy()[: rays.count].reshape(rays.shape).astype(bool)

    def _asked(self):
        """The hierarchy's arrays, with boxes around where the vertices are now."""
        self._bvh.refit(self._vertices(), self._mesh.topology.array("faces"))
        return self._bvh.arrays

    def _vertices(self):
        self._mesh.fields.pull("vertices")
        vertices = self._mesh.fields.arrays["vertices"]
        if not all_usable(vertices, vertices):
            self._mesh.check()
        return vertices


class _Rays:
    """Rays as the kernels take them; ``shape`` as they were given, ``length`` (R,) of their directions."""

    def __init__(self, origins, directions, t_min, t_max):
        origins, directions = _as_numbers(origins), _as_numbers(directions)
        try:
            origins, directions = np.broadcast_arrays(origins, directions)
        except ValueError:
            origins = directions = np.zeros(0)
        if origins.shape[-1:] != (3,):
            raise ShapeError("expected origins and directions (..., 3), of shapes that fit each other")
        length = np.linalg.norm(directions, axis=-1).reshape(-1)
        bad = ~(np.isfinite(origins).all(axis=-1).reshape(-1) & np.isfinite(length) & (length > 0))
        if bad.any():
            ray = bad.argmax()
            raise InputError(
                f"ray {ray}: expected a finite origin and a finite direction of a length above 0, got"
                f" {origins.reshape(-1, 3)[ray].tolist()} and {directions.reshape(-1, 3)[ray].tolist()}"
            )
        if not 0 <= t_min <= t_max:
            raise InputError(f"expected 0 <= t_min <= t_max, got {t_min!r} and {t_max!r}")
        self.shape, self.count, self.length = origins.shape[:-1], len(length), length
        ends = np.minimum(length[:, None] * np.array([t_min, t_max]), FURTHEST)
        self.rows = max(1, self.count)  # Taichi has no empty arrays
        self.arrays = tuple(make_array((self.rows, columns)) for columns in (3, 3, 2))
        if self.count:
            rows = origins.reshape(-1, 3), directions.reshape(-1, 3) / length[:, None], ends
            for array, values in zip(self.arrays, rows, strict=True):
                write_array(array, values)


def _as_numbers(given):
    return np.asarray(given.to_numpy() if hasattr(given, "to_numpy") else given, np.float64)
