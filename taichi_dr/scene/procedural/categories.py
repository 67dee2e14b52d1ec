"""The table of categories, and a random shape of each."""

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.scene import solids
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.procedural.airplanes import airplane
from taichi_dr.scene.procedural.boats import boat
from taichi_dr.scene.procedural.cars import car
from taichi_dr.scene.procedural.lamps import lamp
from taichi_dr.scene.procedural.seats import chair, sofa
from taichi_dr.scene.procedural.tables import cupboard, table

CATEGORIES = {
    "airplane": airplane,
    "boat": boat,
    "car": car,
    "chair": chair,
    "cupboard": cupboard,
    "lamp": lamp,
    "sofa": sofa,
    "table": table,
}
"""The parts of a random shape, [(closed solid, linear RGB), ...] of a ``numpy.random.Generator``, by category."""

RADIUS = 0.5
"""Of the sphere that every shape touches from within: it fits the cube [-0.5, 0.5]^3 whichever way it is turned."""


def random_shape(category: str, seed: int, index: int = 0) -> Mesh:
    """The shape ``index`` of a category and a seed: coloured per vertex, of closed parts that overlap.

    It is centred at the origin by its bounding box, touches the sphere of radius 0.5 from within, stands upright (y
    up), and looks towards +x.  The same three arguments give the same shape; other indices and seeds give others.

    Raises:
        InputError: there is no such category.

    >>> mesh = random_shape("chair", seed=1)
    >>> float(np.linalg.norm(mesh.numpy("vertices"), axis=-1).max().round(6))
    0.5
    """
    if category not in CATEGORIES:
        raise InputError(f"category: expected one of {', '.join(CATEGORIES)}, got {category!r}")
    random = np.random.default_rng([seed, list(CATEGORIES).index(category), index])
    parts = CATEGORIES[category](random)
    vertices, faces, counts = solids.merge([solid for solid, _ in parts])
    colors = np.clip(np.repeat([color for _, color in parts], counts, axis=0), 0, 1)
    mesh = Mesh(vertices, faces, colors=colors, material=Material(shading="flat"), name=f"{category} {index}")
    return mesh.normalized(RADIUS)
