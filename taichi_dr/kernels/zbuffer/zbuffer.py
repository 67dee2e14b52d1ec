"""The z-buffer: which face each pixel shows, its depth and its barycentrics there.

Stages: per-face records (raster_setup.py), tile lists (binning.py), then every pixel takes the nearest face of its tile
that covers it.  Visibility is chosen, not differentiated; what is differentiable is in interpolate.py.
"""

import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, grown, make_array, new_array, write_array
from taichi_dr.kernels.base.launch import cpu_threads, is_serial, is_small_image, on_cpu
from taichi_dr.kernels.base.views import first_row
from taichi_dr.kernels.screen.tile_bins import TileBins
from taichi_dr.kernels.zbuffer import draw_tiles as raster_tiles
from taichi_dr.kernels.zbuffer.edge_lines import RECORD_SHIFT, edge_at, load_line
from taichi_dr.kernels.zbuffer.face_records import (
    BACK,
    EDGES,
    GREATEST,
    LEAST,
    NEARNESS,
    PLANE_SHIFT,
    SIMPLE,
    UNBOUNDED,
    Float2,
    Int2,
    nearness_range,
    setup_faces,
)
from taichi_dr.kernels.zbuffer.resolve import Float1, Int1, mark_shown, resolve_pixel

TILE = 16
SERIAL_FACES = 1 << 13


class ZBuffer:
    """Draws triangles into arrays; owns the buffers in between, which grow.

    Attributes (of the latest ``draw``):
        boxes: (>= V*F, 4) pixels [col0, row0, col1, row1] per view and face that the face may cover; empty if culled.
        flags: (>= V*F,) BACK and SHOWN of ``raster_setup`` for every face.
        bins: the TileBins made from the boxes.
    """

    def __init__(self):
        self.bins = TileBins()
        self.boxes = new_array(ti.i32, (1, 4))
        self.flags = new_array(ti.i32, 1)
        self._back_nearness = make_array((1,))
        self._snapped = new_array(ti.i32, (1, 3))
        self._lines = new_array(ti.i32, 1)
        self._planes = make_array((1,))
        self._tile_nearness = new_array(self._planes.dtype, 1)
        self._tile_face = new_array(ti.i32, 1)
        self._order = new_array(ti.i32, 1)
        self._block_nearness = new_array(self._planes.dtype, 1)
        self._drawn = new_array(ti.i32, 1)
        self._lanes = array_from(range(raster_tiles.PACKET))

    def draw(
        self,
        clip,
        faces,
        views,
        width,
        height,
        near,
        far,
        face_id,
        depth,
        barycentric,
        *,
        orthographic=False,
        cull_back=False,
    ):
        """Finds the nearest face at every pixel centre.

        Args:
            clip: (views * N, 4) X, Y, W, depth of the corners; the screen position is (X / W, Y / W).  W is the depth
                in a perspective view and 1 in an orthographic one.
            faces: (F, 3) i32.
            near, far: depths outside [near, far] are not drawn.
            face_id: (views * height * width,) i32, out: the face, −1 where there is none.
            depth: (views * height * width,), out: ``Σ p_k depth_k``; ``far`` where there is no face.
            barycentric: (views * height * width, 3), out: perspective-correct, ≥ 0, sum 1; zeros without a face.
            cull_back: draw only faces whose corners run counter-clockwise on the screen.

        Of faces with the same corners the one that faces the camera is shown, then the one with the lowest index.
        """
        count = faces.shape[0]
        items = views * count
        self._snapped = grown(self._snapped, clip.shape[0])
        self.boxes = grown(self.boxes, items)
        self.flags, self._back_nearness = grown(self.flags, items), grown(self._back_nearness, items)
        self._lines = grown(self._lines, items << RECORD_SHIFT)
        self._planes = grown(self._planes, items << PLANE_SHIFT)
        setup_faces(
            clip,
            faces,
            self._snapped,
            self.boxes,
            self._lines,
            self._planes,
            self.flags,
            self._back_nearness,
            views,
            width,
            height,
            near,
            far,
            int(orthographic),
            int(cull_back),
            is_serial(items, SERIAL_FACES),
        )
        sizes = views, width, height, near, far, int(orthographic)
        if on_cpu():
            self.bins.build(self.boxes, views, count, width, height, raster_tiles.TILE)
            serial = is_small_image(views * width * height, max(items, self.bins.total))
            workers = 1 if serial else min(cpu_threads(), views * -(-height // raster_tiles.TILE))
            kernel, scratch, sizes = raster_tiles.draw_tiles, self._tile_scratch(workers), (workers, *sizes, serial)
        else:
            self.bins.build(self.boxes, views, count, width, height, TILE)
            kernel, scratch = _draw_pixels, ()
        lists = self.bins.tile_start, self.bins.tile_faces
        records = self.boxes, self._lines, self._planes, self.flags
        kernel(clip, faces, *records, *lists, *scratch, face_id, depth, barycentric, *sizes)

    def _tile_scratch(self, workers):
        """What ``draw_tiles`` needs for its workers to draw a row of tiles each."""
        pixels = workers * self.bins.tiles_x * raster_tiles.TILE**2
        self._tile_nearness, self._tile_face = grown(self._tile_nearness, pixels), grown(self._tile_face, pixels)
        if self._order.shape[0] < pixels // raster_tiles.PACKET:
            self._order = grown(self._order, pixels // raster_tiles.PACKET)
            write_array(self._order, range(self._order.shape[0]))
        self._block_nearness = grown(self._block_nearness, workers * raster_tiles.BLOCKS)
        scratch = self._tile_nearness, self._tile_face, self._lanes, self._order, self._block_nearness, self._drawn
        return self._back_nearness, *scratch


@ti.func
def _covers(lines: ti.template(), planes: ti.template(), item, col, row, i, j):
    """Whether the centre of pixel (row, col), i columns and j rows from the face's box, is inside all edges."""
    inside = True
    if planes[(item << PLANE_SHIFT) | SIMPLE] > 0.0:
        for k in ti.static(range(3)):
            first = (item << PLANE_SHIFT) + EDGES + 3 * k
            inside = inside and planes[first] + planes[first + 1] * i + planes[first + 2] * j >= 0.0
    else:
        for k in ti.static(range(3)):
            a, b, c = load_line(lines, item, k)
            inside = inside and edge_at(a, b, c, col, row) >= 0
    return inside


@ti.func
def _nearness_at(planes: ti.template(), item, i, j):
    """Nearness i columns and j rows from the face's box."""
    first = item << PLANE_SHIFT
    nearness = planes[first + NEARNESS] + planes[first + NEARNESS + 1] * i + planes[first + NEARNESS + 2] * j
    return ti.math.clamp(nearness, planes[first | LEAST], planes[first | GREATEST])


@ti.kernel
def _draw_pixels(
    clip: Float2,
    faces: Int2,
    boxes: Int2,
    lines: Int1,
    planes: Float1,
    flags: Int1,
    tile_start: Int1,
    tile_faces: Int1,
    face_id: Int1,
    depth: Float1,
    barycentric: Float2,
    views: ti.i32,
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    orthographic: ti.i32,
):
    """One thread per pixel."""
    for pixel in range(views * width * height):
        view = pixel // (width * height)
        row = pixel // width - view * height
        col = pixel % width
        tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
        tile = (view * tiles_y + row // TILE) * tiles_x + col // TILE
        farthest, nearest = nearness_range(near, far, orthographic)
        best, shown, back = -UNBOUNDED, -1, BACK
        for entry in range(tile_start[tile], tile_start[tile + 1]):
            item = view * faces.shape[0] + tile_faces[entry]
            if boxes[item, 0] <= col <= boxes[item, 2] and boxes[item, 1] <= row <= boxes[item, 3]:
                i, j = col - boxes[item, 0], row - boxes[item, 1]
                if _covers(lines, planes, item, col, row, i, j):
                    nearness = _nearness_at(planes, item, i, j)
                    is_seen = planes[(item << PLANE_SHIFT) | SIMPLE] > 0.0 or farthest <= nearness <= nearest
                    own = flags[item] & BACK
                    if is_seen and (nearness > best or (nearness == best and own < back)):
                        best, shown, back = nearness, tile_faces[entry], own
        if shown >= 0:
            mark_shown(flags, view * faces.shape[0] + shown)
        first = first_row(clip, view, views)
        resolve_pixel(clip, faces, face_id, depth, barycentric, pixel, first, row, col, shown, width, height, far)
