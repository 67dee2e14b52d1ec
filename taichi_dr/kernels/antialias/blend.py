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
    Edge,
    Picture,
    Silhouettes,
    best_claim,
    claim_pairs,
    claimed_edge,
    faces_camera,
    is_silhouette,
    pairs_at,
)
from taichi_dr.kernels.antialias.crossing import (
    center_coordinate,
    crossing_position,
    lines_crossed,
    more_vertical,
    pair_fraction,
    pair_fraction_gradient,
)
from taichi_dr.kernels.base.launch import is_small_image, on_cpu
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.views import view_of
from taichi_dr.kernels.screen.pixels import Screen
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh, clip_point, first_vertex

CLAIMED_BLOCK = 8


def antialias(mesh, twins, picture, silhouettes, screen, near):
    """Blends the pixels on both sides of every visible silhouette edge.

    ``mesh``: ``ProjectedMesh``; ``twins`` (F, 3) from ``scene.topology``; ``picture``: a ``Picture``, whose image is
    blended in place; ``silhouettes``: what ``make_silhouettes`` made, for the adjoints; ``screen``: ``Screen``.

    Raises:
        ShapeError: silhouettes of another length.
    """
    pixels = picture.face_id.shape[0]
    rows, got = claimed_length(pixels), tuple(a.shape[0] for a in silhouettes[:3])
    if set(got) != {rows}:
        raise ShapeError(f"before, claims, claimed: expected {rows} rows for {pixels} pixels, got {got}")
    _antialias(*mesh, twins, *picture, *silhouettes, *screen, near, _serial(silhouettes))


def antialias_image_adjoint(mesh, silhouettes, adjoint, adjoint_before, screen):
    """Adjoint of :func:`antialias` for the image: turns ``adjoint`` (V*H*W, channels) of the blended image into that of
    the image before, in place; ``adjoint_before`` keeps what it was at claimed pixels.

    ``silhouettes`` are what the forward left.
    """
    _antialias_image_adjoint(*mesh, *silhouettes, adjoint, adjoint_before, *screen, _serial(silhouettes))


def antialias_edge_adjoint(mesh, silhouettes, adjoint_before, corner_adjoint, screen, near):
    """Adjoint of :func:`antialias` for the edges; ``silhouettes`` are what the forward left, ``adjoint_before`` what
    :func:`antialias_image_adjoint` did.

    Adds to ``corner_adjoint`` (V*F*3, >= 3) the adjoints of X, Y, W of corner k of face f in view v, in row
    (v*F + f)*3 + k.  Depth gets none: the choice of edges is not differentiated.
    """
    arrays = (*mesh, *silhouettes, adjoint_before, corner_adjoint)
    _antialias_edge_adjoint(*arrays, *screen, near, _serial(silhouettes))


def make_silhouettes(buffers, pixels, faces, channels):
    """``Silhouettes`` in ``buffers`` for so many pixels, and faces, of all views together."""
    rows = claimed_length(pixels)
    return Silhouettes(
        before=buffers.get("before", (rows, channels)),
        claims=buffers.get("claims", (rows, 4), ti.i32),
        claimed=buffers.get("claimed", (rows,), ti.i32),
        edge_mask=buffers.get("edge_mask", (faces,), ti.i32),
        channels=channels,
    )


def claimed_length(pixels):
    """Rows of the scratch for so many pixels: whole blocks."""
    return -(-pixels // CLAIMED_BLOCK) * CLAIMED_BLOCK


def block_size():
    """Pixels whose ``claimed`` are looked at together: few pixels are."""
    return CLAIMED_BLOCK if on_cpu() else 1


def _serial(silhouettes):
    """On one thread: two light passes over the pixels, and the few edges that are silhouettes."""
    return is_small_image(silhouettes.claimed.shape[0], silhouettes.edge_mask.shape[0])


@ti.kernel
def _antialias(
    clip: Rows,
    faces: Rows,
    views: int,
    twins: Rows,
    face_id: Numbers,
    depth: Numbers,
    image: Rows,
    before: Rows,
    claims: Rows,
    claimed: Numbers,
    edge_mask: Numbers,
    channels: ti.template(),
    width: int,
    height: int,
    near: float,
    serial: ti.template(),
):
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
    silhouettes = ti.static(Silhouettes(before, claims, claimed, edge_mask, channels))
    picture = ti.static(Picture(face_id, depth, image))
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
        edge_mask[i] = faces_camera(mesh, first_vertex(mesh, view), i - view * faces.shape[0])
    ti.loop_config(serialize=serial)
    for i in range(views * faces.shape[0]):
        view = view_of(i, faces.shape[0])
        face = i - view * faces.shape[0]
        first = first_vertex(mesh, view)
        mask = edge_mask[i]
        for e in range(3):
            if is_silhouette(face, e, i - face, faces, twins, edge_mask):
                mask |= 1 << e
                a, b = clip_point(mesh, first, face, e), clip_point(mesh, first, face, (e + 1) % 3)
                edge = ti.static(Edge(face, e, a, b, view, first))
                if more_vertical(a, b):
                    claim_pairs(edge, mesh, twins, picture, silhouettes, screen, near, 0)
                else:
                    claim_pairs(edge, mesh, twins, picture, silhouettes, screen, near, 1)
        edge_mask[i] = mask
    ti.loop_config(serialize=serial)
    for block in range(claimed.shape[0] // ti.static(block_size())):
        begin, end = _claimed_range(claimed, block)
        for i in range(begin, end):
            if claimed[i] == 0:
                continue
            place = _place(i, screen)
            color = ti.Vector([before[i, c] for c in ti.static(range(channels))])
            for k in ti.static(range(4)):
                other, t, is_blended = _pair(mesh, claims, screen, i, place, k)
                if is_blended:
                    received = blend_factor(t, k)
                    for c in ti.static(range(channels)):
                        color[c] += received * (before[other, c] - before[i, c])
            for c in ti.static(range(channels)):
                image[i, c] = color[c]


@ti.kernel
def _antialias_image_adjoint(
    clip: Rows,
    faces: Rows,
    views: int,
    before: Rows,
    claims: Rows,
    claimed: Numbers,
    edge_mask: Numbers,
    channels: ti.template(),
    adjoint: Rows,
    adjoint_before: Rows,
    width: int,
    height: int,
    serial: ti.template(),
):
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
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
            place = _place(i, screen)
            total = ti.Vector([adjoint_before[i, c] for c in ti.static(range(channels))])
            for k in ti.static(range(4)):
                other, t, is_blended = _pair(mesh, claims, screen, i, place, k)
                if is_blended:
                    received, given = blend_factor(t, k), blend_factor(t, (k + 2) % 4)
                    for c in ti.static(range(channels)):
                        total[c] += given * adjoint_before[other, c] - received * adjoint_before[i, c]
            for c in ti.static(range(channels)):
                adjoint[i, c] = total[c]


@ti.kernel
def _antialias_edge_adjoint(
    clip: Rows,
    faces: Rows,
    views: int,
    before: Rows,
    claims: Rows,
    claimed: Numbers,
    edge_mask: Numbers,
    channels: ti.template(),
    adjoint_before: Rows,
    corner_adjoint: Rows,
    width: int,
    height: int,
    near: float,
    serial: ti.template(),
):
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
    silhouettes = ti.static(Silhouettes(before, claims, claimed, edge_mask, channels))
    ti.loop_config(serialize=serial)
    for i in range(views * faces.shape[0]):
        mask = edge_mask[i] & EDGES
        if mask != 0:
            view = view_of(i, faces.shape[0])
            face = i - view * faces.shape[0]
            first = first_vertex(mesh, view)
            for e in range(3):
                if mask & (1 << e):
                    a, b = clip_point(mesh, first, face, e), clip_point(mesh, first, face, (e + 1) % 3)
                    edge = ti.static(Edge(face, e, a, b, view, first))
                    gradient = ti.Matrix([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
                    if more_vertical(a, b):
                        gradient = _edge_gradient(edge, silhouettes, adjoint_before, screen, near, 0)
                    else:
                        gradient = _edge_gradient(edge, silhouettes, adjoint_before, screen, near, 1)
                    for k in ti.static(range(3)):
                        start, end = 3 * i + e, 3 * i + (e + 1) % 3
                        corner_adjoint[start, k] = corner_adjoint[start, k] + gradient[0, k]
                        corner_adjoint[end, k] = corner_adjoint[end, k] + gradient[1, k]


@ti.func
def _claimed_range(claimed: ti.template(), block):
    """First pixel of a block and the one behind its last; an empty range if none of them is claimed."""
    size = ti.static(block_size())
    begin, count = block * size, 0
    for k in ti.static(range(size)):
        count += claimed[begin + k]
    return begin, begin + ti.select(count == 0, 0, size)


@ti.func
def _place(i, screen: ti.template()):
    """View, row and column of a pixel."""
    line = i // screen.width
    view = line // screen.height
    return ti.Vector([view, line - view * screen.height, i - line * screen.width])


@ti.func
def _pair(mesh: ti.template(), claims: ti.template(), screen: ti.template(), i, place, k: ti.template()):
    """Pair k of pixel i (right, below, left, above): the other pixel, t of its claim, and whether it is claimed."""
    view, row, col = place[0], place[1], place[2]
    exists = col + 1 < screen.width
    other = i + 1
    if ti.static(k == 1):
        exists = row + 1 < screen.height
        other = i + screen.width
    elif ti.static(k == 2):
        exists = col > 0
        other = i - 1
    elif ti.static(k == 3):
        exists = row > 0
        other = i - screen.width
    if not exists:
        other = i
    first = min(i, other)
    claim = best_claim(claims, first, k % 2)
    t = 0.0
    is_claimed = exists and claim != NO_EDGE
    if is_claimed:
        t = _claimed_fraction(mesh, claim, view, first - view * screen.width * screen.height, screen, k % 2)
    return other, t, is_claimed


@ti.func
def _claimed_fraction(mesh: ti.template(), claim, view, pixel, screen: ti.template(), axis: ti.template()):
    """``pair_fraction`` of the edge that claims the pair that begins with a view's ``pixel``."""
    half_edge = claimed_edge(claim)
    face, e, first = half_edge // 3, half_edge % 3, first_vertex(mesh, view)
    a, b = clip_point(mesh, first, face, e), clip_point(mesh, first, face, (e + 1) % 3)
    row = pixel // screen.width
    center = ti.Vector([center_coordinate(pixel - row * screen.width, 0, screen), center_coordinate(row, 1, screen)])
    return pair_fraction(a, b, center[axis], center[1 - axis], screen, axis)


@ti.func
def blend_factor(t, k: ti.template()):
    """What a pixel receives from the other one in its pair k: ``max(1/2 - t, 0)`` where it is the pair's first pixel
    (k = 0, 1), ``max(t - 1/2, 0)`` where it is the second (k = 2, 3).
    """
    factor = t - 0.5
    if ti.static(k < 2):
        factor = 0.5 - t
    return max(factor, 0.0)


@ti.func
def blend_factor_adjoint(t, first, step, silhouettes: ti.template(), adjoint_before: ti.template()):
    """Adjoint of t of the pair (first, first + step): ``g . (image_first - image_second)``, g that of the pixel which
    receives: both factors change it by the same, ``d output = -dt (image_second - image_first)``.
    """
    receiver = first
    if t > 0.5:
        receiver = first + step
    t_adjoint = 0.0
    for c in ti.static(range(silhouettes.channels)):
        difference = silhouettes.before[first, c] - silhouettes.before[first + step, c]
        t_adjoint += adjoint_before[receiver, c] * difference
    return t_adjoint


@ti.func
def _edge_gradient(
    edge: ti.template(),
    silhouettes: ti.template(),
    adjoint_before: ti.template(),
    screen: ti.template(),
    near,
    axis: ti.template(),
):
    """Adjoints of (X, Y, W) of both end points, summed over the pairs that the edge separates, in the lines' order."""
    half_edge = 3 * edge.face + edge.corner
    gradient = ti.Matrix([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    first_line, last_line = lines_crossed(edge.a, edge.b, near, screen, axis)
    for index in range(first_line, last_line + 1):
        position, _ = crossing_position(edge.a, edge.b, index, near, screen, axis)
        if position >= 0.0:
            along, pixel, next_along, next_pixel, step = pairs_at(position, edge.view, index, screen, axis)
            if claimed_edge(best_claim(silhouettes.claims, pixel, axis)) != half_edge:
                along, pixel = next_along, next_pixel
            if claimed_edge(best_claim(silhouettes.claims, pixel, axis)) == half_edge:
                x, y = center_coordinate(along, axis, screen), center_coordinate(index, 1 - axis, screen)
                t = pair_fraction(edge.a, edge.b, x, y, screen, axis)
                t_adjoint = blend_factor_adjoint(t, pixel, step, silhouettes, adjoint_before)
                gradient += t_adjoint * pair_fraction_gradient(edge.a, edge.b, x, y, screen, axis)
    return gradient
