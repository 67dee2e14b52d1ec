"""The things that the diffusion model has pictures of: one mesh for each shape, of clay that reflects 0.7."""

import numpy as np

from taichi_dr.scene import shapes, solids
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.procedural.parts import box, column
from taichi_dr.torch.dreamer.words import SIZES

INNER = 0.42  # radius of a star's inner corners, of its outer ones


def thing(shape: str, size: str = "large") -> Mesh:
    """The mesh of two words: centred, upright, its front towards +x, and within the sphere of the size's radius.

    >>> mesh = thing("torus", "small")
    >>> round(float(np.linalg.norm(mesh.numpy("vertices")[0], axis=1).max()), 4)
    0.6
    """
    return _MAKERS[shape]().normalized(SIZES[size])


def _pyramid():
    return _of_parts("pyramid", column([(0, 0, 0, 0.62, 0.62), (0, 1.15, 0, 1e-3, 1e-3)]))


def _chair():
    legs = [box((x, 0, z), (x + 0.2, 0.5, z + 0.2)) for x in (-0.45, 0.25) for z in (-0.45, 0.25)]
    seat, back = box((-0.45, 0.45, -0.45), (0.45, 0.65, 0.45)), box((-0.45, 0.45, -0.45), (-0.25, 1.4, 0.45))
    return _of_parts("chair", *legs, seat, back)


def _table():
    legs = [box((x, 0, z), (x + 0.2, 0.65, z + 0.2)) for x in (-0.5, 0.3) for z in (-0.75, 0.55)]
    return _of_parts("table", *legs, box((-0.6, 0.6, -0.85), (0.6, 0.8, 0.85)))


def _car():
    body = box((-1, 0.15, -0.45), (1, 0.55, 0.45))
    cabin = column([(-0.3, 0.5, 0, 0.62, 0.42), (-0.35, 0.9, 0, 0.42, 0.36)])
    wheel = solids.revolution([(0, -0.1), (0.24, -0.1), (0.24, 0.1), (0, 0.1)], 16).turned("xzy")
    wheels = [wheel.moved((x, 0.2, z)) for x in (-0.6, 0.6) for z in (-0.4, 0.4)]
    return _of_parts("car", body, cabin, *wheels)


def _star():
    angle = np.pi / 2 + np.arange(10) * np.pi / 5
    radius = np.where(np.arange(10) % 2, INNER, 1.0)
    outline = radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    rings = [np.column_stack([np.full(10, x), outline]) for x in (-0.2, 0.2)]
    return _of_parts("star", solids.loft(rings))


def _of_parts(name, *parts):
    vertices, faces, _ = solids.merge(parts)
    return Mesh(vertices, faces, material=Material(shading="flat"), name=name)


_MAKERS = {
    "ball": lambda: shapes.icosphere(4),
    "box": shapes.box,
    "cone": lambda: shapes.cone(0.6, 1.2),
    "cylinder": lambda: shapes.cylinder(0.45, 1.4),
    "torus": lambda: shapes.torus(0.68, 0.27),
    "pyramid": _pyramid,
    "chair": _chair,
    "table": _table,
    "car": _car,
    "star": _star,
}
