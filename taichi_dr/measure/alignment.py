"""Scaling, moving and turning a surface onto another one."""

import numpy as np
from scipy.spatial.transform import Rotation

POINTS = 1000  # of each surface
STEPS = 30
CONVERGED = 1e-6  # the largest change in a step, lengths in units of the fixed surface's diagonal
FAR = 3.0  # median gaps: from there on a pair counts little
TINY = 1e-9  # of the fixed surface's diagonal: gaps that are none
DAMPING = 1e-6  # of the equations' mean square: what keeps a ball from turning


def alignment(moving, fixed, may_turn):
    """The matrix (4, 4) of a scale, a shift and, if it ``may_turn``, a rotation, that brings ``moving`` onto ``fixed``.

    Both are a ``SampledSurface``.  From equal centres and diagonals of the bounding boxes on, Gauss-Newton steps lessen
    the distances along the normals between points of each surface and what of the other one is nearest (Chen and
    Medioni, Object modeling by registration of multiple range images, 1992).  Both ways, since a surface that is pulled
    by its own points alone would shrink into the other one.  The steps find the nearest optimum: turns by more than
    about 30 degrees may end elsewhere.
    """
    unit = _placed(fixed.center, fixed.diagonal)
    matrix = unit @ np.linalg.inv(_placed(moving.center, moving.diagonal))
    for _ in range(STEPS):
        step = _step(matrix, moving, fixed, unit, may_turn)
        matrix = unit @ _motion(step) @ np.linalg.inv(unit) @ matrix
        if np.abs(step).max() < CONVERGED:
            break
    return matrix


def moved(matrix, points):
    """Points (..., 3) moved by a matrix (4, 4)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _placed(center, size):
    """The matrix that takes the unit ball to a place."""
    matrix = np.diag([size, size, size, 1.0])
    matrix[:3, 3] = center
    return matrix


def _step(matrix, moving, fixed, unit, may_turn):
    """The solution ``s, t, w`` of ``n . (p + s p + w x p + t - q) = 0`` over pairs p, q and normals n, in the least
    squares weighted by ``1 / (1 + (gap / c)^2)`` (Cauchy), so that what one surface lacks does not pull."""
    there = moved(matrix, moving.points[:POINTS])
    here = fixed.nearest(there)
    back = moving.nearest(moved(np.linalg.inv(matrix), fixed.points[:POINTS]))
    turned = back.normals @ (matrix[:3, :3] / np.cbrt(np.linalg.det(matrix[:3, :3]))).T
    p = moved(np.linalg.inv(unit), np.concatenate([there, moved(matrix, back.points)]))
    q = moved(np.linalg.inv(unit), np.concatenate([here.points, fixed.points[:POINTS]]))
    n = np.concatenate([here.normals, turned])
    rows = np.concatenate([(n * p).sum(axis=1, keepdims=True), n, np.cross(p, n) * may_turn], axis=1)
    gaps = (n * (q - p)).sum(axis=1)
    weights = 1 / (1 + (gaps / max(FAR * np.median(np.abs(gaps)), TINY)) ** 2)
    products = rows.T @ (weights[:, None] * rows)
    return np.linalg.solve(products + DAMPING * np.trace(products) / 7 * np.eye(7), rows.T @ (weights * gaps))


def _motion(step):
    """The matrix of a step: scale ``exp(s)``, rotation by |w| about w, shift t."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.exp(step[0]) * Rotation.from_rotvec(step[4:]).as_matrix()
    matrix[:3, 3] = step[1:4]
    return matrix
