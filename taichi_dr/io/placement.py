"""Where the surfaces of a file are: counted from a point near them, and free of vertices that are nowhere."""

import warnings
from dataclasses import replace

import numpy as np

from taichi_dr.scene.bounds import offset_of

FURTHEST, LARGEST = 1e12, 1e28
"""Extents of a shape, and world units, beyond which nothing is that belongs to it; renderers refuse more than 1e30."""


def placed(path, surfaces):
    """``(surfaces, offset)``: the surfaces counted from one ``offset`` (3,), which ``offset_of`` finds for them all.

    Only vertices that a face uses decide.  Those that none uses and that are not finite, or further from the others
    than a renderer can count (``FURTHEST``), are put in the middle of the others, with a warning; so every vertex keeps
    its number.
    """
    used = [_used(surface) for surface in surfaces]
    points = np.concatenate([surface.vertices[mask] for surface, mask in zip(surfaces, used, strict=True)])
    offset = offset_of(points)
    if offset.any():
        shown = ", ".join(f"{x:.12g}" for x in offset)
        warnings.warn(
            f"{path}: is far from the origin: its vertices are counted from ({shown}), its offset", stacklevel=3
        )
    low, high = points.min(axis=0), points.max(axis=0)
    middle, reach = (low + high) / 2, _reach(low, high)
    moved = []
    for surface, mask in zip(surfaces, used, strict=True):
        lost = ~(mask | (np.abs(surface.vertices - middle) <= reach).all(axis=1))
        if lost.any():
            warnings.warn(
                f"{path}: {lost.sum()} vertices that no face uses are not finite, or far beyond it: put amid it",
                stacklevel=3,
            )
        vertices = np.where(lost[:, None], middle, surface.vertices) - offset
        moved.append(replace(surface, vertices=vertices))
    return moved, offset


def _reach(low, high):
    """How far from the middle of a box a vertex may be that no face uses."""
    extent = float((high - low).max())
    return min(FURTHEST * extent, LARGEST) if extent > 0 else LARGEST


def _used(surface):
    return np.bincount(surface.faces.reshape(-1), minlength=len(surface.vertices)) > 0
