"""Reads a glTF file as a ``Surface`` or, for ray tracing, as one for each of its parts."""

import warnings
from dataclasses import dataclass, replace

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.io.gltf.document.container import Document
from taichi_dr.io.gltf.document.values import Json, shown
from taichi_dr.io.gltf.materials import PLAIN, is_unlit, lit_look, read_look, read_material
from taichi_dr.io.gltf.nodes import placements
from taichi_dr.io.gltf.primitives import Primitive, check_faces, has_triangles
from taichi_dr.io.gltf.textures import Textures, coordinate_set, transformed
from taichi_dr.io.gltf.transparency import seen_through, tell
from taichi_dr.io.triangles import Surface
from taichi_dr.scene.texture import Texture

MOST_FACES = 100_000_000
"""Faces, with all instances, up to which a file is read: instances are written down in a few bytes each."""


@dataclass(frozen=True)
class Piece:
    """A primitive: ``vertices`` (N, 3), ``faces`` (F, 3); per vertex ``uv`` (N, 2), v up, and linear ``colors`` (N, 3),
    each None where nothing says any; the texture of all its faces."""

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray | None
    colors: np.ndarray | None
    texture: Texture | None
    material: Json | None


def read_gltf(path):
    """The ``Surface`` in a glTF file: all that its default scene shows, at rest.

    Colours are ``COLOR_0`` times the material's factor, which multiply its texture; white without a material, and none
    if the whole file says nothing about colours.  It is ``unlit`` if all its materials are; if some are, there is a
    warning that they are lit like the others.  Faces that are wholly transparent are left out; of others that are
    transparent, pictures that are missing and the like there is a warning.

    Raises:
        FileError: missing, empty, corrupt, in need of what is not supported, or without triangles; it names the place.
        GeometryError: a face refers to a vertex that is not there.
    """
    document = Document(path)
    textures = Textures(document)
    pieces = _pieces(document, lambda material: lit_look(material, textures, document.warn))
    unlit = _all_unlit(document, pieces)
    _give_warnings(document)
    return replace(_joined(pieces), unlit=unlit)


def _all_unlit(document, pieces):
    """Whether no piece is to be lit; told where some are not, and others are."""
    faces = sum(len(piece.faces) for piece in pieces if is_unlit(piece.material))
    count = sum(len(piece.faces) for piece in pieces)
    if 0 < faces < count:
        document.warn(f"{faces} of {count} faces are of unlit materials (KHR_materials_unlit): here all faces are lit")
    return faces == count


def read_parts(path):
    """``[(Surface, Material), ...]`` of each primitive, wherever the scene has it; errors as ``read_gltf``."""
    document = Document(path)
    textures = Textures(document)
    pieces = _pieces(document, lambda material: read_look(material, textures))
    parts = [(_joined([piece]), read_material(piece.material, textures)) for piece in pieces]
    _give_warnings(document)
    return parts


def _give_warnings(document):
    for text in document.warnings:
        warnings.warn(text, stacklevel=4)  # of who called load_mesh


def _pieces(document, look):
    """The pieces with faces of all placements, in the world; ``look(material)`` is the ``Look`` of its faces."""
    reader, placed = _Reader(document, look), placements(document)
    read = [reader.mesh(placement.mesh, tuple(placement.weights)) for placement in placed]
    reader.tell_of_transparency()
    counts = [
        len(placement.transforms) * sum(len(piece.faces) for _, piece in rows)
        for placement, rows in zip(placed, read, strict=True)
    ]
    if sum(counts) > MOST_FACES:
        raise FileError(f"{document.path}: has {sum(counts)} faces with all instances, expected at most {MOST_FACES}")
    pieces = [piece for rows, placement in zip(read, placed, strict=True) for piece in _moved(rows, placement)]
    if not pieces:
        told = "".join(f"; {text.partition(': ')[2]}" for text in document.warnings)
        raise FileError(f"{document.path}: has no triangles{told}")
    return pieces


class _Reader:
    """Reads meshes where they stand, each once: ``mesh`` gives ``[(Primitive, Piece), ...]``."""

    def __init__(self, document, look):
        self._document, self._look = document, look
        self._meshes = {}
        self._vertices = {}  # by what they are made of: primitives may share them
        self._transparent = {}  # of each material's number: the look, faces that are wholly so, partly, and all

    def mesh(self, mesh, weights):
        if (mesh.place, weights) not in self._meshes:
            found = [entry for entry in mesh.entries("primitives") if has_triangles(entry)]
            self._meshes[mesh.place, weights] = [
                self._primitive(Primitive(self._document, entry, weights)) for entry in found
            ]
        return self._meshes[mesh.place, weights]

    def tell_of_transparency(self):
        for look, *counts in self._transparent.values():
            tell(self._document, look, *counts)

    def _primitive(self, primitive):
        check_faces(primitive)
        material = primitive.entry.refers("material", "materials")
        look = PLAIN if material is None else self._look(material)
        vertices = self._vertices.setdefault((primitive.sources, primitive.weights), primitive.attribute("POSITION"))
        uv = self._coordinates(primitive, look)
        colors = np.tile(look.factor, (len(vertices), 1))
        if primitive.has("COLOR_0"):
            given = np.clip(primitive.attribute("COLOR_0"), 0.0, 1.0)
            colors[:, : given.shape[1]] *= given
        said = material is not None or primitive.has("COLOR_0")
        texture = None if uv is None else look.texture
        faces = primitive.faces if material is None else self._seen(primitive.faces, look, colors[:, 3], uv)
        return primitive, Piece(vertices, faces, uv, colors[:, :3] if said else None, texture, material)

    def _coordinates(self, primitive, look):
        """(N, 2), v up, for the look's texture; None without, which is told if there is a texture."""
        name = coordinate_set(look.info)
        if not primitive.has(name):
            if look.texture is not None:
                place = primitive.entry.place
                self._document.warn(f"{place} has no {name}, which the texture of material {shown(look.name)} needs")
            return None
        u, v = transformed(look.info, primitive.attribute(name)).T
        return np.stack([u, 1 - v], axis=1)

    def _seen(self, faces, look, alpha, uv):
        """The faces that are not wholly transparent."""
        wholly, partly = seen_through(look, alpha[faces], None if uv is None else uv[faces])
        _, *before = self._transparent.get(look.place, (look, 0, 0, 0))
        counts = np.array(before) + (wholly.sum(), partly.sum(), len(faces))
        self._transparent[look.place] = look, *counts.tolist()
        return faces[~wholly]


def _moved(read, placement):
    """The pieces of a mesh in the world, for each of its transforms."""
    for transform in placement.transforms:
        known = {}
        for primitive, piece in read:
            key = id(piece.vertices)
            if key not in known:
                known[key] = _world(primitive, piece, placement, transform)
            vertices, mirrored = known[key]
            if len(piece.faces):
                yield replace(piece, vertices=vertices, faces=piece.faces[:, ::-1] if mirrored else piece.faces)


def _world(primitive, piece, placement, transform):
    """(vertices (N, 3), whether that mirrors them) of a piece in the world."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused by the mesh
        if placement.joints is None or not primitive.has("JOINTS_0"):
            moved = piece.vertices @ transform[:3, :3].T + transform[:3, 3]
            return moved, np.linalg.det(transform[:3, :3]) < 0
        blended = _skinned(primitive, placement.joints)
        moved = np.einsum("nij,nj->ni", blended[:, :3, :3], piece.vertices) + blended[:, :3, 3]
        return moved, np.median(np.linalg.det(blended[:, :3, :3])) < 0


def _skinned(primitive, joints):
    """The transform (N, 4, 4) of each vertex: the mean of its joints', by its weights."""
    total, sums = np.zeros((primitive.vertex_count, 4, 4)), np.zeros(primitive.vertex_count)
    number = 0
    while primitive.has(f"JOINTS_{number}"):
        of_vertex = primitive.attribute(f"JOINTS_{number}").astype(int)
        if len(of_vertex) and not 0 <= of_vertex.min() <= of_vertex.max() < len(joints):
            problem = f"expected joints below {len(joints)}"
            raise primitive.entry.error(f"attributes.JOINTS_{number}", problem, int(of_vertex.max()))
        weights = primitive.attribute(f"WEIGHTS_{number}")
        for k in range(4):
            total += weights[:, k, None, None] * joints[of_vertex[:, k]]
            sums += weights[:, k]
        number += 1
    return np.where((sums > 0)[:, None, None], total / np.where(sums > 0, sums, 1)[:, None, None], joints[0])


def _joined(pieces):
    """One ``Surface`` of pieces."""
    blocks = {}  # the vertices, each once, by identity
    for piece in pieces:
        blocks.setdefault(id(piece.vertices), piece.vertices)
    starts = dict(zip(blocks, _starts(blocks.values()), strict=True))
    faces = np.concatenate([piece.faces + starts[id(piece.vertices)] for piece in pieces])
    textures, face_textures = _textures(pieces)
    uv, uv_faces = _uv(pieces, bool(textures))
    return Surface(np.concatenate(list(blocks.values())), faces, _colors(pieces), uv, uv_faces, textures, face_textures)


def _starts(arrays):
    """Where each array starts once they are one behind the other."""
    return np.cumsum([0] + [len(array) for array in arrays])[:-1]


def _uv(pieces, textured):
    """(uv, uv_faces), (None, None) unless all have some; where there are textures, (0, 0) for those without."""
    if not textured and any(piece.uv is None for piece in pieces):
        return None, None
    blocks = [np.zeros((1, 2)) if piece.uv is None else piece.uv for piece in pieces]
    rows = [np.zeros_like(piece.faces) if piece.uv is None else piece.faces for piece in pieces]
    return np.concatenate(blocks), np.concatenate(
        [row + start for row, start in zip(rows, _starts(blocks), strict=True)]
    )


def _textures(pieces):
    """(the textures, each once, and which of them each face shows: None if there is one, on all)."""
    textures = tuple(dict.fromkeys(piece.texture for piece in pieces if piece.texture is not None))
    if len(textures) <= 1 and all(piece.texture is not None for piece in pieces):
        return textures, None
    if not textures:
        return (), None
    numbers = {None: -1} | {texture: i for i, texture in enumerate(textures)}
    return textures, np.repeat([numbers[piece.texture] for piece in pieces], [len(piece.faces) for piece in pieces])


def _colors(pieces):
    """The colours (F, 3, 3) at the corners; None where nothing says any, or all are white on a texture."""
    if all(piece.colors is None and piece.texture is None for piece in pieces):
        return None
    if all(piece.texture is not None and (piece.colors is None or (piece.colors == 1).all()) for piece in pieces):
        return None
    return np.concatenate(
        [np.ones((len(piece.faces), 3, 3)) if piece.colors is None else piece.colors[piece.faces] for piece in pieces]
    )
