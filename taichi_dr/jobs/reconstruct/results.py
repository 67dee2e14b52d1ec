"""What ``taichi-dr reconstruct`` has left in a folder: its numbers, its surface, and the model as it was."""

from pathlib import Path

import numpy as np

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.archives import DAMAGED, in_words
from taichi_dr.io.files import parse_json, read_bytes
from taichi_dr.io.meshes import load_mesh
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct.kinds import kind_class, settings_class
from taichi_dr.jobs.reconstruct.radiance.level import fitting_mesh
from taichi_dr.jobs.reconstruct.radiance.scene import load_scene
from taichi_dr.jobs.settings.domains import typed
from taichi_dr.scene.bounds import world_vertices
from taichi_dr.scene.mesh import Mesh

SURFACE = "mesh.ply"
FIELD = "scene.npz"
WITH_SURFACE = "mesh", "sdf", "light"
"""Kinds that are a surface, which is in ``SURFACE``; the others are fields."""


def read_metrics(folder):
    """The contents of ``metrics.json`` of a folder that ``taichi-dr reconstruct`` has written.

    Raises:
        FileError: the folder holds no finished reconstruction, or the file cannot be read.
    """
    folder = Path(folder)
    path = folder / "metrics.json"
    if not path.exists():
        unfinished = (folder / checkpoint.NAME).exists()
        advice = "--resume finishes it first" if unfinished else "expected a folder that taichi-dr reconstruct wrote"
        raise FileError(f"{folder}: holds no finished reconstruction, there is no metrics.json: {advice}")
    try:
        metrics = parse_json(read_bytes(path))
        kind_class(metrics["as"])
        if not (isinstance(metrics["files"], list) and isinstance(metrics["settings"], dict)):
            raise ValueError("files, settings: expected a list and an object")
        return metrics
    except DAMAGED as error:
        raise FileError(f"{path}: is none that taichi-dr reconstruct wrote ({in_words(error)})") from error


def result_mesh(folder, fit, train):
    """The Mesh of a result, with vertex colours, in the unit scene of ``fit`` (SceneFit).

    That of a radiance field is where its density crosses the level whose silhouettes agree best with those of ``train``
    (PosedImages of the unit scene), without specks.

    Raises:
        FileError: the folder holds no finished reconstruction, or its files cannot be read.
        GeometryError: there is no surface in it.
    """
    folder = Path(folder)
    metrics = read_metrics(folder)
    if metrics["as"] in WITH_SURFACE:
        mesh = load_mesh(folder / SURFACE)
        points = world_vertices(mesh)
    else:
        scene = load_scene(folder / FIELD)
        try:
            mesh = fitting_mesh(kind_class(scene.kind).density(scene.arrays), scene, train, fit)
        except GeometryError:
            raise
        except DAMAGED as error:
            raise FileError(f"{folder / FIELD}: is no scene that can be read ({in_words(error)})") from error
        points = scene.radius * mesh.numpy("vertices")[0].astype(np.float64) + scene.center
    colors = mesh.numpy("colors")[0]
    return Mesh(fit.from_world(points), mesh.topology.faces, colors=colors, name=folder.name)


def restored_model(folder, train, fit):
    """The ``Kind`` that a run has left in a folder, ready to be asked for pictures.

    ``train`` (PosedImages of the unit scene) and ``fit`` (SceneFit) are those that it was made with.

    Raises:
        FileError: there is no checkpoint, or it cannot be read.
    """
    path = Path(folder) / checkpoint.NAME
    header, arrays = checkpoint.load_state(path)
    with checkpoint.reading(path):
        saved = header["settings"]
        kind = settings_class(saved["kind"])
        typed(kind, saved)
        model = kind_class(saved["kind"])(kind(**saved), train, fit)
        own = {name.removeprefix("model/"): value for name, value in arrays.items() if name.startswith("model/")}
        model.restore(header["model"], own)
    return model
