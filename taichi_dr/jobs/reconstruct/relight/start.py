"""What the light's fit begins with: a surface in the colours of its images."""

import numpy as np

from taichi_dr.jobs.reconstruct.light import Light, vertex_normals
from taichi_dr.jobs.reconstruct.result_start import remeshed, start_mesh
from taichi_dr.jobs.reconstruct.results import read_metrics
from taichi_dr.scene.mesh import Mesh


def shown_mesh(folder, fit, train, most_faces):
    """The Mesh of a result, in the colours that images show, with at most ``most_faces`` faces; as ``start_mesh``.

    The light that the result has told already is put back into its colours.
    """
    mesh = start_mesh(folder, fit, train)
    told = read_metrics(folder)["model"].get("light")
    if told is not None:
        colors = mesh.numpy("colors")[0] * _light_of(told).on(vertex_normals(mesh))
        mesh = Mesh(mesh.numpy("vertices"), mesh.topology.faces, colors=np.clip(colors, 0, 1), name=mesh.name)
    return remeshed(mesh, most_faces) if mesh.face_count > most_faces else mesh


def _light_of(told):
    """The Light that ``described`` has described."""
    directional = told["directional"][0]
    return Light(*(np.array(numbers) for numbers in (told["ambient"], directional["color"], directional["direction"])))
