"""Procedural meshes: closed, oriented outwards, centred at the origin, y up.

Vertices are shared between faces, so that a shape deforms in one piece; texture coordinates have an index of their own.
The keywords ``colors``, ``face_colors``, ``texture``, ``material`` and ``name`` go to ``Mesh``.  ``random_shape`` makes
aeroplanes, chairs, lamps and others, each another one for another seed.
"""

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.memory import check_faces
from taichi_dr.scene import solids, vehicles
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.procedural.categories import random_shape
from taichi_dr.scene.topology import Topology
from taichi_dr.types import ArrayLike, Color

if TYPE_CHECKING:
    from typing_extensions import Unpack


__all__ = [
    "MeshOptions",
    "airplane",
    "box",
    "car",
    "cone",
    "cylinder",
    "icosphere",
    "plane",
    "random_shape",
    "sphere",
    "torus",
]


class MeshOptions(TypedDict, total=False):
    """What every shape takes besides its own measures: the keywords of ``Mesh``."""

    colors: Color
    face_colors: Color
    texture: ArrayLike
    material: Material
    name: str


def icosphere(subdivisions: int = 3, radius: float = 1.0, **mesh: "Unpack[MeshOptions]") -> Mesh:
    """Sphere of ``20 * 4^subdivisions`` nearly equal faces (20; 80; 320; 1,280; 5,120; 20,480; 81,920 ...); no uv.

    >>> icosphere(3).face_count
    1280
    """
    _whole(subdivisions, 0, "icosphere: subdivisions")
    _positive(radius, "icosphere: radius")
    check_faces(f"icosphere({subdivisions})", 20 * 4 ** min(subdivisions, 40))
    solid = solids.icosahedron()
    vertices, faces = solid.vertices, solid.faces
    for _ in range(subdivisions):
        step = Topology(faces, len(vertices)).subdivision()
        vertices, faces = vertices[step.parents].mean(axis=1), step.faces
        vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    options: MeshOptions = {"name": "icosphere", **mesh}
    return Mesh(vertices * radius, faces, **options)


def sphere(faces: int = 2700, radius: float = 1.0, **mesh: "Unpack[MeshOptions]") -> Mesh:
    """Longitude-latitude sphere with texture coordinates and about (for 2,700: exactly) that many faces."""
    _whole(faces, 6, "sphere: faces")
    _positive(radius, "sphere: radius")
    check_faces("sphere", faces)
    rings = max(2, round((1 + np.sqrt(1 + faces)) / 2))  # 2 segments (rings - 1) faces with segments = 2 rings
    segments = max(3, round(faces / (2 * (rings - 1))))
    return _mesh(solids.ellipsoid((radius,) * 3, segments, rings), "sphere", mesh)


def box(size: ArrayLike = 1.0, **mesh: "Unpack[MeshOptions]") -> Mesh:
    """Box with edges of length ``size`` (a number or three); 8 vertices, 12 faces, flat shading by default."""
    size = np.broadcast_to(np.asarray(size, dtype=float), 3)
    for edge in size:
        _positive(edge, "box: size")
    return _mesh(solids.cuboid(size), "box", {"material": Material(shading="flat"), **mesh})


def torus(
    radius: float = 0.7, tube: float = 0.3, segments: int = 48, sides: int = 24, **mesh: "Unpack[MeshOptions]"
) -> Mesh:
    """Torus about the y axis: ``radius`` to the middle of the tube, ``tube`` the radius of that."""
    _positive(tube, "torus: tube")
    if not radius > tube:
        raise InputError(f"torus: expected radius > tube, got {radius} and {tube}")
    _whole(segments, 3, "torus: segments")
    _whole(sides, 3, "torus: sides")
    check_faces("torus", 2 * segments * sides)
    around, across = solids.circle(segments), solids.circle(sides)
    distance = radius + tube * across[:, :1]
    height = np.broadcast_to(tube * across[:, 1:], (sides, segments))
    points = np.stack([distance * around[:, 0], height, -distance * around[:, 1]], axis=-1)
    return _mesh(solids.grid_surface(points, closed_rows=True), "torus", mesh)


def plane(size: float = 2.0, segments: int = 1, **mesh: "Unpack[MeshOptions]") -> Mesh:
    """Square in the plane y = 0 facing +y, of ``segments^2`` cells; not closed."""
    _positive(size, "plane: size")
    _whole(segments, 1, "plane: segments")
    check_faces("plane", 2 * segments**2)
    line = np.linspace(-size / 2, size / 2, segments + 1)
    x, z = np.meshgrid(line, -line)
    points = np.stack([x, np.zeros_like(x), z], axis=-1)
    return _mesh(solids.grid_surface(points, closed_columns=False), "plane", mesh)


def cylinder(radius: float = 0.5, height: float = 1.0, segments: int = 48, **mesh: "Unpack[MeshOptions]") -> Mesh:
    """Cylinder about the y axis; flat shading by default."""
    _check_revolution("cylinder", radius, height, segments)
    profile = [(0, -height / 2), (radius, -height / 2), (radius, height / 2), (0, height / 2)]
    return _mesh(solids.revolution(profile, segments), "cylinder", {"material": Material(shading="flat"), **mesh})


def cone(radius: float = 0.5, height: float = 1.0, segments: int = 48, **mesh: "Unpack[MeshOptions]") -> Mesh:
    """Cone about the y axis with the tip at y = height/2; flat shading by default."""
    _check_revolution("cone", radius, height, segments)
    profile = [(0, -height / 2), (radius, -height / 2), (0, height / 2)]
    return _mesh(solids.revolution(profile, segments), "cone", {"material": Material(shading="flat"), **mesh})


def car(color: Color = (0.72, 0.03, 0.03), **mesh: "Unpack[MeshOptions]") -> Mesh:
    """A car, front towards +x, coloured per vertex, within the unit sphere: body, cabin, lamps and four wheels.

    Each part is closed; parts overlap.
    """
    return _vehicle(vehicles.car_parts(color), "car", mesh)


def airplane(color: Color = (0.05, 0.18, 0.5), **mesh: "Unpack[MeshOptions]") -> Mesh:
    """An airliner, nose towards +x, coloured per vertex, within the unit sphere; ``color`` paints tail and engines.

    Each part is closed; parts overlap.
    """
    return _vehicle(vehicles.airplane_parts(color), "airplane", mesh)


def _vehicle(parts, name, mesh):
    vertices, faces, counts = solids.merge([solid for solid, _ in parts])
    vertices -= (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    vertices /= np.linalg.norm(vertices, axis=1).max()
    own = {} if "face_colors" in mesh else {"colors": np.repeat([color for _, color in parts], counts, axis=0)}
    return Mesh(vertices, faces, **{"name": name, **own, **mesh})


def _mesh(solid, name, mesh):
    return Mesh(solid.vertices, solid.faces, **{"uv": solid.uv, "uv_faces": solid.uv_faces, "name": name, **mesh})


def _check_revolution(name, radius, height, segments):
    _positive(radius, f"{name}: radius")
    _positive(height, f"{name}: height")
    _whole(segments, 3, f"{name}: segments")
    check_faces(name, 4 * segments)


def _positive(value, what):
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"{what}: expected a finite number > 0, got {value!r}")


def _whole(value, least, what):
    if value != int(value) or value < least:
        raise InputError(f"{what}: expected an integer >= {least}, got {value!r}")
