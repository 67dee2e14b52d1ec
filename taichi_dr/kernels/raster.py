"""The z-buffer: which face each pixel shows, its depth and its barycentrics there.

Stages: per-face records (raster_setup.py), tile lists (binning.py), then every pixel takes the nearest face of its tile
that covers it.  Visibility is chosen, not differentiated; what is differentiable is in interpolate.py.
"""

import numpy as np
import taichi as ti

from taichi_dr.kernels import raster_tiles
from taichi_dr.kernels.arrays import new_array
from taichi_dr.kernels.binning import TileBins, grown
from taichi_dr.kernels.edge_lines import C_SHIFT, RECORD_SHIFT
from taichi_dr.kernels.launch import is_serial, on_cpu
from taichi_dr.kernels.raster_resolve import TINY, Float1, Int1, resolve_pixel
from taichi_dr.kernels.raster_setup import PLANE_SHIFT, UNBOUNDED, Float2, Int2, setup_faces

TILE = 16
SERIAL_FACES = 1 << 13


class ZBuffer:
    """Draws triangles into arrays; owns the buffers in between, which grow.

    Attributes (of the latest ``draw``):
        boxes: (>= V*F, 4) pixels [col0, row0, col1, row1] per view and face that the face may cover; empty if culled.
        bins: the TileBins made from them.
    """

    def __init__(self):
        self.bins = TileBins()
        self.boxes = new_array(ti.i32, (1, 4))
        self._snapped = new_array(ti.i32, (1, 3))
        self._lines = new_array(ti.i32, 1)
        self._planes = new_array(ti.lang.impl.get_runtime().default_fp, 1)
        self._tile_depth = new_array(self._planes.dtype, raster_tiles.SCRATCH)
        self._tile_face = new_array(ti.i32, raster_tiles.SCRATCH)
        self._order = new_array(ti.i32, raster_tiles.TILE * raster_tiles.PACKETS)
        self._order.from_numpy(np.arange(raster_tiles.TILE * raster_tiles.PACKETS, dtype=np.int32))
        self._lanes = new_array(self._planes.dtype, raster_tiles.PACKET)
        self._lanes.from_numpy(np.arange(raster_tiles.PACKET, dtype=ti.lang.util.to_numpy_type(self._planes.dtype)))

    def draw(self, clip, faces, views, width, height, near, far, face_id, depth, barycentric, cull_back=False):
        """Finds the nearest face at every pixel centre.

        Args:
            clip: (views * N, 4) X, Y, W, depth of the corners; the screen position is (X / W, Y / W).
            faces: (F, 3) i32.
            near, far: depths outside [near, far] are not drawn.
            face_id: (views * height * width,) i32, out: the face, −1 where there is none.
            depth: (views * height * width,), out: ``Σ p_k depth_k``; ``far`` where there is no face.
            barycentric: (views * height * width, 3), out: perspective-correct, ≥ 0, sum 1; zeros without a face.
            cull_back: draw only faces whose corners run counter-clockwise on the screen.

        Of faces at equal depth the one with the lowest index is shown.
        """
        count = faces.shape[0]
        items = views * count
        self._snapped = grown(self._snapped, clip.shape[0])
        self.boxes = grown(self.boxes, items)
        self._lines = grown(self._lines, items << RECORD_SHIFT)
        self._planes = grown(self._planes, items << PLANE_SHIFT)
        setup_faces(
            clip,
            faces,
            self._snapped,
            self.boxes,
            self._lines,
            self._planes,
            views,
            width,
            height,
            near,
            far,
            int(cull_back),
            is_serial(items, SERIAL_FACES),
        )
        sizes = views, width, height, near, far
        if on_cpu():
            self.bins.build(self.boxes, views, count, width, height, raster_tiles.TILE)
            kernel, scratch = raster_tiles.draw_tiles, (self._tile_depth, self._tile_face, self._lanes, self._order)
        else:
            self.bins.build(self.boxes, views, count, width, height, TILE)
            kernel, scratch = _draw_pixels, ()
        lists = self.bins.tile_start, self.bins.tile_faces
        records = self.boxes, self._lines, self._planes
        kernel(clip, faces, *records, *lists, *scratch, face_id, depth, barycentric, *sizes)


@ti.func
def _covers(lines: ti.template(), item, col, row):
    """Whether a pixel centre is inside all three edges."""
    inside = True
    for k in ti.static(range(3)):
        first = (item << RECORD_SHIFT) + 4 * k
        c = (ti.cast(lines[first + 2], ti.i64) << C_SHIFT) + lines[first + 3]
        e = ti.cast(lines[first], ti.i64) * col + ti.cast(lines[first + 1], ti.i64) * row + c
        inside = inside and e >= 0
    return inside


@ti.func
def _depth_at(planes: ti.template(), item, i, j):
    """Depth i columns and j rows from the face's box."""
    first = item << PLANE_SHIFT
    d = planes[first] + planes[first | 1] * i + planes[first | 2] * j
    n = planes[first | 3] + planes[first | 4] * i + planes[first | 5] * j
    return ti.math.clamp(n / ti.max(d, TINY), planes[first | 6], planes[first | 7])


@ti.kernel
def _draw_pixels(
    clip: Float2,
    faces: Int2,
    boxes: Int2,
    lines: Int1,
    planes: Float1,
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
):
    """One thread per pixel."""
    for pixel in range(views * width * height):
        view = pixel // (width * height)
        row = pixel // width - view * height
        col = pixel % width
        tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
        tile = (view * tiles_y + row // TILE) * tiles_x + col // TILE
        best, shown = UNBOUNDED, -1
        for entry in range(tile_start[tile], tile_start[tile + 1]):
            item = view * faces.shape[0] + tile_faces[entry]
            if boxes[item, 0] <= col <= boxes[item, 2] and boxes[item, 1] <= row <= boxes[item, 3]:
                if _covers(lines, item, col, row):
                    z = _depth_at(planes, item, col - boxes[item, 0], row - boxes[item, 1])
                    if near <= z <= far and z < best:
                        best, shown = z, tile_faces[entry]
        first = view * (clip.shape[0] // views)
        resolve_pixel(clip, faces, face_id, depth, barycentric, pixel, first, row, col, shown, width, height, far)
