"""Primitives: the triangles of a mesh, with what belongs to their corners.

Source: glTF 2.0 (Khronos, 2021), 3.7.2 (attributes, topology, morph targets).
"""

import numpy as np

from taichi_dr.errors import GeometryError
from taichi_dr.io.gltf.document.accessors import COMPONENTS, normal_values, read_accessor
from taichi_dr.io.gltf.document.compression import DRACO, decode_draco

TRIANGLES, STRIP, FAN = 4, 5, 6
TYPES = {
    "POSITION": ("VEC3",),
    "TEXCOORD": ("VEC2",),
    "COLOR": ("VEC3", "VEC4"),
    "JOINTS": ("VEC4",),
    "WEIGHTS": ("VEC4",),
}


class Primitive:
    """An entry of a mesh's ``primitives``: ``faces`` (F, 3) over its N vertices; ``attribute`` gives what they have.

    Of strips and fans, triangles with a vertex twice are left out: they only lead to where the next ones are.

    Raises:
        FileError: what is not as it should be.
        GeometryError: an index of a vertex that is not there.
    """

    def __init__(self, document, entry, weights):
        self.entry, self.weights = entry, weights
        self._document = document
        self._packed, corners = self._decoded()
        self.vertex_count = len(self.attribute("POSITION"))
        if corners is None:
            corners = self._corners()
        mode = TRIANGLES if self._packed else entry.integer("mode", TRIANGLES)
        self.faces = _triangles(entry, corners, mode)

    @property
    def sources(self):
        """What the vertices are made of: the same of two primitives of a mesh if those share their vertices."""
        if self._packed:
            return self.entry.place
        places = [row.value.get("POSITION") for row in (self.entry.member("attributes"), *self._targets())]
        return tuple(places)

    def has(self, name):
        """Whether the vertices have an attribute of this name."""
        return name in self._packed or self.entry.member("attributes").has(name)

    def attribute(self, name):
        """The numbers (N, k) of an attribute, with those of morph targets: ``base + sum_i weight_i delta_i``."""
        kind = name.partition("_")[0]
        values = self._packed[name] if name in self._packed else self._read(self.entry.member("attributes"), name, kind)
        if name != "POSITION" and len(values) != self.vertex_count:
            raise self.entry.error(f"attributes.{name}", f"expected {self.vertex_count} elements", len(values))
        for target, weight in zip(self._targets(), self.weights, strict=False):
            if weight and target.has(name):
                delta = self._read(target, name, kind)
                if delta.shape != values.shape:
                    raise target.error(name, f"expected {len(values)} elements", len(delta))
                values = values + weight * delta
        return values

    def _read(self, owner, name, kind):
        accessor = owner.refers(name, "accessors")
        if not accessor:
            raise owner.error(name, "is missing")
        return read_accessor(self._document, accessor, TYPES[kind], normalized=kind == "COLOR")

    def _targets(self):
        return self.entry.entries("targets")

    def _decoded(self):
        """(attributes, corners) that are compressed by Draco, unless they are there uncompressed, too."""
        packed, attributes = self.entry.extension(*DRACO), self.entry.member("attributes")
        plain = attributes.refers("POSITION", "accessors")
        if not packed or (plain and plain.has("bufferView")):
            return {}, None
        view = packed.entry("bufferViews", packed.integer("bufferView"), "bufferView")
        stored, corners = decode_draco(packed, self._document.view(view))
        for name, values in stored.items():
            counts = [COMPONENTS[kind] for kind in TYPES.get(name.partition("_")[0], ())]
            if counts and values.shape[1] not in counts:
                raise packed.error(f"attributes.{name}", f"expected {counts} numbers each", values.shape[1])
        return {name: _meant(attributes.refers(name, "accessors"), values) for name, values in stored.items()}, corners

    def _corners(self):
        """The vertex (K,) of each corner in turn."""
        if not self.entry.has("indices"):
            return np.arange(self.vertex_count)
        corners = read_accessor(self._document, self.entry.refers("indices", "accessors"), ("SCALAR",))[:, 0]
        if corners.dtype.kind != "i":
            raise self.entry.error("indices", "expected integers that are not normalized")
        return corners


def has_triangles(entry):
    """Whether a primitive is of triangles and has positions: those of points and lines are not rendered."""
    mode = entry.integer("mode", TRIANGLES, most=FAN)
    attributes = entry.member("attributes")
    return mode >= TRIANGLES and attributes is not None and attributes.has("POSITION")


def _meant(accessor, values):
    """Numbers that Draco has decoded, by what the accessor in their place says of them."""
    if values.dtype.kind in "iu" and accessor and accessor.flag("normalized"):
        return normal_values(values)
    return values.astype(np.float64)


def _triangles(entry, corners, mode):
    """The faces (F, 3), counter-clockwise, of the vertices (K,) of a list, strip or fan."""
    if mode == TRIANGLES:
        if len(corners) % 3:
            raise entry.error("indices", "expected three for each triangle", len(corners))
        return corners.reshape(-1, 3)
    first = np.arange(max(len(corners) - 2, 0))
    if mode == STRIP:
        odd = first % 2
        faces = corners[np.stack([first, first + 1 + odd, first + 2 - odd], axis=1)]
    else:
        faces = corners[np.stack([first + 1, first + 2, np.zeros_like(first)], axis=1)]
    a, b, c = faces.T
    return faces[(a != b) & (b != c) & (c != a)]


def check_faces(primitive):
    """Refuses faces of vertices that are not there."""
    faces, count = primitive.faces, primitive.vertex_count
    if len(faces) and not 0 <= faces.min() <= faces.max() < count:
        entry = primitive.entry
        raise GeometryError(
            f"{entry.path}: {entry.place}.indices: a face refers to vertex {faces.max()}, there are {count} vertices"
        )
