"""Analytic edge antialiasing: a rasterized image made differentiable in visibility.

A pixel that a silhouette edge passes gets the colours on both sides by the areas that they cover:

    output_p = image_p + sum_pieces gained (image_inner - image_outer)

over the pieces of silhouette edges in p; ``gained`` is the area that the edge's surface gains by the piece, compared
with what p's centre shows (negative: loses): ``piece.area_behind``, with which the sum is the exact area, whatever
passes through the pixel.  ``inner`` and ``outer`` are the pixels, p or near it, that show what is on both sides of the
edge: ``sight.sides``.  Where pieces disagree, so that this is no mean of colours, it is made one: ``weights``.  The
areas depend smoothly on the edge's two end points, and that is where vertices get the gradient of visibility from.

The work is done per *edge*, not per pixel, because few edges are silhouettes while on a fine mesh most pixels differ
from a neighbour: each silhouette edge visits the lines of pixels that it touches, two pixels of each.  The pieces of
every pixel are listed in the order of edges, on CPUs by one thread, on GPUs by many that look through all pieces, each
for pixels of its own; adjoints of colours are summed like that.  (Atomics would not do: on Mesa's software Vulkan
driver an atomic in an inner loop ends the thread.)

Half-edge ``3 f + e`` is edge e of face f, from corner e to corner (e + 1) mod 3.  Edges are evaluated in homogeneous
coordinates (X, Y, W), so faces that reach behind the camera need no special case.

Source: the area is this package's, by Green's theorem in polar coordinates; blending the colours of pixels by where
silhouettes pass between them is that of Laine et al., Modular Primitives for High-Performance Differentiable Rendering,
ACM TOG 39(6), 2020.

Limits: surfaces that cover no pixel centre are not seen; colours are those of pixels' centres; which surfaces meet
where outlines cross within a pixel is decided for whole pieces; lines along which two surfaces intersect, and the cuts
of the near and far planes, are not edges and stay hard.
"""

import taichi as ti

from taichi_dr.errors import ShapeError
from taichi_dr.kernels.antialias.find import edge_of, find_pieces, owners, piece_row
from taichi_dr.kernels.antialias.piece import (
    area_behind_gradient,
    center_of,
    edge_line,
    in_pixels,
    part_in_pixel,
    side_of_line,
)
from taichi_dr.kernels.antialias.silhouettes import (
    Picture,
)
from taichi_dr.kernels.antialias.weights import (
    COLORS,
    INNER,
    INNER_WEIGHT,
    OUTER,
    OUTER_WEIGHT,
    PIXEL,
    PLACE_COLUMNS,
    SIDES,
    Pieces,
    blend_pixel,
    share_columns,
)
from taichi_dr.kernels.base.launch import is_small_image, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints, Numbers, Rows
from taichi_dr.kernels.base.views import view_of
from taichi_dr.kernels.screen.pixels import Screen
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh

CPU_CHUNKS = 8
GPU_CHUNK_FACES, GPU_CHUNKS = 256, 128  # not more: all have as much room as the one with most pieces


class Silhouettes:
    """What the blend leaves for its adjoints, in arrays of ``buffers``.

    ``facing`` (V*F,) i32: ``FACING`` or 0; ``counts`` (chunks + 1,) i32: the pieces that each chunk of faces lists, and
    the most of them; ``places`` and ``shares``, as many rows for each chunk: ``Pieces``; ``lists`` (V*H*W,) i32.
    """

    def __init__(self, buffers, pixels, faces, channels):
        self._buffers, self.channels = buffers, channels
        self.serial = is_small_image(pixels, faces)
        self._pixels, self._faces = pixels, faces
        if on_cpu():
            self.chunks = 1 if self.serial else CPU_CHUNKS
        else:
            self.chunks = min(GPU_CHUNKS, -(-faces // GPU_CHUNK_FACES))

    @property
    def facing(self):
        return self._buffers.get("facing", (self._faces,), ti.i32)

    @property
    def counts(self):
        return self._buffers.get("piece_counts", (self.chunks + 1,), ti.i32)

    @property
    def lists(self):
        return self._buffers.get("piece_lists", (self._pixels,), ti.i32)

    def pieces(self, rows=1):
        """``counts``, ``places`` and ``shares``, of at least so many rows."""
        places = self._buffers.at_least("piece_places", rows, ti.i32, (PLACE_COLUMNS,))
        columns = 2 * share_columns(self.channels)
        shares = self._buffers.at_least(f"piece_shares_{columns}", places.shape[0], None, (columns,))
        return self.counts, places, shares


def antialias(mesh, twins, picture, silhouettes, screen, near):
    """Blends the pixels that a visible silhouette edge passes.

    ``mesh``: ``ProjectedMesh``; ``twins`` (F, 3) from ``scene.topology``; ``picture``: a ``Picture``, whose image is
    blended in place; ``silhouettes``: what ``make_silhouettes`` made, for the adjoints; ``screen``:
    ``Screen``.

    Raises:
        ShapeError: silhouettes made for another number of faces.
    """
    rows, got = mesh.views * mesh.faces.shape[0], silhouettes.facing.shape[0]
    if got != rows:
        raise ShapeError(f"silhouettes: expected {rows} faces of all views together, got {got}: make_silhouettes anew")
    find_pieces(mesh, twins, picture, silhouettes, screen, near)
    arrays = (picture.face_id, picture.image, *silhouettes.pieces(), silhouettes.lists)
    _blend(*arrays, silhouettes.channels, silhouettes.serial)


def antialias_image_adjoint(mesh, silhouettes, adjoint, adjoint_before, screen):
    """Adjoint of :func:`antialias` for the image: turns ``adjoint`` (V*H*W, channels) of the blended image into that of
    the image before, in place; ``adjoint_before`` keeps what it was at pixels that edges pass.

    ``silhouettes`` are what the forward left.
    """
    arrays = (*silhouettes.pieces(), adjoint, adjoint_before)
    _antialias_image_adjoint(*arrays, silhouettes.channels, owners(), on_cpu())


def antialias_edge_adjoint(mesh, silhouettes, adjoint_before, corner_adjoint, screen, near):
    """Adjoint of :func:`antialias` for the edges; ``silhouettes`` are what the forward left, ``adjoint_before`` what
    :func:`antialias_image_adjoint` did.

    Adds to ``corner_adjoint`` (V*F*3, >= 3) the adjoints of X, Y, W of corner k of face f in view v, in row
    (v*F + f)*3 + k.  Depth gets none: the choice of edges is not differentiated.
    """
    arrays = (*silhouettes.pieces(), adjoint_before, corner_adjoint)
    _antialias_edge_adjoint(*mesh, *arrays, silhouettes.channels, *screen, silhouettes.serial)


def make_silhouettes(buffers, pixels, faces, channels):
    """``Silhouettes`` in ``buffers`` for so many pixels, and faces, of all views together."""
    return Silhouettes(buffers, pixels, faces, channels)


@replayed
@ti.kernel
def _blend(
    face_id: Numbers,
    image: Rows,
    counts: Ints,
    places: IntRows,
    shares: Rows,
    lists: Ints,
    channels: ti.template(),
    serial: ti.template(),
):
    picture, pieces = ti.static(Picture(face_id, image), Pieces(places, shares, lists, channels))
    ti.loop_config(serialize=serial)
    for k in range(counts[counts.shape[0] - 1] * (counts.shape[0] - 1)):
        piece = piece_row(k, counts, places)
        if piece >= 0:
            for side in range(2):
                pixel = places[piece, PIXEL + SIDES * side]
                if pixel >= 0:
                    if lists[pixel] == 2 * piece + side + 1:  # the pixel is this thread's
                        blend_pixel(pixel, picture, pieces)


@replayed
@ti.kernel
def _antialias_image_adjoint(
    counts: Ints,
    places: IntRows,
    shares: Rows,
    adjoint: Rows,
    adjoint_before: Rows,
    channels: ti.template(),
    owners: int,
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for k in range(counts[counts.shape[0] - 1] * (counts.shape[0] - 1)):
        piece = piece_row(k, counts, places)
        if piece >= 0:
            for side in ti.static(range(2)):
                pixel = places[piece, PIXEL + SIDES * side]
                if pixel >= 0:
                    for c in ti.static(range(channels)):
                        adjoint_before[pixel, c] = adjoint[pixel, c]
    ti.loop_config(serialize=serial)
    for owner in range(owners):
        for k in range(counts[counts.shape[0] - 1] * (counts.shape[0] - 1)):
            piece = piece_row(k, counts, places)
            if piece >= 0:
                for side in ti.static(range(2)):
                    pixel, column = places[piece, PIXEL + SIDES * side], ti.static(side * share_columns(channels))
                    if pixel >= 0:
                        inner, outer = shares[piece, column + INNER_WEIGHT], shares[piece, column + OUTER_WEIGHT]
                        weights = ti.Vector([inner, outer, -inner - outer])  # the last are the pixel's own
                        for giver in ti.static(range(3)):
                            row = places[piece, ti.static((INNER, OUTER, PIXEL))[giver] + SIDES * side]
                            if row % owners == owner and weights[giver] != 0.0:
                                for c in ti.static(range(channels)):
                                    adjoint[row, c] = adjoint[row, c] + weights[giver] * adjoint_before[pixel, c]


@replayed
@ti.kernel
def _antialias_edge_adjoint(
    clip: Rows,
    faces: Rows,
    views: int,
    counts: Ints,
    places: IntRows,
    shares: Rows,
    adjoint_before: Rows,
    corner_adjoint: Rows,
    channels: ti.template(),
    width: int,
    height: int,
    serial: ti.template(),
):
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
    ti.loop_config(serialize=serial)
    for k in range(counts[counts.shape[0] - 1] * (counts.shape[0] - 1)):
        piece, most = piece_row(k, counts, places), counts[counts.shape[0] - 1]
        chunk = view_of(k, most)
        is_first = piece >= 0 and k == chunk * most
        if piece >= 0 and not is_first:
            is_first = places[piece - 1, 0] // 3 != places[piece, 0] // 3
        if is_first:  # of its face: this thread does all of them
            i = places[piece, 0] // 3
            for other in range(piece, piece + counts[chunk] - (k - chunk * most)):
                if places[other, 0] // 3 != i:
                    break
                corner = places[other, 0] % 3
                gradient = _piece_gradient(other, mesh, screen, places, shares, adjoint_before, channels)
                start, end = 3 * i + corner, 3 * i + (corner + 1) % 3
                for j in ti.static(range(3)):
                    corner_adjoint[start, j] = corner_adjoint[start, j] + gradient[0, j]
                    corner_adjoint[end, j] = corner_adjoint[end, j] + gradient[1, j]


@ti.func
def _piece_gradient(
    piece,
    mesh: ti.template(),
    screen: ti.template(),
    places: ti.template(),
    shares: ti.template(),
    adjoint_before: ti.template(),
    channels: ti.template(),
):
    """Adjoints of (X, Y, W) of both ends of a piece's edge."""
    a, b, inner, _ = edge_of(places[piece, 0], mesh)
    gradient = ti.Matrix([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    for side in range(2):
        pixel, column = places[piece, PIXEL + SIDES * side], side * ti.static(share_columns(channels))
        if pixel >= 0:
            gained_adjoint = 0.0
            for c in ti.static(range(channels)):
                gained_adjoint += adjoint_before[pixel, c] * shares[piece, column + COLORS + c]
            gradient += gained_adjoint * _gained_gradient(a, b, inner, pixel, screen)
    return gradient


@ti.func
def _gained_gradient(a, b, inner, pixel, screen: ti.template()):
    """d gained/d(X, Y, W) of a and b for edge ab's piece in a pixel."""
    line = pixel // screen.width
    center = center_of(line % screen.height, pixel - line * screen.width, screen)
    p, q = in_pixels(a, center, screen), in_pixels(b, center, screen)
    part = part_in_pixel(p, q)
    gradient = ti.Matrix([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    if part[1] > part[0]:
        sign = 1.0
        if side_of_line(edge_line(p, q), in_pixels(inner, center, screen)) > 0.0:
            sign = -1.0
        to_pixels = area_behind_gradient(p, q, part)
        scale = sign * 0.5 * min(screen.width, screen.height)
        for k in ti.static(range(2)):
            gradient[k, 0], gradient[k, 1] = scale * to_pixels[k, 0], scale * to_pixels[k, 1]
            along = scale * (center[0] * to_pixels[k, 0] + center[1] * to_pixels[k, 1])
            gradient[k, 2] = sign * to_pixels[k, 2] - along
    return gradient
