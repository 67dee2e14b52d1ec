"""The light that a surface's colours tell, shadows minded: ``light.find_light`` with rays."""

import numpy as np

from taichi_dr.jobs.reconstruct.light import find_light, vertex_normals
from taichi_dr.render.rays.ray_caster import RayCaster

LEAST_ALBEDO = 1e-3
LIFT = 1e-3  # of the radius: where shadow rays of vertices begin


def tell_light(mesh, shown, seed):
    """``(Light, albedo (N, 3))`` of a mesh of whose vertices images show the colours ``shown`` (N, 3).

    ``seed``: a list of numbers.  The light is white, and told twice: the second time without the vertices that are in
    the shadow of the first one.
    """
    normals = vertex_normals(mesh)
    light = find_light(shown, normals, [*seed, 0], white=True)
    whole = (normals @ light.direction <= 0) | is_reached(mesh, normals, light.direction)
    light = find_light(shown[whole], normals[whole], [*seed, 1], white=True)
    return light, np.clip(shown / received(mesh, light), LEAST_ALBEDO, 1)


def received(mesh, light):
    """(N, 3): the light that arrives at the vertices, shadows minded."""
    normals = vertex_normals(mesh)
    share = np.maximum(normals @ light.direction, 0) * is_reached(mesh, normals, light.direction)
    return light.ambient + light.color * share[:, None]


def is_reached(mesh, normals, direction):
    """(N,) whether nothing is between vertices with unit ``normals`` (N, 3) and what is in that ``direction`` (3,)."""
    origins = mesh.numpy("vertices")[0] + LIFT * normals
    return ~RayCaster(mesh).occluded(origins, np.broadcast_to(direction, origins.shape))
