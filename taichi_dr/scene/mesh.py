"""Triangle meshes: a batch of shapes of one topology whose vertices, colours and texture are fields with gradients."""

from functools import cached_property

import numpy as np
import taichi as ti

from taichi_dr.errors import GeometryError, InputError, ShapeError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.memory import BYTES_PER_FACE, check_faces
from taichi_dr.runtime import float_dtype, is_initialised, python_scope
from taichi_dr.scene.material import Material
from taichi_dr.scene.topology import Topology, topology_of
from taichi_dr.types import Array, ArrayLike, Color, Field

GREY = (0.7, 0.7, 0.7)


class Mesh(FieldOwner):
    """B meshes of one topology, with colours per vertex or per face and, optionally, a texture.

    Sizes: B meshes, N vertices, F faces, T texture coordinates.  Arguments are NumPy arrays (or nested lists):

    * ``vertices`` (N, 3) or (B, N, 3), world units; ``faces`` (F, 3) integers, counter-clockwise seen from outside;
    * ``colors`` (3,), (N, 3) or (B, N, 3), or ``face_colors`` (3,), (F, 3) or (B, F, 3): linear RGB; grey by default,
      and lit alike (see ``Material``);
    * ``uv`` (T, 2) with ``uv_faces`` (F, 3) (``faces`` by default): texture coordinates, v upwards: (0, 0) is the lower
      left corner of the picture, (1, 1) the upper right one;
    * ``texture`` (Ht, Wt, 3): linear RGB, row 0 on top; it takes the place of the colours;
    * ``material``: a ``Material``; ``name``: what error messages call the mesh.

    The fields ``vertices`` (B, N), ``colors`` (B, N) or (B, F), ``uv`` (T,) and ``texture`` (Ht, Wt) are meant to be
    written to by kernels, differentiated and optimised.  They are made when the first of them is asked for, in Python
    or by a kernel; a mesh whose fields nobody asks for costs no compilation, so a new one for every render is cheap.
    ``set``, ``numpy`` and ``gradient`` write and read arrays.

    Raises:
        ShapeError: an array has the wrong shape (expected and got).
        GeometryError: no vertices or no faces, a vertex that is not finite, a face index out of range.
        InputError: arguments that exclude or need each other.
        RuntimeStateError: a field is asked for and Taichi is not initialised, or was initialised again since.

    >>> mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> mesh.batch, mesh.vertex_count, mesh.face_count
    (1, 3, 1)
    """

    def __init__(
        self,
        vertices: ArrayLike,
        faces: ArrayLike,
        *,
        colors: Color | None = None,
        face_colors: Color | None = None,
        uv: ArrayLike | None = None,
        uv_faces: ArrayLike | None = None,
        texture: ArrayLike | None = None,
        material: Material | None = None,
        name: str = "mesh",
    ) -> None:
        self.name = name
        self.material = Material() if material is None else material
        points = _batched(_numbers(vertices, f"{name}.vertices"), f"{name}.vertices")
        self.batch: int
        self.vertex_count: int
        self.batch, self.vertex_count = points.shape[:2]
        corners = self._face_array(faces, "faces")
        self.face_count = len(corners)
        if self.batch == 0 or self.vertex_count == 0 or self.face_count == 0:
            raise GeometryError(
                f"{name}: an empty mesh ({self.batch} meshes of {self.vertex_count} vertices, {self.face_count} faces)"
            )
        self.topology: Topology = topology_of(corners, self.vertex_count)
        self.parents: Array | None = None
        self.face_parents: Array | None = None

        values = {"vertices": points, "colors": self._color_values(colors, face_colors)}
        self.uv_topology: Topology | None = None
        if uv is not None:
            values["uv"] = self._uv_values(uv, uv_faces)
        elif uv_faces is not None:
            raise InputError(f"{name}: uv_faces needs uv")
        if texture is not None:
            values["texture"] = self._texture_values(texture)
        self._check_faces()
        self._check_finite(values)
        self._values = values  # until somebody needs the group
        self._group: FieldGroup | None = None

    @property
    def fields(self) -> FieldGroup:  # type: ignore[override]  # made when somebody needs it
        """The ``FieldGroup`` of ``vertices``, ``colors`` and, where given, ``uv`` and ``texture``."""
        if self._group is None:
            with python_scope():
                self._group = self._allocate()
        return self._group

    def _allocate(self):
        """The group, which has the values from then on."""
        shapes = {name: (value.shape[:-1], value.shape[-1]) for name, value in self._values.items()}
        group = self._GROUP(self.name, **shapes)
        for name, value in self._values.items():
            group.set(name, value)
        self._values = dict.fromkeys(self._values)
        return group

    def _setting(self, name):
        return f'{self.name}.set("{name}", values)' if self.has(name) else None

    def has(self, name: str) -> bool:
        """Whether there is a field ``name``; ``"uv"`` and ``"texture"`` are there if they were given."""
        return name in self._values

    @property
    def vertices(self) -> Field:
        """(B, N) field of 3-vectors: positions in world units."""
        return self.fields.field("vertices")

    @property
    def colors(self) -> Field:
        """(B, N) or, if ``colors_per`` is ``"face"``, (B, F) field of 3-vectors: linear RGB."""
        return self.fields.field("colors")

    @property
    def uv(self) -> Field | None:
        """(T,) field of 2-vectors, or None."""
        return self.fields.field("uv") if self.has("uv") else None

    @property
    def texture(self) -> Field | None:
        """(Ht, Wt) field of 3-vectors in linear RGB, or None."""
        return self.fields.field("texture") if self.has("texture") else None

    @property
    def faces(self) -> Field:
        """(F,) field of 3 vertex indices; not to be written to: derived data is kept in ``topology``."""
        self.fields.check()
        return self.topology.face_field()

    @property
    def uv_faces(self) -> Array | None:
        """(F, 3) NumPy array of indices into ``uv``, or None."""
        return None if self.uv_topology is None else self.uv_topology.faces

    @cached_property
    def corner_topology(self) -> Topology:
        """The topology in which every corner of every face has a row of its own."""
        return topology_of(np.arange(3 * self.face_count).reshape(-1, 3), 3 * self.face_count)

    def numpy(self, name: str) -> Array:
        """The values of ``"vertices"`` (B, N, 3), ``"colors"``, ``"uv"`` (T, 2), ``"texture"`` (Ht, Wt, 3) or
        ``"faces"`` (F, 3) as a NumPy array."""
        if name == "faces":
            return self.topology.faces.copy()
        if self._group is None:
            return np.array(self._values[self._known(name)], dtype=np.float32 if _single_precision() else np.float64)
        return self.fields.get(self._known(name))

    def set(self, name: str, values: ArrayLike) -> None:
        """Writes an array of the field's shape, broadcast where NumPy can, to ``"vertices"``, ``"colors"``, ...

        Raises:
            ShapeError: the shapes do not agree.
        """
        if self._group is not None:
            self.fields.set(self._known(name), values)
            return
        expected = self._values[self._known(name)].shape
        given = _numbers(values, f"{self.name}.{name}")
        try:
            self._values[name] = np.broadcast_to(given, expected).copy()
        except ValueError:
            raise ShapeError(f"{self.name}.{name}: expected shape {expected}, got {given.shape}") from None

    def check(self) -> None:
        """Raises GeometryError (naming mesh, index and value) if a field holds a number that is not finite.

        Faces cannot go wrong after construction.  Costs one read of each field.
        """
        self._check_finite({name: self.numpy(name) for name in self._values})

    def copy(self) -> "Mesh":
        """A mesh with fields of its own and the values of this one."""
        return self._like(self.numpy("vertices"))

    def normalized(self, radius: float = 1.0) -> "Mesh":
        """A copy moved and scaled to touch the sphere of ``radius`` about the origin from within.

        The centre of the bounding box goes to the origin and the vertex furthest from it to the sphere; a batch is
        moved as one, so that the frames of a motion keep their places.

        Raises:
            GeometryError: all vertices coincide.
        """
        vertices = self.numpy("vertices").astype(np.float64)
        points = vertices.reshape(-1, 3)
        center = (points.min(axis=0) + points.max(axis=0)) / 2
        extent = np.linalg.norm(points - center, axis=1).max()
        if extent == 0:
            raise GeometryError(f"{self.name}: all vertices are at {tuple(center)}, which cannot be scaled to a size")
        return self._like((vertices - center) * (radius / extent))

    def subdivide(self, times: int = 1) -> "Mesh":
        """A new mesh with each face cut into four at its edges' midpoints, ``times`` times; the shape stays the same.

        Vertex colours and texture coordinates are interpolated, face colours repeated, the texture is copied.
        The new mesh's ``parents`` (N_new, 2^times) and ``face_parents`` (F_new,) say where its rows come from,
        ``new = old[parents].mean(axis=1)``, so that an optimiser can carry its state along; old vertices come first.

        Raises:
            InputError: ``times`` is not a positive integer.
            TooLargeError: the new mesh takes more memory than there is.
        """
        if times != int(times) or times < 1:
            raise InputError(f"subdivide: expected a positive number of times, got {times!r}")
        check_faces(
            f"{self.name}: subdivide({times})",
            self.face_count * 4 ** min(times, 40),
            _bytes_per_face(self.batch, times),
        )
        faces, parents = _refine(self.topology, times)
        face_parents = np.arange(len(faces), dtype=np.int32) // 4**times
        colors = self.numpy("colors")
        arguments = {}
        if self.colors_per == "vertex":
            arguments["colors"] = colors[:, parents].mean(axis=2)
        else:
            arguments["face_colors"] = colors[:, face_parents]
        if self.has("uv"):
            uv_faces, uv_parents = _refine(self.uv_topology, times)
            arguments |= {"uv": self.numpy("uv")[uv_parents].mean(axis=1), "uv_faces": uv_faces}
        vertices = self.numpy("vertices")[:, parents].mean(axis=2)
        mesh = self._like(vertices, faces, **arguments)
        mesh.parents, mesh.face_parents = parents, face_parents
        return mesh

    def __repr__(self):
        sizes = f"batch {self.batch}, {self.vertex_count} vertices, {self.face_count} faces"
        return f"Mesh({self.name!r}, {sizes}; fields: {', '.join(self._values)})"

    def _like(self, vertices, faces=None, **changed):
        """A mesh of the given vertices (and faces) with this one's other values, unless ``changed``."""
        arguments = {"material": self.material, "name": self.name}
        arguments["colors" if self.colors_per == "vertex" else "face_colors"] = None
        if self.has("uv"):
            arguments |= {"uv": None, "uv_faces": self.uv_faces}
        if self.has("texture"):
            arguments["texture"] = None
        arguments |= changed
        for key, value in arguments.items():
            if value is None:
                arguments[key] = self.numpy("colors" if key == "face_colors" else key)
        return Mesh(vertices, self.topology.faces if faces is None else faces, **arguments)

    def _known(self, name):
        if not self.has(name):
            raise InputError(f"{self.name} has no field {name!r}: it has {', '.join(self._values)}")
        return name

    def _face_array(self, faces, key):
        faces = np.asarray(faces)
        if faces.ndim != 2 or faces.shape[1] != 3:
            raise ShapeError(f"{self.name}.{key}: expected shape (F, 3), got {faces.shape}")
        if faces.size and not np.issubdtype(faces.dtype, np.integer):
            raise InputError(f"{self.name}.{key}: expected integers, got {faces.dtype}")
        return np.clip(faces, -1, np.iinfo(np.int32).max).astype(np.int32)  # out of range stays out of range

    def _color_values(self, colors, face_colors):
        if colors is not None and face_colors is not None:
            raise InputError(f"{self.name}: give colors or face_colors, not both")
        self.colors_per = "vertex" if face_colors is None else "face"
        key, values, rows = ("colors", colors, self.vertex_count)
        if face_colors is not None:
            key, values, rows = ("face_colors", face_colors, self.face_count)
        values = _numbers(GREY if values is None else values, f"{self.name}.{key}")
        expected = (self.batch, rows, 3)
        if values.shape not in {expected, expected[1:], expected[2:]}:
            raise ShapeError(f"{self.name}.{key}: expected shape {expected[1:]} or {expected}, got {values.shape}")
        own = np.arange(self.face_count, dtype=np.int32)
        by_face = np.stack([own] * 3, axis=1)
        self.color_topology = self.topology if face_colors is None else topology_of(by_face, self.face_count)
        return np.broadcast_to(values, expected)

    def _uv_values(self, uv, uv_faces):
        uv = _numbers(uv, f"{self.name}.uv")
        if uv.ndim != 2 or uv.shape[1] != 2 or len(uv) == 0:
            raise ShapeError(f"{self.name}.uv: expected shape (T, 2) with T > 0, got {uv.shape}")
        faces = self.topology.faces if uv_faces is None else self._face_array(uv_faces, "uv_faces")
        if len(faces) != self.face_count:
            raise ShapeError(f"{self.name}.uv_faces: expected shape {(self.face_count, 3)}, got {faces.shape}")
        same = uv_faces is None and len(uv) == self.vertex_count
        self.uv_topology = self.topology if same else topology_of(faces, len(uv))
        return uv

    def _texture_values(self, texture):
        if self.uv_topology is None:
            raise InputError(f"{self.name}: a texture needs uv")
        texture = _numbers(texture, f"{self.name}.texture")
        if texture.ndim != 3 or texture.shape[2] != 3 or texture.size == 0:
            raise ShapeError(f"{self.name}.texture: expected shape (Ht, Wt, 3), got {texture.shape}")
        return texture

    def _check_faces(self):
        for key, topology in (("face", self.topology), ("uv face", self.uv_topology)):
            if topology is None:
                continue
            wrong = (topology.faces < 0) | (topology.faces >= topology.rows)
            if wrong.any():
                face, corner = np.argwhere(wrong)[0]
                raise GeometryError(
                    f"{self.name}: {key} {face} refers to row {topology.faces[face, corner]} of {topology.rows}"
                    f" (expected 0 … {topology.rows - 1}); {wrong.any(axis=1).sum()} such faces"
                )

    def _check_finite(self, values):
        for key, value in values.items():
            finite = np.isfinite(value)
            if not finite.all():
                index = tuple(int(i) for i in np.argwhere(~finite)[0][:-1])
                count = int((~finite.all(axis=-1)).sum())
                raise GeometryError(
                    f"{self.name}.{key}{list(index)} is not finite: {value[index].tolist()}; {count} such rows"
                )


def _numbers(values, name):
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ShapeError(f"{name}: expected an array of numbers, got {type(values).__name__} that is none") from None


def _single_precision():
    """Whether the run's fields are float32; so is what is read before there is a run."""
    return not is_initialised() or float_dtype() == ti.f32


def _batched(vertices, name):
    if vertices.ndim not in (2, 3) or vertices.shape[-1] != 3:
        raise ShapeError(f"{name}: expected shape (N, 3) or (B, N, 3), got {vertices.shape}")
    return vertices[None] if vertices.ndim == 2 else vertices


def _bytes_per_face(batch, times):
    """Of a mesh whose vertices are means of 2^times: as many indices and, of the batch, coordinates are gathered."""
    return BYTES_PER_FACE + (2 + 6 * batch) * 2 ** min(times, 40)


def _refine(topology, times):
    """The faces after ``times`` subdivisions, and for each new row the 2^times old rows it is the mean of."""
    parents = np.arange(topology.rows, dtype=np.int32)[:, None]
    for _ in range(times):
        step = topology.subdivision()
        parents = parents[step.parents].reshape(len(step.parents), -1)
        topology = topology_of(step.faces, len(step.parents))
    return topology.faces, parents
