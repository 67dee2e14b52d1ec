"""Colours of points on a surface out of pictures that show them."""

import numpy as np
import taichi as ti

from taichi_dr.errors import CameraError
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import get3, row3, unit
from taichi_dr.kernels.camera.pack import E, F, P, U, V, W
from taichi_dr.tape import off_tape

LEAST_COSINE = 0.15  # between a surface and the direction that it is seen from
LEAST_ALPHA = 0.99  # of a pixel that shows nothing but the object
SLACK = 2.0  # pixels' size, over the cosine, that a point may be nearer or farther than the surface that is seen there


class Bake:
    """Sums up what pictures show of ``points`` (P, 3) on a surface with ``normals`` (P, 3), of any length.

    The colour of a point is the mean over the pictures that it is seen in, interpolated between their pixels, and
    weighed by the square of the cosine between its normal and the direction that it is seen from.  It is seen where the
    four pixels around it are opaque and the surface in them is as far away as it is, as nearly as pixels can tell.
    """

    @off_tape
    def __init__(self, points, normals):
        self._points, self._normals = array_from(points), array_from(normals)
        self._sums = make_array((len(points), 4))

    @off_tape
    def add(self, camera, depth, pictures):
        """Adds views of a perspective ``camera``: ``depth`` (V, H, W) of the surface, in world units, and ``pictures``
        (V, H, W, 4), linear RGB with straight alpha.

        Raises:
            CameraError: an orthographic camera.
        """
        if camera.is_orthographic:
            raise CameraError("Bake.add: expected a perspective camera, got an orthographic one")
        height, width = depth.shape[1:]
        packed = camera.pack(width, height)
        shown = array_from(depth.reshape(-1)), array_from(pictures.reshape(-1, 4))
        _add_seen(self._points, self._normals, packed, *shown, width, height, self._sums)

    def colors(self):
        """``(colors, seen)``, (P, 3) and (P,): linear RGB, black where a point was not seen, and whether it was."""
        sums = self._sums.to_numpy()
        seen = sums[:, 3] > 0
        return sums[:, :3] / np.where(seen, sums[:, 3], 1)[:, None], seen


@ti.kernel
def _add_seen(
    points: Rows,
    normals: Rows,
    camera: Rows,
    depth: Numbers,
    pictures: Rows,
    width: ti.i32,
    height: ti.i32,
    sums: Rows,
):
    shorter = ti.min(width, height)
    for i in range(points.shape[0]):
        point, normal = row3(points, i), unit(row3(normals, i))
        total = ti.Vector([0.0, 0.0, 0.0, 0.0])
        for view in range(camera.shape[0]):
            q = point - get3(camera, view, E)
            z = -q.dot(get3(camera, view, W))
            cosine = -normal.dot(unit(q))
            if z > 0.0 and cosine > LEAST_COSINE:
                x = camera[view, F] * q.dot(get3(camera, view, U)) / z + camera[view, P]
                y = camera[view, F + 1] * q.dot(get3(camera, view, V)) / z + camera[view, P + 1]
                pixel = 2.0 * z / (shorter * ti.min(camera[view, F], camera[view, F + 1]))
                at = ti.Vector([0.5 * (x * shorter + width) - 0.5, 0.5 * (height - y * shorter) - 0.5])
                total += cosine**2 * _seen_color(at, z, SLACK * pixel / cosine, view, depth, pictures, width, height)
        for c in ti.static(range(4)):
            sums[i, c] += total[c]


@ti.func
def _seen_color(at, z, slack, view, depth: ti.template(), pictures: ti.template(), width, height):
    """(red, green, blue, 1) at column ``at[0]``, row ``at[1]`` of a picture; zeros if the point is not seen there."""
    col, row = ti.cast(ti.floor(at[0]), ti.i32), ti.cast(ti.floor(at[1]), ti.i32)
    t = ti.Vector([at[0] - col, at[1] - row])
    color = ti.Vector([0.0, 0.0, 0.0, 0.0])
    if col >= 0 and row >= 0 and col + 1 < width and row + 1 < height:
        seen = 1
        for k in ti.static(range(4)):
            pixel = (view * height + row + k // 2) * width + col + k % 2
            if ti.abs(depth[pixel] - z) > slack or pictures[pixel, 3] < LEAST_ALPHA:
                seen = 0
            weight = ti.select(k % 2 == 1, t[0], 1.0 - t[0]) * ti.select(k // 2 == 1, t[1], 1.0 - t[1])
            for c in ti.static(range(3)):
                color[c] += weight * pictures[pixel, c]
        color[3] = 1.0
        color *= seen
    return color
