"""Triangle meshes: a batch of shapes of one topology whose vertices, colours and texture are fields with gradients."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import taichi as ti

from taichi_dr.errors import GeometryError, InputError, ShapeError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.memory import BYTES_PER_FACE, check_faces
from taichi_dr.runtime import float_dtype, is_initialised, python_scope
from taichi_dr.scene.bounds import sphere_around, used_points, warn_of_lost_digits
from taichi_dr.scene.material import Material
from taichi_dr.scene.texture import Texture
from taichi_dr.scene.topology import Topology, topology_of
from taichi_dr.types import Array, ArrayLike, Color, Field

GREY = (0.7, 0.7, 0.7)
WHITE = (1.0, 1.0, 1.0)


class Mesh(FieldOwner):
    """B meshes of one topology, with colours per vertex or per face and, optionally, a texture.

    Sizes: B meshes, N vertices, F faces, T texture coordinates.  Arguments are NumPy arrays (or nested lists):

    * ``vertices`` (N, 3) or (B, N, 3), world units; ``faces`` (F, 3) integers, counter-clockwise seen from outside;
    * ``colors`` (3,), (N, 3) or (B, N, 3), or ``face_colors`` (3,), (F, 3) or (B, F, 3): linear RGB, lit alike (see
      ``Material``); grey by default; with ``color_faces`` (F, 3) integers, ``colors`` are (C, 3) or (B, C, 3), and each
      corner of a face has a row of its own;
    * ``uv`` (T, 2) with ``uv_faces`` (F, 3) (``faces`` by default): texture coordinates, v upwards: (0, 0) is the lower
      left corner of the picture, (1, 1) the upper right one;
    * ``texture`` (Ht, Wt, 3): linear RGB, row 0 on top; or a ``Texture``, or a list of them with ``face_textures``
      (F,) integers: which of them each face shows, -1 for none.  Colours, if given, multiply it;
    * ``material``: a ``Material``; ``name``: what error messages call the mesh.

    The fields ``vertices`` (B, N), ``colors`` (B, N), (B, F) or (B, C), ``uv`` (T,) and ``texture`` (Ht, Wt) are meant
    to be written to by kernels, differentiated and optimised; the texels of a list of textures stand one behind the
    other, row by row, in a field (X,) (``textures`` takes it apart).  They are made when the first of them is asked
    for, in Python or by a kernel; a mesh whose fields nobody asks for costs no compilation, so a new one for every
    render is cheap.  ``set``, ``numpy`` and ``gradient`` write and read arrays.

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
        color_faces: ArrayLike | None = None,
        uv: ArrayLike | None = None,
        uv_faces: ArrayLike | None = None,
        texture: ArrayLike | Texture | Sequence[Texture] | None = None,
        face_textures: ArrayLike | None = None,
        material: Material | None = None,
        name: str = "mesh",
    ) -> None:
        self.name = name
        self._offset: Array = np.zeros(3)
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

        self.tinted: bool = texture is not None and not (colors is None and face_colors is None)
        if texture is not None and not self.tinted:
            colors = WHITE
        values = {"vertices": points, "colors": self._color_values(colors, face_colors, color_faces)}
        self.uv_topology: Topology | None = None
        self.texture_sizes: tuple[tuple[int, int], ...] = ()
        self.texture_wraps: tuple[tuple[str, str], ...] = ()
        self.face_textures: Array | None = None
        if uv is not None:
            values["uv"] = self._uv_values(uv, uv_faces)
        elif uv_faces is not None:
            raise InputError(f"{name}: uv_faces needs uv")
        if texture is not None:
            values["texture"] = self._texture_values(texture, face_textures)
        elif face_textures is not None:
            raise InputError(f"{name}: face_textures needs a texture")
        self._check_faces()
        self._check_finite(values)
        if _single_precision():
            warn_of_lost_digits(points, self.topology.used, name)
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

    @property
    def offset(self) -> Array:
        """(3,), float64: where the vertices' origin is in the world, (0, 0, 0) unless it is set.

        For shapes that are so far from the world's origin that single precision cannot hold them: ``load_mesh`` finds
        one for these, ``save_mesh`` adds it again; renderers, cameras and losses count from the vertices' origin.

        Raises:
            ShapeError, GeometryError: it is set to what is no three finite numbers.
        """
        return self._offset

    @offset.setter
    def offset(self, values: ArrayLike) -> None:
        offset = _numbers(values, f"{self.name}.offset")
        if offset.shape != (3,):
            raise ShapeError(f"{self.name}.offset: expected shape (3,), got {offset.shape}")
        if not np.isfinite(offset).all():
            raise GeometryError(f"{self.name}.offset is not finite: {offset.tolist()}")
        self._offset = offset.copy()

    def has(self, name: str) -> bool:
        """Whether there is a field ``name``; ``"uv"`` and ``"texture"`` are there if they were given."""
        return name in self._values

    @property
    def vertices(self) -> Field:
        """(B, N) field of 3-vectors: positions in world units."""
        return self.fields.field("vertices")

    @property
    def colors(self) -> Field:
        """(B, N) field of 3-vectors, linear RGB; (B, F) if ``colors_per`` is ``"face"``, (B, C) if ``"corner"``."""
        return self.fields.field("colors")

    @property
    def uv(self) -> Field | None:
        """(T,) field of 2-vectors, or None."""
        return self.fields.field("uv") if self.has("uv") else None

    @property
    def texture(self) -> Field | None:
        """(Ht, Wt) field of 3-vectors in linear RGB, or None; of a list of textures, (X,) of all their texels."""
        return self.fields.field("texture") if self.has("texture") else None

    @property
    def textures(self) -> tuple[Texture, ...]:
        """The pictures as they are now, copied from the field; () without a texture."""
        if not self.has("texture"):
            return ()
        texels = self.numpy("texture").reshape(-1, 3)
        areas = [height * width for height, width in self.texture_sizes]
        parts = np.split(texels, np.cumsum(areas)[:-1])
        whole = zip(parts, self.texture_sizes, self.texture_wraps, strict=True)
        return tuple(Texture(part.reshape(*size, 3), wrap) for part, size, wrap in whole)

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

        The centre of the bounding box goes to the origin and the vertex furthest from it to the sphere; vertices that
        no face uses do not count.  A batch is moved as one, so that the frames of a motion keep their places.

        Raises:
            GeometryError: all vertices coincide.
        """
        center, extent = sphere_around(used_points(self))
        if extent == 0:
            raise GeometryError(f"{self.name}: all vertices are at {tuple(center)}, which cannot be scaled to a size")
        mesh = self._like((self.numpy("vertices") - center) * (radius / extent))
        mesh.offset = np.zeros(3)
        return mesh

    def subdivide(self, times: int = 1) -> "Mesh":
        """A new mesh with each face cut into four at its edges' midpoints, ``times`` times; the shape stays the same.

        Colours of vertices and corners and texture coordinates are interpolated, those of faces repeated, textures
        copied.
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
        arguments = {}
        if self.has_colors:
            arguments |= self._refined_colors(parents, face_parents, times)
        if self.has("texture") and self.face_textures is not None:
            arguments["face_textures"] = self.face_textures[face_parents]
        if self.has("uv"):
            uv_faces, uv_parents = _refine(self.uv_topology, times)
            arguments |= {"uv": self.numpy("uv")[uv_parents].mean(axis=1), "uv_faces": uv_faces}
        vertices = self.numpy("vertices")[:, parents].mean(axis=2)
        mesh = self._like(vertices, faces, **arguments)
        mesh.parents, mesh.face_parents = parents, face_parents
        return mesh

    def _refined_colors(self, parents, face_parents, times):
        colors = self.numpy("colors")
        if self.colors_per == "face":
            return {"face_colors": colors[:, face_parents]}
        if self.colors_per == "vertex":
            return {"colors": colors[:, parents].mean(axis=2)}
        color_faces, color_parents = _refine(self.color_topology, times)
        return {"colors": colors[:, color_parents].mean(axis=2), "color_faces": color_faces}

    @property
    def has_colors(self) -> bool:
        """Whether its colours are seen: there is no texture, or they multiply it."""
        return self.tinted or not self.has("texture")

    def __repr__(self):
        sizes = f"batch {self.batch}, {self.vertex_count} vertices, {self.face_count} faces"
        return f"Mesh({self.name!r}, {sizes}; fields: {', '.join(self._values)})"

    def _like(self, vertices, faces=None, **changed):
        """A mesh of the given vertices (and faces) with this one's other values, unless ``changed``."""
        arguments = {"material": self.material, "name": self.name}
        if self.has_colors:
            arguments["face_colors" if self.colors_per == "face" else "colors"] = self.numpy("colors")
            if self.colors_per == "corner":
                arguments["color_faces"] = self.color_topology.faces
        if self.has("uv"):
            arguments |= {"uv": self.numpy("uv"), "uv_faces": self.uv_faces}
        if self.has("texture"):
            arguments |= {"texture": self.textures, "face_textures": self.face_textures}
        arguments |= changed
        mesh = Mesh(vertices, self.topology.faces if faces is None else faces, **arguments)
        mesh.offset = self.offset
        return mesh

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

    def _color_values(self, colors, face_colors, color_faces):
        if colors is not None and face_colors is not None:
            raise InputError(f"{self.name}: give colors or face_colors, not both")
        if color_faces is not None and colors is None:
            raise InputError(f"{self.name}: color_faces needs colors")
        key, values, rows = "colors", colors, self.vertex_count
        self.colors_per = "vertex"
        if face_colors is not None:
            self.colors_per, key, values, rows = "face", "face_colors", face_colors, self.face_count
        elif color_faces is not None:
            self.colors_per = "corner"
        values = _numbers(GREY if values is None else values, f"{self.name}.{key}")
        if color_faces is not None:
            rows = values.shape[-2] if values.ndim > 1 else 1
        expected = (self.batch, rows, 3)
        if values.shape not in {expected, expected[1:], expected[2:]}:
            raise ShapeError(f"{self.name}.{key}: expected shape {expected[1:]} or {expected}, got {values.shape}")
        self.color_topology = self._color_topology(color_faces, rows)
        return np.broadcast_to(values, expected)

    def _color_topology(self, color_faces, rows):
        if self.colors_per == "vertex":
            return self.topology
        if self.colors_per == "face":
            return topology_of(np.stack([np.arange(self.face_count, dtype=np.int32)] * 3, axis=1), rows)
        faces = self._face_array(color_faces, "color_faces")
        if len(faces) != self.face_count:
            raise ShapeError(f"{self.name}.color_faces: expected shape {(self.face_count, 3)}, got {faces.shape}")
        return topology_of(faces, rows)

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

    def _texture_values(self, texture, face_textures):
        """The texels: (Ht, Wt, 3) of one texture on all faces, else (X, 3)."""
        if self.uv_topology is None:
            raise InputError(f"{self.name}: a texture needs uv")
        textures = _textures(texture, f"{self.name}.texture")
        self.texture_sizes = tuple(one.pixels.shape[:2] for one in textures)
        self.texture_wraps = tuple(one.wrap for one in textures)
        self.face_textures = self._chosen(face_textures, len(textures))
        if len(textures) == 1 and self.face_textures is None:
            return textures[0].pixels
        return np.concatenate([one.pixels.reshape(-1, 3) for one in textures])

    def _chosen(self, face_textures, count):
        """Which of the textures each face shows (F,), checked; None if there is one on all."""
        key = f"{self.name}.face_textures"
        if face_textures is None:
            if count > 1:
                raise InputError(f"{key}: {count} textures need it: (F,) integers that say which of them a face shows")
            return None
        chosen = np.asarray(face_textures)
        if chosen.shape != (self.face_count,):
            raise ShapeError(f"{key}: expected shape {(self.face_count,)}, got {chosen.shape}")
        if not np.issubdtype(chosen.dtype, np.integer):
            raise InputError(f"{key}: expected integers, got {chosen.dtype}")
        wrong = np.flatnonzero((chosen < -1) | (chosen >= count))
        if len(wrong):
            raise InputError(f"{key}[{wrong[0]}]: expected -1 to {count - 1}, got {chosen[wrong[0]]}")
        return chosen.astype(np.int32)

    def _check_faces(self):
        topologies = (("face", self.topology), ("uv face", self.uv_topology), ("color face", self.color_topology))
        for key, topology in topologies:
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


def _textures(texture, name):
    """A tuple of ``Texture``s of what ``Mesh`` takes as ``texture``, in float64."""
    given = [texture] if isinstance(texture, Texture) else texture
    if not (isinstance(given, list | tuple) and given and all(isinstance(one, Texture) for one in given)):
        pixels = _numbers(texture, name)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
            raise ShapeError(f"{name}: expected shape (Ht, Wt, 3), got {pixels.shape}")
        return (Texture(pixels),)
    return tuple(Texture(_numbers(one.pixels, f"{name}[{i}]"), one.wrap) for i, one in enumerate(given))


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
