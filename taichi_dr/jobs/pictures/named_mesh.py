"""A mesh by the name a user types, a file or a procedural shape; or a solid in a file."""

import difflib
import warnings
from pathlib import Path

from taichi_dr.errors import FileError, InputError
from taichi_dr.implicit.sdf.colored import ColoredSolid
from taichi_dr.io.images import load_image
from taichi_dr.io.meshes import GLTF, load_mesh, load_parts
from taichi_dr.jobs.pictures.clay import is_clay, mold
from taichi_dr.scene import shapes

SHAPES = ("car", "airplane", "icosphere", "sphere", "torus", "box", "plane", "cylinder", "cone")


def named_mesh(name, texture=None):
    """The ``found_mesh`` of a name, normalised to radius 1 about the origin; one that has no colours is of clay.

    Warns of a file that has texture coordinates and nothing to colour them with.

    Raises:
        FileError: neither a file nor a shape, or no such texture.
        InputError: a texture for a mesh without texture coordinates.
    """
    path = Path(name)
    mesh = found_mesh(name, texture, normalize=True)
    mold(mesh)
    if path.is_file() and mesh.has("uv") and is_clay(mesh):
        warnings.warn(
            f"{path}: has texture coordinates but no texture, so it is clay: --texture FILE gives it one", stacklevel=2
        )
    return mesh


def named_parts(name, texture=None):
    """``named_mesh``, or of a glTF file the parts, each with its own ``Material``; errors and warnings alike."""
    path = Path(name)
    if texture is not None or path.suffix.lower() not in GLTF or not path.exists():
        return [named_mesh(name, texture)]
    meshes = load_parts(path, normalize=True)
    for mesh in meshes:
        mold(mesh)
    return meshes


def found_mesh(name, texture=None, normalize=False):
    """The mesh in the file ``name``, or the surface of a ``ColoredSolid`` in it, as it is unless to ``normalize``;
    or the procedural shape of that name, of radius 1 about the origin.

    Raises:
        FileError: neither (the message names files and shapes that are spelt alike), or no such texture.
        InputError: a texture for a mesh without texture coordinates.
    """
    path = Path(name)
    if is_solid(name):
        return _surface(path, texture, normalize)
    if path.exists() and not (path.is_dir() and name in SHAPES):  # a folder of images of a shape may have its name
        return load_mesh(path, normalize=normalize, texture=texture)
    if name in SHAPES:
        return _shape(name, texture).normalized()
    raise no_such_file(name)


def is_solid(name):
    """Whether the name is that of a file with a ``ColoredSolid`` in it."""
    return Path(name).suffix.lower() == ".npz" and Path(name).exists()


def named_solid(name):
    """The ``ColoredSolid`` in the file ``name``, its surface of radius 1 about the origin.

    Raises:
        FileError: it is no such file, or cut short.
        GeometryError: there is no surface in it.
    """
    return ColoredSolid.load(name).normalized(Path(name).name)


def _surface(path, texture, normalize):
    if texture is not None:
        raise InputError(f"{path}: has colours of its own, and no texture coordinates to use {texture} with")
    mesh = ColoredSolid.load(path).mesh(path.name)
    return mesh.normalized() if normalize else mesh


def _shape(name, texture):
    if texture is None:
        return getattr(shapes, name)()
    picture = load_image(texture)[:, :, :3]
    if getattr(shapes, name)().uv is None:
        raise InputError(f"{name}: has no texture coordinates to use {texture} with")
    return getattr(shapes, name)(texture=picture)


def no_such_file(name):
    """The FileError of a name that is neither a file nor a shape: it names files and shapes that are spelt alike."""
    return FileError(f"{name}: no such file, nor a shape ({', '.join(SHAPES)}){_near(Path(name))}")


def _near(path):
    """Of the first part of a path that is not there, the names beside it that are spelt alike."""
    part = next(part for part in (*reversed(path.parents), path) if not part.exists())
    folder = part.parent
    files = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    near = [str(folder / name) for name in difflib.get_close_matches(part.name, files, 3)]
    near += difflib.get_close_matches(str(path), SHAPES, 1)
    return f"; did you mean {' or '.join(near)}?" if near else ""
