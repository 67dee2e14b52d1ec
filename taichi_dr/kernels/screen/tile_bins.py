"""Tile lists: which faces may touch which square of pixels.

A counting sort without atomics, so the lists come out the same whatever the threads do: the faces of a view are cut
into chunks, every chunk counts its own faces per tile, the counts are summed in the order (tile, chunk), and every
chunk writes its faces from its own starting point.  Within a tile the faces therefore ascend.
"""

from typing import Any, NamedTuple

import taichi as ti

from taichi_dr.kernels.base.launch import grain, is_serial, on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Ints

SERIAL_FACES = 1 << 14
CPU_CHUNKS = 4  # per view: enough for the threads, few enough to keep the table of counts in cache
GPU_CHUNK_FACES = 256
SCAN_BLOCK = 64  # tiles whose counts one thread adds up on the way to the prefix sum
SERIAL_COUNTS = 1 << 15


class TileLists(NamedTuple):
    """The faces of tile ``t = view * tiles_x * tiles_y + tile_row * tiles_x + tile_col`` are
    ``faces[start[t]] ... faces[start[t + 1] - 1]`` (indices within the mesh, ascending).
    """

    start: Any  # (>= views * tiles + 1,) i32
    faces: Any  # (>= total,) i32


class TileBins:
    """Sorts faces into tiles, in arrays of ``buffers`` whose names begin with ``name``.

    Attributes (after ``build``):
        lists: ``TileLists``.
        tiles_x, tiles_y: tiles per row and per column of the image.
        total: entries in ``lists.faces``.
    """

    def __init__(self, buffers, name="bins"):
        self._buffers, self._name = buffers, name
        self.lists = None
        self.tiles_x = self.tiles_y = self.total = 0

    def build(self, boxes, views, faces, width, height, tile_size):
        """Sorts faces into tiles.

        Args:
            boxes: (views * faces, 4) i32, per view and face the pixels ``[col0, row0, col1, row1]`` (inclusive) that
                the face may touch; empty where ``col0 > col1`` or ``row0 > row1``.  What lies beyond the tiles is
                ignored.
            tile_size: pixels along a tile's side, a power of two.

        Raises:
            ValueError: ``tile_size`` is not a power of two.
        """
        if tile_size < 1 or tile_size & (tile_size - 1):
            raise ValueError(f"tile_size must be a power of two, got {tile_size}")
        self.tiles_x, self.tiles_y = -(-width // tile_size), -(-height // tile_size)
        tiles = self.tiles_x * self.tiles_y
        serial, chunks, chunk_faces = _plan(views, faces)
        blocks = -(-views * tiles // SCAN_BLOCK)
        start, count = self._array("start", views * tiles + 1), self._array("count", views * chunks * tiles)
        sizes = (views, faces, chunks, chunk_faces, self.tiles_x, self.tiles_y, tile_size.bit_length() - 1)
        serial_scan = is_serial(views * chunks * tiles, SERIAL_COUNTS)
        arrays = (boxes, count, self._array("block", blocks), start)
        lists = self._array("faces", 1)
        self.total = _sort_faces(*arrays, lists, *sizes, serial, serial_scan)
        if self.total > lists.shape[0]:  # nothing was written
            lists = self._array("faces", self.total)
            _sort_faces(*arrays, lists, *sizes, serial, serial_scan)
        self.lists = TileLists(start, lists)

    def _array(self, name, rows):
        return self._buffers.at_least(f"{self._name}_{name}", rows, ti.i32)


def _plan(views, faces):
    """(run on one thread, chunks per view, faces per chunk)."""
    if on_cpu():
        serial = is_serial(views * faces, SERIAL_FACES)
        chunks = 1 if serial else CPU_CHUNKS
    else:
        serial = False
        chunks = max(1, -(-faces // GPU_CHUNK_FACES))
    return serial, chunks, -(-faces // chunks)


@ti.func
def _tile_range(boxes: ti.template(), item, tiles_x, tiles_y, shift):
    """First and last tile column and row of a box: (tx0, ty0, tx1, ty1), an empty range for an empty box."""
    tx0 = ti.max(boxes[item, 0], 0) >> shift
    ty0 = ti.max(boxes[item, 1], 0) >> shift
    tx1 = ti.min(boxes[item, 2] >> shift, tiles_x - 1)
    ty1 = ti.min(boxes[item, 3] >> shift, tiles_y - 1)
    if boxes[item, 0] > boxes[item, 2] or boxes[item, 1] > boxes[item, 3]:
        tx1 = tx0 - 1
    return tx0, ty0, tx1, ty1


@replayed
@ti.kernel
def _sort_faces(
    boxes: IntRows,
    count: Ints,
    block: Ints,
    tile_start: Ints,
    tile_faces: Ints,
    views: ti.i32,
    faces: ti.i32,
    chunks: ti.i32,
    chunk_faces: ti.i32,
    tiles_x: ti.i32,
    tiles_y: ti.i32,
    shift: ti.i32,
    serial: ti.template(),
    serial_scan: ti.template(),
) -> ti.i32:
    """Returns the number of entries, and writes them if ``tile_faces`` holds so many.

    ``count``: per (view, chunk, tile) the entries of earlier chunks; ``tile_start``: the exclusive prefix sum.
    """
    ti.loop_config(serialize=serial)
    for task in range(views * chunks * ti.static(grain())):
        if task % ti.static(grain()) != 0:
            continue
        tiles = tiles_x * tiles_y
        row = task // ti.static(grain())
        view, chunk = row // chunks, row % chunks
        for tile in range(tiles):
            count[row * tiles + tile] = 0
        for face in range(chunk * chunk_faces, ti.min(faces, (chunk + 1) * chunk_faces)):
            tx0, ty0, tx1, ty1 = _tile_range(boxes, view * faces + face, tiles_x, tiles_y, shift)
            for ty in range(ty0, ty1 + 1):
                for tx in range(tx0, tx1 + 1):
                    slot = row * tiles + ty * tiles_x + tx
                    count[slot] = count[slot] + 1  # "+=" would be an atomic, which loses counts on Vulkan

    ti.loop_config(serialize=serial_scan)
    for b in range((views * tiles_x * tiles_y + SCAN_BLOCK - 1) // SCAN_BLOCK):
        tiles = tiles_x * tiles_y
        total = 0
        for item in range(b * SCAN_BLOCK, ti.min(views * tiles, (b + 1) * SCAN_BLOCK)):
            view, tile = item // tiles, item % tiles
            tile_start[item] = total
            for chunk in range(chunks):
                at = (view * chunks + chunk) * tiles + tile
                entries = count[at]
                count[at] = total - tile_start[item]
                total += entries
        block[b] = total

    ti.loop_config(serialize=True)
    for _ in range(1):
        items = views * tiles_x * tiles_y
        total = 0
        for b in range((items + SCAN_BLOCK - 1) // SCAN_BLOCK):
            entries = block[b]
            block[b] = total
            total += entries
        tile_start[items] = total

    ti.loop_config(serialize=serial_scan)
    for item in range(views * tiles_x * tiles_y):
        tile_start[item] = tile_start[item] + block[item // SCAN_BLOCK]

    ti.loop_config(serialize=serial)
    for task in range(views * chunks * ti.static(grain())):
        total = tile_start[views * tiles_x * tiles_y]
        if task % ti.static(grain()) != 0 or total > tile_faces.shape[0]:
            continue
        tiles = tiles_x * tiles_y
        row = task // ti.static(grain())
        view, chunk = row // chunks, row % chunks
        for face in range(chunk * chunk_faces, ti.min(faces, (chunk + 1) * chunk_faces)):
            tx0, ty0, tx1, ty1 = _tile_range(boxes, view * faces + face, tiles_x, tiles_y, shift)
            for ty in range(ty0, ty1 + 1):
                for tx in range(tx0, tx1 + 1):
                    tile = ty * tiles_x + tx
                    slot = row * tiles + tile
                    entries = count[slot]
                    tile_faces[tile_start[view * tiles + tile] + entries] = face
                    count[slot] = entries + 1

    return tile_start[views * tiles_x * tiles_y]
