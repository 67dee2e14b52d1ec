"""Which content a name means: what is in a file counts, not what it is called."""

from pathlib import Path

from taichi_dr.errors import DataSetError, FileError
from taichi_dr.io.archives import names_in
from taichi_dr.io.images import SAVED
from taichi_dr.io.meshes import SUFFIXES
from taichi_dr.io.posed.load import load_posed_images, splits
from taichi_dr.jobs.pictures.named_mesh import SHAPES, no_such_file
from taichi_dr.jobs.reconstruct.radiance.scene import is_radiance
from taichi_dr.jobs.view.field import Field
from taichi_dr.jobs.view.photographs import Photographs
from taichi_dr.jobs.view.surface import Surface

RESULTS = ("scene.npz", "mesh.glb", "mesh.obj", "mesh.ply")  # of reconstruct, the best first
LARGEST = 640  # pixels of the longer side of posed images
MODEL = ("cameras.bin", "cameras.txt")  # of COLMAP
OF_A_MODEL = (".bin", ".txt", ".ini")  # suffixes of what lies beside these
MOST = 3  # names that an error gives


def find_content(name):
    """The Content of a name: of a file, a folder, or a procedural shape.

    Raises:
        FileError, DataSetError: nothing of that name that can be read.
    """
    path = Path(name)
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        if name in SHAPES:
            return Surface(name)
        raise no_such_file(name)
    if cameras := _cameras_of(path):
        return _photographs(cameras)
    if path.suffix.lower() in SAVED:
        raise FileError(f"{path}: is one picture; expected the folder that has its camera too, or a mesh")
    return Field(name) if is_radiance(path) else Surface(name)


def _of_folder(path):
    """A result that ``reconstruct`` has written, posed images, or the shape that the folder is called as."""
    posed = splits(path)
    results = [path / name for name in RESULTS if (path / name).is_file()]
    if results and ((path / "metrics.json").exists() or not posed):
        return find_content(str(results[0]))
    if posed:
        return _photographs(path)
    if str(path) in SHAPES:
        return Surface(str(path))
    within = [each for each in sorted(path.iterdir()) if _is_shown(each)]
    if within:
        names = " or ".join(map(str, within[:MOST]))
        raise FileError(f"{path}: is neither a result nor posed images; did you mean {names}?")
    return _photographs(path)  # whose error says what was expected


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


def _photographs(path):
    """The posed images of a folder or file, of whatever split there is; those without pictures are left out."""
    names = splits(path)
    split = names[0] if names and "train" not in names else "train"
    try:
        posed = load_posed_images(path, split, largest=LARGEST, skip_missing=True)
    except DataSetError as error:
        raise DataSetError(f"{error}; taichi-dr inspect says more of posed images") from error
    return Photographs(posed)
