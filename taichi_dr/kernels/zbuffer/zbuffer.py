"""The z-buffer: which face each pixel shows, its depth and its barycentrics there.

Stages: per-face records (face_records.py), tile lists (screen/tile_bins.py), then every pixel takes the nearest face of
its tile that covers it.  Visibility is chosen, not differentiated; what is differentiable is in interpolate.py.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import cpu_threads, is_serial, is_small_image, on_cpu
from taichi_dr.kernels.base.types import IntRows, Ints, Numbers, Rows
from taichi_dr.kernels.screen.pixels import Screen
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh, World
from taichi_dr.kernels.screen.tile_bins import TileBins
from taichi_dr.kernels.zbuffer import draw_tiles
from taichi_dr.kernels.zbuffer.edge_lines import RECORD_SHIFT, edge_at, load_line
from taichi_dr.kernels.zbuffer.face_records import (
    BACK,
    EDGES,
    PLANE_SHIFT,
    SIMPLE,
    UNBOUNDED,
    DepthTest,
    FaceRecords,
    nearness_at,
    nearness_range,
    setup_faces,
)
from taichi_dr.kernels.zbuffer.resolve import Visible, mark_shown, resolve_pixel

TILE = 16
SERIAL_FACES = 1 << 13


class ZBuffer:
    """Draws triangles into arrays; what lies in between is kept in ``buffers``.

    Attributes (of the latest ``draw``):
        records: ``FaceRecords``.
        bins: the TileBins made from their boxes.
    """

    def __init__(self, buffers):
        self._buffers = buffers
        self.bins = TileBins(buffers, "zbuffer_bins")
        self.records = None

    def draw(self, mesh, screen, test, visible, *, world=None, cull_back=False):
        """Finds the nearest face at every pixel centre.

        Args:
            mesh: ``ProjectedMesh``; W is the depth in a perspective view and 1 in an orthographic one.
            screen: ``Screen``.
            test: ``DepthTest``: depths outside [near, far] are not drawn.
            visible: ``Visible``, out.
            world: the mesh's ``World``, or None: depths of vast faces are then as exact as the clip coordinates.
            cull_back: draw only faces whose corners run counter-clockwise on the screen.

        Of faces with the same corners the one that faces the camera is shown, then the one with the lowest index.
        """
        count = mesh.faces.shape[0]
        items = mesh.views * count
        self.records = self._records(items)
        snapped = self._buffers.at_least("snapped", mesh.clip.shape[0], ti.i32, (3,))
        serial = is_serial(items, SERIAL_FACES)
        placed = (*(world or World(mesh.clip, self.records.flags, mesh.clip)), int(world is not None))
        setup_faces(*mesh, *placed, snapped, *self.records, *screen, *test, int(cull_back), serial, on_cpu())
        tile = draw_tiles.TILE if on_cpu() else TILE
        self.bins.build(self.records.boxes, mesh.views, count, *screen, tile)
        arguments = (*mesh, *self.records, *self.bins.lists)
        if on_cpu():
            serial = is_small_image(mesh.views * screen.width * screen.height, max(items, self.bins.total))
            workers = 1 if serial else min(cpu_threads(), mesh.views * self.bins.tiles_y)
            drawn = self._buffers.at_least("drawn", 1, ti.i32)
            scratch = (*self._tile_scratch(workers), drawn, workers)
            flat = visible._replace(barycentric=visible.barycentric.memory().reshape(-1))
            draw_tiles.draw_tiles(*arguments, snapped, *flat, *scratch, *screen, *test, serial, draw_tiles.PACKET)
        else:
            _draw_pixels(*arguments, *visible, *screen, *test)

    def _records(self, items):
        at_least = self._buffers.at_least
        return FaceRecords(
            boxes=at_least("boxes", items, ti.i32, (4,)),
            lines=at_least("lines", items << RECORD_SHIFT, ti.i32),
            planes=at_least("planes", items << PLANE_SHIFT),
            flags=at_least("flags", items, ti.i32),
            back_nearness=at_least("back_nearness", items),
        )

    def _tile_scratch(self, workers):
        """What ``draw_tiles`` needs for its workers to draw a row of tiles each."""
        pixels = workers * self.bins.tiles_x * draw_tiles.TILE**2
        return draw_tiles.TileScratch(
            nearness=self._buffers.at_least("tile_nearness", pixels),
            face=self._buffers.at_least("tile_face", pixels, ti.i32),
            block_nearness=self._buffers.at_least("block_nearness", workers * draw_tiles.BLOCKS),
            lanes=self._buffers.constant("lanes", tuple(range(draw_tiles.PACKET))),
            order=self._buffers.counting("order", pixels // draw_tiles.PACKET),
        )


@ti.func
def _covers(records: ti.template(), item, col, row, i, j):
    """Whether the centre of pixel (row, col), i columns and j rows from the face's box, is inside all edges."""
    lines, planes = ti.static(records.lines, records.planes)
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


@ti.kernel
def _draw_pixels(
    clip: Rows,
    faces: IntRows,
    views: ti.i32,
    boxes: IntRows,
    lines: Ints,
    planes: Numbers,
    flags: Ints,
    back_nearness: Numbers,
    tile_start: Ints,
    tile_faces: Ints,
    face_id: Ints,
    depth: Numbers,
    barycentric: Rows,
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    orthographic: ti.i32,
):
    """One thread per pixel."""
    mesh, screen = ti.static(ProjectedMesh(clip, faces, views), Screen(width, height))
    records = ti.static(FaceRecords(boxes, lines, planes, flags, back_nearness))
    visible = ti.static(Visible(face_id, depth, barycentric))
    test = ti.static(DepthTest(near, far, orthographic))
    for pixel in range(views * width * height):
        view = pixel // (width * height)
        row = pixel // width - view * height
        col = pixel % width
        tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
        tile = (view * tiles_y + row // TILE) * tiles_x + col // TILE
        farthest, nearest = nearness_range(test)
        best, shown, back = -UNBOUNDED, -1, BACK
        for entry in range(tile_start[tile], tile_start[tile + 1]):
            item = view * faces.shape[0] + tile_faces[entry]
            if boxes[item, 0] <= col <= boxes[item, 2] and boxes[item, 1] <= row <= boxes[item, 3]:
                i, j = col - boxes[item, 0], row - boxes[item, 1]
                if _covers(records, item, col, row, i, j):
                    nearness = nearness_at(planes, item, i, j)
                    is_seen = planes[(item << PLANE_SHIFT) | SIMPLE] > 0.0 or farthest <= nearness <= nearest
                    own = flags[item] & BACK
                    if is_seen and (nearness > best or (nearness == best and own < back)):
                        best, shown, back = nearness, tile_faces[entry], own
        if shown >= 0:
            mark_shown(flags, view * faces.shape[0] + shown)
        resolve_pixel(mesh, records, visible, screen, test, view, row, col, shown)
