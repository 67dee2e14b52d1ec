"""Perspective-correct barycentrics of a pixel centre, straight from clip coordinates.

For corners ``P_k = (X_k, Y_k, W_k)`` and a point (x, y) of the screen let ``P'_k = (X_k - x W_k, Y_k - y W_k)`` and
``e_0 = P'_1 x P'_2`` (cyclic).  Then ``e_k = w_k / W_k`` times a common factor, where w are the screen barycentrics, so
``p_k = e_k / sum e_j`` is perspective-correct without a division by any ``W_k``: the formula holds for faces that cross
the camera's plane as well (Olano and Greer, Triangle Scan Conversion Using 2D Homogeneous Coordinates, 1997).
Subtracting the pixel first keeps small faces accurate in single precision.
"""

import taichi as ti


@ti.func
def edge_values(clip: ti.template(), row0, row1, row2, x, y):
    """e of the module's formula: (3,), all of one sign inside the face."""
    x0, y0 = clip[row0, 0] - x * clip[row0, 2], clip[row0, 1] - y * clip[row0, 2]
    x1, y1 = clip[row1, 0] - x * clip[row1, 2], clip[row1, 1] - y * clip[row1, 2]
    x2, y2 = clip[row2, 0] - x * clip[row2, 2], clip[row2, 1] - y * clip[row2, 2]
    return ti.Vector([x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0])


@ti.func
def normalize_edges(e):
    """Barycentrics p >= 0 with sum 1, and the factor ``q`` with ``p = max(q e, 0)`` (0 for a face without area).

    A pixel that coverage (which snaps to a sub-pixel grid) gives to a face may lie up to 1/512 pixel outside of it:
    negative values are set to zero there, so depth and attributes never leave the range of the face's corners.
    """
    orientation = ti.select(e.sum() < 0.0, -1.0, 1.0)
    positive = orientation * e
    positive = ti.select(positive > 0.0, positive, 0.0)
    total = positive.sum()
    p = ti.Vector([1.0, 0.0, 0.0])
    q = 0.0
    if total > 0.0:
        inverse = 1.0 / total
        q = orientation * inverse
        p = positive * inverse
    return p, q


@ti.func
def normalize_edges_adjoint(p, q, p_adjoint):
    """Adjoint of e in ``p = max(q e, 0)``: ``h_k = q (g_k - sum g_j p_j)`` where p_k > 0, else 0, with g that of p."""
    return ti.select(p > 0.0, q * (p_adjoint - p_adjoint.dot(p)), 0.0)


@ti.func
def positive_parts(e):
    """Barycentrics of ``normalize_edges`` where the sum of e is not negative."""
    positive = ti.select(e > 0.0, e, 0.0)
    total = positive.sum()
    p = ti.Vector([1.0, 0.0, 0.0])
    if total > 0.0:
        p = positive * (1.0 / total)
    return p
