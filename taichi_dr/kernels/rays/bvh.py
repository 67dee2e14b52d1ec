"""A mesh's triangles in a hierarchy of boxes."""

import taichi as ti

from taichi_dr.kernels.base.arrays import write_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.rays.boxes import face_boxes
from taichi_dr.kernels.rays.build import BINS, COLUMNS, PIECES, SMALL, STACK, build_pieces, build_top
from taichi_dr.kernels.rays.halve import curve_order, halve, levels_of
from taichi_dr.kernels.rays.refit import gather, refit_nodes, refit_pieces, refit_root
from taichi_dr.kernels.rays.triangle import TRIANGLE


class BVH:
    """Boxes around triangles, boxes around those, and so on: what rays ask which triangles they may meet.

    Attributes:
        triangles (F, 10): of each face the corners and ``triangle.reach``, those that lie together side by side.
        order (F,): which faces they are.
        children (F, 2): of each node, two others, or leaves (``build.leaf_first``); row 0 is above the root.
        boxes (F, 12): of each node, the lower and upper corners of both children.
    """

    def __init__(self):
        self._buffers = Buffers()

    def build(self, vertices, faces):
        """Makes the hierarchy anew, of vertices (N, 3) and faces (F, 3)."""
        count, get = faces.shape[0], self._buffers.get
        self.triangles, self.boxes = get("triangles", (count, TRIANGLE)), get("boxes", (count, 12))
        self.order, self.children = get("order", (count,), ti.i32), get("children", (count, 2), ti.i32)
        around = get("around", (count, 6))
        face_boxes(vertices, faces, around, self.order)
        self._levels = 0 if on_cpu() else levels_of(count)
        room = PIECES if on_cpu() else 1 << self._levels
        pieces, self._top = get("pieces", (room, 5), ti.i32), get("top", (room,), ti.i32)
        bins = get("bins", (room, 3 * BINS, COLUMNS))
        if on_cpu():
            size = build_top(around, self.order, self.children, pieces, self._top, bins, SMALL)
        else:
            size = room
            order = curve_order(numbers := around.to_numpy())
            write_array(self.order, order)
            write_array(around, numbers[order])
            halve(count, self._levels, self.children, pieces, self._top)
        made, stack = get("made", (room,), ti.i32), get("stack", (room, STACK, 5), ti.i32)
        self._pieces = pieces, size, get("sequence", (count,), ti.i32), made
        build_pieces(around, self.order, self.children, *self._pieces, bins, stack)
        self.refit(vertices, faces)

    def refit(self, vertices, faces):
        """Makes the boxes fit the vertices as they are now; which triangles are together stays."""
        gather(vertices, faces, self.order, self.triangles)
        refit_pieces(self.triangles, self.children, *self._pieces, self.boxes)
        if on_cpu():
            self._refit_nodes(0, self._pieces[1] - 1)
        for level in range(self._levels, 0, -1):
            self._refit_nodes((1 << (level - 1)) - 1, (1 << level) - 1)
        refit_root(self.triangles, self.children, self.boxes)

    def _refit_nodes(self, first, end):
        refit_nodes(self.triangles, self.children, self._top, first, end, self.boxes, on_cpu())

    @property
    def arrays(self):
        """What rays are asked with."""
        return self.triangles, self.boxes, self.children
