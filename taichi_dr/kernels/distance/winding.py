"""The generalised winding number: the solid angle of a mesh seen from a point, by 4 pi.

    w(p) = sum_f Omega_f(p) / 4 pi

1 inside a closed mesh, 0 outside, in between where it is open.  Faces stand in a tree; a node that is far away, seen
from p, counts as one face with its whole area at its centre: ``w = A.(c - p) / 4 pi |c - p|^3``.

Sources: Jacobson et al., Robust inside-outside segmentation using generalized winding numbers, 2013; Barill et al.,
Fast winding numbers for soups and clouds, 2018 (the tree); van Oosterom and Strackee 1983 (the solid angle).
"""

import taichi as ti

from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import get3

LEAF = 8
"""Faces of a leaf."""

CENTER, AREA, RADIUS = 0, 3, 6
NODE = 7
"""Columns of a tree's node: its centre, the sum of its faces' area vectors, the radius around the centre that holds its
faces; and how many there are."""

FAR_AWAY = 2.0  # radii


@ti.kernel
def winding_numbers(points: Rows, corners: Rows, tree: Rows, winding: Numbers):
    """Writes ``winding`` (P,) at ``points`` (P, 3).

    ``tree`` (2 L, 7) is a complete binary tree in the order of a heap: node n has the children 2 n and 2 n + 1, row 1
    is the root, and the last L rows are leaves, of ``LEAF`` rows of ``corners`` (8 L, 9) each.
    """
    leaves = tree.shape[0] // 2
    for i in winding:
        p, total, n = get3(points, i, 0), 0.0, 1
        while n > 0:
            to_center = get3(tree, n, CENTER) - p
            distance = to_center.norm()
            descend = 0
            if distance > FAR_AWAY * tree[n, RADIUS]:
                total += get3(tree, n, AREA).dot(to_center) / ti.max(distance**3, 1e-30)
            elif n < leaves:
                descend = 1
            else:
                for face in range((n - leaves) * LEAF, (n - leaves + 1) * LEAF):
                    a, b, c = get3(corners, face, 0) - p, get3(corners, face, 3) - p, get3(corners, face, 6) - p
                    total += solid_angle(a, b, c)
            if descend == 1:
                n = 2 * n
            else:
                while n % 2 == 1:  # up from second children, to the next subtree; from the root to 0, the end
                    n = n // 2
                n = n + 1 if n > 0 else 0
        winding[i] = total / (4.0 * ti.math.pi)


@ti.func
def solid_angle(a, b, c):
    """Of the triangle abc seen from the origin, positive where its back is seen: from within an outward mesh.

    The triangle (1, 0, 0), (0, 1, 0), (0, 0, 1) has pi / 2, an eighth of all.
    """
    u, v, w = a.norm(), b.norm(), c.norm()
    volume = a.dot(b.cross(c))
    return 2.0 * ti.atan2(volume, u * v * w + a.dot(b) * w + b.dot(c) * u + c.dot(a) * v)
