"""Another reconstruction's result as what one begins with: its surface, of as many faces as are wanted, its colours."""

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from taichi_dr.errors import DataSetError, FileError, GeometryError
from taichi_dr.jobs.reconstruct.grid_start import Nodes, surface_distances
from taichi_dr.jobs.reconstruct.results import FIELD, SURFACE, WITH_SURFACE, read_metrics, result_mesh
from taichi_dr.scene.mesh import Mesh

WORDS = "sphere", "hull", "ball"
"""What ``--init`` may say of shapes; a folder of that name is ./sphere."""

NODES = 96  # along the longest side of the grid that a surface is made anew on, at first
FEWEST_NODES, MOST_NODES = 8, 192
ENOUGH = 0.75  # of the faces that are wanted
TRIES = 4
MARGIN = 2.5  # cells around it


def is_result(init):
    """Whether ``--init`` is a folder, whatever else is called as one of the ``WORDS``."""
    return init not in WORDS and Path(init).is_dir()


def check_result(folder):
    """Raises FileError if a folder holds no finished reconstruction, or one without a surface to begin with."""
    try:
        metrics = read_metrics(folder)
    except FileError as error:
        raise FileError(f"--init {error}") from error
    needed = SURFACE if metrics["as"] in WITH_SURFACE else FIELD
    if not (Path(folder) / needed).exists():
        raise FileError(f"--init {folder}: has no {needed}, which its surface would be taken from")


def start_mesh(folder, fit, train):
    """The Mesh of a result, in the unit scene of ``fit`` (SceneFit) of the images ``train``.

    Raises:
        FileError: as ``result_mesh``.
        GeometryError: there is no surface in it.
        DataSetError: it is nowhere near the object of these images.
    """
    try:
        mesh = result_mesh(folder, fit, train)
    except GeometryError as error:
        raise GeometryError(f"--init {folder}: {error}") from error
    points = mesh.numpy("vertices")[0]
    center, half = fit.hull_extent()
    low, high = points.min(axis=0), points.max(axis=0)
    if (low > center + half).any() or (high < center - half).any():
        middle = ", ".join(f"{number:.3g}" for number in fit.to_world((low + high) / 2))
        raise DataSetError(
            f"--init {folder}: its surface, around ({middle}), is not where these images show something: was it made"
            " from images with other cameras?"
        )
    return mesh


def remeshed(mesh, most_faces):
    """A Mesh of the same surface with at most ``most_faces`` faces of about one size, and most of them.

    Only if the coarsest grid has more, so has the mesh.

    Its signed distance on a grid is met by marching cubes, so that it is closed, whatever ``mesh`` was; parts thinner
    than a cell are lost.  Colours are those of the nearest vertices.

    Raises:
        GeometryError: nothing of it is left.
    """
    points = mesh.numpy("vertices")[0].astype(np.float64)
    nodes, best = NODES, None
    for _ in range(TRIES):
        found = _surface(mesh, points, nodes)
        count = len(found[1])
        if count <= most_faces and (best is None or count > len(best[1])):
            best = found
        if ENOUGH * most_faces <= count <= most_faces or (count < most_faces and nodes == MOST_NODES):
            break
        # Faces grow with the square of the nodes; a little less, so that the next try is not too many again.
        nodes = int(np.clip(nodes * np.sqrt(0.9 * most_faces / max(count, 1)), FEWEST_NODES, MOST_NODES))
    vertices, faces = found if best is None else best
    if not len(faces):
        raise GeometryError(f"{mesh.name}: nothing of it is left on a grid of {nodes} points a side")
    return Mesh(vertices, faces, colors=colors_near(mesh, vertices), name="reconstruction")


def colors_near(mesh, points):
    """(N, 3): the colours of the vertices of ``mesh`` that are nearest to points (N, 3)."""
    nearest = cKDTree(mesh.numpy("vertices")[0]).query(points)[1]
    return mesh.numpy("colors")[0][nearest]


def _surface(mesh, points, count):
    """Vertices and faces of the surface on a grid with ``count`` nodes along its longest side."""
    low, high = points.min(axis=0), points.max(axis=0)
    room = MARGIN * (high - low).max() / (count - 1)
    nodes = Nodes.over(np.stack([low - room, high + room]), count)
    distances = surface_distances(mesh, nodes)
    if not (distances < 0).any():
        return np.zeros((0, 3)), np.zeros((0, 3), np.int32)
    vertices, faces, _, _ = marching_cubes(np.asarray(distances, np.float32), 0.0)
    return nodes.lower + nodes.spacing * vertices, faces.astype(np.int32)
