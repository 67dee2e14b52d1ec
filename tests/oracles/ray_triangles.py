"""Rays and triangles, each with each, in double precision (Moller and Trumbore 1997)."""

import numpy as np


def meetings(vertices, faces, origins, directions):
    """(t, u, v) (R, F) where each ray meets the plane of each face, u and v of the second and third corner.

    NaN or infinite where they are parallel.
    """
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    origins, directions = origins[:, None].astype(np.float64), directions[:, None].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.cross(directions, c - a)
        det = ((b - a) * p).sum(-1)
        s = origins - a
        q = np.cross(s, b - a)
        return ((c - a) * q).sum(-1) / det, (s * p).sum(-1) / det, (directions * q).sum(-1) / det


def first_met(vertices, faces, origins, directions, margin=0.0):
    """(t, face) (R,) of what each ray meets first, inf and -1 where there is nothing, and whether it is certain (R,):
    no face, as far as what is met, whose edge the ray passes within ``margin`` of its barycentrics.
    """
    t, u, v = meetings(vertices, faces, origins, directions)
    least = np.minimum(np.minimum(u, v), 1 - u - v)
    inside = (least >= 0) & (t >= 0) & np.isfinite(t)
    far = np.where(inside, t, np.inf)
    face = far.argmin(axis=1)
    nearest = far[np.arange(len(far)), face]
    close = (np.abs(least) < margin) & (t >= -margin) & (t <= nearest[:, None] + margin)
    return nearest, np.where(np.isfinite(nearest), face, -1), ~close.any(axis=1)
