"""Flat mirrors: what is seen in one is what its mirrored camera sees, and rays of that one go by way of the mirror.

With the mirror's unit normal n and a point p of it, R = I - 2 n n^T,

    u' = R u,  v' = R v,  w' = R w,  e' = e - 2 n n.(e - p)

and everything else of the packed camera stays: a point is at the same place on both screens.
"""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.rays.in_mirror import follow, look_by_mirror, look_into_mirror
from taichi_dr.kernels.rays.solids import PLANE, RECTANGLE
from taichi_dr.kernels.rays.surface import REFLECTIVITY, REFRACTION


def mirrored(camera, point, normal):
    """Packed cameras (V, 16) in a mirror with a unit normal.

    >>> camera = np.array([[1.0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 1, 1, 0, 0]])
    >>> mirrored(camera, np.zeros(3), np.array([0.0, 1, 0]))[0, :12].tolist()
    [1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, -3.0, 4.0]
    """
    vectors = camera[:, :12].reshape(-1, 4, 3) - _origin(point)
    vectors = vectors - 2 * (vectors @ normal)[..., None] * normal + _origin(point)
    return np.concatenate([vectors.reshape(-1, 12), camera[:, 12:]], axis=1)


def mirrored_adjoint(camera, point, normal, g):
    """Adjoints of the cameras, the point and the unit normal, of those (V, 16) of the mirrored cameras."""
    vectors, by_vector = camera[:, :12].reshape(-1, 4, 3) - _origin(point), g[:, :12].reshape(-1, 4, 3)
    along = by_vector @ normal
    back = (by_vector - 2 * along[..., None] * normal).reshape(-1, 12)
    by_normal = -2 * ((vectors @ normal)[..., None] * by_vector + along[..., None] * vectors).sum((0, 1))
    return np.concatenate([back, g[:, 12:]], axis=1), 2 * along[:, 3].sum() * normal, by_normal


def _origin(point):
    """What u, v, w (directions) and e (a place) are relative to."""
    return np.array([np.zeros(3), np.zeros(3), np.zeros(3), point])


def normal_adjoint(kind, numbers, g):
    """The adjoint (9,) of a plane's or rectangle's numbers, of that of its unit normal."""
    u, v = numbers[3:6], numbers[6:9]
    steep = u if kind == PLANE else np.cross(u, v)
    length = np.linalg.norm(steep)
    g = (g - steep * (steep @ g) / length**2) / length
    rest = (g, np.zeros(3)) if kind == PLANE else (np.cross(v, g), np.cross(g, u))
    return np.concatenate([np.zeros(3), *rest])


class Mirror:
    """A plane or rectangle that reflects: row ``row`` of the solids."""

    def __init__(self, things, row):
        self.row, self._kind = row, int(things.kinds.to_numpy()[row])
        self._numbers = things.surfaces.solids.to_numpy()[row].astype(np.float64)
        self._code = things.face_count + row
        steep = self._numbers[3:6] if self._kind == PLANE else np.cross(self._numbers[3:6], self._numbers[6:9])
        self._point, self._normal = self._numbers[:3], steep / np.linalg.norm(steep)

    def film(self, film):
        """The film of the mirrored cameras."""
        self._camera = film.camera.to_numpy().astype(np.float64)
        return film._replace(camera=array_from(mirrored(self._camera, self._point, self._normal)))

    def push(self, camera_adjoint):
        """(of the cameras (V, 16), of the mirror's numbers (9,)): adjoints, of that of the mirrored cameras."""
        g = camera_adjoint.to_numpy().astype(np.float64)
        of_camera, of_point, of_normal = mirrored_adjoint(self._camera, self._point, self._normal, g)
        numbers = normal_adjoint(self._kind, self._numbers, of_normal)
        numbers[:3] += of_point
        return of_camera, numbers

    def pairs(self, pairs):
        """``trace`` of ``add_primary_edges`` by rays of the mirrored cameras; ``pairs`` traces the real ones'."""

        def trace(origins, directions, ends):
            count = origins.shape[0]
            look_by_mirror(array_from([self._point, self._normal]), count, origins, directions)
            rgba, what, hits = pairs(origins, directions, ends)
            levels = pairs.levels
            seen, distances = make_array((count,), ti.i32), make_array((count, 3))
            look_into_mirror(what, count, self._code, seen, distances)
            if len(levels) > 1:
                after = levels[1]
                follow(after.parent, after.count, after.what, after.hits, hits, seen, distances)
            return rgba, seen, distances

        return trace


def mirrors(things):
    """The mirrors among planes and rectangles, as they are now."""
    materials, objects = things.surfaces.materials.to_numpy(), things.objects.to_numpy()
    for row, shape in enumerate(things.shapes):
        material = materials[objects[things.face_count + row]]
        if shape.kind in (PLANE, RECTANGLE) and material[REFLECTIVITY] > 0 and material[REFRACTION] <= 0:
            yield Mirror(things, row)
