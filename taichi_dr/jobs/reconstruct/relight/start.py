"""What the light's fit begins with: a surface in the colours of its images."""

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.io.archives import DAMAGED, in_words
from taichi_dr.jobs.reconstruct.light import Light, vertex_normals
from taichi_dr.jobs.reconstruct.relight.tell import received
from taichi_dr.jobs.reconstruct.result_start import remeshed, start_mesh
from taichi_dr.jobs.reconstruct.results import read_metrics
from taichi_dr.scene.mesh import Mesh


def shown_mesh(folder, fit, train, most_faces):
    """The Mesh of a result, in the colours that images show, with at most ``most_faces`` faces; as ``start_mesh``.

    The light that the result has told already is put back into its colours: with shadows if it minded them.
    """
    mesh = start_mesh(folder, fit, train)
    shadowed, light = _told(folder)
    if light is not None:
        arrives = received(mesh, light) if shadowed else light.on(vertex_normals(mesh))
        colors = mesh.numpy("colors")[0] * arrives
        mesh = Mesh(mesh.numpy("vertices"), mesh.topology.faces, colors=np.clip(colors, 0, 1), name=mesh.name)
    return remeshed(mesh, most_faces) if mesh.face_count > most_faces else mesh


def _told(folder):
    """Whether a result minds shadows, and the Light that it has told; None if it has not.

    Raises:
        FileError: what its metrics say of the light is none.
    """
    metrics = read_metrics(folder)
    try:
        told = metrics["model"].get("light")
        return metrics["as"] == "light", None if told is None else _light_of(told)
    except (*DAMAGED, AttributeError) as error:
        raise FileError(f"{folder}: metrics.json: model: light: is none ({in_words(error)})") from error


def _light_of(told):
    """The Light that ``described`` has described."""
    directional = told["directional"][0]
    numbers = (told["ambient"], directional["color"], directional["direction"])
    return Light(*(np.array(three, np.float64).reshape(3) for three in numbers))
