"""Signed distances of solids, all exact: negative inside, zero on the surface.

Each is a ``ti.func`` of a point ``p``, a 3-vector or a packet of points (``kernels.march.packets``), in whatever frame
the caller has moved it to (``combine.translate``, ``combine.rotate``); y is up, and solids are centred at the origin.
Exact means the distance to the nearest point of the surface, so that ``|f(p) - f(q)| <= |p - q|`` (Lipschitz
constant 1) and ``|grad f| = 1`` almost everywhere: a step of ``|f(p)|`` never passes the surface (Hart 1996).

Lengths must be positive; parameters may be numbers, tuples, or what is read from fields.  Gradients are finite
everywhere, and right on the surface; where the distance has a kink (the centre, an axis, an edge) they are one of the
slopes next to it, or zero.

Source, but for the ellipsoid: Quilez, "Distance functions", iquilezles.org/articles/distfunctions.
"""

import taichi as ti

TINY = 1e-24  # added to squared lengths, whose square root has no derivative at zero

_STEPS = 8


@ti.func
def sphere(p, radius):
    """``|p| - radius``.

    ``sphere((3, 4, 12), 1) = 12``.
    """
    return p.norm(TINY) - radius


@ti.func
def plane(p, normal, offset=0.0):
    """The half-space below a plane: ``p . normal / |normal| - offset``; the normal may have any length.

    ``plane((1, 2, 3), (0, 2, 0), 0.5) = 1.5``.
    """
    n = ti.Vector([0.0, 0.0, 0.0]) + normal
    return p.dot(n) / n.norm(TINY) - offset


@ti.func
def box(p, half):
    """With ``q = |p| - half``: ``|max(q, 0)| + min(max(q_x, q_y, q_z), 0)``; ``half`` the edges, a number or three.

    ``box((4, 1, 5), (1, 2, 1)) = 5``, ``box((0.5, 0, 0), 1) = -0.5``.
    """
    q = ti.abs(p) - half
    return ti.max(q, 0.0).norm(TINY) + ti.min(0.0, q.max())


@ti.func
def rounded_box(p, half, radius):
    """``box(p, half - radius) - radius``: edges and corners rounded, of the same extent as ``box(p, half)``.

    ``rounded_box((4, 1, 5), 1.5, 0.5) = 4.5``.
    """
    return box(p, half - radius) - radius


@ti.func
def torus(p, major, minor):
    """``|(|p_xz| - major, p_y)| - minor``: a ring about the y axis; ``minor < major``.

    ``torus((4, 4, 0), 1, 0.5) = 4.5``.
    """
    return ti.Vector([p.xz.norm(TINY) - major, p.y]).norm(TINY) - minor


@ti.func
def capsule(p, start, end, radius):
    """``|p - start - h (end - start)| - radius``, h the foot of p on the segment, cut off at 0 and 1.

    ``capsule((5, 3, 0), (0, 0, 0), (2, 0, 0), 1) = sqrt(18) - 1``.
    """
    from_start = p - start
    segment = ti.Vector([0.0, 0.0, 0.0]) + end - start
    h = ti.math.clamp(from_start.dot(segment) / ti.max(segment.dot(segment), 1e-12), 0.0, 1.0)
    return (from_start - segment * h).norm(TINY) - radius


@ti.func
def cylinder(p, radius, half_height):
    """With ``q = (|p_xz| - radius, |p_y| - half_height)``: ``|max(q, 0)| + min(max(q_x, q_y), 0)``; along y.

    ``cylinder((4, 6, 0), 1, 2) = 5``.
    """
    q = ti.Vector([p.xz.norm(TINY) - radius, ti.abs(p.y) - half_height])
    return ti.max(q, 0.0).norm(TINY) + ti.min(0.0, q.max())


@ti.func
def cone(p, radius, half_height):
    """A cone with its tip at ``(0, half_height, 0)`` and its base, of this radius, at ``y = -half_height``.

    In the plane of the axis and p, with ``s = (|p_xz|, p_y - half_height)`` and the slanted side along
    ``u = (radius, -2 half_height) / |.|`` with the normal ``n``: inside ``max(s . n, -half_height - p_y)``, outside the
    smaller distance to the side and to the base.

    ``cone((0, 5, 0), 1, 2) = 3``.
    """
    rho, height = p.xz.norm(TINY), 2.0 * half_height
    side = 1.0 / ti.sqrt(radius * radius + height * height)
    across = (height * rho + radius * (p.y - half_height)) * side
    along = (radius * rho - height * (p.y - half_height)) * side
    below = -half_height - p.y
    beyond = ti.min(along, 0.0) + ti.max(along - 1.0 / side, 0.0)  # along less its clamp is not 0 where compilers fuse
    to_side = ti.Vector([across, beyond]).norm(TINY)
    to_base = ti.Vector([ti.max(rho - radius, 0.0), below]).norm(TINY)
    inside = ti.max(across, below)
    return ti.select(inside <= 0.0, inside, ti.min(to_side, to_base))


@ti.func
def ellipsoid(p, radii):
    """``t |(p_i / (t + r_i^2))|`` with the largest t for which ``sum_i (r_i p_i / (t + r_i^2))^2 = 1``.

    The nearest point is ``r_i^2 p_i / (t + r_i^2)`` (Eberly, "Distance from a point to an ellipse, an ellipsoid").  The
    root is found as trust-region methods find theirs (More and Sorensen 1983): by Newton's steps on 1 / |.|, which is
    nearly linear in t.  Eight of them: outside and near the surface exact to 1e-6 for radii of up to 1 : 20; up to 2e-3
    of the longest radius too deep around the middle of thin ones.

    ``ellipsoid((0, 5, 0), (1, 2, 3)) = 3``.
    """
    r = ti.Vector([0.0, 0.0, 0.0]) + radii
    gap = r * r - (r * r).min()
    q = ti.max(ti.abs(p), 1e-6 * r)  # in the plane of the middle, inside, the root is a double one
    a = q * r
    t = ti.max((a - gap).max(), a.norm() - gap.max())  # here and below t + min_i r_i^2
    for _ in ti.static(range(_STEPS)):
        u = a / (t + gap)
        squared = u.dot(u)
        t += squared / (u * u / (t + gap)).sum() * (ti.sqrt(squared) - 1.0)
    return (t - (r * r).min()) * (q / (t + gap)).norm()
