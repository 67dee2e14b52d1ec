"""Which content a name means: what is in a file counts, not what it is called."""

import warnings
from pathlib import Path

from taichi_dr.errors import DataSetError, Error, FileError, InputError
from taichi_dr.io.archives import DAMAGED, names_in
from taichi_dr.io.files import parse_json, read_bytes
from taichi_dr.io.images import SAVED
from taichi_dr.io.meshes import SUFFIXES
from taichi_dr.io.posed.load import open_posed_images, splits
from taichi_dr.jobs.pictures.named_mesh import SHAPES, no_such_file
from taichi_dr.jobs.reconstruct.radiance.scene import is_radiance
from taichi_dr.jobs.view.album import Album
from taichi_dr.jobs.view.field import Field
from taichi_dr.jobs.view.overlay import Overlay
from taichi_dr.jobs.view.photographs import Photographs
from taichi_dr.jobs.view.surface import Surface

RESULTS = ("scene.npz", "mesh.glb", "mesh.obj", "mesh.ply")  # of reconstruct, the best first
LARGEST = 1280  # pixels of the longer side of posed images: a window is seldom larger
MODEL = ("cameras.bin", "cameras.txt")  # of COLMAP
OF_A_MODEL = (".bin", ".txt", ".ini")  # suffixes of what lies beside these
MOST = 3  # names that an error gives


def find_content(name, texture=None, images=None):
    """The Content of a name: of a file, a folder, or a procedural shape.

    ``texture``: an image for a mesh; ``images``: posed images to lay over it; if None, those that a result was made of.
    Of posed images no more than the headers is read: the album of the content reads them as they are looked at.

    Raises:
        FileError, DataSetError: nothing of that name that can be read.
        InputError: a texture for what has no texture coordinates, images for images.
    """
    content, file = _found(Path(name), name, texture)
    if texture is not None and not isinstance(content, Surface):
        raise InputError(f"{name}: has no texture coordinates to use {texture} with")
    if images is not None:
        try:
            return _overlay(content, Path(images), None)
        except InputError as error:
            raise InputError(f"--images {images}: {name}: {error}") from error
    if file is not None and not isinstance(content, Photographs) and (made_of := _made_of(file.parent)):
        try:
            return _overlay(content, *made_of)
        except Error as error:
            warnings.warn(f"{name}: the images that it was made of cannot be laid over it: {error}", stacklevel=2)
    return content


def _overlay(content, images, background):
    posed, album = _posed(images, background)
    return Overlay(content, content.within(posed), album)


def _made_of(folder):
    """(posed images, their background) that ``reconstruct`` made what is in a folder of, None where they are not, or
    where it is not known: a relative path is one from a working directory that nobody has noted."""
    try:
        settings = parse_json(read_bytes(folder / "metrics.json"))["settings"]
        data, background = Path(settings["data"]), settings["keyed"]
        is_known = data.is_absolute() and data.exists() and isinstance(background, (str, type(None)))
    except (Error, *DAMAGED):
        return None
    return (data, background) if is_known else None


def _found(path, name, texture):
    """(the Content of a name, the file that it is in if it is in one)."""
    if path.is_dir():
        return _of_folder(path, texture)
    if not path.exists():
        if name in SHAPES:
            return Surface(name, texture), None
        raise no_such_file(name)
    if cameras := _cameras_of(path):
        return Photographs(*_posed(cameras)), None
    if path.suffix.lower() in SAVED:
        raise FileError(f"{path}: is one picture; expected the folder that has its camera too, or a mesh")
    return Field(name) if is_radiance(path) else Surface(name, texture), path


def _of_folder(path, texture):
    """A result that ``reconstruct`` has written, posed images, or the shape that the folder is called as."""
    posed = splits(path)
    results = [path / name for name in RESULTS if (path / name).is_file()]
    if results and ((path / "metrics.json").exists() or not posed):
        return _found(results[0], str(results[0]), texture)
    if posed:
        return Photographs(*_posed(path)), None
    if str(path) in SHAPES:
        return Surface(str(path), texture), None
    within = [each for each in sorted(path.iterdir()) if _is_shown(each)]
    if within:
        names = " or ".join(map(str, within[:MOST]))
        raise FileError(f"{path}: is neither a result nor posed images; did you mean {names}?")
    return Photographs(*_posed(path)), None  # whose error says what was expected


def _is_shown(path):
    """Whether something in a folder is a mesh, a result or a folder of posed images."""
    if path.is_dir():
        return bool(splits(path)) or any((path / name).is_file() for name in RESULTS)
    return path.suffix.lower() in SUFFIXES or is_radiance(path)


def _cameras_of(path):
    """The file that has the cameras if ``path`` is one of posed images, else None.

    Posed images: an array (LLFF), JSON that is no glTF, an archive with ``world_mat_0`` (NeuS), and whatever lies in
    the folder of a COLMAP model and has none of a mesh's suffixes.
    """
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return None
    if suffix in (".json", ".npy") or any(name.startswith("world_mat_") for name in names_in(path)):
        return path
    models = [path.with_name(name) for name in MODEL if path.with_name(name).is_file()]
    return models[0] if models and suffix in OF_A_MODEL else None


def _posed(path, background=None):
    """The PosedImages, without pictures, and the Album of a folder or file, of whatever split there is; images that are
    not there are left out."""
    try:
        given = open_posed_images(path, _split_of(path), largest=LARGEST, skip_missing=True, background=background)
    except DataSetError as error:
        raise DataSetError(f"{error}; taichi-dr inspect says more of posed images") from error
    return given.cameras, Album(given.cameras.names, given.picture)


def _split_of(path):
    names = splits(path)
    return names[0] if names and "train" not in names else "train"
