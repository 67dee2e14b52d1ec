"""Where the surfaces of a file are: counted from a point near them, and free of vertices that are nowhere."""

import warnings
from dataclasses import replace

import numpy as np

from taichi_dr.scene.bounds import offset_of


def placed(path, surfaces):
    """``(surfaces, offset)``: the surfaces counted from one ``offset`` (3,), which ``offset_of`` finds for them all.

    Only vertices that a face uses decide.  Those that none uses and that are not finite are put in the middle of the
    others, with a warning; so every vertex keeps its number.
    """
    used = [_used(surface) for surface in surfaces]
    points = np.concatenate([surface.vertices[mask] for surface, mask in zip(surfaces, used, strict=True)])
    offset = offset_of(points)
    if offset.any():
        shown = ", ".join(f"{x:.12g}" for x in offset)
        warnings.warn(
            f"{path}: is far from the origin: its vertices are counted from ({shown}), its offset", stacklevel=3
        )
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    moved = []
    for surface, mask in zip(surfaces, used, strict=True):
        lost = ~(mask | (np.abs(surface.vertices) <= np.finfo(np.float32).max).all(axis=1))
        if lost.any():
            warnings.warn(f"{path}: {lost.sum()} vertices that no face uses are not finite: put amid it", stacklevel=3)
        vertices = np.where(lost[:, None], middle, surface.vertices) - offset
        moved.append(replace(surface, vertices=vertices))
    return moved, offset


def _used(surface):
    return np.bincount(surface.faces.reshape(-1), minlength=len(surface.vertices)) > 0
