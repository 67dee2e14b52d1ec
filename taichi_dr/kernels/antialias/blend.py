"""Analytic edge antialiasing: a rasterized image made differentiable in visibility.

Two neighbouring pixels p, q that show different surfaces are separated by a silhouette edge of one of them.  Where that
edge crosses the segment from p's centre to q's, a fraction ``t`` in [0, 1] of the way, decides how far the farther
reaching of the two surfaces extends into the other's pixel:

    t < 1/2:  output_p = image_p + (1/2 - t) (image_q - image_p)
    t > 1/2:  output_q = image_q + (t - 1/2) (image_p - image_q)

which for an edge parallel to the pixel grid is exactly the coverage of the pixel's area.  ``t`` depends smoothly on the
edge's two end points, and that is where vertices get the gradient of visibility from.  An edge is used in horizontal
pairs if it is nearer to vertical, else in vertical pairs, so that each piece of a silhouette is counted once.

The work is done per *edge*, not per pixel pair, because few edges are silhouettes while on a fine mesh most pixels
differ from a neighbour: each silhouette edge visits the pixel lines that it crosses and claims the pair that it
crosses there.  It may do so only if its surface is what the pixel on its inner side shows, which is found by walking
from the edge to that pixel through adjacent faces.  The faces between may be smaller than a pixel: a silhouette need
not belong to a face that covers a pixel's centre.  Seen from the pixel, the walk leads to one edge only, so no two
threads write one claim and the result does not depend on their order.  (Atomics would not do: on Mesa's software
Vulkan driver an atomic in an inner loop ends the thread.)

Half-edge ``3 f + e`` is edge e of face f, from corner e to corner (e + 1) mod 3.  Everything is evaluated in
homogeneous coordinates (X, Y, W), so faces that reach behind the camera need no special case.

Source: Laine et al., Modular Primitives for High-Performance Differentiable Rendering, ACM TOG 39(6), 2020;
the walk through adjacent faces and the edge-major order are this package's.

Limits: surfaces that cover no pixel centre are not seen; where two edges cross one pair, one is used; lines along which
two surfaces intersect, and the cuts of the near and far planes, are not edges and stay hard.
"""

import taichi as ti

from taichi_dr.errors import ShapeError
from taichi_dr.kernels.antialias.claims import (
    EDGES,
    NO_EDGE,
    best_claim,
    claim_pairs,
    claimed_edge,
    faces_camera,
    is_silhouette,
    pixel_index,
)
from taichi_dr.kernels.antialias.crossing import (
    clip_point,
    crossed_pairs,
    crossing_position,
    lines_crossed,
    more_vertical,
    pair_fraction,
    pair_fraction_gradient,
    pixel_center,
)
from taichi_dr.kernels.base.launch import is_small_image, on_cpu
from taichi_dr.kernels.base.views import first_row, view_of

CLAIMED_BLOCK = 8


def antialias(
    clip,
    faces,
    twins,
    face_id,
    depth,
    image,
    before,
    claims,
    claimed,
    edge_mask,
    views,
    width,
    height,
    near,
    channels,
):
    """Blends the pixels on both sides of every visible silhouette edge.

    ``clip`` (V*N, 4): X, Y, W, depth; ``faces`` (F, 3); ``twins`` (F, 3) from ``scene.topology``; ``face_id``
    (V*H*W,) with -1 for the background; ``depth`` (V*H*W,), the far distance for the background; ``image``
    (V*H*W, channels) is blended in place.  Scratch that the adjoints read, zeros before the first call, of
    L = claimed_length(V*H*W) rows: ``before`` (L, channels), the claimed pixels as they were; ``claims`` (L, 4) int32,
    which half-edges separate a pixel from its right (0, 1) and from its lower (2, 3) neighbour, first that whose
    surface is on the pixel's own side, then that on the neighbour's; ``claimed`` (L,) int32, 1 for the pixels of a
    claimed pair.  ``edge_mask`` (V*F,) int32: bit e is set where edge e of the face is a silhouette.

    Raises:
        ShapeError: scratch of another length.
    """
    rows = claimed_length(face_id.shape[0])
    if not before.shape[0] == claims.shape[0] == claimed.shape[0] == rows:
        got = (before.shape[0], claims.shape[0], claimed.shape[0])
        raise ShapeError(f"before, claims, claimed: expected {rows} rows for {face_id.shape[0]} pixels, got {got}")
    arrays = (clip, faces, twins, face_id, depth, image, before, claims, claimed, edge_mask)
    _antialias(*arrays, views, width, height, near, channels, _serial(claimed, edge_mask))


def antialias_image_adjoint(
    clip, faces, claims, claimed, edge_mask, adjoint, adjoint_before, views, width, height, channels
):
    """Adjoint of :func:`antialias` for the image: turns ``adjoint`` (V*H*W, channels) of the blended image into that of
    the image before, in place; ``adjoint_before`` keeps what it was at claimed pixels.

    ``claims`` and ``claimed`` are what the forward left.
    """
    arrays = (clip, faces, claims, claimed, adjoint, adjoint_before)
    _antialias_image_adjoint(*arrays, views, width, height, channels, _serial(claimed, edge_mask))


def antialias_edge_adjoint(
    clip,
    faces,
    before,
    claims,
    claimed,
    edge_mask,
    adjoint_before,
    corner_adjoint,
    views,
    width,
    height,
    near,
    first_component,
    channels,
):
    """Adjoint of :func:`antialias` for the edges; ``before``, ``claims`` and ``edge_mask`` are what the forward left,
    ``adjoint_before`` what :func:`antialias_image_adjoint` did.

    Adds to ``corner_adjoint`` (V*F*3, K): in its components ``first_component`` + 0, 1, 2, the adjoints of X, Y, W of
    corner k of face f in view v at row (v*F + f)*3 + k.  Depth gets none: the choice of edges is not differentiated.
    """
    arrays = (clip, faces, before, claims, edge_mask, adjoint_before, corner_adjoint)
    serial = _serial(claimed, edge_mask)
    _antialias_edge_adjoint(*arrays, views, width, height, near, first_component, channels, serial)


def claimed_length(pixels):
    """Rows of the scratch for so many pixels: whole blocks."""
    return -(-pixels // CLAIMED_BLOCK) * CLAIMED_BLOCK


def block_size():
    """Pixels whose ``claimed`` are looked at together: few pixels are."""
    return CLAIMED_BLOCK if on_cpu() else 1


def _serial(claimed, edge_mask):
    """On one thread: two light passes over the pixels, and the few edges that are silhouettes."""
    return is_small_image(claimed.shape[0], edge_mask.shape[0])


@ti.kernel
def _antialias(
    clip: ti.types.ndarray(ndim=2),
    faces: ti.types.ndarray(ndim=2),
    twins: ti.types.ndarray(ndim=2),
    face_id: ti.types.ndarray(ndim=1),
    depth: ti.types.ndarray(ndim=1),
    image: ti.types.ndarray(ndim=2),
    before: ti.types.ndarray(ndim=2),
    claims: ti.types.ndarray(ndim=2),
    claimed: ti.types.ndarray(ndim=1),
    edge_mask: ti.types.ndarray(ndim=1),
    views: int,
    width: int,
    height: int,
    near: float,
    channels: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for block in range(claimed.shape[0] // ti.static(block_size())):
        begin, end = _claimed_range(claimed, block)
        for i in range(begin, end):
            if claimed[i] == 0:
                continue
            claimed[i] = 0
            for k in ti.static(range(4)):
                claims[i, k] = NO_EDGE
    ti.loop_config(serialize=serial)
    for i in range(edge_mask.shape[0]):
        view = view_of(i, faces.shape[0])
        edge_mask[i] = faces_camera(i - view * faces.shape[0], first_row(clip, view, views), clip, faces)
    ti.loop_config(serialize=serial)
    for i in range(views * faces.shape[0]):
        view = view_of(i, faces.shape[0])
        face = i - view * faces.shape[0]
        base = first_row(clip, view, views)
        size = ti.Vector([width, height])
        mask = edge_mask[i]
        for e in range(3):
            if is_silhouette(face, e, i - face, faces, twins, edge_mask):
                mask |= 1 << e
                a = clip_point(clip, base + faces[face, e])
                b = clip_point(clip, base + faces[face, (e + 1) % 3])
                inner = clip_point(clip, base + faces[face, (e + 2) % 3])
                edge = ti.static([face, e, a, b, inner, view, base, size, near])
                arrays = ti.static([clip, faces, twins, face_id, depth, image, before, claims, claimed])
                if more_vertical(a, b):
                    claim_pairs(*edge, *arrays, channels, 0)
                else:
                    claim_pairs(*edge, *arrays, channels, 1)
        edge_mask[i] = mask
    ti.loop_config(serialize=serial)
    for block in range(claimed.shape[0] // ti.static(block_size())):
        begin, end = _claimed_range(claimed, block)
        for i in range(begin, end):
            if claimed[i] == 0:
                continue
            view, row, col = _place(i, width, height)
            base = first_row(clip, view, views)
            size = ti.Vector([width, height])
            color = ti.Vector([before[i, c] for c in ti.static(range(channels))])
            for k in ti.static(range(4)):
                first, other, exists = _pair(k, i, row, col, size)
                edge = best_claim(claims, first, k % 2)
                if exists and edge != NO_EDGE:
                    t = _crossing_fraction(edge, first - view * width * height, base, size, clip, faces, k % 2)
                    weight = _weight(t, k)
                    for c in ti.static(range(channels)):
                        color[c] += weight * (before[other, c] - before[i, c])
            for c in ti.static(range(channels)):
                image[i, c] = color[c]


@ti.kernel
def _antialias_image_adjoint(
    clip: ti.types.ndarray(ndim=2),
    faces: ti.types.ndarray(ndim=2),
    claims: ti.types.ndarray(ndim=2),
    claimed: ti.types.ndarray(ndim=1),
    adjoint: ti.types.ndarray(ndim=2),
    adjoint_before: ti.types.ndarray(ndim=2),
    views: int,
    width: int,
    height: int,
    channels: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for block in range(claimed.shape[0] // ti.static(block_size())):
        begin, end = _claimed_range(claimed, block)
        for i in range(begin, end):
            if claimed[i] == 0:
                continue
            for c in ti.static(range(channels)):
                adjoint_before[i, c] = adjoint[i, c]
    ti.loop_config(serialize=serial)
    for block in range(claimed.shape[0] // ti.static(block_size())):
        begin, end = _claimed_range(claimed, block)
        for i in range(begin, end):
            if claimed[i] == 0:
                continue
            view, row, col = _place(i, width, height)
            base = first_row(clip, view, views)
            size = ti.Vector([width, height])
            total = ti.Vector([adjoint_before[i, c] for c in ti.static(range(channels))])
            for k in ti.static(range(4)):
                first, other, exists = _pair(k, i, row, col, size)
                edge = best_claim(claims, first, k % 2)
                if exists and edge != NO_EDGE:
                    t = _crossing_fraction(edge, first - view * width * height, base, size, clip, faces, k % 2)
                    received = _weight(t, k)
                    given = _weight(t, (k + 2) % 4)
                    for c in ti.static(range(channels)):
                        total[c] += given * adjoint_before[other, c] - received * adjoint_before[i, c]
            for c in ti.static(range(channels)):
                adjoint[i, c] = total[c]


@ti.kernel
def _antialias_edge_adjoint(
    clip: ti.types.ndarray(ndim=2),
    faces: ti.types.ndarray(ndim=2),
    before: ti.types.ndarray(ndim=2),
    claims: ti.types.ndarray(ndim=2),
    edge_mask: ti.types.ndarray(ndim=1),
    adjoint_before: ti.types.ndarray(ndim=2),
    corner_adjoint: ti.types.ndarray(ndim=2),
    views: int,
    width: int,
    height: int,
    near: float,
    first_component: int,
    channels: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for i in range(views * faces.shape[0]):
        mask = edge_mask[i] & EDGES
        if mask != 0:
            view = view_of(i, faces.shape[0])
            face = i - view * faces.shape[0]
            base = first_row(clip, view, views)
            size = ti.Vector([width, height])
            for e in range(3):
                if mask & (1 << e):
                    a = clip_point(clip, base + faces[face, e])
                    b = clip_point(clip, base + faces[face, (e + 1) % 3])
                    gradient = ti.Matrix([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
                    if more_vertical(a, b):
                        gradient = _edge_gradient(
                            3 * face + e, a, b, view, size, near, before, claims, adjoint_before, channels, 0
                        )
                    else:
                        gradient = _edge_gradient(
                            3 * face + e, a, b, view, size, near, before, claims, adjoint_before, channels, 1
                        )
                    for k in ti.static(range(3)):
                        start, end, column = 3 * i + e, 3 * i + (e + 1) % 3, first_component + k
                        corner_adjoint[start, column] = corner_adjoint[start, column] + gradient[0, k]
                        corner_adjoint[end, column] = corner_adjoint[end, column] + gradient[1, k]


@ti.func
def _claimed_range(claimed: ti.template(), block):
    """First pixel of a block and the one behind its last; an empty range if none of them is claimed."""
    size = ti.static(block_size())
    begin, count = block * size, 0
    for k in ti.static(range(size)):
        count += claimed[begin + k]
    return begin, begin + ti.select(count == 0, 0, size)


@ti.func
def _pair(k: ti.template(), i, row, col, size):
    """Pair k of pixel i (right, below, left, above): its first pixel, the other pixel, whether it exists."""
    exists = col + 1 < size[0]
    other = i + 1
    if ti.static(k == 1):
        exists = row + 1 < size[1]
        other = i + size[0]
    elif ti.static(k == 2):
        exists = col > 0
        other = i - 1
    elif ti.static(k == 3):
        exists = row > 0
        other = i - size[0]
    if not exists:
        other = i
    return min(i, other), other, exists


@ti.func
def _place(i, width, height):
    """View, row and column of a pixel."""
    line = i // width
    view = line // height
    return view, line - view * height, i - line * width


@ti.func
def _weight(t, k: ti.template()):
    """What a pixel receives from the other one in its pair k: it is first in pairs 0 and 1, second in 2 and 3."""
    weight = t - 0.5
    if ti.static(k < 2):
        weight = 0.5 - t
    return max(weight, 0.0)


@ti.func
def _crossing_fraction(edge, pixel, base, size, clip: ti.template(), faces: ti.template(), axis: ti.template()):
    half_edge = claimed_edge(edge)
    face, e = half_edge // 3, half_edge % 3
    a = clip_point(clip, base + faces[face, e])
    b = clip_point(clip, base + faces[face, (e + 1) % 3])
    row = pixel // size[0]
    center = ti.Vector([pixel_center(pixel - row * size[0], 0, size), pixel_center(row, 1, size)])
    return pair_fraction(a, b, center[axis], center[1 - axis], size, axis)


@ti.func
def _edge_gradient(
    half_edge,
    a,
    b,
    view,
    size,
    near,
    before: ti.template(),
    claims: ti.template(),
    adjoint_before: ti.template(),
    channels: ti.template(),
    axis: ti.template(),
):
    """Adjoints of (X, Y, W) of both end points, summed over the pairs that the edge separates, in the lines' order."""
    gradient = ti.Matrix([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    first_line, last_line = lines_crossed(a, b, near, size, axis)
    for index in range(first_line, last_line + 1):
        position, _ = crossing_position(a, b, index, near, size, axis)
        if position >= 0.0:
            along, other = crossed_pairs(position, size, axis)
            step = pixel_index(0, 1, 0, size, axis)
            p = pixel_index(view, along, index, size, axis)
            if claimed_edge(best_claim(claims, p, axis)) != half_edge:
                along, p = other, p + (other - along) * step
            if claimed_edge(best_claim(claims, p, axis)) == half_edge:
                x, y = pixel_center(along, axis, size), pixel_center(index, 1 - axis, size)
                receiver = p
                if pair_fraction(a, b, x, y, size, axis) > 0.5:
                    receiver = p + step
                t_adjoint = 0.0
                for c in ti.static(range(channels)):
                    t_adjoint += adjoint_before[receiver, c] * (before[p, c] - before[p + step, c])
                gradient += t_adjoint * pair_fraction_gradient(a, b, x, y, size, axis)
    return gradient
