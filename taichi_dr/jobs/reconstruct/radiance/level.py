"""The level at which a field's density is a surface: the one whose silhouettes are those of the images."""

import numpy as np

from taichi_dr.errors import GeometryError
from taichi_dr.jobs.reconstruct.radiance.surface import OPACITY, Opacity
from taichi_dr.jobs.reconstruct.silhouettes import has_silhouettes
from taichi_dr.jobs.reconstruct.view_groups import unit_camera
from taichi_dr.jobs.report.metrics import soft_iou
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.scene.mesh import Mesh

LEVELS = 0.03, 0.08, 0.15, 0.3, 0.5, 0.7, 0.85
"""Opacities between two nodes that are tried."""
NODES = 128
VIEWS, SIZE = 8, 128  # that silhouettes are compared in


def fitting_mesh(density, scene, train, fit):
    """The Mesh, in the unit scene of ``scene`` (Scene), of the level of ``density`` that fits ``train`` best.

    ``density``: ``(at, low, high)`` as ``density_mesh`` takes them; ``fit``: the SceneFit of ``train``, whose unit
    scene may be another.  Of images without silhouettes nothing can be compared: there the level is the usual one.

    Raises:
        GeometryError: at no level is there a surface.
    """
    opacity = Opacity(*density, NODES)
    if not has_silhouettes(train):
        return opacity.mesh(OPACITY, clean=True)
    few = train.subset(np.unique(np.linspace(0, len(train) - 1, VIEWS).round().astype(int)))
    few = few.resized(min(SIZE, max(few.height, few.width)))
    camera, renderer = unit_camera(few), Rasterizer((few.height, few.width), antialias=True)
    best, found = -1.0, None
    for level in LEVELS:
        try:
            mesh = opacity.mesh(level, clean=True)
        except GeometryError:
            continue
        points = fit.from_world(scene.radius * mesh.numpy("vertices")[0].astype(np.float64) + scene.center)
        frame = renderer.render(Mesh(points, mesh.topology.faces, name="level"), camera)
        agreement = soft_iou(frame.numpy("alpha"), few.alpha)
        if agreement > best:
            best, found = agreement, mesh
    if found is None:
        raise GeometryError(f"no surface: nothing of the field is as dense as {LEVELS[0]:g} between two nodes")
    return found
