"""Mesh files by suffix: OBJ, glTF and PLY by rooms of their own, STL and OFF by ``io/plain/``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from taichi_dr.errors import FileError, GeometryError, InputError
from taichi_dr.io.files import atomic_path
from taichi_dr.io.gltf.read import read_gltf, read_parts
from taichi_dr.io.gltf.write import encode_gltf
from taichi_dr.io.images import load_image
from taichi_dr.io.obj import read_obj, write_obj
from taichi_dr.io.placement import placed
from taichi_dr.io.plain.off import encode_off, read_off
from taichi_dr.io.plain.stl import encode_stl, read_stl
from taichi_dr.io.ply.read import read_ply
from taichi_dr.io.ply.write import encode_ply
from taichi_dr.scene.bounds import sphere_around
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.texture import Texture
from taichi_dr.scene.topology import Topology
from taichi_dr.types import PathLike

SUFFIXES = (".obj", ".ply", ".stl", ".off", ".glb", ".gltf")
GLTF = (".glb", ".gltf")
READERS = {
    ".obj": read_obj,
    ".ply": read_ply,
    ".stl": read_stl,
    ".off": read_off,
    **dict.fromkeys(GLTF, read_gltf),
}
ENCODERS = {".ply": encode_ply, ".stl": encode_stl, ".off": encode_off}
SPLIT_BY_NATURE = (".stl", *GLTF)  # formats that repeat a vertex where its normal, colour or uv changes


def load_mesh(
    path: PathLike,
    *,
    normalize: bool = False,
    weld: bool | None = None,
    texture: PathLike | None = None,
    material: Material | None = None,
) -> Mesh:
    """Reads an OBJ (with MTL and texture), PLY, STL, OFF or glTF (GLB, too) file as a ``Mesh`` of batch 1.

    Polygons are cut into triangles.  Vertices keep their order; those at exactly one position are made one if ``weld``
    (by default for STL and glTF, which repeat them, unless the surface is closed as it is); texture coordinates have an
    index of their own.
    A shape that is so far from the origin that single precision cannot hold it is counted from an ``offset`` of its own
    (``Mesh``), with a warning; ``save_mesh`` adds it again.
    Colours and textures become linear RGB; what glTF says is unlit has the material ``Material("none")``, unless
    ``material`` is given.  ``normalize`` centres and scales to the unit sphere (``Mesh.normalized``);
    ``texture`` is the path of a picture to use with the file's texture coordinates, in place of its own colours and
    pictures.

    Raises:
        FileError: missing, empty, corrupt, of an unknown suffix, or without triangles; the message names the file.
        GeometryError: a coordinate that is not finite or a face that refers to a vertex that is not there.
    """
    path = Path(path)
    suffix = _known_suffix(path)
    surface = READERS[suffix](path)
    if weld is None:
        weld = suffix in SPLIT_BY_NATURE and not Topology(surface.faces, len(surface.vertices)).is_closed
    if weld:
        surface = surface.welded()
    (surface,), offset = placed(path, [surface])
    options: dict[str, Any] = {"name": path.name, "material": material}
    if texture is not None:
        if surface.uv is None:
            raise InputError(f"{path}: has no texture coordinates to use {texture} with")
        pictures = (Texture(load_image(texture)[:, :, :3]),)
        shown = None if surface.textures else surface.face_textures
        surface = replace(surface, textures=pictures, face_textures=shown, corner_colors=None)
    mesh = surface.to_mesh(**options)
    mesh.offset = offset
    return mesh.normalized() if normalize else mesh


def load_parts(path: PathLike, *, normalize: bool = False) -> list[Mesh]:
    """The parts of a glTF file, each a ``Mesh`` with a ``Material`` of its own for ray tracing; else ``load_mesh``'s.

    glTF's metallic-roughness becomes a material as ``Material.from_metallic_roughness`` says, of KHR_materials_ior,
    _transmission and _emissive_strength too; of textures but that of the base colour, the mean.  ``normalize`` moves
    and scales all of them as one.  Errors as ``load_mesh``.
    """
    path = Path(path)
    if _known_suffix(path) not in GLTF:
        return [load_mesh(path, normalize=normalize)]
    surfaces, materials = [], []
    for surface, material in read_parts(path):
        closed = Topology(surface.faces, len(surface.vertices)).is_closed
        surfaces.append(surface if closed else surface.welded())
        materials.append(material)
    surfaces, offset = placed(path, surfaces)
    if normalize:
        surfaces, offset = _normalized(path, surfaces), np.zeros(3)
    meshes = []
    for i, (surface, material) in enumerate(zip(surfaces, materials, strict=True)):
        meshes.append(surface.to_mesh(name=f"{path.name}[{i}]", material=material))
        meshes[-1].offset = offset
    return meshes


def _normalized(path, surfaces):
    """The surfaces moved and scaled as one, as ``Mesh.normalized`` does it."""
    center, extent = sphere_around(
        np.concatenate([surface.vertices[surface.faces.reshape(-1)] for surface in surfaces])
    )
    if not extent > 0:
        raise GeometryError(f"{path}: all vertices are at one place, which cannot be scaled to a size")
    return [replace(surface, vertices=(surface.vertices - center) / extent) for surface in surfaces]


def save_mesh(mesh: Mesh, path: PathLike, index: int = 0, *, unlit: bool = False) -> None:
    """Writes mesh ``index`` of the batch as OBJ, PLY, STL, OFF, GLB or glTF by suffix.

    OBJ and glTF carry colours and textures, which multiply each other (OBJ: in ``.mtl`` and ``.png`` files beside it;
    glTF: inside); PLY carries colours per vertex or face, read off the textures if there are any; STL and OFF carry the
    shape alone.  Textures and PLY's colours are rounded to 8 bits of sRGB.  ``unlit`` says that the texture has the
    light in it, as one made of photographs has: viewers of the glTF (that know ``KHR_materials_unlit``) then add none.

    Raises:
        FileError: unknown suffix, or the file cannot be written.
        GeometryError: a value is not finite.
        InputError: the batch has no mesh ``index``, or ``mesh`` is no Mesh (as when the arguments are swapped).
    """
    if not isinstance(mesh, Mesh):
        raise InputError(f"save_mesh: expected a Mesh and a path, in this order, got {mesh!r} first")
    path = Path(path)
    suffix = _known_suffix(path)
    if not 0 <= index < mesh.batch:
        raise InputError(f"save_mesh: index {index} of a batch of {mesh.batch}")
    mesh.check()
    if suffix == ".obj":
        write_obj(mesh, path, index)
        return
    data = encode_gltf(mesh, index, suffix, unlit) if suffix in GLTF else ENCODERS[suffix](mesh, index)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _known_suffix(path):
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileError(f"{path}: unknown suffix {path.suffix!r}: expected one of {', '.join(SUFFIXES)}")
    return suffix
