"""Which triangle rays meet first, for packets of rays that begin in one place and go nearly the same way.

A packet goes through the hierarchy as a whole: it misses a box that all of its rays miss, by the least and the largest
of the reciprocals of their directions (interval culling).  Triangles are met lane by lane, in axes of which the third
is the packet's own direction, so that corners are turned into them once for all rays; a ray that goes (sx, sy, 1) there
has a corner (X, Y, Z) at (X - sx Z, Y - sy Z).  ``triangle`` says the rest.  Where rounding could have turned a sign,
and where rays of a packet do not go the same way, rays go one by one.

Source: Boulos, Wald and Shirley, Geometric and arithmetic culling methods for entire ray packets, 2006.
"""

import taichi as ti

from taichi_dr.kernels.base.lanes import higher, lower
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.simd import simd
from taichi_dr.kernels.base.types import IntRows, Ints, Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit
from taichi_dr.kernels.rays.boxes import BEHIND, EMPTY, reciprocal
from taichi_dr.kernels.rays.build import NOTHING, STACK, leaf_count, leaf_first
from taichi_dr.kernels.rays.closest import walk
from taichi_dr.kernels.rays.triangle import CLOSE, REACH, across, tangent

NARROW = 0.9995  # cosine between a ray and its packet; wider ones are slower than their rays one by one
ONE_BY_ONE = -2
SLACK = 1.0 + 2.0**-20  # of reciprocals' bounds


@simd
@replayed
@ti.kernel
def closest(
    triangles: Rows,
    boxes: Rows,
    children: IntRows,
    order: Ints,
    origins: Rows,
    rays_each: ti.i32,
    directions: Rows,
    ends: Rows,
    count: ti.i32,
    face: Ints,
    hits: Rows,
    lanes: ti.template(),
):
    """``closest.closest``, of rays that come ``lanes`` at a time from one origin and nearly one direction.

    ``origins`` (O, 3): of ``rays_each`` rays each, a multiple of ``lanes``.
    """
    for packet in range(count // lanes):
        start = packet * lanes
        origin = row3(origins, start // rays_each)
        middle = ti.Vector([0.0, 0.0, 0.0])
        slow, fast = ti.Vector([EMPTY] * 3), ti.Vector([-EMPTY] * 3)
        for lane in range(lanes):
            direction = row3(directions, start + lane)
            middle += direction
            inverse = reciprocal(direction)
            slow, fast = ti.min(slow, inverse), ti.max(fast, inverse)
        middle = unit(middle)
        narrow = True
        for lane in range(lanes):
            narrow = narrow and row3(directions, start + lane).dot(middle) > NARROW
        doubt = ti.Vector([1.0] * lanes)
        row, first, nearest = ti.Vector([-1] * lanes), ti.Vector([0.0] * lanes), ti.Vector([0.0] * lanes)
        for lane in ti.static(range(lanes)):
            first[lane], nearest[lane] = ends[start + lane, 0], ends[start + lane, 1]
        bu, bv = ti.Vector([0.0] * lanes), ti.Vector([0.0] * lanes)
        if narrow:
            p, q = across(middle)
            dx, dy, dz = ti.Vector([0.0] * lanes), ti.Vector([0.0] * lanes), ti.Vector([0.0] * lanes)
            for lane in ti.static(range(lanes)):
                direction = row3(directions, start + lane)
                dx[lane], dy[lane], dz[lane] = p.dot(direction), q.dot(direction), middle.dot(direction)
            per_z = 1.0 / dz
            sx, sy = dx * per_z, dy * per_z
            doubt = ti.Vector([0.0] * lanes)
            # per axis: the sides that are met first and last, or nothing to be known where rays go either way
            near_side, far_side, known = ti.Vector([0, 1, 2]), ti.Vector([3, 4, 5]), ti.Vector([1, 1, 1])
            for k in ti.static(range(3)):
                if fast[k] < 0.0:
                    near_side[k], far_side[k] = 3 + k, k
                if slow[k] < 0.0 and fast[k] > 0.0:
                    known[k] = 0
            low = ti.min(slow / SLACK, slow * SLACK)
            high = ti.max(fast / SLACK, fast * SLACK)
            earliest, furthest = first.min(), nearest.max()
            waiting, waiting_from = ti.Vector.zero(ti.i32, STACK), ti.Vector.zero(float, STACK)
            top, node = 0, children[0, 0]
            while node != NOTHING:
                found = NOTHING
                if node >= 0:
                    enters, leaves = ti.Vector([earliest, earliest]), ti.Vector([furthest, furthest])
                    for s in ti.static(range(2)):
                        for k in ti.static(range(3)):
                            if known[k] == 1:
                                a = boxes[node, 6 * s + near_side[k]] - origin[k]
                                b = boxes[node, 6 * s + far_side[k]] - origin[k]
                                enters[s] = higher(enters[s], lower(a * low[k], a * high[k]))
                                leaves[s] = lower(leaves[s], higher(b * low[k], b * high[k]) * BEHIND)
                    left, right = children[node, 0], children[node, 1]
                    if enters[0] <= leaves[0] and enters[1] <= leaves[1]:
                        if enters[1] < enters[0]:
                            waiting[top], waiting_from[top] = left, enters[0]
                            found = right
                        else:
                            waiting[top], waiting_from[top] = right, enters[1]
                            found = left
                        top += 1
                    elif enters[0] <= leaves[0]:
                        found = left
                    elif enters[1] <= leaves[1]:
                        found = right
                else:
                    for k in range(leaf_first(node), leaf_first(node) + leaf_count(node)):
                        ca = get3(triangles, k, 0) - origin
                        cb = get3(triangles, k, 3) - origin
                        cc = get3(triangles, k, 6) - origin
                        xa, ya, za = p.dot(ca), q.dot(ca), middle.dot(ca)
                        xb, yb, zb = p.dot(cb), q.dot(cb), middle.dot(cb)
                        xc, yc, zc = p.dot(cc), q.dot(cc), middle.dot(cc)
                        ax, ay = xa - sx * za, ya - sy * za
                        bx, by = xb - sx * zb, yb - sy * zb
                        cx, cy = xc - sx * zc, yc - sy * zc
                        u1, u2 = cx * by, cy * bx
                        v1, v2 = ax * cy, ay * cx
                        w1, w2 = bx * ay, by * ax
                        u, v, w = u1 - u2, v1 - v2, w1 - w2
                        total = u + v + w
                        t = (u * za + v * zb + w * zc) / (total * dz)
                        share_a, share_b = u / total, v / total
                        if za < triangles[k, REACH]:
                            n, height, e_a, f_a, e_b, f_b = tangent(triangles, k, origin)
                            fall = p.dot(n) * dx + q.dot(n) * dy + middle.dot(n) * dz
                            slope_a = p.dot(e_a) * dx + q.dot(e_a) * dy + middle.dot(e_a) * dz
                            slope_b = p.dot(e_b) * dx + q.dot(e_b) * dy + middle.dot(e_b) * dz
                            least_z, most_z = lower(lower(za, zb), zc), higher(higher(za, zb), zc)
                            plane_t = ti.max(ti.min(height / fall, most_z * per_z), least_z * per_z)
                            plane_a = ti.max(ti.min(slope_a * plane_t + f_a, 1.0), 0.0)
                            plane_b = ti.max(ti.min(slope_b * plane_t + f_b, 1.0 - plane_a), 0.0)
                            t = ti.select(fall != 0.0, plane_t, t)
                            share_a = ti.select(fall != 0.0, plane_a, share_a)
                            share_b = ti.select(fall != 0.0, plane_b, share_b)
                        least, most = lower(lower(u, v), w), higher(higher(u, v), w)
                        # as good as 0: of an edge that the ray goes along
                        unsure = lower(
                            lower(
                                ti.abs(u) - CLOSE * (ti.abs(u1) + ti.abs(u2)),
                                ti.abs(v) - CLOSE * (ti.abs(v1) + ti.abs(v2)),
                            ),
                            ti.abs(w) - CLOSE * (ti.abs(w1) + ti.abs(w2)),
                        )
                        inside = ti.select(least >= 0.0, 1.0, ti.select(most <= 0.0, 1.0, 0.0))
                        doubt = ti.select(unsure <= 0.0, 1.0, doubt)
                        hit = inside * ti.select(t >= first, 1.0, 0.0) * ti.select(t < nearest, 1.0, 0.0)
                        nearest = ti.select(hit > 0.0, t, nearest)
                        bu, bv = ti.select(hit > 0.0, share_a, bu), ti.select(hit > 0.0, share_b, bv)
                        row = ti.select(hit > 0.0, k, row)
                    furthest = nearest.max()
                while found == NOTHING and top > 0:
                    top -= 1
                    if waiting_from[top] <= furthest:
                        found = waiting[top]
                node = found
        for lane in ti.static(range(lanes)):
            face[start + lane] = ONE_BY_ONE if doubt[lane] > 0.0 else row[lane]
            hits[start + lane, 0], hits[start + lane, 1], hits[start + lane, 2] = nearest[lane], bu[lane], bv[lane]
        for r in range(start, start + lanes):
            own = face[r]
            if own == ONE_BY_ONE:
                own, hits[r, 0], hits[r, 1], hits[r, 2] = walk(
                    triangles, boxes, children, origin, row3(directions, r), ends[r, 0], ends[r, 1], False
                )
            face[r] = order[own] if own >= 0 else -1
